"""Reader of a trace from Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import SEEK_END
from itertools import repeat
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.errors import TraceFileError, TraceFormatError
from callscope.read.formats.jsonl import slow
from callscope.read.formats.metadata_versions import MetadataVersions
from callscope.read.formats.parquet.decoding import WrongRowError
from callscope.read.formats.parquet.table_reader import TableReader
from callscope.read.formats.trace_builder import TraceBuilder, WrongLineError
from callscope.trace import (
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Part,
    Process,
    Recorded,
    SiteMetadata,
    Table,
    TraceData,
)
from callscope.trace.arrow.journal import JOURNAL_MAGIC, Journal
from callscope.trace.arrow.schema import INT64, METADATA, SCHEMA, pc

_BATCH: Final = 1 << 16
"""Number of rows decoded at a time."""
_MOST_STAYING: Final = 1 << 21
"""Most calls that are needed after their part; they are kept in memory."""
_LARGE_GROUP: Final = 1 << 24
_MOST_EXPANSION: Final = 1_000
"""Times that a group of rows may be as large as the whole file, if it is large."""
_DAMAGES: Final = (
    pa.ArrowException,
    WrongLineError,
    WrongRowError,
    OSError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def read(file: BinaryIO, name: str) -> TraceData:
    """Read a trace from a Parquet file, or from the journal of one; `name` is its name in errors."""
    is_journal = file.read(len(JOURNAL_MAGIC)) == JOURNAL_MAGIC
    file.seek(0)
    return _read_journal(file, name) if is_journal else ParquetTrace(file, name).read()


def _read_journal(file: BinaryIO, name: str) -> TraceData:
    builder = TraceBuilder()
    with _refusing_damage(name, 0):
        journal = Journal(file)
        header, classes = _about(journal.about, builder, name)
    reader, row = TableReader(classes), 0
    groups = journal.groups()
    while True:
        with _refusing_damage(name, row):
            batch = next(groups, None)
            if batch is None:
                break
            reader.add(batch)
            row += len(batch)
    recorded = Recorded(reader.table, builder.lost, builder.left_out, is_final=True)
    return TraceData(header, recorded)


class ParquetTrace:
    """A trace in a Parquet file, of which the rows are read when needed.

    Args:
        file: the file, open.
        name: the file's name in errors.

    Raises:
        TraceFormatError: if the file is not a trace.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        builder = TraceBuilder()
        try:
            self._file = _open(file)
            self._metadata: bytes = _metadata(self._file)
            about = json.loads(self._metadata)
        except (*_DAMAGES, MemoryError) as error:
            raise TraceFormatError(
                f"{name!r} is not a trace, or is damaged: {_reason(error)}. Name a '.parquet' file"
                " that callscope has written."
            ) from None
        with _refusing_damage(name, 0):
            header, classes = _about(about, builder, name)
        self.header: Header = header
        self.lost: int = builder.lost
        self.left_out: dict[str, int] = dict(builder.left_out)
        self._classes: list[ClassMetadata] = classes

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def read(self) -> TraceData:
        """Return the whole trace.

        Raises:
            TraceFormatError: if a row is invalid.
        """
        reader = TableReader(self._classes)
        for _ in self._tables(reader):
            pass
        return self.data(reader.table)

    def head(self) -> Table:
        """Return the first calls; raises as `read`."""
        return next((table for table, _ in self._tables(TableReader(self._classes))), Table())

    def parts(self) -> Iterator[Part]:
        """Yield the calls in parts, so that all calls above each are in its part.

        Raises:
            TraceFormatError: if a row is invalid.
        """
        return (part for part, _ in self._parts() if part is not None)

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they are, in batches of the schema; raises as `parts`."""
        for _, batch in self._parts():
            with _refusing_damage(self.name, 0):  # of columns that are not read
                rows = pa.Table.from_batches([batch]).select(SCHEMA.names).cast(SCHEMA)
            yield from rows.to_batches()

    @property
    def schema(self) -> pa.Schema:
        """The schema, with the metadata of the file."""
        return SCHEMA.with_metadata({METADATA: self._metadata})

    def _parts(self) -> Iterator[tuple[Part | None, pa.RecordBatch]]:
        """Yield each batch of rows, and the part that ends with it, if any."""
        last_uses, ends = self._last_uses()
        reader, first, row = TableReader(self._classes), 0, 0
        for table, batch in self._tables(reader):
            row += len(batch)
            if row not in ends:  # texts may divide batches further
                yield None, batch
                continue
            lasts = map(last_uses.get, table.call_id, repeat(0))
            used = [place for place, last in enumerate(lasts) if last > row]
            part = Part(table, first, sorted(table.with_parents(used)))
            yield part, batch
            first = len(part.staying)
            reader.keep(part.staying)

    def _last_uses(self) -> tuple[dict[int, int], set[int]]:
        """Return the end of the last batch with children, of calls before it by their ids; all ends."""
        last_uses: dict[int, int] = {}
        ends: set[int] = set()
        batches = self._batches(["call_id", "parent_id"])
        row = 0
        while True:
            with _refusing_damage(self.name, row):
                batch = next(batches, None)
                if batch is None:
                    return last_uses, ends
                call_ids = batch.column("call_id").cast(INT64)
                parent_ids = batch.column("parent_id").cast(INT64).drop_null()
                is_before = pc.invert(pc.is_in(parent_ids, value_set=call_ids))
                earlier = parent_ids.filter(is_before).unique()
                ends.add(end := row + len(batch))
                last_uses.update(zip(earlier.to_pylist(), repeat(end), strict=False))
                if len(last_uses) > _MOST_STAYING:
                    msg = f"more than {_MOST_STAYING:,} calls have children far behind them"
                    raise WrongLineError(msg)
            row = end

    def data(self, table: Table) -> TraceData:
        """Return data of this trace for some of its calls."""
        return TraceData(self.header, Recorded(table, self.lost, self.left_out, is_final=True))

    def _tables(self, reader: TableReader) -> Iterator[tuple[Table, pa.RecordBatch]]:
        """Yield the reader's table after each batch of rows, and the batch."""
        row = 0
        batches = self._batches(SCHEMA.names)
        while True:
            with _refusing_damage(self.name, row):
                batch = next(batches, None)
                if batch is None:
                    return self._check_length(row)
                reader.add(batch)
                row += len(batch)
            yield reader.table, batch

    def _check_length(self, rows: int) -> None:
        if rows != len(self):
            msg = f"it ends, and should have {len(self):,}"
            raise WrongLineError(msg)

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        for group in range(self._file.num_row_groups):  # Arrow joins no lists of texts of several
            # Equal rows in a small file may expand to any size.
            batches = self._file.iter_batches(
                _BATCH, row_groups=[group], columns=columns, use_threads=False
            )
            yield from (batch for batch in batches if len(batch))


