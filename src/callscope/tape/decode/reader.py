"""`TapeReader`: collects the records of one recording; they are decoded when they are asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from callscope.introspect.imports import restore
from callscope.introspect.locks import new_lock, synchronized
from callscope.tape.decode.batch_queue import BatchQueue
from callscope.tape.decode.filter import Filter
from callscope.tape.engine import TAPE
from callscope.tape.threads import Batch

if TYPE_CHECKING:
    from callscope.tape.context_hooks import ContextHook
    from callscope.tape.decode.decoder import TapeDecoder
    from callscope.tape.decode.event_receiver import EventReceiver
    from callscope.tape.decode.open_call import OpenCall
    from callscope.trace import Call, Recorded


def import_decoder() -> type[TapeDecoder]:
    """Import the decoder, which takes long: not before the first records are read."""
    restore("callscope.tape.decode.decoder")
    from callscope.tape.decode.decoder import TapeDecoder

    return TapeDecoder


class TapeReader:
    """Reader of the tapes for one recording; see `TapeDecoder` for what an interrupt does.

    Args:
        call_filter: filter of the calls to keep.
        keep: whether the calls are kept in memory, to be returned by `recorded`.
        receiver: receiver of each event as soon as it is read, which is flushed after each batch;
            without one, records are read only on demand.
        context_hook: the receiver's hook in the threads of calls.
    """

    def __init__(
        self,
        call_filter: Filter,
        *,
        keep: bool = True,
        receiver: EventReceiver | None = None,
        context_hook: ContextHook | None = None,
    ) -> None:
        self._call_filter = call_filter
        self._keep = keep
        self._receiver = receiver
        self._context_hook = context_hook
        self._queue = BatchQueue()
        self._decoder: TapeDecoder | None = None
        self._lock = new_lock()
        if receiver is not None:  # what it receives is decoded within calls of the program
            self._present_decoder()

    def _present_decoder(self) -> TapeDecoder:
        decoder = self._decoder
        if decoder is None:
            decoder = import_decoder()(
                self._queue,
                self._call_filter,
                keep=self._keep,
                receiver=self._receiver,
                context_hook=self._context_hook,
            )
            # One step: a signal handler may have read meanwhile.
            self._decoder = decoder = self._decoder or decoder
        return decoder

    @synchronized
    def feed(self, batch: Batch) -> None:
        """Receive records; read them now if there is a receiver or the limit may be reached."""
        self._queue.add(batch)
        if self._receiver is not None:
            self._present_decoder().read()
            self._receiver.flush()
        elif self._call_filter.is_limit_reached(self.kept + self._queue.size // TAPE.LEAST_SIZE):
            self._present_decoder().read()

    @property
    def lost(self) -> int:
        """Number of calls not kept; correct at any time, although records may be unread."""
        return 0 if self._decoder is None else self._decoder.lost

    @property
    def left_out(self) -> dict[str, int]:
        """Number of calls left out on purpose, as far as they are read, by name of the site."""
        return {} if self._decoder is None else self._decoder.left_out

    @property
    def kept(self) -> int:
        """Number of calls kept in memory or reported, including those dropped since."""
        return 0 if self._decoder is None else self._decoder.kept

    def recorded(self) -> Recorded:
        """Return the calls kept so far."""
        import_decoder()  # without the lock, for which another thread's import may wait
        return self._recorded()

    @synchronized
    def _recorded(self) -> Recorded:
        return self._present_decoder().recorded()

    def open_calls(self) -> tuple[Call, ...]:
        """Return the kept calls that are open in this thread."""
        import_decoder()
        return self._open_calls()

    @synchronized
    def _open_calls(self) -> tuple[Call, ...]:
        return self._present_decoder().open_calls()

    def innermost(self) -> list[tuple[bool, OpenCall]]:
        """Return the innermost call of each thread, and whether it is this thread's."""
        return [] if self._decoder is None else self._decoder.innermost()

    def end(self) -> None:
        """Release all pending instants, because no thread can have older ones."""
        self.feed(Batch([], [], math.inf, self._queue.last_number + 1))

    def abandon(self) -> None:
        """Forget what is not delivered: in a forked child process, it belongs to the parent."""
        self._queue.batches.clear()
        if self._decoder is not None:
            self._decoder.abandon()
