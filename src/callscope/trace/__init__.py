"""`Event`, `Call` and `Trace`: what sinks receive during, and people read after, a recording."""

from callscope.trace.call import Call
from callscope.trace.event import SCHEMA_VERSION, Cost, Event, EventKind, Header, Process, Sink
from callscope.trace.facts import ClassFacts, CodeFacts, SiteFacts
from callscope.trace.made import MadeCall
from callscope.trace.merge import merge
from callscope.trace.text import (
    Names,
    arguments_text,
    call_text,
    object_text,
    outcome_text,
    value_text,
)
from callscope.trace.trace import Recorded, Trace
from callscope.trace.values import CallError, Text, Value

__all__ = [
    "SCHEMA_VERSION",
    "Call",
    "CallError",
    "ClassFacts",
    "CodeFacts",
    "Cost",
    "Event",
    "EventKind",
    "Header",
    "MadeCall",
    "Names",
    "Process",
    "Recorded",
    "Sink",
    "SiteFacts",
    "Text",
    "Trace",
    "Value",
    "arguments_text",
    "call_text",
    "merge",
    "object_text",
    "outcome_text",
    "value_text",
]
