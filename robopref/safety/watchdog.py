"""A thread that holds, then stops the robot when commands cease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Watchdog:
    """Calls back when it was not fed for some time; at rest until it is first fed.

    It goes by the machine's monotonic clock, which nobody can set.

    Args:
        hold_after: Seconds until the first call.
        stop_after: Seconds until the second call, after which it rests.
        on_hold: First call, with the seconds that have passed.
        on_stop: Second call, with the seconds that have passed.
    """

    def __init__(
        self,
        hold_after: float,
        stop_after: float,
        on_hold: Callable[[float], None],
        on_stop: Callable[[float], None],
    ) -> None:
        self.hold_after, self.stop_after = hold_after, stop_after
        self._calls = (on_hold, on_stop)
        self._lock = threading.Lock()
        self._fed: float | None = None
        self._allowance = 0.0
        self._held = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="robopref-watchdog", daemon=True)
        self._thread.start()

    def feed(self, allowance: float = 0.0) -> None:
        """A command was sent.

        Args:
            allowance: Seconds that it may take on top.
        """
        with self._lock:
            self._fed, self._allowance, self._held = time.monotonic(), allowance, False

    def rest(self) -> None:
        """Wait for nothing until fed again."""
        with self._lock:
            self._fed = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1.0)

    def _watch(self) -> None:
        pause = min(0.02, self.hold_after / 10)
        while not self._closed.wait(pause):
            with self._lock:
                if self._fed is None:
                    continue
                elapsed = time.monotonic() - self._fed
                waited = elapsed - self._allowance
                call = None
                if waited > self.stop_after:
                    call, self._fed = self._calls[1], None
                elif waited > self.hold_after and not self._held:
                    call, self._held = self._calls[0], True
            if call is not None:
                call(elapsed)
