"""Texts of the rows of a folded tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from callscope.introspect.summaries.texts import cut
from callscope.introspect.values import CallError
from callscope.read.folding.differences import Aspect, Difference
from callscope.read.folding.rows import Row
from callscope.read.folding.sequences import Part, fold
from callscope.read.formats.tree.drawing import Style
from callscope.read.formats.tree.fitting import squeezed
from callscope.trace import Callee, Names, Table
from callscope.trace.table_text import TableText
from callscope.trace.text import ended_text, numbered, one_line, value_text

_MOST_VALUES: Final = 3
"""Number of values of an argument that are all shown."""
_LONGEST_VALUES: Final = 30
"""Columns that they may take."""
_LEAST_NOTE: Final = 12
"""Columns that a note takes before the sites are cut."""


class RowText(NamedTuple):
    """Text of a row, in parts that give way to its width one after the other."""

    label: str
    sites: str = ""
    short_sites: str = ""
    """The same, without the classes that the label names."""
    methods: str = ""
    """The same, without classes."""
    arguments: str = ""
    error: str = ""
    """Class of the exception, which does not give way."""
    outcome: str = ""

    def fit(self, room: int, note: str, hint: str) -> str:
        """Return the text, cut to some columns.

        Args:
            room: the columns.
            note: text after it.
            hint: more text after it if values are cut.
        """
        text, is_whole = self._fit(room, note)
        if hint and not is_whole:
            text, _ = self._fit(room, hint + note)
        return cut(text, room)

    def _fit(self, room: int, note: str) -> tuple[str, bool]:
        """Return the text with a note, and whether all values are in it."""
        room -= len(self.label) + len(self.error)
        sites = self._sites(room - len(note))
        values = arguments, outcome = squeezed(
            self.arguments, self.outcome, room - len(sites) - len(note)
        )
        note = cut(note, max(room - len(sites), _LEAST_NOTE))
        sites = cut(sites, max(room - len(note), _LEAST_NOTE))
        text = f"{self.label}{sites}{arguments}{self.error}{outcome}{note}"
        return text, values == (self.arguments, self.outcome)

    def _sites(self, room: int) -> str:
        """Return the longest sites for some columns; of a class that the label names, it gives way before values."""
        if len(self.sites) + len(self.arguments) + len(self.outcome) <= room:
            return self.sites
        return self.short_sites if len(self.short_sites) <= room else self.methods


class RowTexts:
    """Texts of the rows of a folded tree.

    Args:
        table: the calls.
        names: the names of their classes.
        style: the strings to draw with.
    """

    def __init__(self, table: Table, names: Names, style: Style) -> None:
        self._table = table
        self._names = names
        self._style = style
        self._text = TableText(table, names)

    def row(self, row: Row) -> RowText:
        """Return the text of a row."""
        times = f" {self._style.times}{row.times:,}" if row.times > 1 else ""
        if row.parts:
            return RowText(f"in turn{times}")
        calls, stay = row.stay[0], [some[0] for some in row.stay]
        return RowText(
            f"{self.object(calls)}{times}  ",
            self._sites(stay, self._text.site),
            self._sites(stay, self._short_site),
            self._sites(stay, self._method),
            ("  " if len(stay) > 1 else "") + self._arguments(calls),
            *self._outcome(calls),
        )

    def object(self, calls: Sequence[int]) -> str:
        """Return the object of some calls; its class if they are on several."""
        instances = {*map(self._table.instance.__getitem__, calls)}
        return numbered(self._class(calls[0]), instances.pop() if len(instances) == 1 else None)

    def difference(self, difference: Difference) -> str:
        """Return the text of a difference: ``MyLayer#1 MyLayer.call -> float64[2]``."""
        call, aspect = difference.call, difference.aspect
        thing = self._class(call) if difference.is_missing else self.object([call])
        text = f"{thing} {self._text.site(call)}"
        return text + self.aspect(call, aspect)

    def aspect(self, call: int, aspect: Aspect) -> str:
        """Return the arguments or the outcome of a call; empty for other aspects."""
        if aspect == "outcome":
            return self._text.outcome(call) or " -> None"
        return self._text.arguments(call) if aspect == "arguments" else ""

    def _callee(self, call: int) -> Callee:
        return self._table.callees[self._table.callee[call]]

    def _class(self, call: int) -> str:
        return self._names.show(self._callee(call).runtime_class)

    def _short_site(self, call: int) -> str:
        callee = self._callee(call)
        is_own = callee.defining_class == callee.runtime_class
        return self._method(call) if is_own else self._text.site(call)

    def _method(self, call: int) -> str:
        return one_line(self._callee(call).method)

    def _sites(self, stay: Sequence[int], name: Callable[[int], str]) -> str:
        """Return the sites of a stay: ``Layer.__call__ > LSTM.call > super RNN.call``."""
        texts = [self._site(call, stay[0], name(call)) for call in stay]
        return self._chain(texts, fold(texts))

    def _site(self, call: int, outermost: int, name: str) -> str:
        via_super = "super " if self._table.via_super[call] else ""
        error = self._table.error_of(call)
        is_caught = error is not None and error != self._table.error_of(outermost)
        return f"{via_super}{name}{_error_text(error) if error and is_caught else ''}"

    def _chain(self, texts: Sequence[str], parts: Sequence[Part]) -> str:
        return " > ".join([self._link(texts, part) for part in parts])

    def _link(self, texts: Sequence[str], part: Part) -> str:
        times = f" {self._style.times}{part.times:,}" if part.times > 1 else ""
        if part.parts:
            return f"({self._chain(texts, part.parts)}){times}"
        return f"{texts[part.places[0]]}{times}"

    def _arguments(self, calls: Sequence[int]) -> str:
        names = self._table.arguments_of(calls[0])
        if names is None:
            return ""
        values: list[Any] = [*map(self._table.arguments.__getitem__, calls)]
        places = names if type(values[0]) is dict else range(len(names))
        texts = [
            _named(name, _values_text([*map(itemgetter(place), values)]))
            for name, place in zip(names, places, strict=True)
        ]
        return f"({', '.join(texts)})"

    def _outcome(self, calls: Sequence[int]) -> tuple[str, str]:
        """Return the class of the exception, if there is one, and the rest of the outcome."""
        first = self._text.outcome(calls[0])
        error = self._table.error_of(calls[0])
        if error is not None:
            text = _error_text(error)
            return text, first.removeprefix(text)
        outcomes: list[Any] = [*map(self._table.outcome.__getitem__, calls)]
        return "", first if outcomes[0] is None else f" -> {_values_text(outcomes)}"


def _error_text(error: CallError) -> str:
    return ended_text(error._replace(message=""))


def _named(name: str, value: str) -> str:
    """Return an argument with its name; without, if it is one of several positional ones."""
    return value if name.endswith("]") else f"{one_line(name)}={value}"


def _values_text(values: Sequence[Any]) -> str:
    """Return the values of an argument in several calls, which are of one kind."""
    distinct = [*dict.fromkeys(values)]
    texts = [*dict.fromkeys(map(value_text, distinct[: _MOST_VALUES + 1]))]
    if len(texts) == 1:
        return texts[0]
    if type(distinct[0]) in (int, float):
        return f"{value_text(min(distinct))}..{value_text(max(distinct))}"
    text = "|".join(texts)
    return text if len(texts) <= _MOST_VALUES and len(text) <= _LONGEST_VALUES else f"{texts[0]}.."
