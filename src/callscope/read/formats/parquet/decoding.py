"""Distinct rows of Arrow columns, so that each is decoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod
from typing import Any, Final, TypeVar

import pyarrow as pa

from callscope.read.formats.trace_builder import WrongLineError
from callscope.trace.arrow.schema import INT32, INT64, pc

_T = TypeVar("_T")

_MAX_NUMBER: Final = 1 << 62
_DAMAGES: Final = (WrongLineError, LookupError, TypeError, ValueError, RecursionError)


class WrongRowError(Exception):
    """A row that is invalid.

    Args:
        row: its number in the batch.
        reason: why.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


class Distinct:
    """The distinct rows of some columns, in the order they first appear."""

    def __init__(self, *columns: pa.Array) -> None:
        self.codes: pa.Array
        """For each row, its index in `rows`."""
        self.rows: list[tuple[Any, ...]]
        """Values of the columns."""
        coded = [_codes(column) for column in columns]
        if prod(len(values) for _, values in coded) < _MAX_NUMBER:
            self.codes, self.rows = _combine(coded)
        else:
            self.codes, self.rows = _number([column.to_pylist() for column in columns])

    def map(self, decode: Callable[..., _T]) -> list[_T]:
        """Return the results of a function for the distinct rows.

        Raises:
            WrongRowError: for the first row of which the function raises an error on damage.
        """
        results: list[_T] = []
        for row in self.rows:
            try:
                results.append(decode(*row))
            except _DAMAGES as error:
                place = pc.index(self.codes, pa.scalar(len(results), self.codes.type)).as_py()
                raise WrongRowError(place, f"{str(error).partition(chr(10))[0]:.200}") from None
        return results

    def place(self, values: Sequence[_T]) -> list[_T]:
        """Return the value of each row, given those of the distinct rows."""
        return [*map(values.__getitem__, self.codes.to_pylist())]


def _codes(column: pa.Array) -> tuple[pa.Array, list[Any]]:
    """Return the index of each row's value, and the values."""
    if pa.types.is_list(column.type):
        return _codes_of_lists(column)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    elif len(column.dictionary) > len(column):
        column = column.dictionary_decode().dictionary_encode()
    values = [*column.dictionary.to_pylist(), None]
    return column.indices.cast(INT64).fill_null(len(values) - 1), values


def _codes_of_lists(column: pa.Array) -> tuple[pa.Array, list[Any]]:
    elements = column.flatten()
    if not len(elements):
        return pa.repeat(pa.scalar(0, INT64), len(column)), [()]
    codes, values = _codes(elements)
    ends = pc.cumulative_sum(pc.list_value_length(column).fill_null(0)).to_pylist()
    lists = codes.to_pylist()
    rows = [tuple(lists[start:end]) for start, end in pairwise([0, *ends])]
    numbers, distinct = _number([rows])
    return numbers.cast(INT64), [tuple(map(values.__getitem__, own)) for (own,) in distinct]


def _combine(
    coded: Sequence[tuple[pa.Array, list[Any]]],
) -> tuple[pa.Array, list[tuple[Any, ...]]]:
    """Return the distinct rows of coded columns, by way of one number for each row."""
    (numbers, _), *others = coded
    for codes, values in others:
        numbers = pc.add(pc.multiply(numbers, len(values)), codes)
    encoded = numbers.dictionary_encode()
    rows = []
    for number in encoded.dictionary.to_pylist():
        row, rest = [], number
        for _, values in reversed(coded):
            rest, code = divmod(rest, len(values))
            row.append(values[code])
        rows.append(tuple(reversed(row)))
    return encoded.indices, rows


def _number(columns: Sequence[Sequence[Any]]) -> tuple[pa.Array, list[tuple[Any, ...]]]:
    numbers: dict[tuple[Any, ...], int] = {}
    codes = [numbers.setdefault(row, len(numbers)) for row in zip(*columns, strict=True)]
    return pa.array(codes, INT32), [*numbers]
