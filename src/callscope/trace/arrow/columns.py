"""Arrow columns of a table of calls.

Values that many calls share are worked out once, and placed by their index.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pyarrow as pa

from callscope.introspect.classes import bare_name
from callscope.trace.arrow.schema import INSTANTS, INT32, INT64, SCHEMA, pc
from callscope.trace.arrow.values import (
    Arrays,
    arguments_columns,
    empty_lists,
    names_column,
    outcome_columns,
)
from callscope.trace.table import NO_ROW, UNFINISHED, Callee, Table

_INTEGERS: Final = {"q": INT64, "i": INT32, "b": pa.int8()}
_CALLEE_NAMES: Final[Mapping[str, Callable[[Callee], str | None]]] = {
    "site": lambda callee: f"{bare_name(callee.defining_class)}.{callee.method}",
    "method": lambda callee: callee.method,
    "defining_class": lambda callee: callee.defining_class,
    "runtime_class": lambda callee: callee.runtime_class,
    "file": lambda callee: callee.site_metadata and callee.site_metadata.file,
}
_CALLEE_NUMBERS: Final[Mapping[str, Callable[[Callee], int | None]]] = {
    "mro_index": lambda callee: callee.mro_index,
    "line": lambda callee: callee.site_metadata and callee.site_metadata.line,
}


class Columns:
    """Columns of a table, for any range of its rows.

    Args:
        table: the calls.
        classes: for each callee, the index of its runtime class in the metadata, or None.
        self_ns: for each call, the time without its children.
    """

    def __init__(self, table: Table, classes: Sequence[int | None], self_ns: array[int]) -> None:
        self._table = table
        self._self_ns = self_ns
        self._argument_names = [callee.argument_names for callee in table.callees]
        numbers = {
            **{name: [*map(get, table.callees)] for name, get in _CALLEE_NUMBERS.items()},
            "class": classes,
        }
        self._of_callees: Arrays = {
            **{name: names_column(map(get, table.callees)) for name, get in _CALLEE_NAMES.items()},
            **{name: pa.array(column, INT32) for name, column in numbers.items()},
        }
        self._of_strands: Arrays = {
            "pid": pa.array([strand.pid for strand in table.strands], INT64),
            "thread": names_column(strand.thread for strand in table.strands),
            "task": names_column(strand.task for strand in table.strands),
        }

    def batch(self, rows: slice) -> pa.RecordBatch:
        """Return a range of rows."""
        table = self._table
        columns = {
            **self._shared(rows),
            **self._own(rows),
            **self._times(rows),
            **arguments_columns(table.arguments[rows], table.callee[rows], self._argument_names),
            **outcome_columns(table.outcome[rows]),
        }
        return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    def _shared(self, rows: slice) -> Arrays:
        """Return what calls have in common with others of their callee or strand."""
        callees = integers(self._table.callee, rows)
        strands = integers(self._table.strand, rows)
        return {
            **{name: values.take(callees) for name, values in self._of_callees.items()},
            **{name: values.take(strands) for name, values in self._of_strands.items()},
        }

    def _own(self, rows: slice) -> Arrays:
        table = self._table
        parents, instances = integers(table.parent, rows), integers(table.instance, rows)
        parent_ids = integers(table.parent_ids(rows), slice(None))
        return {
            "call_id": integers(table.call_id, rows),
            "parent_id": _null_if(pc.equal(parents, NO_ROW), parent_ids),
            "depth": integers(table.depth, rows),
            "instance": _null_if(pc.equal(instances, 0), instances),
            "via_super": integers(table.via_super, rows).cast(pa.bool_()),
        }

    def _times(self, rows: slice) -> Arrays:
        table = self._table
        starts, ends = integers(table.start_ns, rows), integers(table.end_ns, rows)
        is_unfinished = pc.equal(ends, UNFINISHED)
        if table.suspensions:
            places = range(len(table))[rows]
            waiting = pa.array([*map(table.waiting_ns, places)], INT64)
            instants = pa.array([table.suspensions.get(row, ()) for row in places], INSTANTS)
        else:
            waiting = pa.repeat(pa.scalar(0, INT64), len(starts))
            instants = empty_lists(INSTANTS, len(starts))
        return {
            "start_ns": starts,
            "duration_ns": pc.subtract_checked(_null_if(is_unfinished, ends), starts),
            "self_ns": _null_if(is_unfinished, integers(self._self_ns, rows)),
            "waiting_ns": waiting,
            "instants": instants,
        }


def integers(column: array[int], rows: slice) -> pa.Array:
    """Return a copy, as a column that Arrow refers to could not grow any more."""
    with memoryview(column) as whole, whole[rows] as part:
        buffer = pa.py_buffer(part.tobytes())
        return pa.Array.from_buffers(_INTEGERS[column.typecode], len(part), [None, buffer])


def _null_if(condition: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(condition, pa.scalar(None, values.type), values)
