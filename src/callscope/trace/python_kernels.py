"""Loops over the columns of a table, in Python; `_kernels.c` has each in C, by the same rules."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, repeat
from operator import itemgetter, mod, sub
from typing import Any, Final, TypeAlias

Column: TypeAlias = tuple[Any, ...]
"""Description of what `rows_text` writes for each row: a kind, and what belongs to it."""

_INT64: Final = 1 << 63
_UNFINISHED: Final = -_INT64
_BYTES: Final = "latin-1"  # each byte is one character


def rows_text(
    rows: int | array[int],
    shapes: array[int],
    templates: tuple[tuple[bytes | int, ...], ...],
    columns: tuple[Column, ...],
) -> bytes:
    """Return the text of rows, each written by one of several templates.

    Columns of integers are buffers with the type code ``q``, ``i`` or ``b``. A column is one of:

    - ``("integer", values, base)``: a decimal number, less `base`;
    - ``("difference", values, others)``: a decimal number, less the one in another column;
    - ``("optional", values, missing)``: a decimal number, or ``null`` where it is `missing`;
    - ``("choice", values, (bytes, ...))``: the bytes with that index;
    - ``("value", list, convert)``: bytes as they are, an integer of 64 bits as a decimal number;
      anything else is given to `convert`, which returns bytes;
    - ``("argument", list, index, convert)``: the same for one entry of a list of tuples. Only rows
      whose template has the column need a tuple.

    Args:
        rows: the number of the first row, or an array ``i`` of rows.
        shapes: array ``i`` with the index of the template, one per row that is written: entry 0
            belongs to the first row that is written.
        templates: bytes, written as they are, and indices of columns.
        columns: descriptions of columns.

    Raises:
        TypeError, ValueError, OverflowError: if a column is of another type, or has no entry for a
            row, or if an index is out of range.
    """
    numbers = range(rows, rows + len(shapes)) if isinstance(rows, int) else rows[: len(shapes)]
    if len(numbers) < len(shapes) or min(*numbers[:1], min(shapes, default=0), 0) < 0:
        raise ValueError("each row must have a number and a template, none below zero")
    try:
        return "".join(_lines(numbers, shapes, templates, columns)).encode(_BYTES)
    except IndexError as error:
        raise ValueError(str(error)) from None


def _lines(
    rows: Sequence[int], shapes: array[int], templates: Any, columns: tuple[Column, ...]
) -> Iterable[str]:
    formats = {shape: "".join(map(_format, templates[shape])) for shape in {*shapes}}
    patterns = {shape: _indices(templates[shape]) for shape in formats}
    if len({*patterns.values()}) == 1:
        return _alike(rows, map(formats.__getitem__, shapes), patterns[shapes[0]], columns)
    lines = [""] * len(shapes)
    for pattern in {*patterns.values()}:
        places = [place for place, shape in enumerate(shapes) if patterns[shape] == pattern]
        chosen = (formats[shapes[place]] for place in places)
        texts = _alike([rows[place] for place in places], chosen, pattern, columns)
        for place, text in zip(places, texts, strict=True):
            lines[place] = text
    return lines


def _format(piece: bytes | int) -> str:
    return "%s" if isinstance(piece, int) else str(piece, _BYTES).replace("%", "%%")


def _indices(template: tuple[bytes | int, ...]) -> tuple[int, ...]:
    return tuple(piece for piece in template if type(piece) is int)


def _alike(
    rows: Sequence[int], formats: Iterable[str], pattern: Sequence[int], columns: Sequence[Column]
) -> Iterable[str]:
    """Return the lines of rows that have the same columns."""
    if not pattern:
        return [text % () for text in formats]
    entries = zip(*(_entries(rows, *columns[index]) for index in pattern), strict=True)
    return map(mod, formats, entries)


def _entries(rows: Sequence[int], kind: str, values: Any, *options: Any) -> Iterable[object]:
    """Return what a column has for some rows: integers and text."""
    chosen = _at(rows, values)
    match kind, *options:
        case "integer", base:
            return map(sub, chosen, repeat(base)) if base else chosen
        case "difference", others:
            return map(sub, chosen, _at(rows, others))
        case "optional", missing:
            return ["null" if value == missing else value for value in chosen]
        case "choice", choices:
            texts = [str(choice, _BYTES) for choice in choices]
            return map(texts.__getitem__, chosen)
        case "value", convert:
            return _texts(chosen, convert)
        case "argument", index, convert:
            return _texts(map(itemgetter(index), chosen), convert)
    raise ValueError(f"a column must be of a known kind, got {kind}")


def _at(rows: Sequence[int], values: Any) -> Sequence[Any]:
    if not isinstance(rows, range):
        return [*map(values.__getitem__, rows)]
    chosen: Sequence[Any] = values[rows.start : rows.stop]
    if len(chosen) < len(rows):
        raise ValueError("a column must have an entry for each row")
    return chosen


def _texts(values: Iterable[Any], convert: Callable[[Any], bytes]) -> Iterable[object]:
    rest = [*values]
    if {*map(type, rest)} == {int} and min(rest) > -_INT64 and max(rest) < _INT64:
        return rest
    return [
        value
        if type(value) is int and -_INT64 < value < _INT64
        else str(value if type(value) is bytes else convert(value), _BYTES)
        for value in rest
    ]


def link_rows(
    first: int, size: int, parents: array[int], last: array[int], previous: array[int]
) -> None:
    """Link rows from `first` up to `size` to those of their parents.

    Args:
        first: the first row.
        size: number of rows.
        parents: rows of the parents, an array ``i``; what is below zero is none.
        last: set to the row of the last child of each row.
        previous: set to the row of the sibling before.
    """
    for row, parent in enumerate(parents[first:size], first):
        if parent >= 0:
            previous[row] = last[parent]
            last[parent] = row


def durations(times: array[int], starts: array[int], ends: array[int]) -> bool:
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


def subtract_children(times: array[int], whole: array[int], parents: array[int]) -> None:
    """Subtract the times of children, which are in `whole`, from those of their parents."""
    rest = [*times]
    for parent, time in zip(parents[: len(times)], whole, strict=False):
        if parent >= 0:
            rest[parent] -= time
    times[:] = _int64(rest)


def charge(
    own: array[float],
    running: array[float],
    alone: array[int],
    whole: array[int],
    parents: array[int],
    counts: array[int],
    waits: array[int],
    costs: array[float],
    inside: float,
) -> None:
    """Take the cost of recording calls off their times, which do not get negative.

    Args:
        own: set to times without children, an array ``d``.
        running: set to times with children, an array ``d``.
        alone: the former with the cost, an array ``q``.
        whole: the latter with the cost, an array ``q``.
        parents: rows of the parents, an array ``i``.
        counts: index of each call's cost, an array ``i``.
        waits: whether a call was ever suspended, an array ``b``.
        costs: costs of recording a call, an array ``d``.
        inside: the part of each cost that is in the time of the call itself.
    """
    size = len(own)
    times: list[float] = [*alone[:size]]
    rest: list[float] = [*whole[:size]]
    below = [0.0] * size  # cost of recording all calls below
    least = below.copy()  # running time of the children that were never suspended
    columns = (range(size), parents[:size], counts[:size], waits[:size])
    # Children stand behind their parents, so the sums of a call are complete when it is reached.
    for row, parent, count, waited in zip(*map(reversed, columns), strict=True):
        time = times[row] - inside
        times[row] = time = time if time > 0 else 0.0
        ran = rest[row] - below[row] - inside
        # If less was subtracted below, as no time gets negative, no more is subtracted here.
        if ran < (enough := time + least[row]):
            ran = enough
        rest[row] = ran
        if parent >= 0:
            cost = costs[count]
            times[parent] -= cost - inside
            below[parent] += cost + below[row]
            if not waited:
                least[parent] += ran
    own[:], running[:] = array("d", times), array("d", rest)


def count_type(counts: array[int], kind: type, arguments: list[Any], outcomes: list[Any]) -> None:
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
    paths: array[int], parents: array[int], kinds: array[int], enter: Callable[[int, int], int]
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


def select_rows(rows: array[int], kinds: array[int], accepted: array[int]) -> int:
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


def count_numbers(numbers: array[int], counts: array[int]) -> None:
    """Add, for each number of an array ``i``, 1 to the entry of that index of an array ``q``."""
    for number, count in Counter(numbers).items():
        counts[number] += count


def scatter(
    numbers: array[int], places: array[int], source: array[Any], target: array[Any]
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
