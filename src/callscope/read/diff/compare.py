"""`diff`: the differences between two call trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Final, get_args

from callscope.declare.options import must_be
from callscope.errors import OptionError
from callscope.read.diff.alignment import Alignment
from callscope.read.diff.change import Change
from callscope.read.diff.contents import Aspect
from callscope.read.diff.tree import Tree
from callscope.read.load import load
from callscope.read.trace import Trace
from callscope.trace.html import text_html

ASPECTS: Final[tuple[Aspect, ...]] = get_args(Aspect)


class Diff:
    """The differences between two traces, as a sequence; empty if there are none.

    `str` shows them at their places in the tree.
    """

    def __init__(self, aligned: Alignment) -> None:
        self._aligned = aligned
        self.changes: Sequence[Change] = tuple(aligned.changes())
        """The differences, in the order of the tree."""
        differing = sum(change.calls for change in self.changes if change.kind != "added")
        self.same: int = aligned.before.calls(0) - differing
        """Number of calls without a difference."""

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __repr__(self) -> str:
        counts = Counter(change.kind for change in self.changes)
        return f"<Diff: {', '.join(f'{n} {kind}' for kind, n in counts.items()) or 'none'}>"

    def __str__(self) -> str:
        return self.text()

    def text(self, max_lines: int | None = 200) -> str:
        """Return the differences at their places in the tree; everything else is only counted.

        Args:
            max_lines: number of lines of the tree to show; None for all.
        """
        from callscope.read.diff.text import text

        return text(self.changes, self.same, self._aligned, max_lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as JSON-compatible data."""
        return {"changes": [change.to_dict() for change in self.changes], "same": self.same}

    def _repr_html_(self) -> str:
        return text_html(str(self))

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001  # IPython's
        printer.text(str(self))


def diff(
    before: Trace | str | PathLike[str],
    after: Trace | str | PathLike[str],
    *,
    ignore: Iterable[Aspect] = (),
) -> Diff:
    """Return the differences between two traces: calls added, removed, moved or changed.

    Times and instance numbers are not compared: an object of one trace is matched with the object
    of the other that agrees with most of its calls. The comparison is the same in both directions.

    Args:
        before: the first trace, or the path of its file, as for `load`.
        after: the second.
        ignore: aspects not to compare: any of ``"arguments"``, ``"result"`` and ``"error"``.

    Raises:
        OptionError: if `ignore` names something else, or an argument is not a trace.
        TraceFormatError, TraceFileError: as for `load`, of a path.
    """
    ignored: set[str] = {ignore} if isinstance(ignore, str) else {*ignore}
    for aspect in sorted(ignored - {*ASPECTS}, key=str):
        raise OptionError(must_be("ignore", f"any of {', '.join(map(repr, ASPECTS))}", aspect))
    one = Tree(_trace("before", before)._data().table)
    other = Tree(_trace("after", after)._data().table)
    if len(one.threads) == len(other.threads) == 1:
        one.threads = other.threads = {1: ""}  # the name does not matter
    return Diff(Alignment(one, other, ignored))


def _trace(option: str, source: object) -> Trace:
    if isinstance(source, Trace):
        return source
    if isinstance(source, (str, PathLike)):
        return load(source)
    raise OptionError(must_be(option, "a trace, or the path of one", source))
