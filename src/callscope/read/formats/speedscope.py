"""speedscope's own format, which https://www.speedscope.app opens.

``file-format-schema.json`` of its package specifies it. A profile shows a thread or a task, and
contains the calls that ran in it: a suspended call is closed and later opened again. So the weight
of a call is its running time, `Call.running_ns`, not its duration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from callscope.read.formats.json_text import quoted
from callscope.read.formats.text_io import write_pieces
from callscope.trace import Call, Names, TraceData
from callscope.trace.text import process_details

_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"

Lane: TypeAlias = tuple[int, str, str | None]
"""Process, thread and task."""


class Stretch(NamedTuple):
    """An interval in which a call ran."""

    start_ns: int
    end_ns: int
    frame: int
    """Index of its site among the frames."""


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as a speedscope file."""
    calls = trace.calls
    frames = _Frames(calls)
    # Without calls there is no profile, and speedscope rejects such a file.
    profiles = _profiles(trace, frames, _last_ns(calls)) or [("no calls", [])]
    start_ns = min([trace.header.start_ns, *(call.start_ns for call in calls[:1])])
    exporter = quoted(f"callscope {trace.header.callscope}")
    opening = f'{{"$schema":"{_SCHEMA}","exporter":{exporter},"activeProfileIndex":0,'
    write_pieces([opening, f'"shared":{{"frames":[{",".join(frames.texts)}]}},"profiles":['], file)
    for number, (name, stretches) in enumerate(profiles):
        write_pieces(_profile(name, stretches, start_ns, first=not number), file)
    file.write(b"]}\n")


class _Frames:
    """The numbered sites of a trace, by which speedscope sums up times."""

    def __init__(self, calls: Sequence[Call]) -> None:
        classes = set(map(attrgetter("_defining_class"), calls))
        self._names = Names(sorted(classes))
        self._numbers: dict[tuple[str, str], int] = {}
        self.texts: list[str] = []

    def number(self, call: Call) -> int:
        """Return the number of a call's site."""
        key = call._defining_class, call._method
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.texts)
            name = f"{self._names.show(call._defining_class)}.{call._method}"
            file = "" if call.file is None else f',"file":{quoted(call.file)}'
            line = "" if call.line is None else f',"line":{call.line}'
            self.texts.append(f'{{"name":{quoted(name)}{file}{line}}}')
        return number


def _last_ns(calls: Sequence[Call]) -> int:
    """Return the last instant of all calls, up to which unfinished calls are shown."""
    ends = (call._end_ns or call._start_ns for call in calls)
    spans = (span[-1] for call in calls for span in call._suspensions or ())
    return max(max(ends, default=0), max(spans, default=0))


def _profiles(trace: TraceData, frames: _Frames, last_ns: int) -> list[tuple[str, list[Stretch]]]:
    """Return the stretches of each profile, in an order in which they nest."""
    lanes: dict[Lane, list[Stretch]] = {}
    details = process_details(trace.header)
    for call in trace.calls:
        lane = lanes.setdefault((call._pid, call._thread, call._task), [])
        lane += _stretches(call, frames.number(call), last_ns)
    pids = {pid for pid, _, _ in lanes}
    profiles: list[tuple[str, list[Stretch]]] = []
    for (pid, thread, task), stretches in lanes.items():
        process = f"process {pid}{details.get(pid, '')}, " if len(pids) > 1 else ""
        name = process + (f"thread {thread}" if task is None else f"task {task}, thread {thread}")
        for number, part in enumerate(_nesting(stretches), 1):
            profiles.append((name if number == 1 else f"{name} / {number}", part))
    return profiles


def _stretches(call: Call, frame: int, last_ns: int) -> Iterator[Stretch]:
    start_ns = call._start_ns
    for span in call._suspensions or ():
        yield Stretch(start_ns, span[0], frame)
        if len(span) == 1:
            return
        start_ns = span[1]
    yield Stretch(start_ns, last_ns if call._end_ns is None else call._end_ns, frame)


def _nesting(stretches: list[Stretch]) -> list[list[Stretch]]:
    """Separate overlapping stretches: a generator of one thread may be stepped by another."""
    # Among those that begin together, the longer encloses the others.
    stretches.sort(key=lambda one: (one.start_ns, -one.end_ns))
    parts: list[tuple[list[int], list[Stretch]]] = []
    for one in stretches:
        for ends, part in parts:  # noqa: B007  # used where a part was found
            while ends and ends[-1] <= one.start_ns:
                ends.pop()
            if not ends or one.end_ns <= ends[-1]:
                break
        else:
            ends, part = [], []
            parts.append((ends, part))
        ends.append(one.end_ns)
        part.append(one)
    return [part for _, part in parts]


def _profile(
    name: str, stretches: Sequence[Stretch], zero_ns: int, *, first: bool
) -> Iterator[str]:
    """Yield one profile: each stretch opens and closes its frame."""
    start_ns = stretches[0].start_ns - zero_ns if stretches else 0
    end_ns = max((one.end_ns for one in stretches), default=zero_ns) - zero_ns
    yield "\n" if first else ",\n"
    yield f'{{"type":"evented","name":{quoted(name)},"unit":"nanoseconds",'
    yield f'"startValue":{start_ns},"endValue":{end_ns},"events":['
    comma = ""
    around: list[Stretch] = []
    for one in stretches:
        while around and around[-1].end_ns <= one.start_ns:
            yield comma + _event("C", around.pop(), zero_ns)
            comma = ",\n"
        yield comma + _event("O", one, zero_ns)
        comma = ",\n"
        around.append(one)
    while around:
        yield comma + _event("C", around.pop(), zero_ns)
    yield "]}"


def _event(kind: str, one: Stretch, zero_ns: int) -> str:
    at_ns = (one.start_ns if kind == "O" else one.end_ns) - zero_ns
    return f'{{"type":"{kind}","frame":{one.frame},"at":{at_ns}}}'
