"""Fitting what a new person wants to a handful of answers, with everything else of a mixture frozen."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn

from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.protocols import Objective
from robopref.rewards.mixture import MixtureReward
from robopref.scores import NoiseDraw, Scores


class PersonOfMixture(nn.Module):
    """A mixture seen by one person, whose weights are the only thing that can be learnt.

    They begin with the mean of the persons who are known, and weight decay draws them back to it.

    Args:
        mixture: Of which a frozen copy is taken.
    """

    weights_before: Tensor

    def __init__(self, mixture: MixtureReward) -> None:
        super().__init__()
        self.mixture = deepcopy(mixture).requires_grad_(False)
        self.register_buffer("weights_before", mixture.persons.mean().detach().clone())
        self.change = nn.Parameter(torch.zeros_like(self.weights_before))

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self.mixture.keys

    @property
    def weights(self) -> Tensor:
        """Weights (K,) on the simplex."""
        return (self.weights_before.log() + self.change).softmax(0)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items for this person; see `MixtureReward.score`."""
        del draw
        return self.mixture.score_for(items, self.weights[None])


def fit_person(
    mixture: MixtureReward,
    name: str,
    data: Comparisons,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batches: Batches | None = None,
    folder: Path | None = None,
) -> Tensor:
    """Fit the weights of one person, who may be new, and keep them in a mixture.

    Args:
        mixture: Trained on answers of others.
        name: Of the person.
        data: What the person preferred.
        objective: As the mixture was trained by.
        config: How to train the weights.
        seed: Of the batches.
        batches: What each step looks at; None takes the usual size.
        folder: Where state and logs go; None keeps none.

    Returns:
        (K,) weights of the prototypes.

    Raises:
        DataError: Nothing is known of any item.
        ConfigError: The name is empty or too long.
    """
    device = next(mixture.parameters()).device
    person = PersonOfMixture(mixture).to(device)
    train_reward(person, data, objective, config, seed=seed, batches=batches or Batches(), folder=folder)
    found = person.weights.detach()
    mixture.persons.put(name, found)
    return found
