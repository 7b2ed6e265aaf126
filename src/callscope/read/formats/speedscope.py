"""speedscope's own format, which https://www.speedscope.app opens.

``file-format-schema.json`` of its package specifies it. A profile shows a thread or a task, and
contains the calls that ran in it: a suspended call is closed and later opened again. So the weight
of a call is its running time, `Call.running_ns`, not its duration.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from operator import itemgetter, lt, sub
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from callscope.read.formats.json_text import quoted
from callscope.read.formats.text_io import AT_ONCE, write_pieces
from callscope.trace import UNFINISHED, Header, Names, Strand, Table, TraceData
from callscope.trace.text import process_details

_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"
_NEVER: Final = 1 << 63

Stretch: TypeAlias = tuple[int, int, int]
"""An interval in which a call ran: start, end, and the index of its site among the frames."""


class Profile(NamedTuple):
    """Events of stretches that nest: each opens and closes its frame."""

    kinds: list[int]
    """Index of the frame of each event; its complement where the frame is closed."""
    instants: array[int]


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as a speedscope file."""
    table = trace.table
    numbers, texts = _frames(table)
    profiles = _profiles(table, numbers, trace.header)
    start_ns = min([trace.header.start_ns, *table.start_ns[:1]])
    exporter = quoted(f"callscope {trace.header.callscope}")
    opening = f'{{"$schema":"{_SCHEMA}","exporter":{exporter},"activeProfileIndex":0,'
    write_pieces([opening, f'"shared":{{"frames":[{",".join(texts)}]}},"profiles":['], file)
    comma = "\n"
    # Without calls there is no profile, and speedscope rejects such a file.
    for name, profile in profiles or [("no calls", Profile([], array("q")))]:
        write_pieces([comma, *_head(name, profile, start_ns)], file)
        file.writelines(map(str.encode, _events(profile, len(texts), start_ns)))
        file.write(b"]}")
        comma = ",\n"
    file.write(b"]}\n")


def _frames(table: Table) -> tuple[dict[int, int], list[str]]:
    """Return the number of each callee's site, by which speedscope sums up times, and the sites."""
    indexes = dict.fromkeys(table.callee)
    callees = [table.callees[index] for index in indexes]
    names = Names(sorted({callee.defining_class for callee in callees}))
    texts: dict[tuple[str, str], str] = {}
    for callee in callees:
        if callee.site not in texts:
            name = quoted(f"{names.show(callee.defining_class)}.{callee.method}")
            source = callee.site_metadata
            file = "" if source is None or source.file is None else f',"file":{quoted(source.file)}'
            line = "" if source is None or source.line is None else f',"line":{source.line}'
            texts[callee.site] = f'{{"name":{name}{file}{line}}}'
    order = {site: number for number, site in enumerate(texts)}
    numbers = {index: order[callee.site] for index, callee in zip(indexes, callees, strict=True)}
    return numbers, [*texts.values()]


def _profiles(table: Table, numbers: dict[int, int], header: Header) -> list[tuple[str, Profile]]:
    """Return the profiles of each thread and task, with their names."""
    frames = map(numbers.__getitem__, table.callee)
    strands: Mapping[Strand, Iterable[Stretch]]
    if is_plain(table):
        columns = zip(table.start_ns, table.end_ns, frames, strict=False)
        strands = {table.strands[table.strand[0]]: columns}
    else:
        strands = _stretches(table, frames)
    details = process_details(header)
    pids = {strand.pid for strand in strands}
    profiles: list[tuple[str, Profile]] = []
    for (pid, thread, task), stretches in strands.items():
        process = f"process {pid}{details.get(pid, '')}, " if len(pids) > 1 else ""
        name = process + (f"thread {thread}" if task is None else f"task {task}, thread {thread}")
        for number, profile in enumerate(_nesting(stretches), 1):
            profiles.append((name if number == 1 else f"{name} / {number}", profile))
    return profiles


