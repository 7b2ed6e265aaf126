"""`BatchQueue`: records that a reader was given and has not decoded yet."""

from __future__ import annotations

import os
from collections import deque

from callscope.tape.threads import Batch


class BatchQueue:
    """Queue of batches of records, which is filled before anything is there to decode them."""

    def __init__(self) -> None:
        self.pid: int = os.getpid()
        """Number of the process that writes the records; a forked child may decode them."""
        self.batches: deque[Batch] = deque()
        """The batches, the next one first."""
        self.size: int = 0
        """Size of their records, in places on the tape."""
        self.last_number: int = 0
        """Number of the last batch."""

    def add(self, batch: Batch) -> None:
        """Append a batch; a second time does nothing."""
        size = sum(chunk.size for chunk in batch.chunks)
        if batch.number > self.last_number:
            # One step.
            self.batches += (batch,)
            self.size += size
            self.last_number = batch.number
