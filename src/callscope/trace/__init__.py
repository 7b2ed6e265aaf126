"""Data model of traces: calls, events, headers and their text."""

from typing import TYPE_CHECKING

from callscope.introspect.imports import lazy_name
from callscope.introspect.values import CallError, Text, Value
from callscope.trace.event import SCHEMA_VERSION, Event, EventKind, Sink
from callscope.trace.header import Cost, Header, Process

if TYPE_CHECKING:
    from callscope.trace.call import Call, Calls
    from callscope.trace.data import Recorded, TraceData
    from callscope.trace.metadata import ClassMetadata, CodeMetadata, SiteMetadata
    from callscope.trace.row_batch import RowBatch
    from callscope.trace.table import NO_ROW, UNFINISHED, Arguments, Callee, Part, Strand, Table
    from callscope.trace.table_builder import TableBuilder
    from callscope.trace.text import (
        Names,
        arguments_text,
        call_text,
        object_text,
        outcome_text,
        value_text,
    )

__all__ = [
    "NO_ROW",
    "SCHEMA_VERSION",
    "UNFINISHED",
    "Arguments",
    "Call",
    "CallError",
    "Callee",
    "Calls",
    "ClassMetadata",
    "CodeMetadata",
    "Cost",
    "Event",
    "EventKind",
    "Header",
    "Names",
    "Part",
    "Process",
    "Recorded",
    "RowBatch",
    "Sink",
    "SiteMetadata",
    "Strand",
    "Table",
    "TableBuilder",
    "Text",
    "TraceData",
    "Value",
    "arguments_text",
    "call_text",
    "object_text",
    "outcome_text",
    "value_text",
]

# Imported on first access: a recording needs none of it before it is read.
_LAZY = {
    "Arguments": "table",
    "Call": "call",
    "Callee": "table",
    "Calls": "call",
    "ClassMetadata": "metadata",
    "CodeMetadata": "metadata",
    "NO_ROW": "table",
    "Names": "text",
    "Part": "table",
    "Recorded": "data",
    "RowBatch": "row_batch",
    "SiteMetadata": "metadata",
    "Strand": "table",
    "Table": "table",
    "TableBuilder": "table_builder",
    "TraceData": "data",
    "UNFINISHED": "table",
    "arguments_text": "text",
    "call_text": "text",
    "object_text": "text",
    "outcome_text": "text",
    "value_text": "text",
}


def __getattr__(name: str) -> object:
    return lazy_name(globals(), _LAZY, name)
