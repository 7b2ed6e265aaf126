"""callscope shows how objects are called: whose method runs, on which object, in what order.

PYTEST_DONT_REWRITE: it may be imported before pytest is, which would warn of that otherwise.
"""

import importlib as _importlib
import os as _os

from callscope import _copies
from callscope._version import __version__
from callscope.declare import Traced, TracedMeta, traced
from callscope.errors import CallscopeError, CallscopeWarning
from callscope.instrumentation import Instrumentation, instrument, uninstrument
from callscope.presets import DJANGO_VIEWS, KERAS, PYTORCH, SKLEARN

TYPE_CHECKING = False  # see callscope.hierarchy
if TYPE_CHECKING:
    from callscope.analyze.diff import diff
    from callscope.analyze.explain import Explanation, explain
    from callscope.analyze.findings import Finding
    from callscope.begin import record, start, stop
    from callscope.inside import current
    from callscope.read import Trace, load
    from callscope.shadow.context import carry
    from callscope.sinks.console import Console
    from callscope.sinks.jsonl import JSONLines
    from callscope.sinks.logging import Logging
    from callscope.sinks.opentelemetry import OpenTelemetry
    from callscope.sinks.structlog import Structlog
    from callscope.tape.engine import NAME as engine  # noqa: N811
    from callscope.trace import Call, Event, Sink
    from callscope.trace.schema import event_schema
    from callscope.weave import rescan

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

# What only a recording needs is imported when it is first asked for, so that a library which
# declares its classes pays for nothing else.
_LAZY = {
    "Call": "trace",
    "Console": "sinks.console",
    "Event": "trace",
    "Explanation": "analyze.explain",
    "Finding": "analyze.findings",
    "JSONLines": "sinks.jsonl",
    "Logging": "sinks.logging",
    "OpenTelemetry": "sinks.opentelemetry",
    "Sink": "trace",
    "Structlog": "sinks.structlog",
    "Trace": "read",
    "carry": "shadow.context",
    "current": "inside",
    "diff": "analyze.diff",
    "engine": "tape.engine",
    "event_schema": "trace.schema",
    "explain": "analyze.explain",
    "load": "read",
    "load_ipython_extension": "ipython",
    "record": "begin",
    "rescan": "weave",
    "start": "begin",
    "stop": "begin",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    attribute = "NAME" if name == "engine" else name
    value = getattr(_importlib.import_module(f"{__name__}.{_LAZY[name]}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


if _os.environ.get("CALLSCOPE"):
    from callscope import environment as _environment

    _environment.start(_os.environ)

_copies.keep()
