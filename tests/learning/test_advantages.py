"""Advantages of steps, against computations by hand."""

import pytest
import torch

from robopref.errors import ConfigError
from robopref.learning.advantages import GeneralisedAdvantage, LeaveOneOut, ScoredRollouts


def rollouts(process: list[list[float]], weight: list[list[float]], **given: list[float]) -> ScoredRollouts:
    value = torch.tensor(given.get("value", torch.zeros(len(process), len(process[0])).tolist()))
    return ScoredRollouts(
        torch.tensor(process), torch.tensor(weight), torch.tensor(given["success"]), torch.tensor(given["start"]), value
    )


TWO = rollouts([[1.0, 2.0, 3.0], [4.0, 0.0, 9.0]], [[1, 1, 1], [1, 1, 0]], success=[1.0, 0.0], start=[0, 0])


def test_leave_one_out() -> None:
    # Mean process rewards of a step: 6 / 3 = 2 and 4 / 2 = 2; what is behind the end does not count.
    # First: (1-2, 2-2, 3-2) = (-1, 0, 1), to come with discount 1/2: (-1 + 0 + 1/4, 0 + 1/2, 1), plus 1 - 0.
    # Second: (4-2, 0-2), to come: (2 - 1, -2), plus 0 - 1.
    found = LeaveOneOut(discount=0.5)(TWO)
    torch.testing.assert_close(found.advantage, torch.tensor([[0.25, 1.5, 2.0], [0.0, -3.0, 0.0]]))
    # (1 + 1 + 3/4, 2 + 3/2, 3) + 1, and (4 + 0, 0) + 0.
    torch.testing.assert_close(found.worth, torch.tensor([[3.75, 4.5, 4.0], [4.0, 0.0, 0.0]]))


def test_only_rollouts_from_the_same_start_are_compared() -> None:
    some = rollouts([[0.0]] * 4, [[1.0]] * 4, success=[1.0, 0.0, 1.0, 1.0], start=[0, 0, 0, 1])
    # 1 - (0 + 1) / 2, 0 - 1, 1 - 1/2; the last has no other.
    assert LeaveOneOut()(some).advantage[:, 0].tolist() == [0.5, -1.0, 0.5, 1.0]


def test_outcomes_that_are_all_alike_teach_nothing_but_process_rewards_do() -> None:
    same = rollouts([[0.0, 0.0], [0.0, 0.0]], [[1, 1], [1, 1]], success=[1.0, 1.0], start=[0, 0])
    assert not LeaveOneOut()(same).advantage.any()
    dense = rollouts([[1.0, 0.0], [0.0, 0.0]], [[1, 1], [1, 1]], success=[1.0, 1.0], start=[0, 0])
    # Means 1/2 and 0: 1 - 0, 0 - 0; and -1/2, -1/2. Summed: (1 - 0) + (0 - 0), 0; and -1/2 - 1/2, -1/2.
    torch.testing.assert_close(LeaveOneOut()(dense).advantage, torch.tensor([[1.0, 0.0], [-0.5, -0.5]]))
    torch.testing.assert_close(LeaveOneOut(discount=1.0)(dense).advantage, torch.tensor([[1.0, 0.0], [-1.0, -0.5]]))


def test_generalised_advantages() -> None:
    some = rollouts(
        [[0.5, 0.0], [0.25, 8.0]], [[1, 1], [1, 0]], success=[1.0, 0.0], start=[0, 1], value=[[0.2, 0.6], [0.5, 7.0]]
    )
    found = GeneralisedAdvantage(discount=1.0, trace=0.5)(some)
    # Errors: 0.5 + 0.6 - 0.2 = 0.9, then 0 + 1 + 0 - 0.6 = 0.4; 0.9 + 0.5 * 0.4 = 1.1. Second: 0.25 + 0 - 0.5.
    torch.testing.assert_close(found.advantage, torch.tensor([[1.1, 0.4], [-0.25, 0.0]]))
    torch.testing.assert_close(found.worth, torch.tensor([[1.3, 1.0], [0.25, 0.0]]))


def test_without_decay_a_critic_is_a_baseline() -> None:
    some = rollouts([[0.0, 0.0]], [[1, 1]], success=[1.0], start=[0], value=[[0.3, 0.9]])
    torch.testing.assert_close(GeneralisedAdvantage(trace=1.0)(some).advantage, torch.tensor([[0.7, 0.1]]))


@pytest.mark.parametrize("make", [LeaveOneOut, GeneralisedAdvantage])
def test_a_discount_is_a_share(make: type) -> None:
    with pytest.raises(ConfigError, match=r"discount must be in \[0, 1\], got 1.5"):
        make(discount=1.5)
