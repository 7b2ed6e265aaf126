"""Hostile programs, drawn at random: none can tell whether it is traced."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope
from hostile import METHODS, Drama, dramas, play

Capture = Literal["values", "types", "none"]

many = settings(max_examples=3 * settings().max_examples, deadline=None)


class Collect:
    """A sink that makes all of each event that can be made of it."""

    def __init__(self, *, live: bool) -> None:
        self.live = live
        self.events: list[Any] = []

    def on_event(self, event: callscope.Event) -> None:
        self.events.append(event.to_dict())

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


SINKS = {
    "none": list,
    "live": lambda: [Collect(live=True)],
    "batches": lambda: [Collect(live=False)],
    "tree": lambda: [callscope.Console(io.StringIO())],
    "inside": lambda: [callscope.Console(io.StringIO(), style="inside")],
}


class Watch(NamedTuple):
    """How a program is recorded."""

    capture: Capture
    redact: tuple[str, ...]
    sinks: str
    streamed: bool
    beside: Capture | None
    """What another recording captures at the same time, if there is one."""


captures: st.SearchStrategy[Any] = st.sampled_from(("values", "values", "types", "none"))
watches = st.builds(
    Watch,
    captures,
    st.sampled_from(((), ("value",), ("*",))),
    st.sampled_from([*SINKS]),
    st.integers(0, 5).map(lambda number: number == 0),
    st.none() | captures,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each example replaces the files of the one before."""
    return tmp_path_factory.mktemp("traces")


class Watched:
    """Records what a drama does, and reads all of the trace before the drama is over."""

    def __init__(self, watch: Watch, folder: Path) -> None:
        self._watch = watch
        self._folder = folder
        self.sites: list[str] = []
        self.open: list[str] = []

    @contextlib.contextmanager
    def __call__(self, cls: type) -> Iterator[None]:
        """Record a class and its subclasses."""
        watch = self._watch
        recording = callscope.record(
            cls,
            methods=METHODS,
            capture=watch.capture,
            redact=watch.redact,
            sinks=SINKS[watch.sinks](),
            to=self._folder / "streamed.jsonl" if watch.streamed else None,
        )
        beside: Any = contextlib.nullcontext()
        if watch.beside is not None:
            beside = callscope.record(cls, methods=METHODS, capture=watch.beside)
        before = [*vars(type)["__dict__"].__get__(cls).values()]
        with beside, recording as trace:
            yield
        after = [*vars(type)["__dict__"].__get__(cls).values()]
        assert [*map(id, after)] == [*map(id, before)]
        self._read(trace)

    def _read(self, trace: callscope.Trace) -> None:
        calls = trace.calls
        self.sites = [f"Sub.{c.method}" if c.site == "Sub.call" else c.method for c in calls]
        self.open = [c.method for c in calls if not c.finished]
        str(trace), str(trace.summary()), repr(calls)
        loaded = callscope.load(trace.save(self._folder / "saved.jsonl"))
        assert loaded.outline() == trace.outline()


@many
@given(drama=dramas(), watch=watches)
def test_a_hostile_program_cannot_tell_that_it_is_traced(
    folder: Path, drama: Drama, watch: Watch
) -> None:
    """Results, exceptions, warnings, what of its own code runs and when objects end: all as bare.

    And each of its calls is in the trace, in order.
    """
    watched = Watched(watch, folder)
    bare, traced = play(drama), play(drama, watched)
    assert traced == bare
    assert watched.sites == bare.ran
    assert watched.open == []


class Base:
    def call(self, value: object) -> object:
        return value


def test_a_metaclass_that_refuses_attributes() -> None:
    """A class can be traced whose metaclass lets nobody look anything up."""

    class Refusing(type):
        def __getattribute__(cls, name: str) -> Any:
            raise LookupError(name)

    hostile: Any = type.__new__(Refusing, "Hostile", (Base,), {})
    with callscope.record(Base) as trace:
        Base.call(object.__new__(hostile), 1)
    assert len(trace) == 1


def test_a_name_that_formats_itself() -> None:
    """A class may name its module by a string of a class of its own, which is asked nothing."""

    class Name(str):
        __slots__ = ()

        def __format__(self, spec: str) -> str:
            raise LookupError(spec)

        __str__ = __repr__ = __format__  # type: ignore[assignment]

    hostile = type("Hostile", (Base,), {"__module__": Name("app"), "__qualname__": Name("Named")})
    with callscope.record(Base) as trace:
        assert hostile().call(1) == 1
    assert trace.calls[0].runtime_class == "app.Named"
