"""What a question is worth: information about what the brief leaves open, per second of a person's time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.querying.briefs import Brief
from robopref.records import QueryKind
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion, information_of
from robopref.rewards.named_features import LinearRewards
from robopref.rewards.weight_belief import WeightBelief

Values = NDArray[np.float64]


@dataclass(frozen=True)
class QuestionValue:
    """Worth of questions to somebody who knows a brief and has heard some answers.

    ``value = information / seconds * novelty``: the expected information about what the brief leaves open, in nats; the
    time that a person takes for the kind of question; and novelty, which is zero for what the brief says already or was
    asked before, else one. What is known stays at its mean, so that an answer that would only tell more of it, tells
    nothing.

    Attributes:
        belief: About the reward.
        brief: What is known from the start.
        seconds: That an answer takes, by kind.
        asked: (kind, feature) that was asked before.

    Raises:
        ConfigError: A time is not positive.
    """

    belief: WeightBelief
    brief: Brief
    seconds: Mapping[QueryKind, float]
    asked: frozenset[tuple[QueryKind, int]] = field(default_factory=frozenset[tuple[QueryKind, int]])

    def __post_init__(self) -> None:
        for kind, seconds in self.seconds.items():
            if not seconds > 0:
                raise ConfigError(f"the time of a {kind} question must be positive, got {seconds}")

    def novelty(self, question: TypedQuestion) -> float:
        """Zero for what the brief says already or was asked before, else one."""
        told = self.brief.fixes(self.belief.prior.features, question)
        return float(not told and (question.feature is None or (question.kind, question.feature) not in self.asked))

    def of(self, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> Values:
        """Value of each question, in nats per second.

        Args:
            questions: N of any kinds.
            rng: Source of what has to be drawn for long rankings.

        Returns:
            (N,), not negative.
        """
        values = np.zeros(len(questions))
        for place, told in zip(self._worth_asking(questions), self.information(questions, rng), strict=True):
            values[place] = told / self.seconds_of(questions[place].kind)
        return values

    def information(self, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> Values:
        """The same of those that are novel, in their order, in nats and whatever they take."""
        novel = [questions[place] for place in self._worth_asking(questions)]
        return information_of_each(novel, open_rewards(self.belief, self.brief), self.belief.model, rng)

    def _worth_asking(self, questions: Sequence[TypedQuestion]) -> list[int]:
        return [place for place, one in enumerate(questions) if self.novelty(one) > 0]

    def seconds_of(self, kind: QueryKind) -> float:
        """Time that a kind of question takes.

        Raises:
            ConfigError: Nobody says.
        """
        if kind not in self.seconds:
            raise ConfigError(f"nobody says how long a {kind} question takes; give its seconds")
        return self.seconds[kind]


def open_rewards(belief: WeightBelief, brief: Brief) -> LinearRewards:
    """What is believed of what the brief leaves open, the rest at its mean.

    Args:
        belief: About the reward.
        brief: What is known.
    """
    features, rewards, mean = belief.prior.features, belief.rewards, belief.mean
    weights, limits = brief.left_open(features)
    return LinearRewards(
        features, np.where(weights, rewards.weights, mean.weights), np.where(limits, rewards.limits, mean.limits)
    )


def information_of_each(
    questions: Sequence[TypedQuestion], rewards: LinearRewards, model: AnswerModel, rng: np.random.Generator
) -> Values:
    """What the answer to each of many questions is expected to tell, (N,) nats, see `AnswerModel.information`."""
    told = np.zeros(len(questions))
    pairs = [place for place, one in enumerate(questions) if one.kind == "pair"]
    about = [place for place, one in enumerate(questions) if one.kind == "feature"]
    if pairs:
        told[pairs] = information_of(pair_chances(model.rationality, [questions[place] for place in pairs], rewards))
    if about:
        which = np.array([questions[place].feature for place in about], dtype=np.int64)
        told[about] = information_of(np.moveaxis(model.relevance(rewards, which), 1, 0))
    for place in set(range(len(questions))) - {*pairs, *about}:
        told[place] = model.information(questions[place], rewards, rng)
    return told


def pair_chances(rationality: float, pairs: Sequence[TypedQuestion], rewards: LinearRewards) -> Values:
    """Probability of both answers to many pairs at once, (N, M, 2)."""
    items = np.stack([pair.items for pair in pairs])
    if rewards.features.limited:
        worth = rewards.score(items)
        margin = (worth[..., 0] - worth[..., 1]).T
    else:
        margin = (items[:, 0] - items[:, 1]) @ rewards.weights.T
    first = 0.5 * (1 + np.tanh(rationality * margin / 2))
    return np.stack([first, 1 - first], axis=-1)
