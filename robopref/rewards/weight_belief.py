"""What is believed of a linear reward: draws from its posterior, moved on with every answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.rewards.answer_likelihood import LEAST_CHANCE, AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures

Values = NDArray[np.float64]
_TURNS = 60  # of an ellipse that shrinks, after which a draw stays where it is
_CDF = np.linspace(-4, 4, 2001)
_SHARES = np.array([NormalDist().cdf(z) for z in _CDF])


@dataclass(frozen=True)
class WeightPrior:
    """What is believed of a reward before any answer: independent normal weights, limits anywhere on the scale.

    Attributes:
        features: Of the reward.
        mean: (F,) of the weights.
        std: (F,) of the weights.
        limits: (F,) on the scale where they are known, NaN elsewhere.
    """

    features: NamedFeatures
    mean: Values
    std: Values
    limits: Values

    def __post_init__(self) -> None:
        shape = (len(self.features),)
        if self.mean.shape != shape or self.std.shape != shape or self.limits.shape != shape:
            raise ConfigError(f"mean, std and limits must be {shape}, one for each feature")
        if not (np.isfinite(self.mean).all() and (self.std > 0).all()):
            raise ConfigError("weights need a finite mean and a positive standard deviation")

    @classmethod
    def open(cls, features: NamedFeatures, scale: float = 3.0) -> WeightPrior:
        """Nothing is known.

        Args:
            features: Of the reward.
            scale: Standard deviation of what the whole range of a feature is worth, as log-odds.
        """
        count = len(features)
        return cls(features, np.zeros(count), np.full(count, scale), np.full(count, np.nan))


@dataclass(frozen=True)
class GivenAnswer:
    """An answer in numbers.

    Attributes:
        question: That was asked.
        answer: See `AnswerModel.log_likelihood`.
        confidence: In [0, 1], by which its log-likelihood counts.
    """

    question: TypedQuestion
    answer: Values
    confidence: float = 1.0


@dataclass(frozen=True)
class WeightBelief:
    """M draws from the posterior of a linear reward, all of the same weight.

    New answers resample the draws by how likely they make them; elliptical slice sampling (Murray, Adams and MacKay
    2010), which has nothing to tune, then moves each on in the posterior (resample-move, Gilks and Berzuini 2001).

    Attributes:
        prior: Before any answer.
        model: How answers come about.
        drawn: (M, 2 F) weights, and limits as quantiles of a standard normal.
        answers: Heard so far.
    """

    prior: WeightPrior
    model: AnswerModel
    drawn: Values
    answers: tuple[GivenAnswer, ...] = ()

    @classmethod
    def before(
        cls, prior: WeightPrior, model: AnswerModel | None = None, *, draws: int = 256, rng: np.random.Generator
    ) -> WeightBelief:
        """The belief before any answer.

        Args:
            prior: Of the reward.
            model: How answers come about.
            draws: How many M.
            rng: Source of randomness.

        Raises:
            ConfigError: Fewer than two draws.
        """
        if draws < 2:
            raise ConfigError(f"a belief needs two draws or more, got {draws}")
        centre, spread = _normal(prior)
        drawn = centre + spread * rng.standard_normal((draws, len(centre)))
        return cls(prior, model or AnswerModel(), drawn)

    @property
    def rewards(self) -> LinearRewards:
        """The draws as rewards."""
        return self._rewards(self.drawn)

    @property
    def mean(self) -> LinearRewards:
        """One reward of the mean weights and limits."""
        all_ = self.rewards
        return LinearRewards(self.prior.features, all_.weights.mean(0)[None], all_.limits.mean(0)[None])

    def told(self, answers: Sequence[GivenAnswer], rng: np.random.Generator, *, moves: int = 4) -> WeightBelief:
        """The belief after some answers more.

        Args:
            answers: New ones.
            rng: Source of randomness.
            moves: Of each draw; more of them forget faster where draws came from.
        """
        if not answers:
            return self
        new = _Heard(self.model, answers).log_likelihood(self.rewards)
        share = np.exp(new - new.max())
        places = (np.arange(len(share)) + rng.random()) / len(share)
        kept = np.searchsorted(np.cumsum(share) / share.sum(), places).clip(max=len(share) - 1)
        after = replace(self, drawn=self.drawn[kept], answers=(*self.answers, *answers))
        return replace(after, drawn=after._moved(rng, moves))

    def _rewards(self, drawn: Values) -> LinearRewards:
        count, known = len(self.prior.features), ~np.isnan(self.prior.limits)
        weights, limits = drawn[:, :count], np.zeros((len(drawn), count))
        for place in self.prior.features.limited:
            limits[:, place] = (
                self.prior.limits[place] if known[place] else np.interp(drawn[:, count + place], _CDF, _SHARES)
            )
        return LinearRewards(self.prior.features, weights, limits)

    def _moved(self, rng: np.random.Generator, moves: int) -> Values:
        heard, (centre, spread) = _Heard(self.model, self.answers), _normal(self.prior)
        drawn = self.drawn.copy()
        height = heard.log_likelihood(self._rewards(drawn))
        for _ in range(moves):
            other = spread * rng.standard_normal(drawn.shape)
            bar = height + np.log(rng.random(len(drawn)))
            turn = rng.uniform(0, 2 * np.pi, len(drawn))
            least, most = turn - 2 * np.pi, turn.copy()
            left = np.arange(len(drawn))
            for _ in range(_TURNS):
                angle = turn[left, None]
                there = centre + (drawn[left] - centre) * np.cos(angle) + other[left] * np.sin(angle)
                found = heard.log_likelihood(self._rewards(there))
                above = found > bar[left]
                drawn[left[above]], height[left[above]] = there[above], found[above]
                left = left[~above]
                if not len(left):
                    break
                least[left] = np.where(turn[left] < 0, turn[left], least[left])
                most[left] = np.where(turn[left] < 0, most[left], turn[left])
                turn[left] = rng.uniform(least[left], most[left])
        return drawn


class _Heard:
    """Answers laid out so that those to pairs, and those whether features matter, are weighed at once."""

    def __init__(self, model: AnswerModel, answers: Sequence[GivenAnswer]) -> None:
        pairs = [one for one in answers if one.question.kind == "pair"]
        about = [one for one in answers if one.question.kind == "feature"]
        self._model = model
        self._others = [one for one in answers if one.question.kind not in ("pair", "feature")]
        self._pairs = np.stack([one.question.items for one in pairs]) if pairs else None
        self._first = np.array([one.answer[0] for one in pairs])
        self._sure = np.array([one.confidence for one in pairs])
        self._about = np.array([one.question.feature for one in about], dtype=np.int64)
        self._said = np.array([one.answer for one in about])
        self._about_sure = np.array([one.confidence for one in about])

    def log_likelihood(self, rewards: LinearRewards) -> Values:
        total = np.zeros(len(rewards))
        if self._pairs is not None:
            if rewards.features.limited:
                worth = rewards.score(self._pairs)
                margin = worth[..., 0] - worth[..., 1]
            else:
                margin = rewards.weights @ (self._pairs[:, 0] - self._pairs[:, 1]).T
            margin = self._model.rationality * margin
            # p log s(x) + (1 - p) log s(-x)
            total += (-np.logaddexp(0, -margin) - (1 - self._first) * margin) @ self._sure
        if len(self._about):
            meant = (self._model.relevance(rewards, self._about) * self._said).sum(-1)
            total += np.log(np.maximum(meant, LEAST_CHANCE)) @ self._about_sure
        for one in self._others:
            total += one.confidence * self._model.log_likelihood(one.question, one.answer, rewards)
        return total


def _normal(prior: WeightPrior) -> tuple[Values, Values]:
    count = len(prior.features)
    return np.concatenate([prior.mean, np.zeros(count)]), np.concatenate([prior.std, np.ones(count)])
