"""How well judges do that answer a question in both orders, or give reasons: by verdict, and by dimension."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robopref.answers import with_questions
from robopref.asked_features import FeatureRelevance
from robopref.evaluation.intervals import Interval
from robopref.labelers.vlm import ORDERS_DISAGREE
from robopref.quality.agreement import share
from robopref.reasons import VERDICT, Chain, read_chains
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, SimilarityTriplet

_DIRECTIONS = {1: "more is better", -1: "less is better", 0: "does not matter"}
Asked = tuple[tuple[Item, ...], str]


@dataclass(frozen=True)
class ReasonQuality:
    """A judge's verdicts, or its scores by one dimension.

    Attributes:
        labeler: Who.
        dimension: Its name, or ``verdict``.
        pairs: Pairs about which something was said.
        consistent: Share of pairs, asked in both orders, of which both replies find the same item better.
        right: Share of pairs on which it orders items as the known answer does, of those that both call different.
    """

    labeler: str
    dimension: str
    pairs: int
    consistent: Interval | None
    right: Interval | None


@dataclass(frozen=True)
class ReasonedAnswer:
    """One answer with its reasons, for showing.

    Attributes:
        query: Id of the question.
        labeler: Who answered.
        answer: In words.
        scores: By dimension, the mean of each item over its chains.
        said: Findings of the first chain, in words.
    """

    query: str
    labeler: str
    answer: str
    scores: Mapping[str, tuple[float, ...]]
    said: str


def reason_quality(queries: Sequence[Query], feedback: Iterable[Feedback], *, known: str = "") -> list[ReasonQuality]:
    """Assess judges that were asked in both orders or gave reasons, wherever they run; others are left out.

    Args:
        queries: The questions.
        feedback: The answers.
        known: Name of the labeler whose answers, and scores if it gave reasons, are known to be right.

    Returns:
        Of each judge its verdicts, then its dimensions.

    Raises:
        DataError: An answer belongs to no question.
    """
    pairs = [
        (query, given)
        for query, given in with_questions({query.id: query for query in queries}, feedback)
        if query.kind == "pair"
    ]
    truth: dict[Asked, dict[str, float]] = {}
    for query, given in pairs:
        if given.labeler == known:
            signs = _signs(given)
            truth[query.items, query.instruction] = signs
            truth[query.items[::-1], query.instruction] = {name: -sign for name, sign in signs.items()}
    found: list[ReasonQuality] = []
    for name in sorted({given.labeler for _, given in pairs} - {known}):
        found += _judged(name, [one for one in pairs if one[1].labeler == name], truth)
    return found


def reasoned_answers(feedback: Iterable[Feedback], most: int = 20) -> list[ReasonedAnswer]:
    """The latest answers with reasons.

    Args:
        feedback: The answers, in the order in which they were given.
        most: How many.
    """
    found: list[ReasonedAnswer] = []
    for given in reversed(list(feedback)):
        chains = read_chains(given.rationale)
        if chains and len(found) < most:
            said = " ".join(f"{one.dimension}: {one.said}" for one in chains[0].findings if one.said)
            found.append(ReasonedAnswer(given.query_id, given.labeler, told_answer(given), mean_scores(chains), said))
    return found


def told_answer(given: Feedback) -> str:
    """An answer in words.

    Args:
        given: The answer.
    """
    answer = given.answer
    if isinstance(answer, Abstain):
        return f"none: {answer.reason}"
    if isinstance(answer, Preference):
        better = "first" if answer.p > 0.5 else "second" if answer.p < 0.5 else "equal"
        return better if answer.p in (0.0, 0.5, 1.0) else f"{better} ({answer.p:.2f})"
    if isinstance(answer, FeatureRelevance):
        return _DIRECTIONS[answer.direction]
    if isinstance(answer, Ranking):
        return "ranks " + " ".join(str(rank + 1) for rank in answer.ranks)
    if isinstance(answer, SimilarityTriplet):
        return f"odd: {answer.odd + 1}"
    return f"{answer.value:.3g}"


def mean_scores(chains: Sequence[Chain]) -> dict[str, tuple[float, ...]]:
    """By dimension, the mean score of each item over the chains that have it, which are about the same items."""
    names = dict.fromkeys(name for chain in chains for name in chain.scores)
    return {
        name: tuple(np.mean([chain.scores[name] for chain in chains if name in chain.scores], axis=0).tolist())
        for name in names
    }


def _judged(
    name: str, pairs: Sequence[tuple[Query, Feedback]], truth: Mapping[Asked, Mapping[str, float]]
) -> list[ReasonQuality]:
    chains = [read_chains(given.rationale) for _, given in pairs]
    swapped = [same for (_, given), some in zip(pairs, chains, strict=True) if (same := _same(given, some)) is not None]
    if not any(chains) and all(swapped):  # nobody knows whether it was asked twice
        return []
    names = dict.fromkeys(dimension for some in chains for chain in some for dimension in chain.scores)
    told = [_signs(given) for _, given in pairs]
    found: list[ReasonQuality] = []
    for dimension in (VERDICT, *names):
        if dimension == VERDICT:
            consistent: list[bool] = swapped
        else:
            consistent = [same for some in chains if (same := _agree(some, dimension)) is not None]
        right = [
            signs[dimension] == true[dimension]
            for (query, _), signs in zip(pairs, told, strict=True)
            if (true := truth.get((query.items, query.instruction)))
            and true.get(dimension, 0) != 0
            and signs.get(dimension, 0) != 0
        ]
        count = sum(dimension in signs for signs in told)
        found.append(ReasonQuality(name, dimension, count, share(consistent), share(right)))
    return found


def _signs(given: Feedback) -> dict[str, float]:
    """Which item is better, 1 the first and -1 the second, by the answer and by each dimension."""
    scores = mean_scores(read_chains(given.rationale))
    signs = {name: float(np.sign(one[0] - one[1])) for name, one in scores.items() if len(one) == 2}
    if isinstance(given.answer, Preference):
        signs[VERDICT] = float(np.sign(given.answer.p - 0.5))
    return signs


def _same(given: Feedback, chains: Sequence[Chain]) -> bool | None:
    """Whether the verdicts of both orders are the same; None if that is not known."""
    if len({chain.order for chain in chains}) > 1:
        return len({float(np.sign(chain.verdict - 0.5)) for chain in chains}) == 1
    if given.answer == Abstain(ORDERS_DISAGREE):
        return False
    # Whoever gives no reasons, and was shown no order, was asked in both.
    return True if isinstance(given.answer, Preference) and not chains and not given.order else None


def _agree(chains: Sequence[Chain], dimension: str) -> bool | None:
    """Whether both orders find the same item better by a dimension; None if it was not asked in both."""
    there = [chain for chain in chains if len(chain.scores.get(dimension, ())) == 2]
    if len({chain.order for chain in there}) < 2:
        return None
    return len({float(np.sign(chain.scores[dimension][0] - chain.scores[dimension][1])) for chain in there}) == 1
