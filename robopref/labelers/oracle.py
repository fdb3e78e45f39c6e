"""A scripted teacher that knows the outcome of every item and errs as people do."""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError, unknown_name
from robopref.labelers.feature_teacher import NOT_KNOWN, FeatureTeacher
from robopref.records import (
    FEATURE_KINDS,
    Abstain,
    Answer,
    Feedback,
    Item,
    Preference,
    Query,
    QueryKind,
    Ranking,
    SimilarityTriplet,
)
from robopref.seeding import derive

if TYPE_CHECKING:
    from robopref.labelers.subject import Subject

TEACHER = "scripted-teacher"  # whose answers they are, unless told otherwise


@dataclass(frozen=True)
class Imperfection:
    """The five ways in which a scripted teacher is like a person (B-Pref, Lee et al. 2021, section 4).

    Called with a subject, it makes a teacher that errs like this. Of three items it tells the odd one by how far apart
    the features of the others are, each in units of its standard deviation; there, `rationality` is of squared
    distances, a mistake names another item, and `skip`, `myopia` and `scale`, which are about returns, do nothing.

    Attributes:
        rationality: Inverse temperature beta of the Bradley-Terry choice, in 1 / scale; infinity always prefers the
            better item.
        mistake: Probability of reversing the answer.
        skip: No answer if no item of the query returns more than this, in the unit of the outcome.
        equal: Returns closer than this are called equal, in the unit of the outcome; of three items, distances of
            features.
        myopia: Discount of earlier rewards, in (0, 1]; 1 weighs all alike.
        scale: Returns are divided by this before `rationality` applies; without it a teacher is near-deterministic.
    """

    rationality: float = math.inf
    mistake: float = 0.0
    skip: float = -math.inf
    equal: float = 0.0
    myopia: float = 1.0
    scale: float = 1.0

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking", "similarity", *FEATURE_KINDS)

    def __post_init__(self) -> None:
        if not 0 <= self.mistake <= 1:
            raise ConfigError(f"labeler mistake must be in [0, 1], got {self.mistake}")
        if not 0 < self.myopia <= 1:
            raise ConfigError(f"labeler myopia must be in (0, 1], got {self.myopia}")
        if not (self.rationality > 0 and self.scale > 0 and self.equal >= 0):
            raise ConfigError(f"labeler rationality and scale must be positive and equal not negative, got {self}")

    def __call__(self, subject: Subject) -> ScriptedTeacher:
        """Make a teacher of what comes of a subject's items.

        Raises:
            ConfigError: Nobody knows that.
        """
        kinds = set(subject.kinds)
        rewards = _no_rewards if kinds == {"similarity"} else subject.rewards()

        @functools.cache
        def of_features() -> FeatureTeacher:
            return FeatureTeacher(
                subject.described, subject.features, lambda item: self.returns(rewards(item)), subject.measured
            )

        return ScriptedTeacher(
            rewards, self, seed=subject.seed, prepare=None if kinds == {"similarity"} else subject.outcomes,
            alike=subject.alike() if "similarity" in kinds else None,
            of_features=of_features if subject.described else None,
        )  # fmt: skip

    def returns(self, rewards: NDArray[np.float64]) -> float:
        """What per-step rewards (T,) add up to."""
        rewards = np.asarray(rewards, dtype=np.float64)
        return float(rewards @ self.myopia ** np.arange(len(rewards) - 1, -1, -1))

    def version(self, seed: int) -> str:
        """What tells the answers of a teacher with these settings and this seed from those of others."""
        described = repr(sorted(asdict(self).items())).encode()
        return f"{hashlib.sha256(described).hexdigest()[:8]}-{seed}"


def _no_rewards(_: Item) -> NDArray[np.float64]:
    raise ConfigError("who is asked what is alike goes by features, and knows no rewards; ask others about these")


