"""`TapeDecoder`: decodes what a reader was given into calls and, if there is a receiver, events."""

from __future__ import annotations

import math
from _thread import get_ident
from array import array
from bisect import bisect_right
from contextlib import nullcontext
from itertools import islice
from operator import gt
from typing import Final

from callscope.introspect.gc_paused import no_collection
from callscope.tape.context_hooks import ContextHook
from callscope.tape.decode.batch_queue import BatchQueue
from callscope.tape.decode.event_receiver import EventReceiver
from callscope.tape.decode.filter import Filter
from callscope.tape.decode.general import Parsed, ThreadDecoder
from callscope.tape.decode.open_call import OpenCall
from callscope.tape.decode.state import DecodeState, Instant
from callscope.tape.engine import TAPE
from callscope.tape.thread_tape import ThreadTape
from callscope.tape.threads import TAPES, Batch, Chunk
from callscope.trace import Call, Recorded, Table

_MUCH: Final = 1 << 17
"""Size of unread records, in places, above which reading pauses garbage collection."""


class TapeDecoder:
    """Decoder of all threads' records for one recording, by the fast or the general decoder.

    An interrupt, or the recursion limit, may end a read at any point; the next read goes on from
    there. So input stays queued until its result is complete. Then the result is put in place in
    one step, which consists of assignments, ``del`` and ``+=`` alone: between those, CPython does
    not check for signals.

    Args:
        queue: the records to decode.
        call_filter: filter of the calls to keep.
        keep: whether the calls are kept in memory, to be returned by `recorded`.
        receiver: receiver of each event as soon as it is read.
        context_hook: the receiver's hook in the threads of calls.
    """

    def __init__(
        self,
        queue: BatchQueue,
        call_filter: Filter,
        *,
        keep: bool,
        receiver: EventReceiver | None,
        context_hook: ContextHook | None,
    ) -> None:
        self._queue = queue
        self._state = DecodeState(
            call_filter, queue.pid, keep=keep, receiver=receiver, context_hook=context_hook
        )
        self._may_be_plain = (
            (receiver is None or not receiver.is_live)
            and context_hook is None
            and self._state.limit.takes_all_that_fits
        )
        """True if the result does not depend on how many calls are decoded at once."""
        self._read_by: int | None = None
        """Identifier of the thread that is reading, which must not start a nested read.

        In a forked child, it may be of a thread that does not exist.
        """
        self._threads: dict[ThreadTape, ThreadDecoder] = {}
        self._name_counts: dict[str, int] = {}
        self._ended: set[ThreadTape] = set()
        self._parsed: dict[ThreadDecoder, Parsed] = {}
        """Instants of each thread that must wait for older ones of other threads."""

    @property
    def lost(self) -> int:
        """Number of calls not kept, as far as they are read."""
        return self._state.limit.lost + self._state.dropped

    @property
    def left_out(self) -> dict[str, int]:
        """Number of calls left out on purpose, as far as they are read, by name of the site."""
        return {**self._state.limit.left_out}

    @property
    def kept(self) -> int:
        """Number of calls kept in memory or reported, including those dropped since."""
        return self._state.limit.count

    def recorded(self) -> Recorded:
        """Return the calls kept so far."""
        if self._read_by == get_ident():
            return Recorded(self._state.table(), self.lost, self.left_out)
        with no_collection() if self._queue.size > _MUCH else nullcontext():
            self.read()
        self._state.rows.table.trim()
        table = self._state.table()
        if sum(self._name_counts.values()) > 1:
            table = self._sorted(table)
        return Recorded(table, self.lost, self.left_out)

    def _sorted(self, table: Table) -> Table:
        """Return a table in the order the calls began."""
        starts = table.start_ns
        # A thread may read the clock and be preempted before it writes.
        if any(map(gt, starts, islice(starts, 1, None))):
            table = table.reordered(sorted(range(len(table)), key=starts.__getitem__))
            if self._state.receiver is None:
                first = self._state.dropped + 1
                table.call_id = array("q", range(first, first + len(table)))
        return table

    def open_calls(self) -> tuple[Call, ...]:
        """Return the kept calls that are open in this thread."""
        self.read()
        for is_this, thread in self._reading_threads():
            if is_this:
                return tuple(open_call.call for open_call in thread.open if open_call.call)
        return ()

    def innermost(self) -> list[tuple[bool, OpenCall]]:
        """Return the innermost call of each thread, and whether it is this thread's."""
        return [
            (is_this, thread.open[-1]) for is_this, thread in self._reading_threads() if thread.open
        ]

    def _reading_threads(self) -> list[tuple[bool, ThreadDecoder]]:
        # Compares its own tape: it may currently write to a scratch tape.
        own = TAPES.local.own
        return [(tape is own, thread) for tape, thread in self._threads.items()]

    def abandon(self) -> None:
        """Forget what is not delivered: in a forked child process, it belongs to the parent.

        If a sink has forked, a read goes on from here and ends.
        """
        self._state.instants.clear()
        self._state.events.clear()

    def read(self) -> None:
        """Decode all that is queued."""
        # A signal handler, or `where`, may ask for a nested read: it gets what is read so far.
        if self._read_by == get_ident():
            return
        self._read_by = get_ident()
        try:
            self._read_all()
        finally:
            self._read_by = None

    def _read_all(self) -> None:
        self._state.rows.refresh()
        self._take_instants()
        has_read = bool(self._queue.batches)
        while self._queue.batches:
            if not self._take_plain(self._queue.batches[0]):
                self._merge(self._queue.batches[0])
            self._take_instants()
            self._state.make_room()
            self._forget_ended()
        self._queue.size = 0
        # If all calls are kept, they take more memory than the numbers. And without a new batch,
        # there may still be records of objects that were gone at the last sweep.
        if has_read and (not self._state.keeps or self._state.call_filter.on_full == "drop_oldest"):
            self._state.rows.numbers.sweep()

    def _forget_ended(self) -> None:
        for tape in [*self._ended]:
            thread = self._threads.get(tape)
            if thread is None or thread not in self._parsed:
                self._threads.pop(tape, None)
                self._ended.discard(tape)

    def _take_plain(self, batch: Batch) -> bool:
        """Decode the plain records at the start of a batch; return False if there are none."""
        if not self._may_be_plain or len(batch.chunks) != 1 or self._parsed:
            return False
        chunk = batch.chunks[0]
        thread = self._thread(chunk.tape)
        most = chunk.size // TAPE.LEAST_SIZE
        if len(self._threads) > 1 or self._state.limit.may_be_reached(most):
            return False
        plain = thread.plain()
        if plain is None:
            return False
        rest = plain.take(chunk)
        if rest is None:
            return False
        opened, raised, calls, ids = plain.open, plain.raised, plain.count, plain.put()
        events, last_seq = self._state.events_of(plain.batch())
        table, row = self._state.rows.table, len(self._state.rows.table)
        left = [batch._replace(chunks=[Chunk(chunk.tape, rest, rest)])] if rest else []
        # A thread is not forgotten before all its records are decoded.
        ended = self._ended if left else self._ended.union(batch.ended)
        # One step.
        if left:
            self._queue.batches[0] = left[0]
        else:
            del self._queue.batches[0]
        self._ended = ended
        table.call_id[row:] = ids
        self._state.events += events
        self._state.last_seq = last_seq
        self._state.last_id += calls
        self._state.limit.count += calls
        thread.open = opened
        thread.raised = raised
        thread.last_ns = plain.last_ns
        return True

    def _merge(self, batch: Batch) -> None:
        """Merge the instants of all threads in chronological order.

        Records are taken from one thread slightly before the others. So only instants up to the
        time when taking began are used.
        """
        parsed = {**self._parsed}
        for chunk in batch.chunks:
            thread = self._thread(chunk.tape)
            before = parsed.get(thread) or Parsed([], thread.last_ns)
            parsed[thread] = thread.parse(chunk.records, before)
        until_ns = math.inf if len(self._threads) == 1 else batch.until_ns
        taken: list[Instant] = []
        left: dict[ThreadDecoder, Parsed] = {}
        for thread, (instants, last_ns) in parsed.items():
            count = bisect_right(instants, until_ns, key=_time)
            taken += instants[:count]
            if count < len(instants):
                left[thread] = Parsed(instants[count:], last_ns)
        if len(parsed) > 1:
            taken.sort(key=_time)  # stable for equal times
        ended = self._ended.union(batch.ended)
        # One step.
        del self._queue.batches[0]
        self._parsed = left
        self._state.instants += taken
        self._ended = ended

    def _take_instants(self) -> None:
        self._deliver()
        while self._state.instants:
            instant = self._state.instants[0]
            instant.act(instant)
            self._state.make_room()
            self._deliver()

    def _deliver(self) -> None:
        if self._state.receiver is not None:
            self._read_by = None  # a sink may read the calls of events, or end the recording
            self._state.receiver.deliver(self._state.events)
            self._read_by = get_ident()

    def _thread(self, tape: ThreadTape) -> ThreadDecoder:
        thread = self._threads.get(tape)
        if thread is None:
            of_thread = None if tape.parent is None else self._thread(tape.of_thread)
            parent = None if tape.parent is None else self._thread(tape.parent)
            # Equal names get a number: a pool may give all its workers one name.
            own = tape.task or tape.thread
            count = self._name_counts.get(own, 0) + 1
            name = own if count == 1 else f"{own} ({count})"
            thread = ThreadDecoder(self._state, name, of_thread, parent)
            # One step.
            self._name_counts[own] = count
            self._threads[tape] = thread
        return thread


def _time(instant: Instant) -> int:
    return instant.ts_ns
