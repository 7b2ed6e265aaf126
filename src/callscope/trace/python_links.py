"""Links between the rows of a table, in Python: a part of `python_kernels`."""

from __future__ import annotations

from array import array


def link_rows(
    first: int, size: int, parents: array[int], last: array[int], previous: array[int], /
) -> None:
    """Link rows from `first` up to `size` to those of their parents.

    Args:
        first: the first row.
        size: number of rows.
        parents: rows of the parents, an array ``i``; what is below zero is none.
        last: set to the row of the last child of each row.
        previous: set to the row of the sibling before.
    """
    for row, parent in enumerate(parents[first:size], first):
        if parent >= 0:
            previous[row] = last[parent]
            last[parent] = row


def number_subtrees(
    numbers: array[int],
    kinds: array[int],
    last: array[int],
    previous: array[int],
    objects: array[int],
    strands: array[int],
    /,
) -> None:
    """Set the number of each subtree: the last row that has an equal one.

    Subtrees are equal if their rows are of the same kinds and, where a row of one is on the object
    or the strand of its parent, so is that of the other.

    Args:
        numbers: set to the numbers, an array ``i``.
        kinds: the kind of each row, an array ``i``.
        last: rows of the last children, as `link_rows` sets them.
        previous: rows of the siblings before.
        objects: the object of each row, an array ``q``.
        strands: the strand of each row, an array ``i``.
    """
    rows = [*numbers]
    known: dict[int | tuple[int, ...], int] = {}
    for row in range(len(rows) - 1, -1, -1):
        child = last[row]
        if child < 0:
            rows[row] = known.setdefault(kinds[row], row)
            continue
        thing, strand, end = objects[row], strands[row], len(rows)
        key = [kinds[row]]
        while child >= 0:
            if not row < child < end:
                msg = f"row {row} has child {child}"
                raise ValueError(msg)
            key.append(4 * rows[child] + 2 * (objects[child] == thing) + (strands[child] == strand))
            end, child = child, previous[child]
        rows[row] = known.setdefault((*key,), row)
    numbers[:] = array("i", rows)
