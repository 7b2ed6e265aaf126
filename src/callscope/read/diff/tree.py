"""Trees of calls as columns: one entry per node, parents before children."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress, count, islice
from operator import add, le
from typing import Final

from callscope.read.diff.contents import Contents, Renumber
from callscope.trace import Call
from callscope.trace.table import NO_ROW, Table

NO_NODE: Final = -1
"""Value of `Tree.partners` for a node that the other tree lacks."""


class Tree:
    """Nodes of a trace: node 0 is the trace; below it are its threads, and below these the calls.

    Nodes are numbered in preorder: a node and all below it are the nodes from `node` to
    ``node + spans[node] - 1``.
    """

    def __init__(self, table: Table) -> None:
        self.table: Table = table
        sizes = _sizes(table)
        names = _thread_names(table)
        self.threads: dict[int, str] = {}
        """Names of the threads by node, sorted."""
        self.spans: array[int]
        """Numbers of nodes in the subtrees."""
        self.parents: array[int]
        """Parents; 0 for node 0."""
        self.rows: Sequence[int]
        """Rows of the calls; negative for nodes that are not calls."""
        if len({*names.values()}) == 1 and _are_in_preorder(table, sizes):
            self._place_in_order(sizes, *{*names.values()})
        else:
            self._place_threads(sizes, names)
        self.instances: array[int] = self._column("q", table.instance)
        """Numbers of the objects; 0 where there is none."""
        self.contents: array[int]
        """Numbers of the contents; see `Contents`."""
        self.same: array[int]
        """Numbers of the subtrees; equal for subtrees that do not differ at all."""
        self.renumber: Renumber
        """Function returning the number to compare of an object."""
        self.sites: array[int]
        """`Contents.sites`."""
        self.invocations: array[int]
        """`Contents.invocations` with regard to objects."""
        self.singles: array[int]
        """`Contents.singles` with regard to objects."""
        self.partners: array[int]
        """Matched nodes of the other tree, or `NO_NODE`."""
        self.moved: set[int]
        """Roots of subtrees that are elsewhere in the other tree."""

    def _place_in_order(self, sizes: array[int], name: str) -> None:
        """Place the calls of one thread if each row is followed by all calls below it."""
        self.threads = {1: name}
        self.spans = array("i", [len(sizes) + 2, len(sizes) + 1]) + sizes
        self.rows = range(-2, len(sizes))
        self.parents = array("i", [0, 0])
        self.parents.extend(
            map((2).__add__, islice(self.table.parent, len(sizes)))
        )  # NO_ROW + 2 is 1

    def _place_threads(self, sizes: Sequence[int], names: Mapping[int, str]) -> None:
        """Place the calls of all threads.

        Args:
            sizes: number of calls in each row.
            names: threads of the roots, by strand.
        """
        totals = Counter[str]()
        for size, strand, parent in zip(sizes, self.table.strand, self.table.parent, strict=False):
            if parent == NO_ROW:
                totals[names[strand]] += size
        count = 1 + len(totals) + len(sizes)
        self.spans = array("i", [count]) * count
        self.parents = array("i", [0]) * count
        node = 1
        for name in sorted(totals):
            self.threads[node] = name
            self.spans[node] = 1 + totals[name]
            node += self.spans[node]
        self._place_calls(sizes, names)

    def _place_calls(self, sizes: Sequence[int], names: Mapping[int, str]) -> None:
        parents, spans = self.parents, self.spans
        rows = self.rows = array("i", [NO_ROW]) * len(spans)
        threads = {name: node for node, name in self.threads.items()}
        tops = {strand: threads[name] for strand, name in names.items()}
        nodes = array("i")
        filled = array("i", [1]) * len(spans)  # the part of each span that has been placed
        columns = zip(sizes, self.table.strand, self.table.parent, strict=False)
        for row, (size, strand, above) in enumerate(columns):
            parent = tops[strand] if above == NO_ROW else nodes[above]
            node = parent + filled[parent]
            filled[parent] += size
            nodes.append(node)
            rows[node], parents[node], spans[node] = row, parent, size

    def _column(self, typecode: str, values: Sequence[int]) -> array[int]:
        """Return a column of the table in the order of the nodes; 0 where there is no call."""
        column = array(typecode, [0])
        for node in self.threads:
            column.append(0)
            rows = self.rows[node + 1 : node + self.spans[node]]
            if isinstance(rows, range):
                column.extend(values[rows.start : rows.stop])
            else:
                column.extend(map(values.__getitem__, rows))
        return column

    def number_contents(self, contents: Contents) -> None:
        """Fill the column of contents."""
        self.contents = self._column("i", contents.of_rows(self.table))
        for node, name in [(0, ""), *self.threads.items()]:
            self.contents[node] = contents.of_thread(name)

    def __len__(self) -> int:
        return len(self.spans)

    def is_call(self, node: int) -> bool:
        """Return whether a node is a call, not a thread or the trace."""
        return self.rows[node] >= 0

    def call(self, node: int) -> Call:
        """Return the call of a node."""
        return Call(self.table, self.rows[node])

    def below(self, node: int) -> slice:
        """Return the slice of a column for a node and all nodes below it."""
        return slice(node, node + self.spans[node])

    def numbers(self, nodes: array[int]) -> array[int]:
        """Return the numbers of some subtrees."""
        return array("q", map(self.same.__getitem__, nodes))

    def object(self, node: int) -> int:
        """Return the number of the object for comparison; 0 where there is none."""
        instance = self.instances[node]
        return self.renumber(instance) if instance else 0

    def site(self, node: int) -> int:
        """Return a number that is equal for calls of one site on objects of one class."""
        return self.sites[self.contents[node]]

    def invocation(self, node: int) -> tuple[int, int]:
        """Return a key that is equal for calls of one site on one object with equal arguments."""
        return self.invocations[self.contents[node]], self.object(node)

    def single(self, node: int) -> tuple[int, int]:
        """Return a key that is equal for calls that differ at most in their children."""
        return self.singles[self.contents[node]], self.object(node)

    def depth(self, node: int) -> int:
        """Return the number of calls above a call; 0 for other nodes."""
        return self.table.depth[self.rows[node]] if self.is_call(node) else 0

    def calls(self, node: int) -> int:
        """Return the number of calls in a subtree."""
        return self.spans[node] - (
            0 if self.is_call(node) else 1 if node else 1 + len(self.threads)
        )

    def children(self, node: int, start: int | None = None) -> array[int]:
        """Return the nodes directly below a node, in order, or those from one of them on."""
        spans = self.spans
        end, child = node + spans[node], node + 1 if start is None else start
        nodes = array("i")
        while child < end:
            nodes.append(child)
            child += spans[child]
        return nodes


def _sizes(table: Table) -> array[int]:
    """Return for each row the number of calls in it."""
    sizes, parents = array("i", [1]) * len(table), table.parent
    for row in range(len(sizes) - 1, -1, -1):
        parent = parents[row]
        if parent != NO_ROW:
            sizes[parent] += sizes[row]
    return sizes


def _are_in_preorder(table: Table, sizes: Sequence[int]) -> bool:
    """Return whether all rows are followed by the calls below them, without a gap."""
    ends = array("i", map(add, count(), sizes))
    above = map(ends.__getitem__, islice(table.parent, len(sizes)))  # for roots, the last end
    return all(map(le, ends, above))


def _thread_names(table: Table) -> dict[int, str]:
    """Return the threads of the roots by strand, with a number in place of the process."""
    are_roots = map(NO_ROW.__eq__, islice(table.parent, len(table)))
    processes: dict[int, int] = {}
    names: dict[int, str] = {}
    for index in dict.fromkeys(compress(table.strand, are_roots)):
        strand = table.strands[index]
        number = processes.setdefault(strand.pid, len(processes) + 1)
        names[index] = f"process {number}, thread {strand.thread}"
    return names
