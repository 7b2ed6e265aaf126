"""Real clocks, even if the program has replaced those in `time`.

Tests freeze the time: freezegun and `unittest.mock` replace the functions in `time` and in every
module that holds them. So these clocks come from a private copy of that module.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final


def _copied_module() -> Any:
    spec = importlib.machinery.BuiltinImporter.find_spec("time")
    assert spec is not None
    assert spec.loader is not None
    module = spec.loader.create_module(spec)
    assert isinstance(module, types.ModuleType)
    spec.loader.exec_module(module)
    return module


_TIME: Final = _copied_module()
perf_counter_ns: Final[Callable[[], int]] = _TIME.perf_counter_ns
_time_ns: Final[Callable[[], int]] = _TIME.time_ns
monotonic: Final[Callable[[], float]] = _TIME.monotonic
# Shadows hold it, and may be pickled by value.
perf_counter_ns.__module__ = __name__


def time_ns() -> int:
    """Return the Unix time in nanoseconds."""
    # It patches the C functions themselves; its escape hatch reaches the real ones.
    time_machine: Any = sys.modules.get("time_machine")
    now: int | None = None
    with suppress(Exception):
        now = time_machine.escape_hatch.time.time_ns()
    return _time_ns() if now is None else now


def is_counter_steady() -> bool:
    """Return whether the system itself tells the time from the CPU's counter.

    It does so only where the counter runs at one speed and is the same on all cores; see
    https://docs.kernel.org/virt/kvm/x86/timekeeping.html.
    """
    try:
        with open(_CLOCK_SOURCE, encoding="ascii") as file:  # noqa: PTH123 - importing takes longer
            return file.read().strip() == "tsc"
    except (OSError, ValueError):
        return False


_CLOCK_SOURCE: Final = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_TRIES: Final = 5
_TIGHT_NS: Final = 20_000


def unix_offset_ns() -> int:
    """Return the Unix time at the zero of `perf_counter_ns`, in nanoseconds.

    The system may run another thread between two clocks. So they are read again if that took long,
    and the closest pair counts.
    """
    offsets = []
    for _ in range(_TRIES):
        before_ns, unix_ns, after_ns = perf_counter_ns(), time_ns(), perf_counter_ns()
        took_ns = after_ns - before_ns
        offsets.append((took_ns, unix_ns - (before_ns + after_ns) // 2))
        if took_ns < _TIGHT_NS:
            break
    return min(offsets)[1]
