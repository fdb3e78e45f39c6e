"""By which principle candidates are ranked, which an operator may change between plans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from robopref.errors import ConfigError
from robopref.principles import plain_principle


class ServedPrinciple:
    """The principle that the next plan is made by.

    A page asks, from any thread; the planner looks before each plan, so that all candidates of a plan are scored by the
    same. What is asked for is a sentence, and need not be one of those that are offered.

    Args:
        offered: Principles to choose from, as those that were learnt from.
        choose: Lets the scorer score by one; None is the mean of those that it has learnt from.
        chosen: By which it scores now.
    """

    def __init__(
        self, offered: Sequence[str], choose: Callable[[str | None], object], chosen: str | None = None
    ) -> None:
        self.offered, self.chosen, self._choose = tuple(offered), chosen, choose
        self._asked: tuple[str | None] | None = None
        self._lock = threading.Lock()

    def ask(self, principle: str) -> str:
        """Have the next plan made by a principle.

        Args:
            principle: In words; an empty one asks for the mean of all.

        Returns:
            What is wrong with it; empty if nothing is.
        """
        try:
            wanted = plain_principle(principle) if principle.strip() else None
        except ConfigError as error:
            return str(error)
        with self._lock:
            self._asked = (wanted,)
        return ""

    def settle(self) -> None:
        """Let the scorer score by what was asked for, if anything was since the last plan."""
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None and asked[0] != self.chosen:
            self._choose(asked[0])
            self.chosen = asked[0]
