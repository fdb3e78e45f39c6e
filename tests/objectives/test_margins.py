"""Preferences by one objective beside others that are known."""

from dataclasses import replace

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.margins import MultiObjective
from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry
from tests.objectives.preferences import drawn, preferences, scores

TARGET = preferences(2, (0, 1, 1.0, 1.0))


def test_by_hand() -> None:
    # ((2 - 1) / 0.5, (1 - 0.75) / 0.5) = (2, 0.5): -log s(1.5) = log(1 + e^-1.5) = 0.201413
    target = replace(TARGET, offset=torch.tensor([[1.0, 0.75]]))
    assert MultiObjective(bradley_terry, 0.5)(scores(2, 1), target).total.item() == pytest.approx(0.201413, abs=1e-6)


def test_what_the_others_explain_is_not_learnt_again() -> None:
    # Scores that are the offset leave the preference to be learnt in full.
    target = replace(TARGET, offset=torch.tensor([[3.0, -1.0]]))
    given = scores(3, -1)
    loss = MultiObjective(bradley_terry, 0.5)(given, target)
    loss.total.backward()
    # log 2; its slope -1/2 over the weight.
    assert loss.total.item() == pytest.approx(0.693147, abs=1e-6)
    assert given.value.grad[0].tolist() == pytest.approx([-1, 1])


def test_the_optimum_is_the_weighted_sum() -> None:
    # A preference of 0.75 is a reward difference of log 3: scores 0.5 * log 3 + offset, in their differences.
    target = replace(preferences(2, (0, 1, 0.75, 1.0)), offset=torch.tensor([[0.2, 0.6]]))
    given = scores(0.5 * 1.0986123 + 0.2, 0.6)
    MultiObjective(bradley_terry, 0.5)(given, target).total.backward()
    assert given.value.grad.abs().max() < 1e-6


def test_a_common_shift_of_scores_or_offsets_cancels() -> None:
    target = replace(TARGET, offset=torch.tensor([[1.0, 0.75]]))
    moved = replace(target, offset=target.offset + 3)
    objective = MultiObjective(bradley_terry, 0.5)
    expected = pytest.approx(objective(scores(2, 1), target).total.item(), abs=1e-5)
    assert objective(scores(12, 11), target).total.item() == expected
    assert objective(scores(2, 1), moved).total.item() == expected


def test_every_draw_loses_the_offset() -> None:
    # Draws of the margin 3 and -1, less an offset of 1, over 0.5: 4 and -4, so (0.018150 + 4.018150) / 2 = 2.018150.
    target = replace(TARGET, offset=torch.tensor([[1.0, 0.0]]))
    objective = MultiObjective(OutsideDraws(bradley_terry), 0.5)
    given = drawn((3.0, 0.0), (0.0, 1.0))
    assert objective(given, target).total.item() == pytest.approx(2.018150, abs=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.049, 1.5, -0.1, float("nan")])
def test_a_weight_that_cannot_be_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match=r"weight of the objective must be in \[0.05, 1\].*ranker=weighted"):
        MultiObjective(bradley_terry, weight)
