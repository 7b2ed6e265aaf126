"""Loops over the columns of a table, in Python; `_kernels.c` has each in C, by the same rules."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import compress
from operator import sub
from typing import Any, Final

from callscope.trace.python_links import link_rows, number_subtrees
from callscope.trace.python_rows import row_shapes, rows_text

__all__ = [
    "charge",
    "count_numbers",
    "count_type",
    "durations",
    "enter_paths",
    "follow_objects",
    "link_rows",
    "look_up",
    "number_subtrees",
    "row_shapes",
    "rows_text",
    "scatter",
    "select_rows",
    "subtract_children",
]

_INT64: Final = 1 << 63
_UNFINISHED: Final = -_INT64


def durations(times: array[int], starts: array[int], ends: array[int], /) -> bool:
    """Set the durations of calls, 0 for those that never ended; return whether all ended.

    All are arrays ``q``. As in all functions below, the first column says how many rows there are.
    """
    ends = ends[: len(times)]
    all_ended = _UNFINISHED not in ends
    if all_ended:
        times[:] = _int64([*map(sub, ends, starts)])
    else:
        pairs = zip(starts, ends, strict=False)
        times[:] = _int64([0 if end == _UNFINISHED else end - start for start, end in pairs])
    return all_ended


def _int64(values: Sequence[int]) -> array[int]:
    """Return an array ``q`` of values of any size, modulo 2**64."""
    try:
        return array("q", values)
    except OverflowError:
        return array("q", [(value + _INT64) % (2 * _INT64) - _INT64 for value in values])


def subtract_children(times: array[int], whole: array[int], parents: array[int], /) -> None:
    """Subtract the times of children, which are in `whole`, from those of their parents."""
    rest = [*times]
    for parent, time in zip(parents[: len(times)], whole, strict=False):
        if parent >= 0:
            rest[parent] -= time
    times[:] = _int64(rest)


def charge(
    own: array[float],
    running: array[float],
    below: array[float],
    least: array[float],
    alone: array[int],
    whole: array[int],
    parents: array[int],
    counts: array[int],
    flags: array[int],
    costs: array[float],
    inside: float,
    /,
) -> None:
    """Take the cost of recording calls off their times, which do not get negative.

    Args:
        own: set to times without children, an array ``d``. Holds what their cost adds to them, zero
            where no child was charged before.
        running: set to times with children, an array ``d``.
        below: increased by the cost of recording all calls below, an array ``d``.
        least: increased by the running time of the children that were never suspended, an array
            ``d``.
        alone: the times without children, with the cost, an array ``q``.
        whole: the times with children, with the cost, an array ``q``.
        parents: rows of the parents, an array ``i``.
        counts: index of each call's cost, an array ``i``.
        flags: sum of 1 for a call that was ever suspended, and 2 for one that is not charged yet, as
            it will have more children; an array ``b``.
        costs: costs of recording a call, an array ``d``.
        inside: the part of each cost that is in the time of the call itself.
    """
    size = len(own)
    more, times, beneath, enough = [*own], [*running], [*below[:size]], [*least[:size]]
    columns = (range(size), alone[:size], whole[:size], parents[:size], counts[:size], flags[:size])
    # Children stand behind their parents, so the sums of a call are complete when it is reached.
    for row, apart, total, parent, count, flag in zip(*map(reversed, columns), strict=True):
        cost = costs[count]
        if flag & 2:
            continue
        time = apart + more[row] - inside
        more[row] = time = time if time > 0 else 0.0
        ran = total - beneath[row] - inside
        # If less was subtracted below, as no time gets negative, no more is subtracted here.
        if ran < (most := time + enough[row]):
            ran = most
        times[row] = ran
        if parent >= 0:
            more[parent] -= cost - inside
            beneath[parent] += cost + beneath[row]
            if not flag & 1:
                enough[parent] += ran
    own[:], running[:size] = array("d", more), array("d", times)
    below[:size], least[:size] = array("d", beneath), array("d", enough)


def count_type(
    counts: array[int], kind: type, arguments: list[Any], outcomes: list[Any], /
) -> None:
    """Set, per row, the number of arguments and outcomes whose type is exactly `kind`.

    Arguments are tuples, dicts, or None.
    """
    size = len(counts)
    counts[:] = array("i", [type(outcome) is kind for outcome in outcomes[:size]])
    for row, passed in enumerate(arguments[:size]):
        if passed:
            for value in passed.values() if type(passed) is dict else passed:
                if type(value) is kind:
                    counts[row] += 1


def enter_paths(
    paths: array[int], parents: array[int], kinds: array[int], enter: Callable[[int, int], int], /
) -> None:
    """Set the path of each row: a number for the kinds of its ancestors and its own.

    Args:
        paths: the numbers, an array ``i``.
        parents: rows of the parents, an array ``i``; the path of none is -1.
        kinds: kinds of the rows, an array ``i``.
        enter: returns the number of a path, given that of the parent and the kind. It may be asked
            for the same one several times.
    """
    steps: defaultdict[int, dict[int, int]] = defaultdict(dict)
    numbers: list[int] = []
    add = numbers.append
    for parent, kind in zip(parents[: len(paths)], kinds, strict=False):
        above = numbers[parent] if parent >= 0 else -1
        from_here = steps[above]
        path = from_here.get(kind)
        if path is None:
            path = from_here[kind] = enter(above, kind)
        add(path)
    paths[:] = array("i", numbers)


def follow_objects(
    paths: array[int],
    parents: array[int],
    kinds: array[int],
    numbers: array[int],
    accepted: array[int],
    enter: Callable[[int, int], int],
    /,
) -> None:
    """Set the path of each object at its last row: a number for the kinds of its rows, in order.

    Only rows of accepted kinds count. A kind on a path is doubled, and 1 more if the direct parent
    counts too and is on the same object.

    Args:
        paths: the numbers, an array ``i``; -1 for all other rows.
        parents: rows of the parents, an array ``i``.
        kinds: kinds of the rows, an array ``i``.
        numbers: the object of each row, an array ``q``.
        accepted: whether each kind is accepted, an array ``b``.
        enter: returns the number of a path, given the one without its last kind, or -1, and that
            kind. It may be asked for the same one several times.
    """
    ends: dict[int, tuple[int, int]] = {}
    end_of = ends.get
    columns = zip(range(len(paths)), parents, kinds, numbers, strict=False)
    steps: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for row, parent, kind, number in columns:
        if accepted[kind]:
            is_inner = parent >= 0 and accepted[kinds[parent]] and numbers[parent] == number
            step, above = 2 * kind + bool(is_inner), end_of(number, (0, -1))[1]
            path = steps[above].get(step)
            if path is None:
                path = steps[above][step] = enter(above, step)
            ends[number] = row, path
    paths[:] = array("i", [-1]) * len(paths)
    for row, path in ends.values():
        paths[row] = path


def select_rows(rows: array[int], kinds: array[int], accepted: array[int], /) -> int:
    """Set the first of `rows` to those of some kinds, in order; return how many there are.

    Args:
        rows: an array ``i`` with as many entries as there are rows.
        kinds: kinds of the rows, an array ``i``.
        accepted: whether each kind is accepted, an array ``b``.
    """
    selectors = map(accepted.__getitem__, kinds)
    chosen = array("i", compress(range(len(rows)), selectors))
    rows[: len(chosen)] = chosen
    return len(chosen)


def look_up(
    numbers: array[int], indices: array[int], source: array[int], outer: array[int], /
) -> None:
    """Set each number to the entry at an index of `source`.

    An index of -2 or below refers to `outer`, as those of `Table.parent` do; at -1, a number stays.

    Raises:
        ValueError: if an index is out of range.
    """
    if len(numbers) < len(indices):
        raise ValueError("each index must have a number")
    for place, index in enumerate(indices):
        if index != -1:
            column, entry = (source, index) if index >= 0 else (outer, -2 - index)
            if entry >= len(column):
                raise ValueError(f"row {place} has index {index}")
            numbers[place] = column[entry]


def count_numbers(numbers: array[int], counts: array[int], /) -> None:
    """Add, for each number of an array ``i``, 1 to the entry of that index of an array ``q``."""
    for number, count in Counter(numbers).items():
        counts[number] += count


def scatter(
    numbers: array[int], places: array[int], source: array[Any], target: array[Any], /
) -> None:
    """Copy a column so that rows with the same number stand together, in the same order.

    Args:
        numbers: the number of each row, an array ``i``.
        places: where the rows of each number begin, an array ``q``; set to where they end.
        source: the column, an array ``q`` or ``d``.
        target: an array of the same type.
    """
    parts = [array(target.typecode) for _ in places]
    add = [part.append for part in parts]
    for number, value in zip(numbers, source, strict=False):
        add[number](value)
    for number, part in enumerate(parts):
        begin, places[number] = places[number], places[number] + len(part)
        target[begin : places[number]] = part
