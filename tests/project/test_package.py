"""What the package is from outside: its names, and what importing it costs."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import callscope

PUBLIC = [
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


def run(program):
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout


def test_the_public_names():
    """A name is public if it stands here."""
    assert sorted(PUBLIC) == sorted(callscope.__all__)
    assert set(PUBLIC) <= set(dir(callscope))
    assert None not in [getattr(callscope, name) for name in PUBLIC]


def parameters(function):
    """Return a signature without types, which the type checkers hold."""
    shown = inspect.signature(function)
    plain = [p.replace(annotation=p.empty) for p in shown.parameters.values()]
    return str(shown.replace(parameters=plain, return_annotation=shown.empty))


def members(cls):
    """Yield a line for each public attribute that a class of callscope has of its own making."""
    own = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] == "callscope":
            own = {**vars(base), **own}
    for name, raw in sorted(own.items()):
        if not name.startswith("_"):
            function = getattr(raw, "__func__", raw)
            yield f"    {name}{parameters(function) if inspect.isfunction(function) else ''}"


def surface():
    """Yield a line for each public name and what can be given to it."""
    for name in sorted(PUBLIC):
        thing = getattr(callscope, name)
        if isinstance(thing, type):
            is_made = "__init__" in vars(thing) or "__new__" in vars(thing)
            is_made &= not getattr(thing, "_is_protocol", False)
            yield f"class {name}{parameters(thing) if is_made else ''}"
            yield from members(thing)
        else:
            yield f"{name}{parameters(thing) if callable(thing) else ''}"


def test_the_public_parameters_and_attributes():
    """What can be called, with what, and what can be read, is what stands in public_api.txt.

    To leave something out of it is to break somebody's program: docs/versions.md.
    """
    pinned = Path(__file__).with_name("public_api.txt").read_text(encoding="utf-8")
    assert pinned == "".join(f"{line}\n" for line in surface())


def test_a_name_that_is_not_there():
    """The error is the usual one."""
    assert not hasattr(callscope, "no_such_name")


def test_importing_takes_only_what_declaring_needs():
    """Nothing of a recording, and neither typing nor wrapt, is imported by `import callscope`."""
    program = (
        "import sys; before = set(sys.modules); import callscope;"
        "print(*sorted(name for name in set(sys.modules) - before))"
    )
    imported = set(run(program).split())
    assert {name for name in imported if name.startswith("callscope")} == {
        "callscope",
        "callscope.declare",
        "callscope.introspect",
        "callscope.introspect.imports",
        "callscope.introspect.version",
        "callscope.declare.decorators",
        "callscope.declare.instrumentation",
        "callscope.errors",
        "callscope.introspect.classes",
        "callscope.introspect.identity",
        "callscope.introspect.locks",
        "callscope.declare.options",
        "callscope.declare.presets",
        "callscope.declare.registry",
        "callscope.introspect.sites",
        "callscope.declare.targets",
    }
    assert set() == imported & {"asyncio", "dataclasses", "inspect", "json", "typing", "wrapt"}


def test_a_recording_takes_only_what_it_needs():
    """What reads it, sinks, breakpoints and windows are imported where they are used."""
    program = (
        "import sys, callscope\n"
        "class Base:\n    def call(self): ...\n"
        "with callscope.record(Base): Base().call()\n"
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'callscope'))"
    )
    imported = set(run(program).split())
    # 79 were loaded when a recording also imported all that reads it.
    assert len(imported) < 79
    assert imported.isdisjoint(
        {
            "callscope.introspect.bytecode.reading",
            "callscope.recording.breakpoints",
            "callscope.recording.dispatch",
            "callscope.recording.overhead",
            "callscope.recording.window",
            "callscope.tape.decode.counter",
            "callscope.tape.decode.decoder",
            "callscope.tape.decode.sampling",
            "callscope.trace.call",
            "callscope.trace.kernels",
        }
    )


@pytest.mark.slow
def test_any_first_name_may_be_imported():
    """A function is not hidden by a module of the package, whatever is imported first."""
    for name in PUBLIC:
        run(f"from callscope import {name}; import callscope; assert callable(callscope.record)")
    for module in (
        "recording.recording",
        "tools.cli.main",
        "tools.environment",
        "read.formats.tree",
        "read.summary",
    ):
        run(f"import callscope.{module}, callscope; assert callable(callscope.record)")
