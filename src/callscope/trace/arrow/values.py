"""Arrow columns of captured values: JSON of arguments and results, and errors.

Calls with the same names of arguments are encoded together, one column for each name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

import pyarrow as pa

from callscope.errors import encodable
from callscope.introspect.values import CallError, Text, Value
from callscope.trace.arrow.schema import INT32, INT64, NAME, TEXT, TEXTS, pc
from callscope.trace.event import finite
from callscope.trace.table import Arguments

Arrays: TypeAlias = dict[str, pa.Array]
_Names: TypeAlias = tuple[str, ...] | None

_SAMPLE: Final = 512
"""Number of values that are looked at to see whether they repeat."""

_quoted = json.encoder.encode_basestring_ascii
_WRITERS: Mapping[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
    str: _quoted,
    Text: _quoted,
}
"""For each type of a captured value, the function that returns its JSON."""


class _Numbering(dict[Any, int]):
    """Numbers of distinct keys, in the order they first appear."""

    def __missing__(self, key: Hashable) -> int:
        self[key] = number = len(self)
        return number


def names_column(texts: Iterable[str | None]) -> pa.Array:
    """Return texts as a dictionary and indices; it must not hold a text twice, for pandas."""
    numbers = _Numbering()
    indices = [None if text is None else numbers[encodable(text)] for text in texts]
    return pa.DictionaryArray.from_arrays(pa.array(indices, INT32), pa.array([*numbers], TEXT))


def empty_lists(kind: pa.ListType, length: int) -> pa.Array:
    """Return a column of empty lists."""
    offsets = pa.repeat(pa.scalar(0, INT32), length + 1)
    return pa.ListArray.from_arrays(offsets, pa.array([], kind.value_type))


def outcome_columns(outcomes: Sequence[Value | CallError]) -> Arrays:
    """Return the results and the errors."""
    if not _repeat(outcomes) or not _are_written_alike(outcomes):
        return _encode_outcomes(outcomes)
    indices, distinct = _distinct(outcomes)
    return _place(_encode_outcomes(distinct), indices)


def _encode_outcomes(outcomes: Sequence[Value | CallError]) -> Arrays:
    length = len(outcomes)
    types, messages = pa.nulls(length, NAME), pa.nulls(length, TEXT)
    if CallError in set(map(type, outcomes)):
        errors = [outcome if type(outcome) is CallError else None for outcome in outcomes]
        outcomes = [None if type(outcome) is CallError else outcome for outcome in outcomes]
        types = names_column(error and error.type for error in errors)
        messages = pa.array([error and encodable(error.message) for error in errors], TEXT)
    return {
        **_results(_finite(outcomes)),
        "error_type": types,
        "error_message": messages,
    }


def _results(results: Sequence[Value]) -> Arrays:
    kinds = [*map(type, results)]
    jsons = _numbers(results) if {*kinds} <= {int, type(None)} else None
    if jsons is None:
        texts = [None if value is None else _WRITERS[type(value)](value) for value in results]
        jsons = pa.array(texts, TEXT)
    are_texts = pa.repeat(False, len(kinds))
    if Text in kinds:
        are_texts = pa.array([kind is Text for kind in kinds], pa.bool_())
    return {"result": jsons, "result_is_text": are_texts}


def _numbers(column: Sequence[Value]) -> pa.Array | None:
    """Return the JSON of integers and None; None if one takes more than 64 bits."""
    try:
        return pa.array(column, INT64).cast(TEXT)
    except (OverflowError, pa.ArrowException):
        return None


def arguments_columns(
    captured: Sequence[Arguments], callees: Sequence[int], names: Sequence[_Names]
) -> Arrays:
    """Return the arguments, and the names of those whose text represents a non-scalar value.

    Args:
        captured: arguments of each call.
        callees: index of each call's callee.
        names: names of the arguments of each callee.
    """
    if (
        dict in set(map(type, captured))
        or not _repeat(zip(callees, captured, strict=True))
        or not _are_written_alike(chain.from_iterable(filter(None, captured)))
    ):
        return _encode_arguments(captured, callees, names)
    indices, distinct = _distinct(zip(callees, captured, strict=True))
    callees, captured = [callee for callee, _ in distinct], [values for _, values in distinct]
    return _place(_encode_arguments(captured, callees, names), indices)


def _repeat(values: Iterable[Any]) -> bool:
    """Return whether most values are probably equal to others: then each is encoded once."""
    sample = [*islice(values, _SAMPLE)]
    return len({*sample}) <= len(sample) // 8


def _are_written_alike(values: Iterable[Value | CallError]) -> bool:
    """Return whether values that are equal have the same JSON, unlike 1 and True, 0.0 and -0.0."""
    kinds = set(map(type, values))
    return not (float in kinds or {int, bool} <= kinds or {str, Text} <= kinds)


def _distinct(keys: Iterable[Hashable]) -> tuple[pa.Array, list[Any]]:
    """Return the index of each key among the distinct ones, and these."""
    numbers = _Numbering()
    return pa.array([*map(numbers.__getitem__, keys)], INT32), [*numbers]


def _place(columns: Arrays, indices: pa.Array) -> Arrays:
    return {name: column.take(indices) for name, column in columns.items()}


def _encode_arguments(
    captured: Sequence[Arguments], callees: Sequence[int], names: Sequence[_Names]
) -> Arrays:
    shapes = _Numbering()
    groups, rows = _grouped(captured, callees, names, shapes)
    order = pc.array_sort_indices(groups)
    rows = [*map(rows.__getitem__, order.to_pylist())]
    runs = pc.run_end_encode(groups.take(order))
    names, stops = [*shapes], runs.run_ends.to_pylist()
    columns = [
        _encode(names[group], rows[start:stop])
        for group, start, stop in zip(runs.values.to_pylist(), [0, *stops], stops, strict=False)
    ]
    jsons, texts = map(pa.concat_arrays, zip(*columns, strict=True))
    places = pc.array_sort_indices(order)
    return {"arguments": jsons.take(places), "argument_texts": texts.take(places)}


def _grouped(
    captured: Sequence[Arguments],
    callees: Sequence[int],
    names: Sequence[_Names],
    shapes: _Numbering,
) -> tuple[pa.Array, Sequence[Any]]:
    """Return the number of each call's names of arguments, and its values as a tuple or None."""
    if set(map(type, captured)) == {tuple}:
        numbers = pa.array([shapes[own] for own in names], INT32)
        return numbers.take(pa.array(callees, INT32)), captured
    own_names = (
        tuple(values) if type(values) is dict else None if values is None else names[callee]
        for callee, values in zip(callees, captured, strict=True)
    )
    rows = [tuple(values.values()) if type(values) is dict else values for values in captured]
    return pa.array([*map(shapes.__getitem__, own_names)], INT32), rows


