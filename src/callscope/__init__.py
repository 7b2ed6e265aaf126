"""callscope shows how objects are called: whose method runs, on which object, in what order.

PYTEST_DONT_REWRITE: prevents pytest's warning if callscope is imported before pytest.
"""

import os as _os

from callscope.declare.decorators import Traced, TracedMeta, traced
from callscope.declare.instrumentation import Instrumentation, instrument, uninstrument
from callscope.declare.presets import DJANGO_VIEWS, KERAS, PYTORCH, SKLEARN
from callscope.errors import CallscopeError, CallscopeWarning
from callscope.introspect import imports as _imports
from callscope.introspect.version import __version__

TYPE_CHECKING = False  # see callscope.introspect.classes
if TYPE_CHECKING:
    from callscope.read.diff import diff
    from callscope.read.explain import Explanation, explain
    from callscope.read.findings import Finding
    from callscope.read.load import load
    from callscope.read.trace import Trace
    from callscope.recording.api import record, start, stop
    from callscope.recording.inside import current
    from callscope.sinks.console import Console
    from callscope.sinks.jsonl import JSONLines
    from callscope.sinks.logging import Logging
    from callscope.sinks.opentelemetry import OpenTelemetry
    from callscope.sinks.structlog import Structlog
    from callscope.tape.engine import NAME as engine  # noqa: N811
    from callscope.trace import Call, Event, Sink
    from callscope.trace.schema import event_schema
    from callscope.weave import rescan
    from callscope.weave.shadow.context import carry

__all__ = [
    "DJANGO_VIEWS",
    "KERAS",
    "PYTORCH",
    "SKLEARN",
    "Call",
    "CallscopeError",
    "CallscopeWarning",
    "Console",
    "Event",
    "Explanation",
    "Finding",
    "Instrumentation",
    "JSONLines",
    "Logging",
    "OpenTelemetry",
    "Sink",
    "Structlog",
    "Trace",
    "Traced",
    "TracedMeta",
    "__version__",
    "carry",
    "current",
    "diff",
    "engine",
    "event_schema",
    "explain",
    "instrument",
    "load",
    "record",
    "rescan",
    "start",
    "stop",
    "traced",
    "uninstrument",
]

# Imported on first access, so that a library that only declares its classes does not pay for the
# recording code.
_LAZY = {
    "Call": "trace",
    "Console": "sinks.console",
    "Event": "trace",
    "Explanation": "read.explain",
    "Finding": "read.findings",
    "JSONLines": "sinks.jsonl",
    "Logging": "sinks.logging",
    "OpenTelemetry": "sinks.opentelemetry",
    "Sink": "trace",
    "Structlog": "sinks.structlog",
    "Trace": "read.trace",
    "carry": "weave.shadow.context",
    "current": "recording.inside",
    "diff": "read.diff",
    "engine": "tape.engine:NAME",
    "event_schema": "trace.schema",
    "explain": "read.explain",
    "load": "read.load",
    "load_ipython_extension": "tools.ipython",
    "record": "recording.api",
    "rescan": "weave",
    "start": "recording.api",
    "stop": "recording.api",
}


def __getattr__(name: str) -> object:
    return _imports.lazy_name(globals(), _LAZY, name)


def __dir__() -> list[str]:
    return __all__


if _os.environ.get("CALLSCOPE"):
    from callscope.tools import environment as _environment

    _environment.start(_os.environ)

_imports.keep()
