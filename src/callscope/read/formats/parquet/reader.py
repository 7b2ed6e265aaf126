"""Reader of a trace from Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import parquet

from callscope.errors import TraceFormatError
from callscope.read.formats.jsonl import slow
from callscope.read.formats.metadata_versions import MetadataVersions
from callscope.read.formats.parquet.decoding import WrongRowError
from callscope.read.formats.parquet.table_reader import TEXTS_AS_NAMES, TableReader
from callscope.read.formats.trace_builder import (
    TraceBuilder,
    WrongLineError,
)
from callscope.trace import (
    ClassMetadata,
    CodeMetadata,
    Cost,
    Header,
    Process,
    Recorded,
    SiteMetadata,
    Table,
    TraceData,
)
from callscope.trace.arrow.journal import JOURNAL_MAGIC, Journal
from callscope.trace.arrow.schema import METADATA, SCHEMA

_BATCH: Final = 1 << 16
"""Number of rows decoded at a time."""
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
        file: the file, open; or its path.
        name: the file's name in errors.

    Raises:
        TraceFormatError: if the file is not a trace.
    """

    def __init__(self, file: BinaryIO | str, name: str) -> None:
        self._name = name
        builder = TraceBuilder()
        try:
            self._file = parquet.ParquetFile(file, read_dictionary=[*TEXTS_AS_NAMES])
            about = json.loads((self._file.schema_arrow.metadata or {})[METADATA])
        except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
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

    def parts(self) -> Iterator[tuple[Table, int]]:
        """Yield the calls in parts, each beginning with those that were open before.

        With each comes the number of these. A call whose parent ended before the part is a root.

        Raises:
            TraceFormatError: if a row is invalid.
        """
        reader, first = TableReader(self._classes, is_partial=True), 0
        for table in self._tables(reader):
            yield table, first
            first = reader.keep_open()

    def data(self, table: Table) -> TraceData:
        """Return data of this trace for some of its calls."""
        return TraceData(self.header, Recorded(table, self.lost, self.left_out, is_final=True))

    def _tables(self, reader: TableReader) -> Iterator[Table]:
        """Yield the reader's table after each batch of rows."""
        row = 0
        # Equal rows in a small file may expand to any size.
        batches = self._file.iter_batches(_BATCH, columns=SCHEMA.names, use_threads=False)
        while True:
            with _refusing_damage(self._name, row):
                batch = next(batches, None)
                if batch is None:
                    return
                reader.add(batch)
                row += len(batch)
            yield reader.table


@contextmanager
def _refusing_damage(name: str, row: int) -> Iterator[None]:
    try:
        yield
    except TraceFormatError:
        raise
    except _DAMAGES as error:
        row += error.row if isinstance(error, WrongRowError) else 0
        raise TraceFormatError(
            f"{name!r}, after row {row}: {_reason(error)}. Restore the file."
        ) from None


def _reason(error: Exception) -> str:
    return f"{str(error).partition(chr(10))[0]:.200}"


def _about(about: Any, builder: TraceBuilder, name: str) -> tuple[Header, list[ClassMetadata]]:
    """Return the metadata, checked like the equivalent lines of a `.jsonl` file."""
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
