"""What a recording says is what ran: random programs, judged by the interpreter's own profiler."""

from __future__ import annotations

import contextlib
import copy
import itertools
import pickle
import sys
import types
import warnings
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import callscope
from callscope.errors import TraceTruncatedWarning
from callscope.weave import in_place
from strategies import FILE, METHODS, MODULE, TRACED, MethodPlan, Program, Running, programs
from ways import IN_PLACE

Capture = Literal["values", "types", "none"]

many = settings(max_examples=2 * settings().max_examples, deadline=None)
SUFFIXES: Final = (".jsonl", ".parquet") if find_spec("pyarrow") else (".jsonl",)
fewer = settings(max_examples=settings().max_examples, deadline=None)


# --- the oracle ---------------------------------------------------------------------------------


@dataclass
class Ran:
    """One run of a method, as the interpreter saw it."""

    defining: str
    """Name of the class whose method ran."""
    plan: MethodPlan
    bound: Any
    """The object or the class it ran on; None for a static method."""
    parent: Ran | None
    arguments: dict[str, object]
    """Without those left at their default."""
    began: int
    ended: int | None = None
    result: object = None
    error: tuple[str, str] | None = None

    @property
    def runtime(self) -> type | None:
        """The class of the object."""
        return type(self.bound) if self.plan.binding == "instance" else self.bound

    @property
    def runs_on(self) -> tuple[int | None, str]:
        """Which object it runs on, if any, and of which class: a static method's is its own."""
        which = id(self.bound) if self.plan.binding == "instance" else None
        return which, self.defining if self.runtime is None else self.runtime.__name__


class WhatRan:
    """Runs beside a program, and notes each run of a method of its classes.

    What a frame returns comes from the profiler. Whether it raised, it cannot tell apart from
    returning None; but each exception is caught somewhere in the end, and its traceback then
    names the very frames that it ended.
    """

    def __init__(self, running: Running) -> None:
        self.calls: list[Ran] = []
        self.now = 0
        """Counts the instants at which a method begins or ends."""
        self._by_frame: dict[types.FrameType, Ran] = {}
        self._open: list[Ran] = []
        self._sites = {
            f"{cls}.{method.name}": (cls, method)
            for cls, plan in running.program.blueprint.plans.items()
            for method in plan.methods
        }
        running.on_caught = self._note_error

    def __enter__(self) -> WhatRan:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: types.FrameType, event: str, result: object) -> None:
        code = frame.f_code
        if code.co_filename != FILE or code.co_qualname not in self._sites:
            return
        cls, plan = self._sites[code.co_qualname]
        self.now += 1
        if event == "call" and not _has_no_object(plan, frame):
            call = self._begin(frame, cls, plan)
            self._by_frame[frame] = call
            self.calls.append(call)
            self._open.append(call)
        elif event == "return" and frame in self._by_frame:
            call = self._open.pop()
            assert call is self._by_frame[frame]
            call.ended, call.result = self.now, result

    def _begin(self, frame: types.FrameType, cls: str, plan: MethodPlan) -> Ran:
        values = dict(frame.f_locals)
        if plan.self_in_args:
            bound, *values["args"] = values["args"]
        else:
            bound = values.get(plan.bound)
        parent = self._open[-1] if self._open else None
        return Ran(cls, plan, bound, parent, _arguments(plan, values), self.now)

    def _note_error(self, error: BaseException) -> None:
        # The first entry is the frame that has caught it, and goes on.
        entry = error.__traceback__ and error.__traceback__.tb_next
        while entry is not None:
            ended = self._by_frame.get(entry.tb_frame)
            if ended is not None:
                ended.error = qualified(type(error)).removeprefix("builtins."), str(error)
            entry = entry.tb_next


def _has_no_object(plan: MethodPlan, frame: types.FrameType) -> bool:
    """Tell whether a method ``def call(*args)`` was called through its class with nothing."""
    return plan.self_in_args and not frame.f_locals["args"]