@contextmanager
def _refusing_damage(name: str, row: int) -> Iterator[None]:
    try:
        yield
    except TraceFormatError:
        raise
    except MemoryError:  # also one of Arrow's errors
        raise TraceFileError.too_large(name) from None
    except _DAMAGES as error:
        row += error.row if isinstance(error, WrongRowError) else 0
        raise TraceFormatError(
            f"{name!r}, after row {row}: {_reason(error)}. Restore the file."
        ) from None


def _open(file: BinaryIO) -> parquet.ParquetFile:
    """Open a file so that equal texts are read once, however many rows have them.

    Raises:
        WrongLineError: if little of it would expand to very much.
    """
    # Arrow ends the process where the metadata of a column chunk is malformed, so none is looked at.
    opened = parquet.ParquetFile(file)
    metadata = opened.metadata
    columns = map(metadata.schema.column, range(metadata.num_columns))
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    file_size = _size(file)
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if size > _LARGE_GROUP and size > _MOST_EXPANSION * file_size:
            msg = f"a group of rows expands to {size:,} bytes"
            raise WrongLineError(msg)
    return parquet.ParquetFile(file, metadata=metadata, read_dictionary=texts)


def _size(file: BinaryIO) -> int:
    size = file.seek(0, SEEK_END)
    file.seek(0)
    return size


def _metadata(file: parquet.ParquetFile) -> bytes:
    metadata: dict[bytes, bytes] = file.schema_arrow.metadata or {}
    if METADATA not in metadata:
        msg = "it has no metadata of a trace"
        raise WrongLineError(msg)
    return metadata[METADATA]


def _reason(error: Exception) -> str:
    return f"{str(error).partition(chr(10))[0]:.200}"


def _about(about: Any, builder: TraceBuilder, name: str) -> tuple[Header, list[ClassMetadata]]:
    """Return the metadata, checked like the equivalent lines of a `.jsonl` file."""
    if type(about) is not dict:
        msg = "its metadata is not a JSON object"
        raise WrongLineError(msg)
    cost = about.get("cost") and dict(zip(Cost._fields, about["cost"], strict=True))
    processes = [
        dict(zip(Process._fields, fields, strict=True)) for fields in about.get("processes") or ()
    ]
    line = {**about, "kind": "trace", "cost": cost, "processes": processes}
    header = slow.header(line, name)
    slow.take(builder, {**about, "kind": "end"})
    classes = [_class(fields, builder) for fields in about["classes"]]
    builder.metadata = MetadataVersions()  # the rows refer to their metadata themselves
    return header, classes


def _class(fields: list[Any], builder: TraceBuilder) -> ClassMetadata:
    about = dict(zip(ClassMetadata._fields, fields, strict=False))
    for site in (site for own in about["sites"] for site in own):
        line = dict(zip(SiteMetadata._fields, site, strict=True))
        code = line["code"] and dict(zip(CodeMetadata._fields, line["code"], strict=True))
        slow.take(builder, {**line, "kind": "site", "code": code})
    methods = [[site[1] for site in own] for own in about["sites"]]
    slow.take(builder, {**about, "kind": "class", "sites": methods})
    metadata = builder.metadata.cls(about["runtime_class"])
    assert metadata is not None
    return metadata
