"""Tapes of all threads: shadows write to them, and readers collect the records."""

from __future__ import annotations

import gc
import math
import threading
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from callscope.introspect.locks import locked_if_free, new_lock, synchronized
from callscope.tape.engine import TAPE
from callscope.tape.greenlets import Greenlets, Present, when_greenlets_are_in_play
from callscope.tape.names import greenlet_name, present_thread_name, thread_name
from callscope.tape.thread_local import real_local
from callscope.tape.thread_tape import ThreadTape

_T = TypeVar("_T")
_R = TypeVar("_R")


class Chunk:
    """Whole records taken off one thread's tape."""

    __slots__ = ("_records", "raw", "tape")

    def __init__(self, tape: ThreadTape, raw: Any, records: list[Any] | None = None) -> None:
        self.tape: ThreadTape = tape
        self.raw: Any = raw
        """The records as taken, in the type of the tape."""
        self._records = records

    @property
    def size(self) -> int:
        """Number of places the records take on the tape."""
        return len(self.raw if self._records is None else self._records)

    @property
    def is_packed(self) -> bool:
        """True if the records are as the tape in C has written them."""
        return self._records is None

    @property
    def records(self) -> list[Any]:
        """The records as described in `callscope.tape.records`."""
        if self._records is None:
            self._records = TAPE.unpack(self.raw)
        return self._records


class Batch(NamedTuple):
    """Records that all threads wrote since the last batch."""

    chunks: list[Chunk]
    ended: list[ThreadTape]
    """Tapes of threads that have ended."""
    until_ns: float
    """Time before which every record is in this batch or an earlier one."""
    number: int = 0
    """Number from 1, by which a reader recognizes a batch it is given twice."""


class Reader(Protocol):
    """Receiver of the records; one per recording."""

    @property
    def kept(self) -> int:
        """Number of calls that it has kept or reported."""
        ...

    def feed(self, batch: Batch) -> None:
        """Receive the records since the last batch."""

    def end(self) -> None:
        """Note that there are no more records."""


if TYPE_CHECKING:
    _ThreadLocal = threading.local
else:
    _ThreadLocal = real_local()


class _Alive:
    """Object in a thread's local storage, which dies with the thread."""

    __slots__ = ("__weakref__",)


class _Local(_ThreadLocal):
    """State of a thread; see `Present`."""

    def __init__(self, tapes: Tapes) -> None:
        self._alive = _Alive()
        # Looking up the thread's name may re-enter here, through traced properties.
        self.is_untraced: bool = True
        self.tape: Any = TAPE.new_records()
        self.own: ThreadTape = tapes._open(
            ThreadTape(present_thread_name(), weakref.ref(self._alive))
        )
        self.tape = self.own.records
        self.is_untraced = False
        self._owner = TAPE.own(self.tape)

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (TAPES, "of_thread")


