"""Journals: streams of calls in Arrow's IPC format, from which a Parquet file is made at the end.

A call that was open when it was written has another row once it has ended; the last one counts.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa

from callscope.trace.arrow.parquet_file import open_writer, with_about
from callscope.trace.arrow.schema import INT64, METADATA, ROW_GROUP, SCHEMA, pc

JOURNAL_MAGIC: Final = b"\xff\xff\xff\xff"
"""First bytes of a journal."""
_DAMAGES: Final = (pa.ArrowException, OSError, MemoryError, OverflowError)
_OF_ENDS: Final = (
    *("result", "result_is_text", "error_type", "error_message"),
    *("duration_ns", "self_ns", "waiting_ns", "instants"),
)
"""Columns that a call gets when it ends."""
_NO_ENDS: Final = pa.RecordBatch.from_pylist(
    [], schema=pa.schema([SCHEMA.field(name) for name in ("call_id", *_OF_ENDS)])
)
_TOO_LONG: Final = "its length is damaged"
_MOST_BATCHES: Final = 256
"""Number of small batches that are held before they are made one: each takes some kilobytes."""


def convert(file: BinaryIO, target: BinaryIO) -> None:
    """Write the calls of a journal as Parquet, one row for each."""
    journal = Journal(file)
    with open_writer(target, with_about(journal.about)) as writer:
        for batch in journal.groups():
            writer.write_batch(batch)


class Journal:
    """A journal, of which the rows are read when needed.

    It may be incomplete: the process that wrote it was killed, or still writes it.

    Args:
        file: the file, which can be read several times.

    Raises:
        ArrowException: if the file is not a stream, or is damaged.
        ValueError: if its metadata is not JSON.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._count = 0
        """Number of whole batches."""
        classes: list[Any] = []
        ends = _Compacted([_NO_ENDS])
        with self._open() as stream:
            self.about: dict[str, Any] = json.loads((stream.schema.metadata or {})[METADATA])
            """What belongs to no call."""
            for batch, about in self._messages(stream):
                self._count += 1
                classes += about.get("classes", ())
                if about.get("ends"):
                    ends.add(_only(batch, _NO_ENDS.schema))
                self.about.update({key: about[key] for key in ("lost", "left_out") if key in about})
        self.about["classes"] = classes
        self._ends = _last_of_each(ends.whole())
        self._ended: array[int] = array("q", self._ends["call_id"].to_pylist())

    def _open(self) -> pa.ipc.RecordBatchStreamReader:
        self._file.seek(0)
        try:
            stream = pa.ipc.open_stream(self._file)
        except MemoryError:
            raise ValueError(_TOO_LONG) from None
        if not stream.schema.equals(SCHEMA):
            msg = "its columns are not those of a trace"
            raise ValueError(msg)
        return stream

    def _messages(
        self, stream: pa.ipc.RecordBatchStreamReader
    ) -> Iterator[tuple[pa.RecordBatch, dict[str, Any]]]:
        """Yield the whole batches, each with its metadata."""
        while True:
            try:
                batch, metadata = stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            except _DAMAGES as error:
                if self._file.read(1):
                    raise ValueError(str(error) or _TOO_LONG) from None
                return  # a killed process leaves a truncated batch
            yield batch, json.loads((metadata or {}).get(METADATA, b"{}"))

    def groups(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the order the calls began, `ROW_GROUP` at a time."""
        rows = _Compacted()
        with self._open() as stream:
            for _, (batch, about) in zip(range(self._count), self._messages(stream), strict=False):
                if not about.get("ends"):
                    rows.add(_only(batch, SCHEMA))
                while len(rows) >= ROW_GROUP:
                    whole = rows.whole()
                    yield self._with_ends(whole.slice(0, ROW_GROUP))
                    rows = _Compacted([whole.slice(ROW_GROUP)])
        if len(rows):
            yield self._with_ends(rows.whole())

    def _with_ends(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows as they are after the calls have ended."""
        ends = self._ends
        if not len(ends):
            return batch
        ids, bounds = self._ended, pc.min_max(batch["call_id"])
        low, high = (
            bisect_left(ids, bounds["min"].as_py()),
            bisect_right(ids, bounds["max"].as_py()),
        )
        ends = ends.slice(low, high - low)
        found = pc.index_in(batch["call_id"], value_set=ends["call_id"])
        if found.null_count == len(found):
            return batch
        first = pa.array(range(len(batch)), found.type)
        places = pc.if_else(found.is_valid(), pc.add(found, len(batch)), first)
        columns = {name: batch[name] for name in SCHEMA.names}
        for name in _OF_ENDS:
            columns[name] = pa.concat_arrays([batch[name], ends[name]]).take(places)
        return pa.RecordBatch.from_arrays([*columns.values()], schema=SCHEMA)


class _Compacted:
    """Batches of rows, in little memory.

    Args:
        batches: the first ones.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch] = ()) -> None:
        self._batches = [*batches]
        self._size = sum(map(len, self._batches))
        self._small = 0

    def __len__(self) -> int:
        return self._size

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a batch."""
        self._batches.append(batch)
        self._size += len(batch)
        self._small += 1
        if self._small == _MOST_BATCHES:
            self._batches[-self._small :] = [_joined(self._batches[-self._small :])]
            self._small = 0

    def whole(self) -> pa.RecordBatch:
        """Return all as one batch."""
        return _joined(self._batches)


def _only(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return some columns of a batch, checked: a damaged one could crash the process."""
    batch.validate(full=True)
    return pa.RecordBatch.from_arrays([batch[name] for name in schema.names], schema=schema)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches)
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _last_of_each(ends: pa.RecordBatch) -> pa.RecordBatch:
    """Return the last row of each call, in the order of their numbers."""
    rows = pa.table({"call_id": ends["call_id"], "row": pa.array(range(len(ends)), INT64)})
    last = rows.group_by("call_id").aggregate([("row", "max")]).sort_by("call_id")
    return ends.take(last["row_max"].combine_chunks())
