"""callscope shows how objects are called: which class's method runs, on which object, in what order."""

import os as _os

from callscope._version import __version__
from callscope.declare import Instrumentation, Traced, TracedMeta, instrument, traced, uninstrument
from callscope.errors import CallscopeError, CallscopeWarning
from callscope.formats import load
from callscope.presets import DJANGO_VIEWS, KERAS, PYTORCH, SKLEARN
from callscope.record import record, start, stop
from callscope.sinks import Console, JSONLines
from callscope.trace import Call, Event, Sink, Trace

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
    "Instrumentation",
    "JSONLines",
    "Sink",
    "Trace",
    "Traced",
    "TracedMeta",
    "__version__",
    "instrument",
    "load",
    "record",
    "start",
    "stop",
    "traced",
    "uninstrument",
]

if _os.environ.get("CALLSCOPE"):
    from callscope import environment as _environment

    _environment.start(_os.environ["CALLSCOPE"], _os.environ.get("CALLSCOPE_TO"))