def _arguments(plan: MethodPlan, values: dict[str, Any]) -> dict[str, object]:
    arguments: dict[str, object] = {}
    for parameter in plan.shape.parameters.values():
        value = values[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            arguments |= {f"{parameter.name}[{i}]": item for i, item in enumerate(value)}
        elif parameter.kind is parameter.VAR_KEYWORD:
            arguments |= value
        elif type(value) is not type(parameter.default) or value != parameter.default:
            arguments[parameter.name] = value
    return arguments


# --- what is compared ---------------------------------------------------------------------------


class Seen(NamedTuple):
    """All that a trace says of a call, but for times; the parent by its place in the trace."""

    site: str
    runtime_class: str
    mro_index: int | None
    instance: int | None
    via_super: bool
    parent: int | None
    depth: int
    arguments: dict[str, object]
    outcome: tuple[object, ...]


class Want(NamedTuple):
    """What a recording is asked for."""

    roots: tuple[str, ...]
    methods: tuple[str, ...] = TRACED
    capture: Capture = "values"
    max_calls: int | None = None
    bases: bool = True


class Window(NamedTuple):
    """The part of a run that was recorded, by the oracle's count of instants."""

    first: float = 0
    last: float = float("inf")


def seen(trace: callscope.Trace) -> list[Seen]:
    """Return what a trace says."""
    place = {call: index for index, call in enumerate(trace.calls)}
    return [
        Seen(
            f"{call.defining_class}.{call.method}",
            call.runtime_class,
            call.mro_index,
            call.instance,
            call.via_super,
            None if call.parent is None else place[call.parent],
            call.depth,
            {name: _read(value) for name, value in call.arguments.items()},
            _outcome(call),
        )
        for call in trace.calls
    ]


def _outcome(call: callscope.Call) -> tuple[object, ...]:
    if not call.finished:
        return ("running",)
    return ("returned", _read(call.result)) if call.error is None else ("raised", *call.error)


def _read(value: object) -> object:
    """Return a captured value so that no two different ones are equal, as 1 and True are."""
    return (type(value).__name__, repr(value)) if type(value) in _SCALARS else str(value)


_SCALARS: Final = (type(None), bool, int, float, str)


def expected(
    ran: WhatRan, program: Program, want: Want | None = None, window: Window = Window()
) -> list[Seen]:
    """Return what a recording says of what ran."""
    return _Expectation(program, want or Want((*program.roots,)), window).of(ran.calls)


class _Expectation:
    """Works out what one recording says."""

    def __init__(self, program: Program, want: Want, window: Window) -> None:
        self._mro = program.blueprint.mro
        self._want = want
        self._window = window
        self._numbers: dict[int, tuple[int, int]] = {}
        """For each object its number, and the instant from which it has it."""

    def of(self, calls: list[Ran]) -> list[Seen]:
        kept = [call for call in calls if self._keeps(call)][: self._want.max_calls]
        places = {id(call): place for place, call in enumerate(kept)}
        told: list[Seen] = []
        for call in kept:
            self._number(call)
            told.append(self._told(call, places, told))
        # Only now every object that a result may be has its number.
        return [
            now._replace(outcome=self._outcome(call)) for now, call in zip(told, kept, strict=True)
        ]

    def _keeps(self, call: Ran) -> bool:
        in_time = self._window.first < call.began <= self._window.last
        return in_time and call.plan.name in self._want.methods and self._is_of_a_root(call)

    def _is_of_a_root(self, call: Ran) -> bool:
        """Tell whether a root's hierarchy defines the method, or it runs on an object of a root."""
        names = {*self._mro(call.defining)}
        if self._want.bases and call.runtime is not None:
            names |= {cls.__name__ for cls in call.runtime.__mro__ if cls.__module__ == MODULE}
        return not names.isdisjoint(self._want.roots)

    def _number(self, call: Ran) -> None:
        if call.plan.binding == "instance":
            # Of an object of no class that is recorded, no end can be seen unless it can be
            # referred to: it counts as another each time.
            known = _can_be_referred(call.bound) or type(call.bound).__module__ == MODULE
            which = id(call.bound) if known else id(call)
            self._numbers.setdefault(which, (len(self._numbers) + 1, call.began))

    def _told(self, call: Ran, places: dict[int, int], told: list[Seen]) -> Seen:
        site = f"{MODULE}.{call.defining}"
        mro = [site] if call.runtime is None else [*map(qualified, call.runtime.__mro__)]
        place, parent = self._parent(call, places)
        numbered = self._numbers.get(id(call.bound)) or self._numbers.get(id(call))
        captured = call.arguments if self._want.capture != "none" else {}
        return Seen(
            site=f"{site}.{call.plan.name}",
            runtime_class=mro[0],
            mro_index=mro.index(site) if site in mro else None,
            instance=numbered[0] if numbered and call.plan.binding == "instance" else None,
            via_super=parent is not None and _leads_by_super(parent, call, mro),
            parent=place,
            depth=0 if place is None else told[place].depth + 1,
            arguments={name: self._shown(value, call.began) for name, value in captured.items()},
            outcome=(),
        )

    @staticmethod
    def _parent(call: Ran, places: dict[int, int]) -> tuple[int | None, Ran | None]:
        parent = call.parent
        while parent is not None and id(parent) not in places:
            parent = parent.parent
        return (None, None) if parent is None else (places[id(parent)], parent)

    def _outcome(self, call: Ran) -> tuple[object, ...]:
        if call.ended is None or call.ended > self._window.last:
            return ("running",)
        if call.error is not None:
            return ("raised", *call.error)
        if call.result is None or self._want.capture == "none":
            return ("returned", _read(None))
        return ("returned", self._shown(call.result, call.ended))

    def _shown(self, value: object, instant: int) -> object:
        kind = qualified(type(value)).removeprefix("builtins.")
        if self._want.capture == "types":
            return kind
        if type(value) in _SCALARS:
            return _read(value)
        if isinstance(value, type):
            return f"<class {qualified(value)}>"
        name = kind.rpartition(".")[2]
        number, since = self._numbers.get(id(value), (0, instant + 1))
        # An object shows its number once it has one.
        return f"{name}#{number}" if since <= instant else f"<{name}>"


def _can_be_referred(value: object) -> bool:
    return type(value).__weakrefoffset__ != 0


def _leads_by_super(parent: Ran, call: Ran, mro: list[str]) -> bool:
    overriding, overridden = f"{MODULE}.{parent.defining}", f"{MODULE}.{call.defining}"
    return (
        parent.plan.name == call.plan.name
        and parent.runs_on == call.runs_on
        and {overriding, overridden} <= {*mro}
        and mro.index(overriding) < mro.index(overridden)
    )


def qualified(cls: type) -> str:
    """Return the module-qualified name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


# --- a recording and what ran -------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each example replaces the files of the one before."""
    return tmp_path_factory.mktemp("traces")


@many
@given(programs())
def test_a_recording_tells_exactly_what_ran(program: Program) -> None:
    """Every call is there with its classes, object, parent, arguments and outcome, and no other."""
    running = Running(program)
    with WhatRan(running) as ran:
        running.run()
    with callscope.record(*running.roots) as trace:
        running.run()
    assert seen(trace) == expected(ran, program)


@many
@given(programs())
def test_a_recording_tells_what_runs_beside_it(program: Program) -> None:
    """The methods that run while they are recorded are the program's own, and each runs once."""
    running = Running(program)
    with callscope.record(*running.roots) as trace, WhatRan(running) as ran:
        running.run()
    assert seen(trace) == expected(ran, program)


@many
@given(programs())
def test_a_program_does_not_notice_that_it_is_recorded(program: Program) -> None:
    """Results, exceptions and their tracebacks are the same, and so is all that classes hold."""
    running = Running(program)
    before = running.contents()
    results, late = running.run(), running.late_contents()
    with callscope.record(*running.roots):
        recorded_results = running.run()
    assert recorded_results == results
    assert running.contents() == before
    assert running.late_contents() == late


@st.composite
def wants(draw: st.DrawFn, program: Program) -> Want:
    """Draw what a recording is asked for: part of the classes and methods, or all."""
    methods = tuple(draw(st.lists(st.sampled_from(METHODS), min_size=1, unique=True)))
    bases = draw(st.booleans())
    defining = [p.name for p in program.classes if {m.name for m in p.methods} & {*methods}]
    mro = program.blueprint.mro
    if bases:
        defining = [p.name for p in program.classes if {*mro(p.name)} & {*defining}]
    roots = [p.name for p in program.classes if any(p.name in mro(name) for name in defining)]
    capture: Capture = draw(st.sampled_from(("values", "types", "none")))
    # A class made late is not seen if all that it derives from first is of no class recorded and
    # keeps to itself that there is a new subclass: so then all are recorded.
    if not roots or any(len(plan.bases) > 1 for plan in program.late):
        return Want((*program.roots,), TRACED, capture, bases=bases)
    some = draw(st.lists(st.sampled_from(roots), min_size=1, unique=True))
    return Want(tuple(some), methods, capture, bases=bases)


def recording(running: Running, want: Want, **options: Any) -> Any:
    """Return the recording that is asked for."""
    roots = [vars(running.module)[name] for name in want.roots]
    return callscope.record(
        *roots, methods=want.methods, capture=want.capture, bases=want.bases, **options
    )


@many
@given(st.data())
def test_a_recording_holds_what_was_asked_for(data: st.DataObject) -> None:
    """Of some classes' some methods, with those of their bases or without, it tells the same.

    What runs between two of them is left out.
    """
    program = data.draw(programs())
    want = data.draw(wants(program))
    running = Running(program)
    with WhatRan(running) as ran:
        running.run()
    with recording(running, want) as trace:
        running.run()
    assert seen(trace) == expected(ran, program, want)


class Overlapping:
    """Recordings that begin and end while a program runs, in the middle of its calls."""

    def __init__(self, running: Running, ran: WhatRan, spans: list[tuple[Want, int, int]]) -> None:
        self._running = running
        self._ran = ran
        self._ticks = itertools.count()
        self._spans = spans
        self._recordings: dict[int, Any] = {}
        self._firsts: dict[int, int] = {}
        self.traces: dict[int, tuple[callscope.Trace, Window]] = {}
        self._open: dict[int, callscope.Trace] = {}
        running.on_fuel = self._tick

    def _tick(self) -> None:
        now = next(self._ticks)
        for number, (want, first, last) in enumerate(self._spans):
            if now == first:
                self._begin(number, want)
            if now == last and number in self._open:
                self.end(number)

    def _begin(self, number: int, want: Want) -> None:
        self._recordings[number] = recording(self._running, want)
        self._open[number] = self._recordings[number].__enter__()
        self._firsts[number] = self._ran.now

    def end(self, number: int) -> None:
        self._recordings[number].__exit__(None, None, None)
        window = Window(self._firsts[number], self._ran.now)
        self.traces[number] = self._open.pop(number), window

    def end_all(self) -> None:
        """End what has not ended with the program."""
        for number in [*self._open]:
            self.end(number)


@many
@given(data=st.data())
def test_recordings_overlap_and_begin_anywhere(folder: Path, data: st.DataObject) -> None:
    """Each tells what began within it, ended or not, and all classes are left as they were."""
    program = data.draw(programs())
    ticks = st.integers(0, 20)
    spans = data.draw(st.lists(st.tuples(wants(program), ticks, ticks), min_size=1, max_size=3))
    running = Running(program)
    before = running.contents()
    with WhatRan(running) as ran:
        overlapping = Overlapping(running, ran, spans)
        running.run()
        overlapping.end_all()
    assert running.contents() == before
    for number, (trace, window) in overlapping.traces.items():
        assert seen(trace) == expected(ran, program, spans[number][0], window)
        assert all_fields(callscope.load(trace.save(folder / "part.jsonl"))) == all_fields(trace)


@many
@given(program=programs(), tick=st.integers(0, 30), suffix=st.sampled_from(("", *SUFFIXES)))
def test_a_trace_can_be_read_while_it_grows(
    folder: Path, program: Program, tick: int, suffix: str
) -> None:
    """Read in the middle of a call, it holds what has happened so far; and later, all of it."""
    running = Running(program)
    ticks = itertools.count()
    so_far: list[tuple[list[Seen], Window]] = []
    to = folder / f"growing{suffix}" if suffix else None
    with callscope.record(*running.roots, to=to) as trace, WhatRan(running) as ran:

        def read_once() -> None:
            if next(ticks) == tick:
                so_far.append((seen(trace), Window(last=ran.now)))

        running.on_fuel = read_once
        running.run()
    for told, window in so_far:
        assert told == expected(ran, program, window=window)
    assert seen(trace) == expected(ran, program)


@many
@given(programs())
def test_two_runs_have_one_outline(program: Program) -> None:
    """No time, address or leftover of an earlier recording is in it."""
    running = Running(program)
    outlines = []
    for _ in range(2):
        with callscope.record(*running.roots) as trace:
            running.run()
        outlines.append(trace.outline())
    assert outlines[1] == outlines[0]


@pytest.mark.skipif(not IN_PLACE, reason="nothing is recorded in place here")
@many
@given(programs())
def test_both_ways_record_the_same(program: Program) -> None:
    """What is recorded in place is what shadows record, also where classes were used before."""
    running = Running(program)
    outlines = []
    for way in (True, False, True):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(in_place, "IS_POSSIBLE", way)
            with callscope.record(*running.roots) as trace:
                running.run()
        outlines.append(trace.outline())
    assert outlines[1:] == outlines[:1] * 2


# --- one trace in several forms -----------------------------------------------------------------

FIELDS: Final = (
    "call_id",
    "method",
    "defining_class",
    "runtime_class",
    "site",
    "instance",
    "mro_index",
    "via_super",
    "result",
    "error",
    "start_ns",
    "duration_ns",
    "self_ns",
    "thread",
    "task",
    "depth",
    "finished",
)


def fields(call: callscope.Call) -> list[object]:
    """Return all that can be asked of a call; its relatives by their numbers."""
    return [
        *(getattr(call, name) for name in FIELDS),
        _read(call.result),
        [(name, _read(value)) for name, value in call.arguments.items()],
        None if call.parent is None else call.parent.call_id,
        [child.call_id for child in call.children],
    ]


def all_fields(trace: callscope.Trace) -> list[list[object]]:
    """Return the same for every call."""
    return [fields(call) for call in trace.calls]


@fewer
@given(st.data())
def test_events_nest_and_agree_with_the_calls(data: st.DataObject) -> None:
    """A call's events stand around those of its children, and tell its begin and its end."""
    program = data.draw(programs())
    running = Running(program)
    with recording(running, data.draw(wants(program))) as trace:
        running.run()
    begun: list[callscope.Call] = []
    stack: list[callscope.Call] = []
    events = [*trace.events()]
    for event in events:
        call = event.call
        if event.kind == "call":
            assert (call.parent, call.depth) == (stack[-1] if stack else None, len(stack))
            assert event.ts_ns == call.start_ns
            begun.append(call)
            stack.append(call)
        else:
            assert stack.pop() == call
            assert event.kind == ("return" if call.error is None else "raise")
            assert event.ts_ns == call.start_ns + call.duration_ns
    assert stack == []
    assert begun == [*trace.calls]
    assert [event.seq for event in events] == [*range(1, len(events) + 1)]
    assert [event.ts_ns for event in events] == sorted(event.ts_ns for event in events)


@fewer
@given(programs())
def test_roots_and_children_hold_every_call_once(program: Program) -> None:
    """Walked from its roots, the tree has the calls in the order of the list."""
    running = Running(program)
    with callscope.record(*running.roots) as trace:
        running.run()
    left = [*reversed(trace.roots)]
    walked = []
    while left:
        walked.append(left.pop())
        left += reversed(walked[-1].children)
    assert walked == [*trace.calls]


@fewer
@given(data=st.data())
def test_a_saved_trace_loads_as_it_was(folder: Path, data: st.DataObject) -> None:
    """Every field of every call, the outline and the header are the same."""
    program = data.draw(programs())
    running = Running(program)
    with recording(running, data.draw(wants(program))) as trace:
        running.run()
    loaded = callscope.load(trace.save(folder / f"saved{data.draw(st.sampled_from(SUFFIXES))}"))
    assert all_fields(loaded) == all_fields(trace)
    assert loaded.outline() == trace.outline()
    assert loaded.header == trace.header


@fewer
@given(data=st.data())
def test_a_streamed_trace_is_the_one_in_memory(folder: Path, data: st.DataObject) -> None:
    """Two recordings at once, one of them to a file, hold the same; so does the file itself."""
    program = data.draw(programs())
    want = data.draw(wants(program))
    running = Running(program)
    path = folder / f"streamed{data.draw(st.sampled_from(SUFFIXES))}"
    with recording(running, want) as kept, recording(running, want, to=path) as streamed:
        running.run()
    assert all_fields(streamed) == all_fields(kept)
    assert streamed.outline() == kept.outline()
    assert callscope.load(path).outline() == kept.outline()


@contextlib.contextmanager
def warns_if(truncated: bool) -> Iterator[None]:
    """Check that a warning says so if calls are lost, and that there is none otherwise."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [warning.category for warning in caught] == [TraceTruncatedWarning] * truncated


@fewer
@given(programs(), st.integers(1, 15))
def test_max_calls_keeps_the_first(program: Program, limit: int) -> None:
    """Those are as they are without a limit, and the rest are counted as lost."""
    running = Running(program)
    with WhatRan(running) as ran:
        running.run()
    lost = max(0, len(expected(ran, program)) - limit)
    with warns_if(lost > 0), callscope.record(*running.roots, max_calls=limit) as trace:
        running.run()
    assert seen(trace) == expected(ran, program, Want((*program.roots,), max_calls=limit))
    assert trace.lost == lost


@fewer
@given(program=programs(), limit=st.integers(1, 15))
def test_max_calls_can_keep_the_last(folder: Path, program: Program, limit: int) -> None:
    """Those are as they are without a limit, but that a call whose parent is lost is a root."""
    running = Running(program)
    with WhatRan(running) as ran:
        running.run()
    told = expected(ran, program)
    lost = max(0, len(told) - limit)
    last = callscope.record(*running.roots, max_calls=limit, on_full="drop_oldest")
    with warns_if(lost > 0), last as trace:
        running.run()
    assert seen(trace) == without_first(told, lost)
    assert trace.lost == lost
    assert {event.call for event in trace.events()} == {*trace.calls}
    assert all_fields(callscope.load(trace.save(folder / "last.jsonl"))) == all_fields(trace)


def without_first(calls: list[Seen], dropped: int) -> list[Seen]:
    """Return the calls without the first ones, whose children become roots."""
    left: list[Seen] = []
    for call in calls[dropped:]:
        place = None if call.parent is None or call.parent < dropped else call.parent - dropped
        depth = 0 if place is None else left[place].depth + 1
        left.append(call._replace(parent=place, depth=depth))
    return left


# --- who is who ---------------------------------------------------------------------------------


class Plain:
    """An object as most are."""

    def __init__(self, value: int = 0) -> None:
        pass

    def call(self, value: int) -> int:
        return value


class Slotted:
    """Takes no weak reference."""

    __slots__ = ("value",)

    def __init__(self, value: int = 0) -> None:
        self.value = value

    def call(self, value: int) -> int:
        return value


class SlottedBelow(Slotted):
    """Takes no weak reference either, and has a finalizer that does not call the other's."""

    __slots__ = ()

    def __del__(self) -> None:
        pass


class Referable(Slotted):
    """Takes weak references, though what it derives from does not."""

    __slots__ = ("__weakref__",)


class Number(int):
    """Takes no weak reference, for the size of an int varies."""

    def call(self, value: int) -> int:
        return value


class Pair(tuple[int, ...]):
    """Takes none either, and is equal to any other of the same items."""

    __slots__ = ()

    def call(self, value: int) -> int:
        return value


class Equal(Plain):
    """Is equal to any other, and cannot be hashed."""

    def __eq__(self, other: object) -> bool:
        return True


class Elsewhere:
    """Takes no weak reference, and is of another hierarchy."""

    __slots__ = ()

    def call(self) -> None:
        pass


KINDS: Final = (Plain, Slotted, SlottedBelow, Referable, Number, Pair, Equal)
ROOTS: Final = (Plain, Slotted, Number, Pair)


def unpickled(one: object) -> object:
    """Return what comes back of a pickled object."""
    return pickle.loads(pickle.dumps(one))


@many
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ("make", "call", "call", "copy", "deepcopy", "unpickle", "drop", "nest")
            ),
            st.integers(0, 3),
            st.integers(0, 3),
            st.sampled_from(KINDS),
        ),
        max_size=40,
    )
)
@example([("make", 0, 0, Slotted), ("nest", 0, 0, Slotted), ("call", 0, 0, Slotted)])
def test_a_number_is_one_object(acts: list[tuple[str, int, int, type]]) -> None:
    """Numbered as they are first called; a copy is a new one, and so is one at an old address.

    Another recording, of another hierarchy, changes nothing of it.
    """
    make_another = {"copy": copy.copy, "deepcopy": copy.deepcopy, "unpickle": unpickled}
    held: dict[int, Any] = {}
    told: dict[int, int | None] = {}
    numbers: list[int] = []

    def note(place: int) -> None:
        told[place] = told[place] or max(numbers, default=0) + 1
        numbers.append(told[place])

    with callscope.record(*ROOTS) as trace:
        for act, place, other, kind in acts:
            if act == "make":
                held[place] = kind()
                told[place] = None
                if hasattr(kind.__init__, "__code__"):
                    note(place)
            elif act == "drop":
                held.pop(place, None)
            elif act == "nest":
                with callscope.record(Elsewhere):
                    Elsewhere().call()
            elif act == "call" and place in held:
                held[place].call(1)
                note(place)
            elif act in make_another and place in held:
                held[other] = make_another[act](held[place])
                told[other] = None
    assert [call.instance for call in trace.calls] == numbers


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_at_an_old_address_has_a_new_number(kind: type) -> None:
    """However many objects have lived at one address, each has its own number."""
    addresses = set()
    with callscope.record(*ROOTS, methods=["call"]) as trace:
        for value in range(300):
            one = kind()
            addresses.add(id(one))
            one.call(value)
            one.call(value)
            del one
    assert len(addresses) < 300, "no address was used again, so nothing was tested"
    assert [call.instance for call in trace.calls] == [n for n in range(1, 301) for _ in range(2)]


