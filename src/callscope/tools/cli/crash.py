"""Report on a program that an exception ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest

from callscope.introspect.summaries import summarizer
from callscope.read.crash import crash_branch
from callscope.read.trace import Trace
from callscope.tape.threads import TAPES
from callscope.trace import Call, CallError, Names, call_text, outcome_text
from callscope.trace.text import indent


def show_branch(trace: Trace, error: BaseException) -> None:
    """Print the calls that an exception passed through as it ended the program."""
    calls = crash_branch(trace._data(), {*_recorded(error)})
    if calls:
        tell("\n".join(["\ncallscope: the traced calls it came through:", *_lines(calls), ""]))


def tell(text: str) -> None:
    """Print to stderr, if the program has not closed it."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{text}\n")


def _lines(calls: Sequence[Call]) -> Iterator[str]:
    """Yield a line for each call, with its error if the next call has another."""
    names = Names.from_calls(calls)
    for depth, (call, within) in enumerate(zip_longest(calls, calls[1:])):
        shows_outcome = within is None or within.error != call.error
        outcome = outcome_text(call) if shows_outcome else ""
        yield f"{indent(depth)}{call_text(call, names)}{outcome}"


def _recorded(error: BaseException | None) -> Iterator[CallError]:
    """Yield an exception and its causes, as a trace stores them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield TAPES.untraced(summarizer(()).error, error)
        error = error.__cause__ or error.__context__
