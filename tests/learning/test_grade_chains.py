"""Reasons before grades: imitated where they are known, and refused where they cannot be."""

from functools import partial

import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.grade_chains import imitate_reasons
from robopref.nets.grade_heads import ReasonedGrades
from robopref.rewards.ordinal import OrdinalReward
from robopref.scores import SuccessTarget

DIMENSIONS = ("progress", "gentleness")


def judged(count: int = 60) -> tuple[Comparisons, torch.Tensor]:
    """Rollouts whose two numbers are their scores; the grade is the lower one."""
    scores = torch.randint(1, 6, (count, 2), generator=torch.Generator().manual_seed(0))
    steps = (scores.float() / 5)[:, None, None].expand(count, 1, 3, 2).clone()
    y = (scores.amin(1, keepdim=True) - 1) / 4
    return Comparisons(
        Items({"state": steps}, torch.full((count, 1, 3), 1 / 3)), SuccessTarget(y, torch.ones_like(y))
    ), scores


def grader(data: Comparisons) -> OrdinalReward:
    torch.manual_seed(0)
    return OrdinalReward.for_items(
        data.items, head=partial(ReasonedGrades, dimensions=DIMENSIONS), width=8, hidden=16, dropout=0.0
    )


def test_scores_and_the_grade_that_follows_are_learnt() -> None:
    data, scores = judged()
    reward = grader(data)
    imitate_reasons(reward, data, scores, FitConfig(150, 2e-2, ema=0.0), seed=0)
    head = reward.head
    assert isinstance(head, ReasonedGrades)
    with torch.no_grad():
        said = head.scores(reward.known(data.items)[:, 0]).argmax(-1) + 1
        grades = reward.score(data.items).grades
    assert float((said == scores).float().mean()) > 0.9
    assert grades is not None
    assert float((grades[:, 0].argmax(-1) + 1 == scores.amin(1)).float().mean()) > 0.8


def test_scores_that_do_not_fit_are_refused() -> None:
    data, scores = judged(8)
    with pytest.raises(DataError, match=r"must be \(8, 2\) whole numbers from 1 to 5"):
        imitate_reasons(grader(data), data, scores - 1, FitConfig(1), seed=0)
    with pytest.raises(ConfigError, match="ReasonedGrades"):
        imitate_reasons(OrdinalReward.for_items(data.items), data, scores, FitConfig(1), seed=0)
