"""Preferences about one objective, with what trained rewards say of the others beside them."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.margin_offsets import Margin, with_margins
from robopref.objectives.margins import MultiObjective
from robopref.objectives.pairwise import bradley_terry
from robopref.records import Observation
from robopref.scores import NoiseDraw, PairTarget, Scores, SuccessTarget
from tests.geometry import chunks, ropes


class FirstAction:
    """Likes large first numbers of an action."""

    def __init__(self, unit: float) -> None:
        self.unit = unit

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.unit * actions[:, :, 0, 0])


def told(first: Tensor) -> Comparisons:
    """One question about two candidates whose first numbers are these; the first one was preferred."""
    actions = chunks(1, 2, horizon=1)
    actions[0, :, 0, 0] = first
    target = PairTarget(torch.tensor([[[0.5, 1.0], [0.0, 0.5]]]), torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]))
    return Comparisons.of_candidates(ropes(1), actions, target, None)


def test_the_offset_is_the_weighted_sum_of_the_other_rewards() -> None:
    found = with_margins(
        told(torch.tensor([0.25, 0.75])), {"force": Margin(FirstAction(4.0), 0.5), "time": Margin(FirstAction(-1.0), 1)}
    )
    # Rewards (1, 3) and (-0.25, -0.75), less their means: (-1, 1) and (0.25, -0.25); 0.5 * the first + the second.
    assert isinstance(found.target, PairTarget)
    assert found.target.offset is not None
    assert found.target.offset.tolist() == [pytest.approx([-0.25, 0.25])]


def test_what_another_objective_likes_the_policy_is_drawn_to() -> None:
    # The sign: an answer that is a coin flip leaves only the margin, which then raises what force likes.
    data = told(torch.tensor([0.25, 0.75]))
    data = replace(data, target=replace(data.target, p=torch.full((1, 2, 2), 0.5)))
    target = with_margins(data, {"force": Margin(FirstAction(4.0), 0.5)}).target
    assert isinstance(target, PairTarget)
    value = torch.zeros(1, 2, requires_grad=True)
    MultiObjective(bradley_terry, 0.5)(Scores(value), target).total.backward()
    # z = (0 - (-0.5), 0 - 0.5) / 0.5 = (1, -1): slope (s(2) - 0.5) / 0.5 = 0.761594 of the first, descended.
    assert value.grad is not None
    assert value.grad[0].tolist() == pytest.approx([0.761594, -0.761594], abs=1e-5)


def test_successes_take_no_margins() -> None:
    data = replace(told(torch.zeros(2)), target=SuccessTarget(torch.ones(1, 2), torch.ones(1, 2)))
    with pytest.raises(ConfigError, match="margins are for preferences"):
        with_margins(data, {"force": Margin(FirstAction(1.0), 0.5)})


def test_a_margin_of_negative_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"not negative, got -0\.5"):
        Margin(FirstAction(1.0), -0.5)