def is_plain(table: Table) -> bool:
    """Return whether the calls are the stretches of one thread, in an order in which they nest."""
    if table.suspensions or len({*table.strand}) != 1 or UNFINISHED in table.end_ns:
        return False
    return all(map(lt, table.start_ns, islice(table.start_ns, 1, None)))


def _stretches(table: Table, frames: Iterable[int]) -> dict[Strand, list[Stretch]]:
    """Return the stretches of each thread and task, in an order in which they nest."""
    strands: dict[Strand, list[Stretch]] = {}
    last_ns = _last_ns(table)
    columns = zip(table.start_ns, table.end_ns, table.strand, frames, strict=False)
    for row, (start_ns, end_ns, strand, frame) in enumerate(columns):
        stretches = strands.setdefault(table.strands[strand], [])
        instants = table.suspensions.get(row, ())
        starts = [start_ns, *instants[1::2]]
        ends = [*instants[::2], last_ns if end_ns == UNFINISHED else end_ns]
        stretches += zip(starts, ends, repeat(frame), strict=False)
    for stretches in strands.values():
        # Among those that begin together, the longer encloses the others.
        stretches.sort(key=itemgetter(1), reverse=True)
        stretches.sort(key=itemgetter(0))
    return strands


def _last_ns(table: Table) -> int:
    """Return the last instant of all calls, up to which unfinished calls are shown."""
    suspended = (instants[-1] for instants in table.suspensions.values())
    return max(chain(table.end_ns, table.start_ns, suspended), default=0)


def _nesting(stretches: Iterable[Stretch]) -> Iterator[Profile]:
    """Yield profiles; overlapping stretches, as of a generator that two threads step, are apart."""
    rest = stretches
    while True:
        profile, rest = _profile(rest)
        yield profile
        if not rest:
            return


def _profile(stretches: Iterable[Stretch]) -> tuple[Profile, list[Stretch]]:
    """Return a profile, and the stretches that do not nest in it."""
    profile, rest = Profile([], array("q")), []
    add_kind, add_instant = profile.kinds.append, profile.instants.append
    ends, frames = [_NEVER], [-1]
    for stretch in stretches:
        start_ns, end_ns, frame = stretch
        while ends[-1] <= start_ns:
            add_kind(~frames.pop())
            add_instant(ends.pop())
        if end_ns > ends[-1]:
            rest.append(stretch)
            continue
        add_kind(frame)
        add_instant(start_ns)
        ends.append(end_ns)
        frames.append(frame)
    profile.kinds.extend(~frame for frame in frames[:0:-1])
    profile.instants.extend(ends[:0:-1])
    return profile, rest


def _head(name: str, profile: Profile, zero_ns: int) -> Iterator[str]:
    """Yield the beginning of a profile, up to its events."""
    instants = profile.instants or [zero_ns]
    yield f'{{"type":"evented","name":{quoted(name)},"unit":"nanoseconds",'
    yield f'"startValue":{instants[0] - zero_ns},"endValue":{max(instants) - zero_ns},"events":['


def _events(profile: Profile, frames: int, zero_ns: int) -> Iterator[str]:
    """Yield the events of a profile, many at a time."""
    # The complement of a frame's index counts from the end.
    heads = [f'{{"type":"O","frame":{frame},"at":' for frame in range(frames)]
    heads += [f'{{"type":"C","frame":{frame},"at":' for frame in reversed(range(frames))]
    line = "%s%d},\n"
    for begin in range(0, len(profile.kinds), AT_ONCE):
        part = slice(begin, begin + AT_ONCE)
        instants = profile.instants[part]
        pairs = zip(
            map(heads.__getitem__, profile.kinds[part]),
            map(sub, instants, repeat(zero_ns)),
            strict=True,
        )
        text = line * len(instants) % tuple(chain.from_iterable(pairs))
        yield text if begin + AT_ONCE < len(profile.kinds) else text.removesuffix(",\n")
