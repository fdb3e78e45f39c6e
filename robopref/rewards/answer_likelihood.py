"""How likely every answer to every kind of question is, if somebody has a reward that is linear in named features."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.records import QUERY_KINDS, QueryKind
from robopref.rewards.named_features import LinearRewards

Values = NDArray[np.float64]
_LISTED = 4  # items of which all orders are listed; of more, orders are drawn
LEAST_CHANCE = 1e-12  # chance of an answer that a model rules out


@dataclass(frozen=True)
class TypedQuestion:
    """A question in numbers.

    Attributes:
        kind: Of the question.
        items: (K, F) features of what is judged, on their scales; (0, F) of questions about a feature.
        feature: Index of the feature that is asked about; None for questions about items.
    """

    kind: QueryKind
    items: Values
    feature: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in QUERY_KINDS:
            raise ConfigError(f"a question must be of kind {', '.join(QUERY_KINDS)}, got {self.kind!r}")
        if (self.feature is None) == (self.kind in ("feature", "threshold")):
            raise ConfigError(
                f"questions about a feature say which, and others none; got {self.feature} of {self.kind}"
            )


@dataclass(frozen=True)
class AnswerModel:
    """Answers of somebody with a linear reward r.

    - ``pair``: Bradley-Terry, ``P(first) = sigma(b (r_1 - r_2))``; ``ranking``: Plackett-Luce; the softmax and ordering
      models of APReL (Biyik, Talati and Sadigh 2022).
    - ``similarity``: the two that are alike differ least in what they are worth feature by feature,
      ``P(odd = k) ~ exp(-b^2 sum_f w_f^2 (phi_if - phi_jf)^2)`` of the other two, i and j.
    - ``rating``: ``P(level) ~ exp(-(level - sigma(b r))^2 / 2 s^2)`` over the levels, r from that of a usual item.
    - ``feature``: an ordered logit (McCullagh 1980) in ``x = w_f / max |w|``, with a dead zone:
      ``P(more) = sigma(k (x - d))``, ``P(less) = sigma(k (-x - d))``, else it does not matter.
    - ``threshold``: if the bad side is bad, ``P(value) ~ exp(-(value - limit)^2 / 2 t^2)`` over steps of the scale; if
      it is not, the end of the bad side, as nothing in range is too much; with a share ``vague`` any value.

    Attributes:
        rationality: b, by which rewards are multiplied; the larger, the surer are the answers about items.
        sharpness: k.
        dead_zone: d, the share of the largest weight below which a feature does not matter.
        spread: s of ratings.
        error: t of thresholds, as a share of the scale.
        vague: Share of answers to thresholds that say nothing.
        levels: Of a rating.
        steps: Of the scale of a threshold.
        usual: (F,) features of a usual item, by which ratings go; None is zero.

    Raises:
        ConfigError: One of them is out of range.
    """

    rationality: float = 1.0
    sharpness: float = 12.0
    dead_zone: float = 0.1
    spread: float = 0.15
    error: float = 0.07
    vague: float = 0.1
    levels: int = 5
    steps: int = 21
    usual: Values | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in ("rationality", "sharpness", "spread", "error"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("dead_zone", "vague"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be from 0 to less than 1, got {getattr(self, name)}")
        if self.levels < 2 or self.steps < 2:
            raise ConfigError(f"a rating has two levels or more and a scale two steps, got {self.levels}, {self.steps}")

    @property
    def marks(self) -> Values:
        """(steps,) values on the scale that answers to a threshold are told apart by."""
        return np.linspace(0, 1, self.steps)

    def chances(self, question: TypedQuestion, rewards: LinearRewards) -> Values:
        """Probability of every answer under each reward.

        Args:
            question: Of a kind whose answers can be listed: any but a ranking of more than four items.
            rewards: M of them.

        Returns:
            (M, A): of a pair first and second; of a ranking of K items the orders, best first, in the order of
            `orders`; of a similarity which one is odd; of a rating the levels; of a feature less, neither, more; of a
            threshold the `marks`.

        Raises:
            ConfigError: A ranking of more.
        """
        if question.kind == "ranking" and len(question.items) > _LISTED:
            raise ConfigError(f"the orders of {len(question.items)} items are too many to list")
        return np.exp(self._log_chances(question, rewards))

    def _log_chances(self, question: TypedQuestion, rewards: LinearRewards) -> Values:
        if question.kind == "feature":
            return np.log(np.maximum(self.relevance(rewards, np.array([_feature(question)]))[:, 0], LEAST_CHANCE))
        if question.kind == "threshold":
            return np.log(np.maximum(self._threshold(rewards, _feature(question)), LEAST_CHANCE))
        if question.kind == "similarity":
            return self._odd(question.items, rewards)
        worth = self.rationality * rewards.score(question.items)
        if question.kind == "rating":
            usual = np.zeros(question.items.shape[1]) if self.usual is None else self.usual
            return self._levels(worth[:, 0] - self.rationality * rewards.score(usual))
        if question.kind == "pair":
            margin = worth[:, 0] - worth[:, 1]
            return np.stack([-np.logaddexp(0, -margin), -np.logaddexp(0, margin)], axis=1)
        return np.stack([order_log_chance(worth, order) for order in orders(len(question.items))], axis=1)

    def _odd(self, items: Values, rewards: LinearRewards) -> Values:
        if len(items) != 3:
            raise DataError(f"a similarity is about three items, got {len(items)}")
        valued = self.rationality * rewards.counted(items) * rewards.weights[:, None]
        apart = [((valued[:, i] - valued[:, j]) ** 2).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))]
        return _log_softmax(-np.stack(apart, axis=1))

    def _levels(self, worth: Values) -> Values:
        off = np.linspace(0, 1, self.levels) - _sigmoid(worth)[:, None]
        return _log_softmax(-(off**2) / (2 * self.spread**2))

    def relevance(self, rewards: LinearRewards, features: NDArray[np.int64]) -> Values:
        """Probability of each answer to whether features matter.

        Args:
            rewards: M of them.
            features: (N,) indices.

        Returns:
            (M, N, 3): less is better, it does not matter, more is better.
        """
        largest = np.maximum(np.abs(rewards.weights).max(axis=1, keepdims=True), 1e-300)
        share = rewards.weights[:, features] / largest
        less, more = (_sigmoid(self.sharpness * (sign * share - self.dead_zone)) for sign in (-1, 1))
        return np.stack([less, 1 - less - more, more], axis=-1)

    def _threshold(self, rewards: LinearRewards, feature: int) -> Values:
        side = rewards.features.sides[feature]
        if side is None:
            raise ConfigError(f"{rewards.features.names[feature]!r} has no limit, so that nobody can say where it is")
        # Too much is bad of what is better less, too little of what is better more.
        bad = self.relevance(rewards, np.array([feature]))[:, 0, 0 if side == "high" else 2]
        off = self.marks - rewards.limits[:, feature, None]
        known = np.exp(_log_softmax(-(off**2) / (2 * self.error**2)))
        nothing = np.zeros(self.steps)
        nothing[-1 if side == "high" else 0] = 1
        said = bad[:, None] * known + (1 - bad)[:, None] * nothing
        return (1 - self.vague) * said + self.vague / self.steps

    def log_likelihood(self, question: TypedQuestion, answer: Values, rewards: LinearRewards) -> Values:
        """Log-probability of an answer under each reward.

        Args:
            question: That was asked.
            answer: Of a pair (2,) probability that each is better, as a tie is a half each: the cross-entropy counts.
                Of a ranking (K,) ranks, 0 the best. Of others (A,) 1 for every listed answer that may have been meant,
                which is one of them unless all that is known is that it is one of some.
            rewards: M of them.

        Returns:
            (M,).
        """
        if question.kind == "ranking":
            return ranks_log_chance(self.rationality * rewards.score(question.items), answer)
        said = self._log_chances(question, rewards)
        return said @ answer if question.kind == "pair" else np.logaddexp.reduce(said[:, answer > 0], axis=1)

    def information(self, question: TypedQuestion, rewards: LinearRewards, rng: np.random.Generator) -> float:
        """What the answer is expected to tell of which of M equally likely rewards is the right one, in nats.

        The entropy of the mean answer less the mean entropy of the answer (BALD, Houlsby et al. 2011). Of rankings of
        many items one order is drawn for every reward.

        Args:
            question: That may be asked.
            rewards: Draws from what is believed.
            rng: Source of the orders.
        """
        if question.kind != "ranking" or len(question.items) <= _LISTED:
            return float(information_of(self.chances(question, rewards)))
        worth = self.rationality * rewards.score(question.items)
        told = 0.0
        for member, noise in enumerate(rng.gumbel(size=worth.shape)):
            said = order_log_chance(worth, np.argsort(-(worth[member] + noise)))
            told += float(said[member] - (np.logaddexp.reduce(said) - np.log(len(said))))
        return max(told / len(worth), 0.0)


def information_of(chances: Values) -> Values:
    """Mutual information of an answer and who gives it.

    Args:
        chances: (..., M, A) probability of each answer by each of M equally likely members.

    Returns:
        (...,) nats.
    """
    mean = chances.mean(axis=-2)
    return np.maximum(_entropy(mean) - _entropy(chances).mean(axis=-1), 0)


def orders(count: int) -> list[NDArray[np.int64]]:
    """Every order of so many items, the best first."""
    return [np.array(order) for order in itertools.permutations(range(count))]


def order_log_chance(worth: Values, order: NDArray[np.int64]) -> Values:
    """Log-probability (M,) of an order, best first, of items worth (M, K): Plackett-Luce."""
    placed = worth[:, order]
    rest = np.logaddexp.accumulate(placed[:, ::-1], axis=1)[:, ::-1]
    return (placed - rest).sum(axis=1)


def ranks_log_chance(worth: Values, ranks: Values) -> Values:
    """Log-probability (M,) that a group of rank 0 is taken first, one of its items, then one of the next, and so on.

    That is the objective `robopref.objectives.listwise.plackett_luce`, summed over its stages.

    Args:
        worth: (M, K) of the items.
        ranks: (K,), equal for ties.
    """
    total = np.zeros(len(worth))
    for rank in np.unique(ranks)[:-1]:
        remaining, best = worth[:, ranks >= rank], worth[:, ranks == rank]
        total += np.logaddexp.reduce(best, axis=1) - np.logaddexp.reduce(remaining, axis=1)
    return total


def _feature(question: TypedQuestion) -> int:
    if question.feature is None:
        raise ConfigError(f"a {question.kind} question has to say which feature it is about")
    return question.feature


def _entropy(chances: Values) -> Values:
    return -(chances * np.log(np.maximum(chances, 1e-300))).sum(axis=-1)


def _log_softmax(values: Values) -> Values:
    return values - np.logaddexp.reduce(values, axis=-1, keepdims=True)


def _sigmoid(z: Values) -> Values:
    return 0.5 * (1 + np.tanh(z / 2))
