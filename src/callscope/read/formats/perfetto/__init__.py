"""Perfetto's own format: packets in Protocol Buffers.

Spec: ``protos/perfetto/trace`` of github.com/google/perfetto; its page on synthetic traces is
https://perfetto.dev/docs/reference/synthetic-track-event. Remarks on the reader hold for v52.

Names are written once, and times as the difference to the packet before. It is smaller than
`chrome`, and Perfetto reads it faster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from callscope.read.formats.perfetto.calls import Calls
from callscope.read.formats.perfetto.interning import Interned
from callscope.read.formats.perfetto.packets import Packets
from callscope.read.formats.perfetto.placed import PlacedPackets
from callscope.read.formats.perfetto.plain import PlainPackets
from callscope.read.formats.perfetto.wire import ENCODING
from callscope.read.formats.text_io import write_pieces
from callscope.read.formats.timeline.items import are_plain, write_timeline
from callscope.trace import Part, TraceData

if TYPE_CHECKING:
    from callscope.read.formats.parquet.reader import ParquetTrace


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Perfetto's packets."""
    table = trace.table
    if are_plain(table):
        _write_plain(trace, [Part(table)], file)
        return
    interned, packets = Interned(), Packets(trace.header, table)
    events = PlacedPackets(table, packets, Calls(table, interned))
    write_pieces(packets.opening(interned, trace.lost, trace.left_out), file, ENCODING)
    write_pieces(events, file, ENCODING)


def write_parts(trace: ParquetTrace, file: BinaryIO) -> None:
    """Write a trace that does not fit in memory; but all at once if its calls are not plain."""
    write_timeline(trace, file, write, _write_plain)


def _write_plain(trace: TraceData, parts: Iterable[Part], file: BinaryIO) -> None:
    """Write plain calls; of the trace itself, only the names are read."""
    table, interned = trace.table, Interned()
    packets, calls = Packets(trace.header, table), Calls(table, interned)
    track = packets.track(table.strands[table.strand[0]])
    write_pieces(packets.opening(interned, trace.lost, trace.left_out), file, ENCODING)
    events = PlainPackets(parts, packets, calls, track)
    file.writelines(piece.encode(ENCODING) for piece in events)
