"""The clock that guard, watchdog, loop and recording go by."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Seconds that never go back, and waiting for them to pass; the machine's, unless a test has its own.

    How long a call that hangs in another thread is waited for goes by the machine in any case: threads get on only as
    its time passes.

    Attributes:
        now: The time, s; that of readings has to be of the same clock.
        sleep: Waits for some seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __call__(self) -> float:
        """The time, s."""
        return self.now()