class Tapes:
    """All threads' tapes, and the readers of their records."""

    def __init__(self) -> None:
        self._lock: threading.RLock = new_lock()
        self.clock: types.CellType = types.CellType(TAPE.read_clock)
        """The cell through which shadows read the time."""
        self._tapes: list[ThreadTape] = []
        self._readers: list[Reader] = []
        self._draining = False
        self._taken: list[Chunk] = []
        """Records taken off the tapes and not in a batch yet."""
        self._batch: Batch | None = None
        """The batch that the readers are being given."""
        self._last_number = 0
        self.of_thread: _Local = _Local(self)
        self.writer: types.CellType = types.CellType(self.of_thread)
        """The cell through which shadows find the `tape` they write to."""
        self._greenlets: Greenlets | None = None

    def __reduce__(self) -> str:
        return "TAPES"

    @property
    def local(self) -> Present:
        """State of the current thread or greenlet."""
        return self.of_thread if self._greenlets is None else self._greenlets.present()

    def _follow_greenlets(self) -> None:
        if self._greenlets is None:
            self._greenlets = self.writer.cell_contents = Greenlets(self)
            TAPE.follow_greenlets(self._greenlets.states)

    def open_within(self, greenlet: weakref.ref[Any], parent: ThreadTape) -> ThreadTape:
        """Return a new tape for a greenlet."""
        # If gevent has patched `threading`, a thread is a greenlet and has its identifier.
        thread = thread_name(id(greenlet()))
        if thread is not None:
            return self._open(ThreadTape(thread, greenlet))
        thread, task = parent.of_thread.thread, greenlet_name(greenlet())
        return self._open(ThreadTape(thread, greenlet, task, parent))

    def _open(self, tape: ThreadTape) -> ThreadTape:
        self._tapes.append(tape)
        return tape

    @property
    def is_read(self) -> bool:
        """True if there is a reader."""
        return bool(self._readers)

    def set_clock(self, clock: Callable[[], int]) -> None:
        """Use another clock, as tests do; it returns nanoseconds."""
        self.clock.cell_contents = clock
        TAPE.set_clock(clock)

    def follow_contexts(self) -> None:
        """Note in each call what led to it, from now on: a context is about to be set."""
        TAPE.follow_contexts()

    def forget_classes(self) -> None:
        """Forget how each class identifies its objects; classes are asked again."""
        TAPE.forget_classes()

    def forget_objects(self) -> None:
        """Drop the tracking of living objects, because nothing records any more."""
        TAPE.forget_objects()

    def start_anew(self) -> None:
        """Forget everything, in a newly forked child process.

        The records on the tapes belong to the parent, and only the thread that forked goes on.
        """
        self._draining = False
        self._taken, self._batch = [], None
        self._readers.clear()
        self._follow_collections()
        for tape in self._tapes:
            tape.records.clear()

    def attach(self, reader: Reader) -> None:
        """Give the reader all records that are written from now on."""
        when_greenlets_are_in_play(self._follow_greenlets)
        self._add(reader)

    @synchronized
    def _add(self, reader: Reader) -> None:
        self.drain()
        self._readers.append(reader)
        self._follow_collections()

    @synchronized
    def detach(self, reader: Reader) -> None:
        """Give the reader all records that were written until now, and no more.

        An interrupted call can be repeated.
        """
        self.drain()
        reader.end()
        if reader in self._readers:
            self._readers.remove(reader)
        self._follow_collections()

    def _follow_collections(self) -> None:
        """Follow garbage collections as long as there is a reader."""
        if self._readers and TAPE.collect not in gc.callbacks:
            gc.callbacks.append(TAPE.collect)
        elif not self._readers and TAPE.collect in gc.callbacks:
            gc.callbacks.remove(TAPE.collect)

    @synchronized
    def drain(self) -> None:
        """Hand the written records to the readers.

        An interrupt may come at any point: records not handed over yet are handed over next time.
        """
        # A finalizer that runs in here may be traced and re-enter.
        if self._draining:
            return
        try:
            try:
                self._draining = True
                self.untraced(self._drain, None)
            except (RecursionError, MemoryError):
                pass  # The program must reach its limit by itself. The next call drains the rest.
            finally:
                self._draining = False
        finally:  # again: a trace function may have raised just there, and is called no more
            self._draining = False

    @synchronized
    def count(self, reader: Reader) -> int:
        """Return the number of calls a reader has kept, of all written so far."""
        self.drain()
        return reader.kept

    def drain_if_free(self) -> None:
        """Hand the written records to the readers, unless another thread is doing so."""
        # The thread that holds the lock may be waiting for this one.
        locked_if_free(self._lock, self.drain)

    def _drain(self, _: None) -> None:
        self._hand_over()
        ended = [tape for tape in self._tapes if tape.ended]
        is_alone = len(self._tapes) - len(ended) <= 1
        until_ns = math.inf if is_alone else self.clock.cell_contents()
        for tape in tuple(self._tapes):
            if len(tape.records):
                chunk = Chunk(tape, TAPE.new_records())
                self._taken += (chunk,)
                TAPE.move(tape.records, chunk.raw)
        if self._taken or ended:
            batch = Batch(self._taken, ended, until_ns, self._last_number + 1)
            # No interrupt can come between these.
            self._last_number += 1
            self._batch = batch
            self._taken = []
            for tape in ended:
                self._tapes.remove(tape)
            self._hand_over()

    def _hand_over(self) -> None:
        if self._batch is not None:
            for reader in tuple(self._readers):
                reader.feed(self._batch)
            self._batch = None

    def untraced(self, function: Callable[[_T], _R], argument: _T) -> _R:
        """Call a function without recording the calls it makes."""
        local = self.local
        tape, was_untraced = local.tape, local.is_untraced
        scratch = TAPE.new_scratch(local)
        try:
            try:
                local.tape = scratch
                local.is_untraced = True
                TAPE.use(scratch)
                return function(argument)
            finally:
                local.tape = tape
                local.is_untraced = was_untraced
                TAPE.use(tape)
        finally:  # again: see `drain`
            local.tape = tape
            local.is_untraced = was_untraced
            TAPE.use(tape)


TAPES: Final = Tapes()
