"""Arguments, results and errors of the calls of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from callscope.read.formats.html.texts import LONGEST, Numbers, Texts, ValueNumbers
from callscope.trace import Arguments, CallError, Table, Value
from callscope.trace.text import one_line

MAX_TEXTS: Final = 32_000_000
"""Most characters of all texts of a page; calls beyond it are left out."""

_AT_ONCE: Final = 4_096
"""Most calls whose values are added before the length of all texts is checked."""


class Values:
    """The values of calls, as numbers of texts.

    Args:
        table: all calls of the trace.
        rows: the calls to include, in order; those that begin once the texts are too long for a
            page are left out.
    """

    def __init__(self, table: Table, rows: Sequence[int]) -> None:
        self.texts: Texts = Texts()
        self.names: Numbers[tuple[int, ...]] = Numbers()
        """Distinct names of arguments, as numbers of texts."""
        self.shapes: list[int] = []
        """Per call, the number of its arguments' names plus 1; 0 where none were captured."""
        self.arguments: list[int] = []
        """The arguments of all calls, in order."""
        self.results: list[int] = []
        """Per call, the number of its result plus 1; 0 for none."""
        self.errors: dict[int, tuple[int, int]] = {}
        """Types and messages of the exceptions that ended calls, by the place on the page."""
        self._numbers = ValueNumbers(self.texts)
        self._shapes = _Shapes(table, self.texts, self.names)
        columns = [take(column, rows) for column in (table.callee, table.arguments, table.outcome)]
        self._add_all(*columns)

    def _add_all(self, callees: Any, arguments: Any, outcomes: Any) -> None:
        start = 0
        while start < len(callees) and self.texts.size <= MAX_TEXTS:
            stop = start + self._count(arguments[start : start + _AT_ONCE])
            self._add(callees[start:stop], arguments[start:stop])
            self._end(outcomes[start:stop])
            start = stop

    def _count(self, arguments: Sequence[Arguments]) -> int:
        """Return a number of calls, at least one, that need not be checked one by one."""
        most = 2 * max(map(len, filter(None, arguments)), default=0) + 2
        texts = (MAX_TEXTS - self.texts.size) // LONGEST
        return max(1, min(len(arguments), texts // most))

    def _add(self, callees: Iterable[int], arguments: Iterable[Arguments]) -> None:
        """Add the arguments of calls."""
        shapes, values = self._shapes, list[Value]()
        for callee, passed in zip(callees, arguments, strict=True):
            if passed is None:
                self.shapes.append(0)
            elif isinstance(passed, dict):
                self.shapes.append(shapes.of_names(passed))
                values += passed.values()
            else:
                self.shapes.append(shapes[callee])
                values += passed
        numbers = self._numbers
        self.arguments += [numbers[type(value)][value] for value in values]

    def _end(self, outcomes: Iterable[Value | CallError]) -> None:
        """Add the outcomes of calls."""
        numbers, text = self._numbers, self.texts.number
        for outcome in outcomes:
            result = 0
            if outcome is None:
                pass
            elif isinstance(outcome, CallError):
                kind, message = map(one_line, outcome)
                self.errors[len(self.results)] = text(kind), text(message)
            else:
                result = 1 + numbers[type(outcome)][outcome]
            self.results.append(result)


class _Shapes(dict[int, int]):
    """Numbers of arguments' names plus 1, by callee."""

    def __init__(self, table: Table, texts: Texts, names: Numbers[tuple[int, ...]]) -> None:
        self._callees = table.callees
        self._texts = texts
        self._names = names

    def __missing__(self, callee: int) -> int:
        self[callee] = shape = self.of_names(self._callees[callee].argument_names or ())
        return shape

    def of_names(self, names: Iterable[str]) -> int:
        """Return the number of names of arguments."""
        return 1 + self._names[tuple([self._texts.number(one_line(name)) for name in names])]


def take(column: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    """Return what a column has for some rows."""
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    return [*map(column.__getitem__, rows)]
