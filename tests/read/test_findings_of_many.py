"""Findings among many calls: deep ones, long chains, objects that are made alike, processes."""

import contextlib
import json

import pytest
from hypothesis import given, settings

import callscope
from callscope import record
from strategies import TRACED, Running, programs
from ticking import ticking_clock


class Base:
    """A template that hands over to another object, if it has one."""

    def __init__(self, other=None):
        self.other = other
        self.unit = 1

    def __call__(self, x):
        return self.call(x)

    def call(self, x):
        return self.other.call(x) if self.other else x


class Carrier:
    """An object whose calls lead to those of others."""

    def run(self, act, depth):
        return self.run(act, depth - 1) if depth else act()


def findings_below(program, depth):
    """Return the findings of a program that runs below some calls on another object."""
    running = Running(program)
    with ticking_clock(), record(Carrier, *running.roots, methods=(*TRACED, "run")) as trace:
        Carrier().run(running.run, depth)
    return [
        (*finding[:6], [call.call_id - depth for call in finding.calls])
        for finding in trace.findings()
    ]


@settings(deadline=None)
@given(programs())
def test_depth_changes_nothing(program):
    """The findings below many calls are those below a single one."""
    assert findings_below(program, 60) == findings_below(program, 0)


def chain(length, broken_at=None, doubled_at=None):
    """Return a class with many ancestors, of which one may not lead on, or lead on twice."""
    cls = Base
    for number in range(length):

        class Link(cls):
            def __init__(self):
                super().__init__()

        class Broken(cls):
            def __init__(self):
                self.own = 1

        class Doubled(cls):
            def __init__(self):
                super().__init__()
                super().__init__()

        cls = {broken_at: Broken, doubled_at: Doubled}.get(number, Link)
        cls.__qualname__ = f"Link{number}"
    return cls


def test_a_chain_of_many_classes():
    """A break is found however many `__init__`s ran before it; a whole chain has none."""
    whole, broken = chain(40), chain(40, broken_at=2)
    with record(Base) as trace:
        whole()
        broken()
    [finding] = trace.findings()
    assert finding.message == (
        "Link1.__init__, Link0.__init__ and Base.__init__ never ran for Link39:"
        " Link2.__init__ does not call super().__init__(), so Link39 has no 'other' and 'unit'."
    )
    assert [call.runtime_class for call in finding.calls] == [f"{__name__}.Link39"]


@pytest.mark.parametrize("length", [30, 31, 32])
def test_twice_at_the_end_of_many(length):
    """The last `__init__` of a long chain is seen to run twice."""
    with record(Base) as trace:
        chain(length, doubled_at=0)()
    [finding] = trace.findings()
    assert [call.call_id for call in finding.calls] == [length + 1, length + 2]


def test_objects_made_alike_are_judged_apart():
    """An object that lacked an attribute is reported, and not those that were made as it was."""

    class Child(Base):
        def __init__(self):
            self.other = None

        def call(self, x):
            return x and x * self.unit

    with record(Base) as trace:
        for x in (0, 1, 0):
            with contextlib.suppress(AttributeError):
                Child()(x)
    [finding] = trace.findings()
    assert (finding.id, finding.severity) == ("super-init-missing", "error")
    assert [call.instance for call in finding.calls] == [2]


def test_objects_of_two_processes(tmp_path):
    """Objects that have the same number in two processes are two."""
    with record(Base) as trace:
        Base(Base())(3)
    path = trace.save(tmp_path / "t.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line.get("instance") == 1:
            line.update(instance=2, pid=line["pid"] + 1)
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    [finding] = callscope.load(path).findings()
    assert finding.message.startswith("Base.call was run directly by Base.call and not")
    assert [call.depth for call in finding.calls] == [2]