class ScriptedTeacher:
    """Answers queries from true rewards.

    Thresholds are applied once and as written above; the code released with B-Pref applies skip and equal twice after
    the first round. An answer depends on the seed and the query only, not on what was asked before.

    Args:
        rewards: Per-step rewards (T,) of an item.
        imperfection: How it errs.
        seed: Seed of its choices.
        name: Recorded as the labeler.
        prepare: Called before the first question of a series; finds out what `rewards` needs and takes long.
        of_features: Gives what it knows of features; None if that is nothing. A mistake is the other direction, and
            a threshold anywhere on the scale.
        alike: (F,) scaled features of an item, for questions of what is alike.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = Imperfection.kinds

    def __init__(
        self,
        rewards: Callable[[Item], NDArray[np.float64]],
        imperfection: Imperfection | None = None,
        *,
        seed: int = 0,
        name: str = TEACHER,
        prepare: Callable[[], object] | None = None,
        of_features: Callable[[], FeatureTeacher] | None = None,
        alike: Callable[[Item], NDArray[np.float64]] | None = None,
    ) -> None:
        self._alike = alike
        self.rewards, self.imperfection = rewards, imperfection or Imperfection()
        self.seed, self.name = seed, name
        self.version = self.imperfection.version(seed)
        self._prepare, self._of_features = prepare, of_features

    def __enter__(self) -> ScriptedTeacher:
        if self._prepare is not None:
            self._prepare()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A pair, a ranking, three items, or a question about a feature.

        Returns:
            What it asks for, or an abstention.

        Raises:
            ConfigError: The query is of another kind.
        """
        if query.kind not in self.kinds:
            raise unknown_name("kind of query for a scripted teacher", query.kind, self.kinds)
        rng = np.random.default_rng(derive(self.seed, query.id))
        if query.kind == "similarity":
            return Feedback(query.id, self._odd(query, rng), self.name, self.version, time=time.time())
        if query.feature is not None:
            return Feedback(query.id, self._of(query, query.feature, rng), self.name, self.version, time=time.time())
        returns = np.array([self.imperfection.returns(self.rewards(item)) for item in query.items])
        answer: Answer
        if returns.max() <= self.imperfection.skip:
            answer = Abstain("no item is good enough to judge")
        elif query.kind == "pair":
            answer = Preference(self._prefer(returns, rng))
        else:
            answer = Ranking(self._rank(returns, rng))
        return Feedback(query.id, answer, self.name, self.version, time=time.time())

    def _odd(self, query: Query, rng: np.random.Generator) -> Answer:
        """The item without which the other two are nearest, by the likelihood of `odd_one_out` if rationality ends."""
        if self._alike is None:
            raise ConfigError("nothing says by what features these items are alike; ask others about three of them")
        seen = np.stack([np.asarray(self._alike(item), dtype=np.float64) for item in query.items])
        near = np.array([np.linalg.norm(seen[i] - seen[j]) for i, j in ((1, 2), (0, 2), (0, 1))])
        least = np.sort(near)
        if least[1] - least[0] < self.imperfection.equal or least[1] == least[0]:
            return Abstain("no two of them are most alike")
        odd = int(near.argmin())
        if math.isfinite(self.imperfection.rationality):
            odd = int((-self.imperfection.rationality * near**2 + rng.gumbel(size=3)).argmax())
        if rng.random() < self.imperfection.mistake:
            odd = (odd + int(rng.integers(1, 3))) % 3
        return SimilarityTriplet(odd)

    def _of(self, query: Query, feature: AskedFeature, rng: np.random.Generator) -> Answer:
        answer = Abstain(NOT_KNOWN) if self._of_features is None else self._of_features().answer(query)
        if isinstance(answer, Abstain) or not rng.random() < self.imperfection.mistake:
            return answer
        if isinstance(answer, FeatureRelevance):
            return FeatureRelevance(-answer.direction or int(rng.choice((-1, 1))))
        return Threshold(float(rng.uniform(feature.low, feature.high)))

    def _prefer(self, returns: NDArray[np.float64], rng: np.random.Generator) -> float:
        difference = float(returns[0] - returns[1])
        if abs(difference) < self.imperfection.equal or difference == 0:
            return 0.5
        first = difference > 0
        if math.isfinite(self.imperfection.rationality):
            logit = self.imperfection.rationality * difference / self.imperfection.scale
            first = rng.random() < 0.5 * (1 + math.tanh(logit / 2))
        if rng.random() < self.imperfection.mistake:
            first = not first
        return float(first)

    def _rank(self, returns: NDArray[np.float64], rng: np.random.Generator) -> tuple[int, ...]:
        """Order by noisy return; neighbours closer than `equal` share a rank, and mistakes swap neighbours."""
        noisy = returns.copy()
        if math.isfinite(self.imperfection.rationality):
            # Gumbel noise makes the ordering Plackett-Luce, whose pairs are Bradley-Terry.
            noisy += rng.gumbel(size=len(returns)) * self.imperfection.scale / self.imperfection.rationality
        order = np.argsort(-noisy, kind="stable")
        ranks, rank = np.empty(len(order), dtype=np.int64), 0
        for place, item in enumerate(order):
            gap = noisy[order[place - 1]] - noisy[item] if place else 0.0
            if place and gap > 0 and gap >= self.imperfection.equal:
                rank += 1
            ranks[item] = rank
        for place in range(1, len(order)):
            if rng.random() < self.imperfection.mistake:
                a, b = order[place - 1], order[place]
                ranks[a], ranks[b] = ranks[b], ranks[a]
        return tuple(int(rank) for rank in ranks)
