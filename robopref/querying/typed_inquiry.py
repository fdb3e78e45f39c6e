"""What is known of a reward of named features from a brief and from stored answers, for selectors among questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robopref.answers import with_questions
from robopref.asked_features import AskedFeature, FeatureRelevance, Side, Threshold
from robopref.errors import ConfigError
from robopref.querying.briefs import Brief
from robopref.querying.question_value import QuestionValue
from robopref.records import Feedback, Item, Preference, Query, QueryKind, Ranking, Rating, SimilarityTriplet
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.rewards.weight_belief import GivenAnswer, WeightBelief

Values = NDArray[np.float64]
_TOLD_AT_ONCE = 10  # answers, after which draws are moved on


def named_features(described: Sequence[AskedFeature], limited: Iterable[str]) -> NamedFeatures:
    """Features on their scales.

    Args:
        described: F features as people are asked about them.
        limited: Names of those that have a limit: that are asked for one, or of which a brief gives one.
    """
    with_limit = set(limited)
    sides: tuple[Side | None, ...] = tuple(one.side if one.name in with_limit else None for one in described)
    low, high = (np.array([getattr(one, end) for one in described], dtype=np.float64) for end in ("low", "high"))
    return NamedFeatures(tuple(one.name for one in described), low, high, sides)


@dataclass(frozen=True)
class TypedInquiry:
    """Queries in numbers, and what their answers tell; see `robopref.querying.selectors.typed.Inquiry`.

    Attributes:
        features: Of the reward.
        measured: (F,) features of an item, in their own units.
        value: What is believed and known.
    """

    features: NamedFeatures
    measured: Callable[[Item], Values]
    value: QuestionValue

    def __call__(self, item: Item) -> Values:
        """Score an item by every draw from what is believed, (M,), as selectors among pairs take them."""
        return self.value.belief.rewards.score(self.features.scaled(self.measured(item)))

    def question(self, query: Query) -> TypedQuestion:
        """A query in numbers.

        Raises:
            ConfigError: It is about another feature.
        """
        return typed_question(query, self.features, self.measured)


def typed_inquiry(
    features: NamedFeatures,
    measured: Callable[[Item], Values],
    brief: Brief,
    answered: tuple[Mapping[str, Query], Sequence[Feedback]],
    seconds: Mapping[QueryKind, float],
    *,
    usual: Values | None = None,
    draws: int = 256,
    seed: int = 0,
) -> TypedInquiry:
    """What is known from a brief and from what was answered so far.

    Args:
        features: Of the reward.
        measured: (F,) features of an item, in their own units.
        brief: What was told.
        answered: Questions by id, and answers to them; answers about other features are left out.
        seconds: That an answer takes, by kind.
        usual: (F,) of a usual item on the scales, by which ratings go.
        draws: Of what is believed.
        seed: Of the draws.

    Raises:
        ConfigError: The brief is about other features.
    """
    rng, model = np.random.default_rng(seed), AnswerModel(usual=usual)
    belief = WeightBelief.before(brief.prior(features), model, draws=draws, rng=rng)
    queries, feedback = answered
    told, asked = list(brief.answers(features)), set[tuple[QueryKind, int]]()
    for query, given in with_questions(queries, feedback):
        if query.feature is not None and query.feature.name not in features.names:
            continue
        question = typed_question(query, features, measured)
        if query.feature is not None:
            asked.add((query.kind, features.place(query.feature.name)))
        answer = answer_in_numbers(question, given, features, model)
        if answer is not None:
            told.append(answer)
    for start in range(0, len(told), _TOLD_AT_ONCE):
        belief = belief.told(told[start : start + _TOLD_AT_ONCE], rng)
    return TypedInquiry(features, measured, QuestionValue(belief, brief, seconds, frozenset(asked)))


def typed_question(query: Query, features: NamedFeatures, measured: Callable[[Item], Values]) -> TypedQuestion:
    """A query in numbers.

    Args:
        query: Of any kind.
        features: Of the reward.
        measured: (F,) features of an item, in their own units.

    Raises:
        ConfigError: It is about another feature.
    """
    if query.feature is not None:
        return TypedQuestion(query.kind, np.zeros((0, len(features))), features.place(query.feature.name))
    return TypedQuestion(query.kind, features.scaled(np.stack([measured(item) for item in query.items])))


def answer_in_numbers(
    question: TypedQuestion, given: Feedback, features: NamedFeatures, model: AnswerModel
) -> GivenAnswer | None:
    """A stored answer as the model of answers has it.

    Args:
        question: That was asked, in numbers.
        given: The answer.
        features: Of the reward.
        model: How answers come about.

    Returns:
        The answer; None for an abstention, and for a threshold of a feature without a limit.
    """
    answer = given.answer
    if isinstance(answer, Preference):
        said = np.array([answer.p, 1 - answer.p])
    elif isinstance(answer, Ranking):
        said = np.array(answer.ranks, dtype=np.float64)
    elif isinstance(answer, SimilarityTriplet):
        said = np.eye(3)[answer.odd]
    elif isinstance(answer, Rating):
        said = np.eye(model.levels)[round(answer.value * (model.levels - 1))]
    elif isinstance(answer, FeatureRelevance):
        said = np.eye(3)[answer.direction + 1]
    elif isinstance(answer, Threshold) and question.feature is not None:
        if features.sides[question.feature] is None:
            return None
        low, high = features.low[question.feature], features.high[question.feature]
        said = np.eye(model.steps)[round(float(np.clip((answer.value - low) / (high - low), 0, 1)) * (model.steps - 1))]
    else:
        return None
    return GivenAnswer(question, said, given.confidence)


def matching(brief: Brief, described: Sequence[AskedFeature]) -> Brief:
    """A brief by the names of features, some of which it may call as they are said to people.

    Raises:
        ConfigError: Two names are of one feature.
    """
    said = {one.said: one.name for one in described if one.said}
    found = {said.get(name, name): known for name, known in brief.features.items()}
    if len(found) < len(brief.features):
        raise ConfigError("the brief speaks of a feature twice, once by its name and once as it is said to people")
    return replace(brief, features=found)