def _encode(names: _Names, rows: Sequence[Any]) -> tuple[pa.Array, pa.Array]:
    """Return the JSON, and the names of texts, of calls with the same names of arguments."""
    no_texts = empty_lists(TEXTS, len(rows))
    if names is None:
        return pa.nulls(len(rows), TEXT), no_texts
    if not names:
        return pa.repeat("{}", len(rows)), no_texts
    columns = [_finite([*map(itemgetter(index), rows)]) for index in range(len(names))]
    pieces: list[Any] = []
    for name, column in zip(names, columns, strict=True):
        pieces += [f"{',' if pieces else '{'}{_quoted(name)}:", _jsons(column)]
    jsons = pc.binary_join_element_wise(*pieces, "}", "")
    kinds = [[*map(type, column)] for column in columns]
    return jsons, _text_names(names, kinds) if any(Text in own for own in kinds) else no_texts


def _jsons(column: Sequence[Value]) -> pa.Array:
    kinds = set(map(type, column))
    if kinds == {int} and (numbers := _numbers(column)) is not None:
        return numbers
    if len(kinds) == 1:
        return pa.array([*map(_WRITERS[kinds.pop()], column)], TEXT)
    return pa.array([_WRITERS[type(value)](value) for value in column], TEXT)


def _text_names(names: tuple[str, ...], kinds: Sequence[Sequence[type]]) -> pa.Array:
    """Return, for each call, the names of the arguments whose type is `Text`."""
    indices, distinct = _distinct(zip(*kinds, strict=True))
    texts = [
        [encodable(name) for name, kind in zip(names, own, strict=True) if kind is Text]
        for own in distinct
    ]
    return pa.array(texts, TEXTS).take(indices)


def _finite(column: Sequence[Any]) -> Sequence[Value]:
    """Return values that JSON can represent; see `finite`."""
    return [*map(finite, column)] if float in set(map(type, column)) else column
