"""Schema of the Arrow table of a trace."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute

pc: Final[Any] = pyarrow.compute
"""Functions of Arrow; they are generated, so that type checkers do not know them."""

METADATA: Final = b"callscope"
"""Key of the schema's metadata with all data that belongs to no call, as JSON."""

ROW_GROUP: Final = 1 << 16
"""Number of rows for which columns are made and written at a time."""

INT32: Final = pa.int32()
INT64: Final = pa.int64()
TEXT: Final = pa.string()
TEXTS: Final = pa.list_(TEXT)
INSTANTS: Final = pa.list_(INT64)
NAME: Final = pa.dictionary(INT32, TEXT)
"""Type of texts with few distinct values, each shared by many calls."""

SCHEMA: Final = pa.schema(
    [
        pa.field("call_id", INT64, nullable=False),
        pa.field("parent_id", INT64),
        pa.field("depth", INT32, nullable=False),
        pa.field("site", NAME),
        pa.field("method", NAME, nullable=False),
        pa.field("defining_class", NAME, nullable=False),
        pa.field("runtime_class", NAME, nullable=False),
        pa.field("instance", INT64),
        pa.field("mro_index", INT32),
        pa.field("via_super", pa.bool_(), nullable=False),
        pa.field("arguments", TEXT),
        pa.field("argument_texts", TEXTS),
        pa.field("result", TEXT),
        pa.field("result_is_text", pa.bool_()),
        pa.field("error_type", NAME),
        pa.field("error_message", TEXT),
        pa.field("start_ns", INT64, nullable=False),
        pa.field("duration_ns", INT64),
        pa.field("self_ns", INT64),
        pa.field("waiting_ns", INT64),
        pa.field("pid", INT64, nullable=False),
        pa.field("thread", NAME, nullable=False),
        pa.field("task", NAME),
        pa.field("file", NAME),
        pa.field("line", INT32),
        pa.field("instants", INSTANTS),
        # Index of the runtime class in the metadata.
        pa.field("class", INT32),
    ]
)
