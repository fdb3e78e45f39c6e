"""A log that many equal messages cannot fill."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_KINDS = 100  # of messages that are told apart


class Sparing(logging.Filter):
    """Lets a message pass once in a while, with how many like it there were.

    Args:
        within: Seconds between two of a kind; messages are of a kind if they were written by the same line of code.
        clock: Seconds that only grow.
    """

    def __init__(self, within: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.within, self.clock = within, clock
        self._told: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a message is to be written."""
        kind, now = (record.pathname, record.lineno), self.clock()
        last, more = self._told.get(kind, (-self.within, 0))
        if now - last < self.within:
            self._told[kind] = last, more + 1
            return False
        if len(self._told) >= _KINDS:
            self._told.clear()
        self._told[kind] = now, 0
        if more:
            record.msg, record.args = f"{record.getMessage()} (and {more} times more since the last)", None
        return True
