"""A sequence diagram in Mermaid, which GitHub and others render in Markdown.

Its lifelines are the classes that define the methods. A message goes from the class whose method
ran to the class whose method it called. Between the classes of one object this is a hand-over; the
message names the object only if it differs from the previous one.

https://mermaid.js.org/syntax/sequenceDiagram.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from callscope.read.formats.mermaid.folding import Folded, Round, count, levels_that_fit
from callscope.trace import Call, TraceData, arguments_text, object_text, value_text
from callscope.trace.table_text import names_of
from callscope.trace.text import missing, one_line, process_details

MAX_CALLS: Final = 150
"""Most calls drawn; a diagram of more is unreadable."""

_MAX_TEXT: Final = 49_000
"""Most characters. Mermaid's limit is 50,000:
https://mermaid.js.org/config/schema-docs/config.html"""
_LONGEST: Final = 80


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as a Mermaid sequence diagram."""
    file.write(diagram(trace).encode())


def diagram(trace: TraceData) -> str:
    """Return a trace as a Mermaid sequence diagram.

    Consecutive siblings of one shape become a loop. If the trace is still too long, only the
    outermost levels are drawn, and notes give the number of calls left out.
    """
    folded, most = Folded(trace), MAX_CALLS
    while True:
        text = "\n".join(_Diagram(trace, folded, most).lines()) + "\n"
        if len(text) <= _MAX_TEXT or most == 1:
            return text
        most //= 2


class _Diagram:
    def __init__(self, trace: TraceData, folded: Folded, most: int) -> None:
        self._trace = trace
        self._folded = folded
        self._most = most
        self._depth, total = levels_that_fit(folded, most)
        self._spare = most - total
        """Number of calls of the next level that can also be drawn."""
        self._names = names_of(trace.table)
        self._lifelines: dict[str, str] = {}
        self._drawn = 0
        self._details = process_details(trace.header)
        self._place: tuple[int, str] | None = None
        self._has_places = len({(root.pid, root.thread) for root in trace.roots}) > 1

    def lines(self) -> Iterator[str]:
        body = [*self._rounds(self._folded.roots, 1, "program", None)]
        if not body:
            body.append("Note over program: no calls were recorded")
        lacks = missing(self._trace.lost, self._trace.left_out)
        body += (_note("program", text) for text in lacks)
        yield "sequenceDiagram"
        yield "    actor program"
        for qualified, lifeline in self._lifelines.items():
            yield f"    participant {lifeline} as {escaped(_cut(self._names.show(qualified)))}"
        for line in body:
            yield f"    {line}"

    def _rounds(
        self, rounds: Sequence[Round], depth: int, sender: str, above: Call | None
    ) -> Iterator[str]:
        for number, group in enumerate(rounds):
            if not self._has_room(len(group.calls), depth):
                yield _note(sender, f"{_total(rounds[number:]):,} more calls")
                return
            if group.times > 1:
                yield f"loop {group.times:,} times"
            for call in group.calls:
                yield from self._call(call, depth, sender, above)
            if group.times > 1:
                yield "end"

    def _call(self, call: Call, depth: int, sender: str, above: Call | None) -> Iterator[str]:
        if above is None:
            yield from self._moved_to(call)
        receiver = self._lifelines.setdefault(call.defining_class, f"L{len(self._lifelines) + 1}")
        yield f"{sender}->>+{receiver}: {self._message(call, above)}"
        inner = self._folded.below(call)
        if depth <= self._depth:
            yield from self._rounds(inner, depth + 1, receiver, call)
        elif inner:
            yield _note(receiver, f"{count(call):,} more calls")
        yield from _outcome(call, sender, receiver)

    def _has_room(self, calls: int, depth: int) -> bool:
        if depth > self._depth:
            self._spare -= calls
            return self._spare >= 0
        # Among the levels that fit, only the outermost may have more calls than can be drawn.
        has_room = self._drawn < self._most
        self._drawn += calls
        return has_room

    def _moved_to(self, root: Call) -> Iterator[str]:
        place = root.pid, root.thread
        if self._has_places and place != self._place:
            self._place = place
            yield _note(
                "program",
                f"thread {one_line(root.thread)}, process {root.pid}{self._details.get(root.pid, '')}",
            )

    def _message(self, call: Call, above: Call | None) -> str:
        text = f"{one_line(call.method)}{arguments_text(call)}"
        is_same = above is not None and (above.instance, above.runtime_class) == (
            call.instance,
            call.runtime_class,
        )
        where = "" if is_same else f" [{_cut(object_text(call, self._names))}]"
        return escaped(_cut(text) + where)


def _outcome(call: Call, sender: str, receiver: str) -> Iterator[str]:
    if not call.finished:
        yield _note(receiver, "has not ended")
        yield f"deactivate {receiver}"
    elif call.error is not None:
        error = call.error.type + (f": {call.error.message}" if call.error.message else "")
        yield f"{receiver}--x-{sender}: {escaped(_cut(one_line(error)))}"
    elif call.result is not None:
        yield f"{receiver}-->>-{sender}: {escaped(_cut(value_text(call.result)))}"
    else:
        yield f"deactivate {receiver}"


def _total(rounds: Sequence[Round]) -> int:
    return sum((1 + count(call)) * group.times for group in rounds for call in group.calls)


def _note(lifeline: str, text: str) -> str:
    return f"Note over {lifeline}: {escaped(text)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def escaped(text: str, plain: str = " _.,()[]='") -> str:
    """Return a text that Mermaid shows verbatim: special characters become character codes.

    Args:
        text: the text, in one line.
        plain: characters that need no code in addition to letters and digits.
    """
    return "".join(c if c.isalnum() or c in plain else f"#{ord(c)};" for c in text) or "#32;"
