"""Parts of a stream of calls in Arrow's IPC format, each readable when it is written.

A part has the calls that have begun, and one more row for each earlier call that has ended. The time
of a call without its children is added up from part to part, so that no call is needed any more once
it has ended.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import pyarrow as pa

from callscope.trace.arrow.columns import Columns
from callscope.trace.arrow.open_rows import OpenCall, OpenRows, touched
from callscope.trace.arrow.parquet_file import to_json
from callscope.trace.arrow.schema import METADATA, ROW_GROUP, SCHEMA
from callscope.trace.event import Event
from callscope.trace.metadata import ClassMetadata
from callscope.trace.row_batch import RowBatch
from callscope.trace.table import Table

_END: Final = 8
"""Number of bytes that end a stream."""


class Written(NamedTuple):
    """State of a stream after some parts, as far as the next one needs it."""

    open: Mapping[int, OpenCall]
    """The open calls by their numbers."""
    classes: Mapping[str, tuple[int, ClassMetadata]]
    """The last metadata of each runtime class, and its index."""
    classes_count: int


NOTHING: Final = Written({}, {}, 0)


def begin(schema: pa.Schema) -> bytes:
    """Return the begin of a stream."""
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    return bytes(memoryview(sink.getvalue())[:-_END])


_BEGIN: Final = len(begin(SCHEMA))


def end(lost: int, left_out: Mapping[str, int]) -> bytes:
    """Return the last part of a stream."""
    nothing = pa.RecordBatch.from_arrays(
        [pa.array([], kind) for kind in SCHEMA.types], schema=SCHEMA
    )
    return _messages([(nothing, {"lost": lost, "left_out": dict(left_out)})])


def encode(
    events: Collection[Event | RowBatch], before: Written, *, is_last: bool = False
) -> tuple[bytes, Written]:
    """Return the part for some events, and what the next one needs.

    Args:
        events: the events.
        before: what the part before returned.
        is_last: whether the calls that are still open do not end any more.
    """
    if not events and not (is_last and before.open):
        return b"", before
    changing = dict(sorted(before.open.items())) if is_last else touched(events, before.open)
    rows = OpenRows(changing)
    for event in events:
        rows.add(event)
    after, self_ns = rows.settle()
    opened = {number: call for number, call in before.open.items() if number not in changing}
    opened.update(after)
    indices, classes, new = _number_classes(rows.table, before)
    about: dict[str, Any] = {"classes": new} if new else {}
    batches = []
    if ended := [row for row in range(rows.first_new) if is_last or rows.has_ended(row)]:
        table = rows.table.reordered(ended)
        columns = Columns(table, indices, array("q", map(self_ns.__getitem__, ended)))
        batches.append((columns.batch(slice(None)), {"ends": True}))
    columns = Columns(rows.table, indices, self_ns)
    for first in range(rows.first_new, len(rows.table), ROW_GROUP):
        batches.append((columns.batch(slice(first, first + ROW_GROUP)), about))
        about = {}
    return _messages(batches), Written(opened, classes, before.classes_count + len(new))


def _number_classes(
    table: Table, before: Written
) -> tuple[list[int | None], dict[str, tuple[int, ClassMetadata]], list[ClassMetadata]]:
    """Return the index of each callee's class, the last one of each name, and the new classes."""
    indices: list[int | None] = []
    classes, new = {**before.classes}, list[ClassMetadata]()
    for callee in table.callees:
        cls, index = callee.class_metadata, None
        if cls is not None:
            index, written = classes.get(cls.runtime_class, (None, None))
            if written is not cls and written != cls:
                index = before.classes_count + len(new)
                new.append(cls)
                classes[cls.runtime_class] = index, cls
        indices.append(index)
    return indices, classes, new


def _messages(batches: Iterable[tuple[pa.RecordBatch, Mapping[str, Any]]]) -> bytes:
    """Return batches as they follow one another in a stream, each with its dictionaries."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as stream:
        for batch, about in batches:
            stream.write_batch(batch, custom_metadata={METADATA: to_json(about)} if about else None)
    return bytes(memoryview(sink.getvalue())[_BEGIN:-_END])
