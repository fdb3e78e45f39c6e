"""A clock that tests set, so that nothing is waited for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from robopref.safety.clock import Clock


class VirtualClock:
    """Passes when somebody sleeps by it; calls back on the way.

    Attributes:
        clock: For what is under test.
        watchers: Called at every step of the way.
    """

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self.watchers: list[Callable[[], None]] = []
        self._plans: list[tuple[float, Callable[[], None]]] = []
        self.clock = Clock(lambda: self.now, self.sleep)
        self._aside: float | None = None

    def at(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something when some seconds have passed."""
        self._plans.append((self.now + seconds, call))

    def sleep(self, seconds: float) -> None:
        """Let time pass, a hundredth of a second at most at once."""
        if self._aside is not None:
            self._aside += seconds
            return
        end = self.now + seconds
        while self.now < end:
            due = [time for time, _ in self._plans if time > self.now]
            self.now = min([end, self.now + 0.01, *due])
            ready = [call for time, call in self._plans if time <= self.now]
            self._plans = [plan for plan in self._plans if plan[0] > self.now]
            for call in [*ready, *self.watchers]:
                call()

    def aside(self, call: Callable[[], Any]) -> tuple[Future[Any], float]:
        """Make a call as another thread would: it takes its time, and nothing waits for it.

        Returns:
            Its result, and when it has it.
        """
        done, self._aside = Future[Any](), 0.0
        try:
            done.set_result(call())
        except Exception as error:
            done.set_exception(error)
        spent, self._aside = self._aside, None
        return done, self.now + spent

    def watch(self, check: Callable[[], None]) -> None:
        """Let a watchdog look at every step of the way, and wait for what it calls."""

        def look() -> None:
            check()
            for thread in threading.enumerate():
                if thread.name.startswith("robopref-watchdog-"):
                    thread.join(5)

        self.watchers.append(look)


class VirtualWorker:
    """In place of a thread that plans: what it makes is there when the clock says so."""

    def __init__(self, virtual: VirtualClock) -> None:
        self._virtual = virtual

    def submit(self, call: Callable[..., Any], *given: Any) -> Future[Any]:
        virtual, (done, ready) = self._virtual, self._virtual.aside(lambda: call(*given))
        finished = done.done
        done.done = lambda: finished() and virtual.now >= ready  # type: ignore[method-assign]
        return done

    def close(self) -> None:
        pass
