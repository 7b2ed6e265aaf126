"""Perfetto's own format: packets in Protocol Buffers.

Spec: ``protos/perfetto/trace`` of github.com/google/perfetto; its page on synthetic traces is
https://perfetto.dev/docs/reference/synthetic-track-event. Remarks on the reader hold for v52.

Names are written once, and times as the difference to the packet before. It is smaller than
`chrome`, and Perfetto reads it faster.
"""

from __future__ import annotations

from typing import BinaryIO

from callscope.read.formats.perfetto.calls import Calls
from callscope.read.formats.perfetto.interning import Interned
from callscope.read.formats.perfetto.packets import Packets
from callscope.read.formats.perfetto.placed import PlacedPackets
from callscope.read.formats.perfetto.plain import PlainPackets
from callscope.read.formats.perfetto.wire import ENCODING
from callscope.read.formats.text_io import write_pieces
from callscope.read.formats.timeline.items import are_plain
from callscope.trace import TraceData


def write(trace: TraceData, file: BinaryIO) -> None:
    """Write a trace as Perfetto's packets."""
    table, interned = trace.table, Interned()
    packets, calls = Packets(trace.header, table), Calls(table, interned)
    events = (PlainPackets if are_plain(table) else PlacedPackets)(table, packets, calls)
    write_pieces(packets.opening(interned, trace.lost, trace.left_out), file, ENCODING)
    if isinstance(events, PlainPackets):
        file.writelines(piece.encode(ENCODING) for piece in events)
    else:
        write_pieces(events, file, ENCODING)
