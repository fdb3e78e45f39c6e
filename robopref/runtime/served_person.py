"""Whom candidates are ranked for, which an operator may change between plans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence


class ServedPerson:
    """The person whose wishes the next plan is for.

    A page asks, from any thread; the planner looks before each plan, so that all candidates of a plan are scored for
    the same person.

    Args:
        names: Of those who can be chosen.
        choose: Lets the scorer score for one of them.
        chosen: For whom it scores now, one of the names.
    """

    def __init__(self, names: Sequence[str], choose: Callable[[str], object], chosen: str) -> None:
        self.names, self.chosen, self._choose = tuple(names), chosen, choose
        self._asked: str | None = None
        self._lock = threading.Lock()

    def ask(self, name: str) -> bool:
        """Have the next plan made for somebody; whether they are known.

        Args:
            name: Of the person.
        """
        if name not in self.names:
            return False
        with self._lock:
            self._asked = name
        return True

    def settle(self) -> None:
        """Let the scorer score for whom was asked, if anybody was since the last plan."""
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None and asked != self.chosen:
            self._choose(asked)
            self.chosen = asked
