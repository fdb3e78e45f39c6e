"""Tasks of which a part is kept from whoever asks, and a simulated person who knows it: for training and tests.

After Huang et al. 2025 ("Teaching language models to gather information proactively", arXiv 2507.21389): of a task that
is fully known some is masked; what is left is the brief, and a person who holds the rest answers questions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.querying.briefs import Brief, KnownFeature
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.rewards.weight_belief import GivenAnswer

Values = NDArray[np.float64]


@dataclass(frozen=True)
class MaskedTask:
    """A task and what its brief says of it.

    Attributes:
        truth: What the person wants: one reward.
        brief: What is told.
        masked: Names of the features of which nothing is told.
    """

    truth: LinearRewards
    brief: Brief
    masked: frozenset[str]


def mask_task(truth: LinearRewards, masked: Collection[str], *, doubt: float = 0.0, seed: int = 0) -> MaskedTask:
    """Keep what a task says of some features from its brief.

    Args:
        truth: One reward.
        masked: Names of the features.
        doubt: Standard deviation of the error that told effects have.
        seed: Of the errors.

    Raises:
        ConfigError: A name is of no feature, or there are several rewards.
    """
    features = truth.features
    if len(truth) != 1:
        raise ConfigError(f"a task has one reward, got {len(truth)}")
    for name in masked:
        features.place(name)
    rng = np.random.default_rng(seed)
    told = {}
    for place, name in enumerate(features.names):
        effect = float(truth.weights[0, place] + doubt * rng.standard_normal())
        span = features.high[place] - features.low[place]
        limit = None if features.sides[place] is None else float(features.low[place] + span * truth.limits[0, place])
        if name not in masked:
            told[name] = KnownFeature(effect=effect, limit=limit)
    return MaskedTask(truth, Brief(features=told), frozenset(masked))


def drawn_task(
    features: NamedFeatures, rng: np.random.Generator, *, share: float = 0.5, scale: float = 3.0, doubt: float = 0.0
) -> MaskedTask:
    """A task at random, of which a share of the features is masked.

    Args:
        features: Of the reward; weights are normal, limits anywhere on the scale.
        rng: Source of randomness.
        share: Of the features that are masked, at least one.
        scale: Standard deviation of the weights.
        doubt: See `mask_task`.
    """
    count = len(features)
    truth = LinearRewards(features, scale * rng.standard_normal((1, count)), rng.uniform(size=(1, count)))
    hidden = rng.permutation(count)[: max(1, round(share * count))]
    return mask_task(truth, [features.names[place] for place in hidden], doubt=doubt, seed=int(rng.integers(2**31)))


@dataclass(frozen=True)
class SimulatedPerson:
    """Answers as `AnswerModel` says of somebody with this reward.

    Attributes:
        truth: One reward.
        model: How answers come about.
    """

    truth: LinearRewards
    model: AnswerModel

    def answer(self, question: TypedQuestion, rng: np.random.Generator) -> GivenAnswer:
        """Answer a question, with the errors of the model.

        Args:
            question: Of any kind.
            rng: Source of the errors.
        """
        if question.kind == "ranking":
            worth = self.model.rationality * self.truth.score(question.items)[0]
            order = np.argsort(-(worth + rng.gumbel(size=len(worth))))
            return GivenAnswer(question, np.argsort(order).astype(np.float64))
        chances = self.model.chances(question, self.truth)[0]
        said = np.zeros(len(chances))
        said[rng.choice(len(chances), p=chances / chances.sum())] = 1
        return GivenAnswer(question, said)