@pytest.mark.parametrize("kind", [Plain, Referable, Equal])
def test_a_recording_keeps_no_object_alive(kind: type) -> None:
    """An object that is dropped is gone, while it is recorded and also with its trace at hand."""
    with callscope.record(*ROOTS) as trace:
        one = kind(1)
        gone = weakref.ref(one)
        one.call(one)
        del one
        assert gone() is None
        assert [call.instance for call in trace.calls] == [1, 1]
    assert gone() is None


class Finalized:
    """A mixin of no hierarchy that is recorded, whose finalizer hides the others."""

    __slots__ = ()

    def __del__(self) -> None:
        pass


class SlottedMixed(Finalized, Slotted):
    """Takes no weak reference, and is finalized by a class that is not recorded."""

    __slots__ = ()


def test_a_finalizer_of_a_mixin_confuses_no_objects() -> None:
    """Objects that such a class finalizes have a number each, like all others."""
    with callscope.record(Slotted) as trace:
        for value in range(300):
            SlottedMixed(value)
    assert [call.instance for call in trace.calls] == [*range(1, 301)]


# --- found by reading, and by the programs above ------------------------------------------------


@pytest.mark.parametrize("kind", [Plain, Slotted])
@pytest.mark.parametrize("foreign", [7, None, (1, 2), "text"])
def test_a_method_runs_on_any_object(kind: Any, foreign: object) -> None:
    """Called through its class on something else, as Python allows, it returns what it returns."""
    with callscope.record(*ROOTS) as trace:
        assert kind.call(foreign, 1) == 1
    assert [call.runtime_class for call in trace.calls] == [qualified(type(foreign))]


