"""`Trace`: the calls of one recording, and all queries on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from callscope.trace import Cost, Event, Header

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    import pyarrow as pa

    from callscope.read.find import Criteria
    from callscope.read.findings import Findings
    from callscope.read.summary import Summary
    from callscope.trace import Call, Recorded, TraceData


class Trace(Sequence["Call"]):
    """The calls of one recording, as a list, as a tree, and as text.

    It is a sequence of its calls, in the order they began: it can be iterated, indexed and sliced,
    and is false while it is empty. Two traces are equal only if they are the same object.

    It may be read while the recording still runs, and then holds all calls so far. Each method call
    and each saved file reflects a single moment.
    """

    def __init__(
        self,
        header: Header,
        read: Callable[[], Recorded],
        measure_cost: Callable[[], Cost] | None = None,
    ) -> None:
        self.header: Header = header
        self._read = read
        self._measure_cost = measure_cost

    @classmethod
    def _from_data(cls, data: TraceData) -> Trace:
        """Return a trace of data that no longer changes."""
        from callscope.trace import Recorded

        recorded = Recorded(
            data.table, data.lost, data.left_out, data.sites, data.absence, is_final=True
        )
        return cls(data.header, lambda: recorded)

    def _data(self) -> TraceData:
        """Return a snapshot of the trace; take it once for consistent answers."""
        recorded = self._recorded()  # which restores the modules that a program has removed
        from callscope.trace import TraceData

        return TraceData(self.header, recorded)

    def _recorded(self) -> Recorded:
        recorded = self._read()
        if recorded.is_final:
            self._read = lambda: recorded  # lets the recording be freed
        return recorded

    def _data_with_cost(self) -> TraceData:
        """Return a snapshot of the trace, with the recording cost per call where it is known."""
        data = self._data()
        data.header = data.header._replace(cost=self.cost)
        return data

    @property
    def calls(self) -> Sequence[Call]:
        """Every call, in the order they began."""
        return self._data().calls

    @property
    def roots(self) -> Sequence[Call]:
        """The calls without a traced parent, in the order they began."""
        return self._data().roots

    @property
    def lost(self) -> int:
        """Number of calls made but not recorded: `max_calls` was reached, or a disk was full."""
        return self._recorded().lost

    @property
    def left_out(self) -> Mapping[str, int]:
        """Exact number of calls that `sample` and `max_per_second` left out, per site.

        Site names include the module: ``"app.Layer.__call__"``.
        """
        return self._recorded().left_out

    @property
    def cost(self) -> Cost | None:
        """Cost of recording one call; None if the trace does not contain it.

        The recording process measures it when it is first needed, as by a summary or a save. For a
        trace streamed to a file, it is measured when the recording begins.
        """
        if self.header.cost is None and self._measure_cost is not None:
            self.header = self.header._replace(cost=self._measure_cost())
        return self.header.cost

    def events(self) -> Iterator[Event]:
        """Return an iterator over the events of all calls, in chronological order."""
        return self._data().events()

    def find(
        self,
        site: str | type = "*",
        *,
        method: str | None = None,
        defining_class: str | type | None = None,
        runtime_class: str | type | None = None,
        instance: int | None = None,
        error: str | type | bool | None = None,
        within: Call | None = None,
        where: Callable[[Call], bool] | None = None,
    ) -> list[Call]:
        """Return the calls that match all criteria, in the order they began.

        The list may be empty. If the trace does not know the site, such as a misspelt one, a
        `SiteWarning` names the known sites.

        Args:
            site: a site such as ``"Layer.__call__"``, or an `fnmatch` pattern of sites; or a class,
                for all methods it defines.
            method: name of the method, or a pattern.
            defining_class: the class that defines the method: the class itself, its bare or
                module-qualified name, or a pattern of either.
            runtime_class: the class of the object, in the same forms.
            instance: the object's serial number.
            error: True for calls that an exception ended, False for all others; or the class of
                the exception, in the same forms as other classes (subclasses do not count).
            within: a call of the trace; only its descendants match.
            where: a function that takes a call and returns True to keep it.
        """
        from callscope.read.find import Criteria

        criteria = Criteria(site, method, defining_class, runtime_class, instance, error)
        return self._find(criteria, within, where)

    def _find(
        self,
        criteria: Criteria,
        within: Call | None,
        where: Callable[[Call], bool] | None,
    ) -> list[Call]:
        data = self._data()
        from callscope.read.find import find_calls

        return find_calls(data, criteria, within, where)

    def filter(
        self,
        site: str | type = "*",
        *,
        object: str | type | int | None = None,  # noqa: A002  # the word of the documentation
        depth: int | None = None,
        min_ns: int | None = None,
        within: Call | str | type | None = None,
        error: str | type | bool | None = None,
        hide: Collection[str] = (),
    ) -> Trace:
        """Return a trace of the calls that match all criteria, each below the nearest that is kept.

        As calls are missing, it shows no mistakes: `findings` is empty.

        Args:
            site: as for `find`.
            object: the class of the object, in the forms that `find` takes, or its serial number; or
                a name such as ``"LSTM#3"``.
            depth: greatest depth; that of roots is 0.
            min_ns: least duration in nanoseconds; calls that never ended are kept.
            within: a call of the trace, a site or an object, or a pattern of them; these calls are
                kept, and those below them.
            error: as for `find`.
            hide: names of arguments that are left out, or patterns of them.

        Raises:
            OptionError: if a criterion is of the wrong type.
        """
        from callscope.read.filters import Filter

        chosen = Filter(site, object, depth, min_ns, within, error, hide)
        chosen.check()
        data = self._data()
        recorded = chosen.apply(data)
        header = data.header._replace(filtered=True)
        return Trace(header, lambda: recorded, self._measure_cost)

    def outline(self) -> str:
        """Return the tree as stable text, without times or addresses.

        Two spaces per depth, the site with its arguments, the object in brackets, then
        `` -> result`` where the result is not None, or `` !! Type: message``. Two runs of the
        same program give the same outline, so a test may compare it with a string.
        """
        data = self._data()
        from callscope.read.formats.tree.outline import outline

        return outline(data)

    def summary(self, *, corrected: bool = True) -> Summary:
        """Return the number of calls and the times per site, and per class of objects.

        Args:
            corrected: whether the cost of recording, as far as it is known (see `cost`), is
                subtracted from all times.
        """
        data = self._data_with_cost()
        from callscope.read.summary import summarize

        return summarize(data, corrected=corrected)

    def findings(self) -> Findings:
        """Return the mistakes that the calls show, severity ``"error"`` first.

        A sequence of `Finding`: an ``__init__`` of the MRO that never ran or ran twice, an object
        used before it was ready, a template method that was bypassed, a result that was dropped.
        Each names the classes, the file and the line, the calls that show it, and what to do. The
        sequence is empty if `max_calls`, `where`, `sample` or `max_per_second` left out calls.
        """
        data = self._data()
        from callscope.read.findings import find_mistakes

        return find_mistakes(data)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the trace to a file, in the format of its suffix, and return its path.

        Raises:
            TraceFormatError: if no format has that suffix.
            TraceFileError: if the file cannot be written.
        """
        from callscope.read.formats import check_suffix, save

        check_suffix(path)  # before reading the calls, which may take long
        return save(self._data_with_cost, path)

    def _processes(self) -> int:
        """Return the number of processes that the calls ran in."""
        table = self._data().table
        return len({table.strands[index].pid for index in {*table.strand}})

    def to_arrow(self) -> pa.Table:
        """Return the calls as an Arrow table, one row each, in the order they began.

        The columns have the names of the attributes of `Call`; ``parent_id`` is the `call_id` of
        the parent. ``arguments`` and ``result`` are JSON. ``argument_texts`` lists the arguments
        whose strings represent non-scalar values; ``result_is_text`` is the same for the result.
        ``instants`` are the times at which a call was suspended, resumed, suspended...

        Raises:
            MissingExtraError: if pyarrow is not installed.
            TraceFormatError: if a number is too large for a column.
        """
        data = self._data()
        from callscope.read.formats.parquet import to_arrow

        return to_arrow(data)

    def tree(
        self,
        *,
        fold: bool | None = None,
        max_depth: int | None = None,
        width: int | None = None,
    ) -> str:
        """Return the calls as a tree with durations, as `print` shows it.

        In a folded tree, a row is a stay on one object: a call and, while the only call below is on
        the same object, that one, too. Neighbours whose calls are of the same sites, classes and
        kinds of values are one row, with the number, the total time, and the least, median and most
        of the times. The same holds for several rows that repeat in turn. What differs is a row of
        its own.

        Args:
            fold: whether the tree is folded; by default, if there are more than 40 calls.
            max_depth: number of levels to show below the roots; by default all.
            width: number of columns of a line, by default those of the terminal; a tree that is not
                folded takes as many as it needs.
        """
        data = self._data()
        from callscope.read.formats.tree import tree

        return tree(data, fold=fold, max_depth=max_depth, width=width)

    def __str__(self) -> str:
        data = self._data()
        from callscope.read.findings import find_mistakes
        from callscope.read.formats.tree import tree

        text, findings = tree(data), find_mistakes(data)
        return f"{text}\n\n{findings.brief()}" if findings else text

    def _repr_html_(self) -> str:
        data = self._data()
        from callscope.read.formats.notebook import trace_html

        return trace_html(data)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  # IPython's
        printer.text(str(self))

    def __len__(self) -> int:
        return len(self._recorded().table)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __contains__(self, call: object) -> bool:
        return call in self.calls

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        return self.calls[index]

    def __reversed__(self) -> Iterator[Call]:
        return reversed(self.calls)

    def index(self, call: Call, start: int = 0, stop: int | None = None) -> int:
        """Return the index of a call in `calls`, as `list.index` does."""
        calls = self.calls
        return calls.index(call, start, len(calls) if stop is None else stop)

    def count(self, call: Call) -> int:
        """Return 1 for a call of the trace, else 0."""
        return self.calls.count(call)

    def __repr__(self) -> str:
        calls = len(self)
        return f"<Trace of {calls} call{'' if calls == 1 else 's'}>"
