"""Options on what is printed or kept of a trace, which several commands have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from callscope.tools.options import listed

if TYPE_CHECKING:
    from callscope.read.trace import Trace


def add_tree_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a tree to a command."""
    parser.add_argument("--all", action="store_true", help="all calls, one by one, without a limit")
    parser.add_argument(
        "--fold",
        action=argparse.BooleanOptionalAction,
        help="one row for calls that are alike; by default, if there are more than 40 calls",
    )
    _add_place_options(parser)


def add_filter_options(parser: argparse.ArgumentParser, *, has_tree: bool = False) -> None:
    """Add the options of a filter to a command, but for those that a tree has, too."""
    if not has_tree:
        _add_place_options(parser)
    parser.add_argument("--site", metavar="SITE", help="only calls of this site, or of a pattern")
    parser.add_argument(
        "--object", metavar="NAME", help="only calls on this object or class: LSTM#3, LSTM"
    )
    parser.add_argument(
        "--min-ns", type=int, metavar="NS", help="only calls of at least so many nanoseconds"
    )
    parser.add_argument(
        "--error", metavar="CLASS", help="only calls that this exception ended; * for any"
    )
    parser.add_argument(
        "--hide",
        action="append",
        metavar="NAME",
        help="leave out arguments of this name, or of a pattern (repeatable)",
    )


def _add_place_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--depth", type=int, metavar="N", help="at most N levels below the roots")
    parser.add_argument(
        "--under",
        metavar="NAME",
        help="only calls of this site, class or object, such as Layer.call or LSTM#3, or of a"
        " pattern, and the calls below",
    )


def filtered(trace: Trace, arguments: argparse.Namespace, *, for_tree: bool = False) -> Trace:
    """Return what a command line keeps of a trace, but for what the tree leaves out itself."""
    criteria = {
        "site": arguments.site,
        "object": arguments.object,
        "depth": None if for_tree else arguments.depth,
        "min_ns": arguments.min_ns,
        "within": None if for_tree else arguments.under,
        "error": arguments.error,
        "hide": None if arguments.hide is None else listed(arguments.hide),
    }
    chosen = {name: value for name, value in criteria.items() if value is not None}
    return trace.filter(**chosen) if chosen else trace


class TreeOptions(NamedTuple):
    """Options of a tree; see `Trace.tree` and `Trace.filter`."""

    fold: bool | None = None
    max_depth: int | None = None
    within: str | None = None
    has_limit: bool = True

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> TreeOptions:
        """Return the options of a command line."""
        fold = False if arguments.all and arguments.fold is None else arguments.fold
        return cls(fold, arguments.depth, arguments.under, not arguments.all)

    def text(self, trace: Trace, *, with_findings: bool = True) -> str:
        """Return a trace as text, as `print` shows it but for the options."""
        if with_findings and self == TreeOptions():
            return str(trace)
        from callscope.read.formats import tree

        if self.within is not None:
            trace = trace.filter(within=self.within)
        text = tree.tree(
            trace._data(),
            fold=self.fold,
            max_depth=self.max_depth,
            max_lines=tree.MAX_LINES if self.has_limit else None,
        )
        findings = trace.findings() if with_findings else None
        return f"{text}\n\n{findings.brief()}" if findings else text
