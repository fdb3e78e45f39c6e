"""How a run goes on after a halt: a person clears it, or leaves."""

from __future__ import annotations

import queue
from collections.abc import Callable

from robopref.safety.guard import Guard

RESET, LEAVE = "r", "q"
_LOOKING = 0.1  # s between looks for a decision
_GONE = 10.0  # s without anybody who could decide, after which a run is left; a page may be loaded anew meanwhile


class Recovery:
    """Asks for a decision after a halt; any thread may give it.

    Args:
        guard: Of the robot.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard, self._answers = guard, queue.SimpleQueue[tuple[str, str]]()
        self.offered = False  # whether a decision is waited for

    def answer(self, key: str, who: str) -> bool:
        """Decide, if that is asked for.

        Args:
            key: `RESET` clears the halt, `LEAVE` leaves the robot halted; others do nothing.
            who: Name of the person.

        Returns:
            Whether it was.
        """
        if not self.offered or key not in (RESET, LEAVE):
            return False
        self._answers.put((key, who))
        return True

    def wait(self, present: Callable[[], bool]) -> bool:
        """Wait until somebody decides, or nobody is there any more.

        Args:
            present: Whether somebody could.

        Returns:
            Whether the halt was cleared; the robot is then disarmed.
        """
        self._answers, self.offered = queue.SimpleQueue(), True
        clock = self._guard.clock
        seen = clock() if present() else clock() - _GONE
        try:
            while clock() - seen < _GONE:
                try:
                    key, who = self._answers.get_nowait()
                except queue.Empty:
                    clock.sleep(_LOOKING)
                    seen = clock() if present() else seen
                    continue
                if key == RESET:
                    self._guard.reset(who)
                return key == RESET
            return False
        finally:
            self.offered = False
