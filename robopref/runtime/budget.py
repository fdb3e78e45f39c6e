"""How many candidates, noise draws and simulated outcomes fit into the time there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from robopref.errors import ConfigError


@dataclass(frozen=True)
class Budget:
    """What a plan may spend.

    Attributes:
        candidates: N.
        draws: Noise draws M of a score that has any.
        ahead: Candidates K that are looked ahead from.
    """

    candidates: int
    draws: int = 1
    ahead: int = 1


class Budgeting(Protocol):
    """Decides on budgets, and learns how long they take."""

    def choose(self) -> Budget:
        """The budget of the next plan."""
        ...

    def learn(self, budget: Budget, seconds: float) -> None:
        """A plan with this budget took so long."""
        ...


class FixedBudget:
    """The same budget for every plan.

    Args:
        candidates: N.
        draws: M.
        ahead: K.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(self, candidates: int = 16, draws: int = 1, ahead: int = 1) -> None:
        if min(candidates, draws, ahead) < 1:
            raise ConfigError(f"a budget needs candidates, draws and ahead >= 1, got {candidates}, {draws} and {ahead}")
        self._budget = Budget(candidates, draws, ahead)

    def choose(self) -> Budget:
        """The budget."""
        return self._budget

    def learn(self, budget: Budget, seconds: float) -> None:
        """Changes nothing."""


class DeadlineBudget:
    """What is expected to be ranked before a deadline: the most to look ahead from, then candidates, then draws.

    The time of a plan is taken to be ``a + b N + c N M + d K``, fitted to the first plans, which try corners of the
    range twice. From then on a factor for how busy the machine is follows the ratio of measured to expected time,
    quickly when it grows and slowly when it falls.

    Args:
        deadline: Seconds that a plan may take.
        candidates: Largest N.
        draws: Largest M; half and a quarter of it are tried as well.
        ahead: Largest K; halves of it are tried as well.
        reserve: Share of the deadline that is kept free.

    Raises:
        ConfigError: A value is out of range.
    """

    def __init__(
        self, deadline: float, *, candidates: int = 64, draws: int = 1, ahead: int = 1, reserve: float = 0.2
    ) -> None:
        if not deadline > 0 or not 0 <= reserve < 1 or min(candidates, draws, ahead) < 1:
            raise ConfigError(
                "a deadline needs deadline > 0, reserve in [0, 1) and candidates, draws, ahead >= 1, got "
                f"{deadline}, {reserve}, {candidates}, {draws}, {ahead}"
            )
        self.deadline, self._limit = deadline, deadline * (1 - reserve)
        self.budgets = [
            Budget(n, m, k) for k in _halves(ahead, 7) for n in _halves(candidates, 7) if n >= k
            for m in _halves(draws, 3)
        ]  # fmt: skip  # from the cheapest to the dearest
        least, most = self.budgets[0], self.budgets[-1]
        self._terms = _terms if ahead == 1 else _terms_ahead
        probes = [least, replace(least, candidates=max(1, most.candidates // 4)), replace(least, draws=most.draws)]
        if ahead > 1:
            probes.append(replace(least, candidates=max(ahead, least.candidates), ahead=ahead))
        self._probes = list(dict.fromkeys(probes)) * 2
        self._weights: np.ndarray | None = None
        self._seen: dict[Budget, float] = {}
        self.factor = 1.0

    def choose(self) -> Budget:
        """The budget of the next plan."""
        if self._weights is None:
            return self._probes[0]
        known = self._weights
        fitting = [one for one in self.budgets if self.factor * float(self._terms(one) @ known) <= self._limit]
        return max(fitting, key=lambda one: (one.ahead, one.candidates, one.draws), default=self.budgets[0])

    def learn(self, budget: Budget, seconds: float) -> None:
        """A plan with this budget took so long."""
        if self._weights is not None:
            ratio = seconds / max(float(self._terms(budget) @ self._weights), 1e-6)
            self.factor = max(0.1, self.factor + (0.5 if ratio > self.factor else 0.05) * (ratio - self.factor))
            return
        # The first time may be slow for reasons that do not come again.
        self._seen[budget] = min(seconds, self._seen.get(budget, np.inf))
        if budget == self._probes[0]:
            self._probes.pop(0)
        if not self._probes:
            self._weights = self._fit()

    @property
    def ready(self) -> bool:
        """Whether the time of a plan is known."""
        return self._weights is not None

    def _fit(self) -> np.ndarray:
        """Non-negative weights of the terms, by least squares on relative errors."""
        seen = list(self._seen.items())
        terms = np.stack([self._terms(budget) for budget, _ in seen])
        seconds = np.array([max(value, 1e-6) for _, value in seen])
        rows, ones = terms / seconds[:, None], np.ones(len(seen))
        active = list(range(terms.shape[1]))
        while True:
            found = np.zeros(terms.shape[1])
            found[active] = np.linalg.lstsq(rows[:, active], ones, rcond=None)[0]
            if (found >= 0).all():
                return found
            active.remove(int(np.argmin(found)))


def _terms(budget: Budget) -> np.ndarray:
    return np.array([1.0, budget.candidates, budget.candidates * budget.draws])


def _terms_ahead(budget: Budget) -> np.ndarray:
    return np.array([*_terms(budget), budget.ahead])


def _halves(most: int, count: int) -> Sequence[int]:
    """`most`, its half, quarter and so on, ascending."""
    return sorted({max(1, most >> shift) for shift in range(count)})
