"""Loops over the columns of a table, in Python; `_kernels.c` has each in C, by the same rules."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from operator import itemgetter, mod, sub
from typing import Any, Final, TypeAlias

Column: TypeAlias = tuple[Any, ...]
"""Description of what `rows_text` writes for each row: a kind, and what belongs to it."""

_INT64: Final = 1 << 63
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
    if len(numbers) < len(shapes) or min((*numbers[:1], *shapes), default=0) < 0:
        raise ValueError("each row must have a number and a template, none below zero")
    try:
        return "".join(_lines(numbers, shapes, templates, columns)).encode(_BYTES)
    except IndexError as error:
        raise ValueError(str(error)) from None


def _lines(
    rows: Sequence[int], shapes: array[int], templates: Any, columns: tuple[Column, ...]
) -> list[str]:
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


def _alike(
    rows: Sequence[int], formats: Iterable[str], pattern: Sequence[int], columns: Sequence[Column]
) -> list[str]:
    """Return the lines of rows that have the same columns."""
    if not pattern:
        return [text % () for text in formats]
    return [*map(mod, formats, zip(*(_entries(rows, *columns[i]) for i in pattern), strict=True))]


def _format(piece: bytes | int) -> str:
    return "%s" if isinstance(piece, int) else str(piece, _BYTES).replace("%", "%%")


def _indices(template: tuple[bytes | int, ...]) -> tuple[int, ...]:
    return tuple(piece for piece in template if type(piece) is int)


def _entries(rows: Sequence[int], kind: str, values: Any, *options: Any) -> Iterable[object]:
    """Return what a column has for some rows: integers and text."""
    chosen = map(values.__getitem__, rows)
    match kind, *options:
        case "integer", base:
            return map(sub, chosen, repeat(base))
        case "difference", others:
            return map(sub, chosen, map(others.__getitem__, rows))
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
