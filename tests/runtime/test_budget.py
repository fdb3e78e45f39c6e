"""Budgets that follow the deadline and the load of the machine."""

import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.runtime.budget import Budget, DeadlineBudget, FixedBudget


def cost(budget: Budget, load: float = 1.0) -> float:
    """10 ms, 1 ms a candidate, 0.25 ms a candidate and draw."""
    return load * (0.010 + 0.001 * budget.candidates + 0.00025 * budget.candidates * budget.draws)


def settle(made: DeadlineBudget, load: float, plans: int) -> Budget:
    for _ in range(plans):
        budget = made.choose()
        made.learn(budget, cost(budget, load))
    return made.choose()


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        # 80 % of 500 ms; 10 + 64 + 0.25 * 64 * 16 = 330 ms
        (0.5, Budget(64, 16)),
        # 160 ms: 10 + 64 + 0.25 * 64 * m <= 160 for m <= 5.4
        (0.2, Budget(64, 4)),
        # 56 ms: 10 + 32 + 0.25 * 32 * m > 56 for m >= 4; 10 + 16 + 0.25 * 16 * 4 = 42, with 8 draws 58
        (0.07, Budget(16, 4)),
        # 8 ms are not enough for anything, so the least is done
        (0.01, Budget(1, 4)),
    ],
)
def test_the_most_that_fits_is_chosen(deadline: float, expected: Budget) -> None:
    assert settle(DeadlineBudget(deadline, candidates=64, draws=16), 1.0, 8) == expected


def test_a_busy_machine_gets_less_at_once_and_more_again_later() -> None:
    made = DeadlineBudget(0.2, candidates=64, draws=16)
    calm = settle(made, 1.0, 8)
    busy = settle(made, 3.0, 4)
    assert cost(busy, 3.0) <= 0.2
    assert busy.candidates < calm.candidates
    assert settle(made, 1.0, 200) == calm


def test_noise_in_the_times_leaves_the_deadline_mostly_met() -> None:
    rng, made, late = np.random.default_rng(0), DeadlineBudget(0.2, candidates=128, draws=16), 0
    for _ in range(300):
        budget = made.choose()
        seconds = cost(budget) * rng.lognormal(0, 0.1)
        made.learn(budget, seconds)
        late += seconds > 0.2
    assert late <= 9


def test_more_is_looked_ahead_from_the_more_time_there_is() -> None:
    """5 ms, 0.5 ms a candidate and 60 ms for each that is carried out."""

    def settled(deadline: float) -> Budget:
        made = DeadlineBudget(deadline, candidates=16, ahead=8)
        for _ in range(10):
            budget = made.choose()
            made.learn(budget, 0.005 + 0.0005 * budget.candidates + 0.06 * budget.ahead)
        return made.choose()

    # 80 % of the deadline: 400 ms are 4 times 60 ms and 13, 880 ms are 8 times 60 ms, 96 ms are one.
    assert [settled(deadline) for deadline in (0.5, 1.1, 0.12)] == [
        Budget(16, 1, 4),
        Budget(16, 1, 8),
        Budget(16, 1, 1),
    ]
    # Fewer than the candidates are never left over to look ahead from.
    assert all(one.ahead <= one.candidates for one in DeadlineBudget(1.0, candidates=4, ahead=16).budgets)


def test_a_fixed_budget_stays() -> None:
    made = FixedBudget(8, 2)
    made.learn(Budget(8, 2), 100.0)
    assert made.choose() == Budget(8, 2)


@pytest.mark.parametrize(
    "make", [lambda: FixedBudget(0), lambda: DeadlineBudget(0.0), lambda: DeadlineBudget(1, reserve=1)]
)
def test_budgets_that_make_no_sense_are_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]
