"""The recording that the environment variables ``CALLSCOPE`` and ``CALLSCOPE_TO`` ask for."""

from __future__ import annotations

import atexit
import sys

from callscope.errors import CallscopeError, TargetWarning, warn
from callscope.formats import check_suffix
from callscope.options import Options
from callscope.recording import DEFAULT_MAX_CALLS, Limits, Recording


def start(wanted: str, path: str | None) -> None:
    """Record until the interpreter exits.

    Nothing is raised: the variables must not break a program that merely imports a library which
    uses callscope. What cannot be followed is warned about.

    Args:
        wanted: the value of ``CALLSCOPE``: ``1`` for all that is declared, or a comma-separated
            list of class paths (``keras.layers:Layer``) and of patterns of declared classes'
            qualified names (``mylib.*``). ``0`` asks for nothing.
        path: the value of ``CALLSCOPE_TO``: the file the trace goes to. Without it, the tree is
            printed to stderr at exit.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if not names or names == ["0"]:
        return
    targets = tuple(name for name in names if ":" in name)
    patterns = tuple("*" if name == "1" else name for name in names if ":" not in name)
    streams = path is not None and path.endswith(".jsonl")
    limits = Limits(max_calls=None if streams else DEFAULT_MAX_CALLS)
    recording = Recording(targets, patterns, Options(), limits, to=path if streams else None)
    try:
        if path is not None:
            check_suffix(path)
        recording.__enter__()
    except CallscopeError as error:
        warn(f"CALLSCOPE={wanted!r} cannot be followed. {error}", TargetWarning)
        return
    atexit.register(_finish, recording, None if streams else path, shown=path is None)


def _finish(recording: Recording, path: str | None, *, shown: bool) -> None:
    recording.end()
    if shown:
        sys.stderr.write(f"{recording.trace}\n")
    elif path is not None:
        recording.trace.save(path)
