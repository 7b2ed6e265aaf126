"""Options on how the tree of a trace is printed, which several commands have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

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
    parser.add_argument("--depth", type=int, metavar="N", help="at most N levels below the roots")
    parser.add_argument(
        "--under",
        metavar="NAME",
        help="only calls of this site, class or object, such as Layer.call or LSTM#3, or of a"
        " pattern, and the calls below",
    )


class TreeOptions(NamedTuple):
    """Options of a tree; see `Trace.tree`."""

    fold: bool | None = None
    max_depth: int | None = None
    under: str | None = None
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

        text = tree.tree(
            trace._data(),
            fold=self.fold,
            max_depth=self.max_depth,
            under=self.under,
            max_lines=tree.MAX_LINES if self.has_limit else None,
        )
        findings = trace.findings() if with_findings else None
        return f"{text}\n\n{findings.brief()}" if findings else text
