"""A thread that has the robot held, then stopped when commands cease."""

from __future__ import annotations

import threading
from collections.abc import Callable

from robopref.safety.clock import Clock
from robopref.threads import start


class Watchdog:
    """Calls back when it was not fed for some time; at rest until it is first fed.

    Every call has a thread of its own, so that one that hangs does not keep the next from being made.

    Args:
        hold_after: Seconds until the first call.
        stop_after: Seconds until the second call, after which it rests.
        on_hold: First call, with the seconds that have passed.
        on_stop: Second call, with the seconds that have passed.
        clock: What it goes by.
    """

    def __init__(
        self,
        hold_after: float,
        stop_after: float,
        on_hold: Callable[[float], None],
        on_stop: Callable[[float], None],
        clock: Clock | None = None,
    ) -> None:
        self.hold_after, self.stop_after = hold_after, stop_after
        self._calls, self._clock = (on_hold, on_stop), clock or Clock()
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
            self._fed, self._allowance, self._held = self._clock(), allowance, False

    def rest(self) -> None:
        """Wait for nothing until fed again."""
        with self._lock:
            self._fed = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1.0)

    def check(self) -> None:
        """Call back if it is time; the thread does so all the time."""
        with self._lock:
            if self._fed is None:
                return
            now = self._clock()
            self._fed = min(self._fed, now)  # a clock that was set back does not buy time
            elapsed = now - self._fed
            waited = elapsed - self._allowance
            if waited > self.stop_after:
                name, call, self._fed = "stop", self._calls[1], None
            elif waited > self.hold_after and not self._held:
                name, call, self._held = "hold", self._calls[0], True
            else:
                return
        start(f"robopref-watchdog-{name}", call, elapsed)

    def _watch(self) -> None:
        pause = min(0.02, self.hold_after / 10)
        while not self._closed.wait(pause):
            self.check()
