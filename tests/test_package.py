"""What the package is from outside: its names, and what importing it costs."""

import subprocess
import sys

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
        "callscope._version",
        "callscope.declare",
        "callscope.instrumentation",
        "callscope.errors",
        "callscope.hierarchy",
        "callscope.identity",
        "callscope.options",
        "callscope.presets",
        "callscope.registry",
        "callscope.sites",
        "callscope.targets",
    }
    assert set() == imported & {"asyncio", "dataclasses", "inspect", "json", "typing", "wrapt"}


def test_any_first_name_may_be_imported():
    """A function is not hidden by a module of the package, whatever is imported first."""
    for name in PUBLIC:
        run(f"from callscope import {name}; import callscope; assert callable(callscope.record)")
    for module in ("recording", "cli.main", "environment", "formats.tree", "analyze.summary"):
        run(f"import callscope.{module}, callscope; assert callable(callscope.record)")
