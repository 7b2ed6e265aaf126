"""What several test files share."""

import signal
import threading
from collections import Counter

import pytest
from hypothesis import settings

import callscope
from command_line import PROGRAM
from seed import SEED_APP, make_seed

pytest_plugins = ["pytester"]

# Programs that a property test draws: few by default, `--hypothesis-profile=full` as CI does, and
# `--hypothesis-profile=long` for the better part of an hour.
_EXAMPLES = settings().max_examples
settings.register_profile("full", max_examples=_EXAMPLES)
settings.register_profile("long", max_examples=100 * _EXAMPLES)
settings.register_profile("quick", max_examples=_EXAMPLES // 4)
settings.load_profile("quick")


def pytest_configure():
    """Let Ctrl-C through, to the tests and the processes they start.

    A shell has its background jobs ignore it, and children inherit that.
    """
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if is_ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter):
    """Sum up in one line why tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        counted = (f"{reason} ({count})" for reason, count in reasons.most_common())
        terminalreporter.write_line(f"skipped {len(skipped)}: {'; '.join(counted)}")


@pytest.fixture
def plain_pytester(pytester, monkeypatch):
    """Pytest in a process without plugins, where `SEED_APP` can be imported as `app`."""
    variables = ("PYTEST_ADDOPTS", "CALLSCOPE", "CALLSCOPE_TO", "CALLSCOPE_UPDATE")
    for name in (*variables, "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(app=SEED_APP)
    pytester.syspathinsert()
    return pytester


@pytest.fixture
def seed():
    """The classes of the seed example."""
    return make_seed()


@pytest.fixture
def seed_trace(seed):
    """A recording of the seed example."""
    with callscope.record(seed.Layer) as trace:
        seed.MyLayer(3)(4)
    return trace


@pytest.fixture
def app(tmp_path):
    """A folder with the seed example as a program, `app.py`."""
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def clock():
    """A clock that goes on by one microsecond each time it is read."""
    from ticking import ticking_clock

    with ticking_clock():
        yield
