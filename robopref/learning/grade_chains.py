"""How a grader learns to give reasons before it gives a grade: from scores that somebody else gave by dimension."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig, fit
from robopref.nets.grade_heads import ReasonedGrades
from robopref.rewards.ordinal import OrdinalReward
from robopref.scores import Loss, SuccessTarget


def imitate_reasons(
    reward: OrdinalReward, known: Comparisons, scores: Tensor, config: FitConfig, *, seed: int, batch: int = 32
) -> None:
    """Cold start of a grader whose head is `ReasonedGrades`: imitate known scores, and grade by them, in place.

    The loss is ``-mean log p(z_d | x) - log p(y | z)``. Grades that are learnt afterwards, by whichever objective, then
    go by scores that mean something; without it they go by numbers that nothing names.

    Args:
        reward: The grader.
        known: Rated items, one a question.
        scores: (B, D) whole scores by each dimension of the head, 1 to L.
        config: How long.
        seed: Of the batches.
        batch: Items a step.

    Raises:
        ConfigError: The grader gives no reasons.
        DataError: There are not as many scores as items and dimensions, or one is not on the scale.
    """
    head, target = reward.head, known.target
    if not isinstance(head, ReasonedGrades) or not isinstance(target, SuccessTarget):
        raise ConfigError(
            "reasons are imitated by a grader that gives them, of rated items: label.kind=rating, and "
            "rewards.<name>.scorer.head._target_=robopref.nets.grade_heads.ReasonedGrades"
        )
    if scores.shape != (len(known), len(head.dimensions)) or scores.min() < 1 or scores.max() > head.levels:
        raise DataError(
            f"scores of reasons must be ({len(known)}, {len(head.dimensions)}) whole numbers from 1 to {head.levels}, "
            f"got {tuple(scores.shape)} from {scores.min():g} to {scores.max():g}"
        )
    places, grades = scores.long() - 1, (target.y[:, 0] * (head.levels - 1)).round().long()

    def loss(module: nn.Module, generator: torch.Generator, _: float) -> Loss:
        learner = cast("OrdinalReward", module)
        speaking = cast("ReasonedGrades", learner.head)
        some = torch.randint(len(known), (batch,), generator=generator)
        said = speaking.scores(learner.known(known.items[some])[:, 0])
        chain = nll_loss(said.flatten(0, 1), places[some].flatten())
        grade = nll_loss(speaking.of_scores(places[some]), grades[some])
        return Loss(chain + grade, {"chain": chain.detach(), "grade": grade.detach()})

    reward.standardise(known.items)
    fit(reward, loss, config, seed=seed)
