"""A selector among questions of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.protocols import Selector
from robopref.querying.question_value import QuestionValue, open_rewards
from robopref.querying.selectors.diversity import greedy_dpp
from robopref.querying.selectors.informed import InformedSelector
from robopref.records import Item, Query
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards

Values = NDArray[np.float64]
_SHORTLIST = 8  # times the batch, among which a batch is made diverse


@runtime_checkable
class Inquiry(Protocol):
    """What a selector among kinds of questions has to know."""

    @property
    def value(self) -> QuestionValue:
        """What is believed and known."""
        ...

    def question(self, query: Query) -> TypedQuestion:
        """A query in numbers."""
        ...


class TypedSelector:
    """Chooses the questions of the largest value, see `QuestionValue`, whose answers do not repeat each other.

    Args:
        inquiry: What is known.
        seed: Of what has to be drawn.
    """

    def __init__(self, inquiry: Inquiry, seed: int = 0) -> None:
        self.inquiry, self.seed = inquiry, seed

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` questions.

        Args:
            pool: Of any kinds.
            budget: How many to ask.

        Returns:
            The chosen ones, the most valuable first; fewer where others would tell nothing that is open.
        """
        if not pool or budget < 1:
            return []
        value, rng = self.inquiry.value, np.random.default_rng(self.seed)
        questions = [self.inquiry.question(query) for query in pool]
        values = value.of(questions, rng)
        listed = np.argsort(-values, kind="stable")[: _SHORTLIST * budget]
        listed = listed[values[listed] > 0].tolist()
        if len(listed) > 1 and budget > 1:
            rewards = open_rewards(value.belief, value.brief)
            alike = alike_answers([questions[place] for place in listed], rewards, value.belief.model)
            batch = greedy_dpp(values[listed], alike, budget)
            listed = [listed[place] for place in batch]
        return [pool[place] for place in listed[:budget]]


def alike_answers(questions: Sequence[TypedQuestion], rewards: LinearRewards, model: AnswerModel) -> Values:
    """How much the answers to questions depend on the same: linear kernel alignment of what M rewards answer.

    With C the (M, A) chances of a question's answers less their mean, ``|C_i' C_j|^2 / (|C_i' C_i| |C_j' C_j|)`` by
    Frobenius norms (Kornblith et al. 2019): one for the same question, whichever way round, zero for answers that have
    nothing to do with each other.

    Args:
        questions: N of any kinds.
        rewards: Draws from what is believed.
        model: How answers come about.

    Returns:
        (N, N) in [0, 1], one on the diagonal.
    """
    told = [_centred(question, rewards, model) for question in questions]
    ends = np.cumsum([0, *(one.shape[1] for one in told)])
    inner = np.concatenate(told, axis=1)
    gram = (inner.T @ inner) ** 2
    sums = np.add.reduceat(np.add.reduceat(gram, ends[:-1], axis=0), ends[:-1], axis=1)
    norms = np.sqrt(np.maximum(np.diag(sums), 1e-300))
    alike = np.clip(sums / norms / norms[:, None], 0, 1)
    np.fill_diagonal(alike, 1)
    return alike


def _centred(question: TypedQuestion, rewards: LinearRewards, model: AnswerModel) -> Values:
    if question.kind == "ranking":
        worth = model.rationality * rewards.score(question.items)
        chances = np.exp(worth - np.logaddexp.reduce(worth, axis=1, keepdims=True))  # who comes first
    else:
        chances = model.chances(question, rewards)
    return chances - chances.mean(axis=0)


def information_selector(known: Callable[[Item], Values] | Inquiry, seed: int = 0) -> Selector:
    """A selector by information: of typed questions where named features are known, else of pairs by trained rewards.

    Args:
        known: What is known: an inquiry, or (E,) scores of an item by trained rewards.
        seed: Of what has to be drawn.
    """
    return TypedSelector(known, seed) if isinstance(known, Inquiry) else InformedSelector(known)