def test_foreign_objects_are_told_apart() -> None:
    """Objects without weak references have a number each, also if no class of theirs is recorded."""
    with callscope.record(Slotted) as trace:
        for value in range(300):
            Slotted.call((value, value), value)
    assert len({call.instance for call in trace.calls}) == 300


def test_foreign_objects_are_told_apart_after_their_class_was_recorded() -> None:
    """An object whose end was watched once is not taken for another now that it is not."""
    with callscope.record(Slotted):
        Slotted()
    with callscope.record(Plain) as trace:
        for value in range(300):
            Plain.call(Slotted(), value)
    assert len({call.instance for call in trace.calls}) == 300


class Collector:
    """Takes a keyword argument of the name that a positional-only parameter has."""

    def call(self, value: int, /, *values: int, last: int = 0, **named: int) -> None:
        pass


def test_no_argument_hides_another() -> None:
    """A positional-only parameter and a keyword argument may share a name; both are shown."""
    with callscope.record(Collector) as trace:
        Collector().call(1, value=2)
    assert sorted(trace.calls[0].arguments.values()) == [1, 2]


def test_arguments_stand_in_the_order_of_the_signature() -> None:
    """As `inspect.BoundArguments` has them: what ``*args`` took, before keyword-only ones."""
    with callscope.record(Collector) as trace:
        Collector().call(1, 2, 3, last=4, more=5)
    assert [*trace.calls[0].arguments.values()] == [1, 2, 3, 4, 5]


def test_a_stream_that_was_read_on_the_way_is_read_again_at_its_end(folder: Path) -> None:
    """What was read of the file while it grew is not all there is."""
    with callscope.record(Plain, to=folder / "again.jsonl") as trace:
        Plain(1)
        first = len(trace.calls)
        Plain(2)
    assert (first, len(trace.calls)) == (1, 2)


class Looping(Plain):
    """Makes many calls in one."""

    def __call__(self, times: int) -> None:
        for value in range(times):
            self.call(value)


def test_calls_are_shown_whose_parent_was_dropped_before_they_began() -> None:
    """With `drop_oldest`, what a long call still makes is there when the call itself is not."""
    last = callscope.record(Plain, methods=["__call__", "call"], max_calls=2, on_full="drop_oldest")
    with warns_if(truncated=True), last as trace:
        Looping()(5)
    lines = [
        "Plain.call(value=3) [Looping#1] -> 3",
        "Plain.call(value=4) [Looping#1] -> 4",
        "4 more calls were made and not kept",
    ]
    assert trace.outline() == "\n".join(lines)
