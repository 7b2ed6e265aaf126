"""Text of the rows of a table, in Python: a part of `python_kernels`."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from math import isfinite
from operator import itemgetter, mod, sub
from typing import Any, Final, TypeAlias

Column: TypeAlias = tuple[Any, ...]
"""Description of what `rows_text` writes for each row: a kind, and what belongs to it."""

_INT64: Final = 1 << 63
_UNFINISHED: Final = -_INT64
_BYTES: Final = "latin-1"  # each byte is one character
_quoted = json.encoder.encode_basestring_ascii


def rows_text(
    rows: int | array[int],
    shapes: array[int],
    templates: tuple[tuple[bytes | int, ...], ...],
    columns: tuple[Column, ...],
    /,
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
      whose template has the column need a tuple;
    - ``("json", list, index, convert)``: the same, with strings as JSON in ASCII. With the index -1,
      for entries of the list itself.

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
        case (("value" | "argument" | "json"), *index, convert):
            some = chosen if index in ([], [-1]) else map(itemgetter(*index), chosen)
            return _texts(some, convert, is_json=kind == "json")
    raise ValueError(f"a column must be of a known kind, got {kind}")


def _at(rows: Sequence[int], values: Any) -> Sequence[Any]:
    if not isinstance(rows, range):
        return [*map(values.__getitem__, rows)]
    chosen: Sequence[Any] = values[rows.start : rows.stop]
    if len(chosen) < len(rows):
        raise ValueError("a column must have an entry for each row")
    return chosen


def _texts(
    values: Iterable[Any], convert: Callable[[Any], bytes], *, is_json: bool
) -> Iterable[object]:
    rest = [*values]
    if {*map(type, rest)} == {int} and min(rest) > -_INT64 and max(rest) < _INT64:
        return rest
    return [
        _quoted(value) if is_json and isinstance(value, str) else _text(value, convert)
        for value in rest
    ]


def _text(value: Any, convert: Callable[[Any], bytes]) -> object:
    if type(value) is int and -_INT64 < value < _INT64:
        return value
    return str(value if type(value) is bytes else convert(value), _BYTES)


def row_shapes(
    shapes: array[int],
    first: int,
    callees: array[int],
    strands: array[int],
    ends: array[int],
    arguments: list[Any],
    outcomes: list[Any],
    /,
) -> list[int]:
    """Set the shape of each row, a number from 0, and return the first row of each shape.

    Rows of one shape have the same callee and strand, values of the same types, and an end or none.
    Infinity and NaN count as another type.

    Args:
        shapes: set to the shapes; the first entry is that of row `first`.
        first: the first row.
        callees: column of a table.
        strands: another.
        ends: another.
        arguments: another.
        outcomes: another.

    Raises:
        ValueError: if a column or a list has no entry for a row.
    """
    end, columns = first + len(shapes), (callees, strands, arguments, outcomes, ends)
    if first < 0 or end > min(map(len, columns)):
        raise ValueError(f"a list lacks rows from {first} to {end}")
    numbers: dict[object, int] = {}
    firsts: list[int] = []
    rows = zip(*(column[first:end] for column in columns), strict=True)
    for row, (callee, strand, passed, outcome, end_ns) in enumerate(rows, first):
        kinds = (*map(_kind, passed),) if type(passed) is tuple else _kind(passed)
        key = callee, strand, kinds, _kind(outcome), end_ns == _UNFINISHED
        shapes[row - first] = number = numbers.setdefault(key, len(firsts))
        if number == len(firsts):
            firsts.append(row)
    return firsts


def _kind(value: object) -> type | None:
    """Return the type of a value; None for infinity and NaN."""
    return None if type(value) is float and not isfinite(value) else type(value)
