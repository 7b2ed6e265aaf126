"""Origin of a recording: run, host, rank and command of the process."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

from callscope.errors import OptionError

PARENT: Final = "CALLSCOPE_PARENT"
"""Environment variable with the run's id; a process that finds it set joins that run."""

_RANKS: Final = ("RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "PMI_RANK")
_FIELD: Final = re.compile(r"\{([A-Za-z_]\w*)\}")
_run: list[str] = []


def run_id() -> str:
    """Return the id that all processes of this run share; it is unique to the run."""
    if not _run:
        _run.append(
            os.environ.get(PARENT) or _launch_id() or f"{os.getpid()}-{os.urandom(6).hex()}"
        )
    return _run[0]


def _launch_id() -> str | None:
    """Return the id of the launcher (torchrun, mpirun, srun) that started this process."""
    if rank() is None:
        return None
    named = [os.environ.get(name) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID", "PMIX_NAMESPACE")]
    return "-".join(filter(None, named)) or f"{host()}-{os.getppid()}"


def rank() -> int | None:
    """Return the rank of this process in its launcher's group; None without a launcher."""
    values = (os.environ.get(name, "") for name in _RANKS)
    return next((int(text) for text in values if text.isascii() and text.isdigit()), None)


def host() -> str:
    """Return the name of this machine or container."""
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", "")
    return os.uname().nodename


def is_alive(pid: int) -> bool:
    """Return whether a process id may exist on this host; True if that is unknown."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    return True


def command() -> str:
    """Return the program's name without its arguments, which may hold secrets."""
    return os.path.basename(str((getattr(sys, "argv", None) or [""])[0]))  # noqa: PTH119


def host_label() -> str:
    """Return the host's short name, safe for use in a file name."""
    return re.sub(r"[^\w-]", "_", host().partition(".")[0]) or "host"


def fill(path: str) -> str:
    """Fill ``{pid}``, ``{host}`` and ``{rank}`` into a path; rank is 0 without a launcher.

    Raises:
        OptionError: if the braces hold another name.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] == "pid":
            return str(os.getpid())
        if match[1] == "host":
            return host_label()
        if match[1] == "rank":
            return str(rank() or 0)
        msg = f"{path!r}: {match[0]} must be {{pid}}, {{host}} or {{rank}}."
        raise OptionError(msg)

    return _FIELD.sub(value, path)
