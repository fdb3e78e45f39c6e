"""How good the labels of a database are: of each labeler, between labelers, and what to ask again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robopref.evaluation.intervals import Bootstrap, Interval, Values
from robopref.labeler_kinds import labeler_kinds
from robopref.quality.agreement import (
    Level,
    cohen_kappa,
    disagreement,
    fleiss_kappa,
    intransitive_triples,
    krippendorff_alpha,
    share,
    too_fast,
)
from robopref.quality.judgements import Judgements, Kind, gather_judgements
from robopref.records import Abstain, Feedback, Preference, Query

LEVELS: dict[Kind, Level] = {
    "pair": "ordinal",
    "similarity": "nominal",
    "rating": "interval",
    "feature": "ordinal",
    "threshold": "interval",
}
_AGAIN = 20
_RESAMPLES = 500


@dataclass(frozen=True)
class LabelerQuality:
    """One labeler's answers; a share is None where nothing can be said of it.

    Attributes:
        name: Who.
        answers: How many, abstentions included.
        abstained: Share of abstentions.
        ties: Share of ties among the answered pairs.
        first: Share of decided pairs of which the item shown first was preferred; a half without position bias.
        repeated: Share of pairs, asked again the same way round, that were answered the same.
        swapped: The same of those asked again the other way round.
        attention: Share of questions with a known answer that were answered so.
        seconds: Median time of an answer.
        fast: Share of answers faster than a look.
        circles: Intransitive triples.
        triples: Triples of which all pairs were decided.
    """

    name: str
    answers: int
    abstained: Interval | None
    ties: Interval | None
    first: Interval | None
    repeated: Interval | None
    swapped: Interval | None
    attention: Interval | None
    seconds: float | None
    fast: Interval | None
    circles: int
    triples: int


@dataclass(frozen=True)
class Agreement:
    """Agreement between labelers on one kind of question.

    Attributes:
        kind: Of question; rankings count as their pairs.
        questions: How many were answered by two labelers or more.
        alpha: Krippendorff's, with a bootstrap interval over questions.
        level: What differences between answers mean for it.
        fleiss: Fleiss' kappa.
        cohen: Cohen's kappa of each two labelers that share questions.
    """

    kind: Kind
    questions: int
    alpha: Interval | None
    level: Level
    fleiss: float | None
    cohen: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class AskAgain:
    """A question whose answers differ.

    Attributes:
        query: Its id.
        kind: Its kind.
        answers: How many there are.
        disagreement: Share of pairs of answers that differ, per answer; of a ranking, about its most disputed pair.
    """

    query: str
    kind: Kind
    answers: int
    disagreement: float


@dataclass(frozen=True)
class LabelQuality:
    """Quality of the labels of a database.

    Attributes:
        queries: How many questions there are.
        labelers: Of each labeler, sorted by name.
        agreement: On each kind of question that two labelers share.
        again: What to ask again, the most disputed first.
    """

    queries: int
    labelers: tuple[LabelerQuality, ...]
    agreement: tuple[Agreement, ...]
    again: tuple[AskAgain, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return asdict(self)


def label_quality(
    queries: Sequence[Query], feedback: Iterable[Feedback], *, known: str = "", floor: float = 0.7
) -> LabelQuality:
    """Assess the labels of a database; what trained rewards said is no label of anybody, and left out.

    Args:
        queries: The questions.
        feedback: The answers, in the order in which they were given.
        known: Name of the labeler whose answers are known to be right; the same questions are attention checks for
            everyone else. It is not assessed itself.
        floor: Seconds that looking at items takes at least; faster answers are suspicious.

    Returns:
        The quality.

    Raises:
        DataError: An answer belongs to no question.
    """
    feedback = given_only(feedback)
    others = [given for given in feedback if given.labeler != known]
    kinds: dict[Kind, Judgements] = {kind: gather_judgements(queries, others, kind) for kind in LEVELS}
    truth = _truth([given for given in feedback if given.labeler == known])
    repeats = kinds["pair"].repeats()
    labelers = [
        _labeler(name, [given for given in others if given.labeler == name], kinds["pair"], repeats, truth, floor)
        for name in sorted({given.labeler for given in others})
    ]
    agreement = [found for kind, judged in kinds.items() if (found := _agreement(kind, judged)) is not None]
    again = [row for kind, judged in kinds.items() for row in _again(kind, judged)]
    again.sort(key=lambda row: -row.disagreement)
    return LabelQuality(len(queries), tuple(labelers), tuple(agreement), tuple(again[:_AGAIN]))


def given_only(feedback: Iterable[Feedback]) -> list[Feedback]:
    """Answers without those that trained rewards gave."""
    feedback = list(feedback)
    kinds = labeler_kinds(feedback)
    return [given for given in feedback if kinds[given.labeler] != "self"]


def _labeler(
    name: str,
    given: list[Feedback],
    pairs: Judgements,
    repeats: tuple[Any, Values, Any],
    truth: dict[str, object],
    floor: float,
) -> LabelerQuality:
    seconds = np.array([np.nan if one.seconds is None else one.seconds for one in given], dtype=np.float64)
    timed = seconds[~np.isnan(seconds)]
    index = pairs.labelers.index(name) if name in pairs.labelers else -1
    mine = pairs.of(index)
    value, shown_first = pairs.value[mine], (pairs.value * pairs.first)[mine]
    who, same, swapped = repeats
    tables = [intransitive_triples(better) for better in pairs.better(index)]
    return LabelerQuality(
        name=name,
        answers=len(given),
        abstained=share([isinstance(one.answer, Abstain) for one in given]),
        ties=share((value[~np.isnan(value)] == 0).astype(float)),
        first=share(np.where(shown_first == 0, np.nan, (1 + shown_first) / 2)),
        repeated=share(same[(who == index) & ~swapped]),
        swapped=share(same[(who == index) & swapped]),
        attention=share([_told(one) == truth[one.query_id] for one in given if one.query_id in truth]),
        seconds=float(np.median(timed)) if len(timed) else None,
        fast=share(too_fast(timed, floor=floor).astype(float)),
        circles=sum(circles for circles, _ in tables),
        triples=sum(triples for _, triples in tables),
    )


def _agreement(kind: Kind, judged: Judgements) -> Agreement | None:
    ratings = judged.ratings()
    shared = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    if not shared.shape[1]:
        return None
    whole = _balanced(kind, shared)
    values = np.unique(whole[~np.isnan(whole)])
    counts = (whole.T[:, :, None] == values).sum(axis=1)
    cohen = [
        (judged.labelers[i], judged.labelers[j], kappa)
        for i in range(len(whole))
        for j in range(i + 1, len(whole))
        if not math.isnan(kappa := cohen_kappa(whole[i], whole[j]))
    ]
    # Kappa is of categories, which ratings and thresholds are not.
    graded = kind in ("rating", "threshold")
    fleiss = fleiss_kappa(counts)
    return Agreement(
        kind=kind,
        questions=shared.shape[1],
        alpha=_alpha(kind, shared),
        level=LEVELS[kind],
        fleiss=None if graded or math.isnan(fleiss) else fleiss,
        cohen=() if graded else tuple(cohen),
    )


def _alpha(kind: Kind, ratings: Values) -> Interval | None:
    def alpha(drawn: Values) -> float:
        return krippendorff_alpha(_balanced(kind, drawn), LEVELS[kind])

    estimate, questions = alpha(ratings), ratings.shape[1]
    if math.isnan(estimate):
        return None
    rng = np.random.default_rng(0)
    drawn = [alpha(ratings[:, rng.integers(questions, size=questions)]) for _ in range(_RESAMPLES)]
    resampled = np.array([value for value in drawn if not math.isnan(value)])
    return Bootstrap(0.95, _RESAMPLES, 0).interval(estimate, resampled, questions)


def _balanced(kind: Kind, ratings: Values) -> Values:
    """Each question with its items in every place, (R, Q) to (R, Q times the places).

    Which item of a pair or triplet is called the first is arbitrary. If the first ones happened to be the worse ones,
    agreement by chance would look high, and agreement beyond it low.
    """
    if kind == "pair":
        return np.concatenate([ratings, -ratings], axis=1)
    return np.concatenate([(ratings + k) % 3 for k in range(3)], axis=1) if kind == "similarity" else ratings


def _again(kind: Kind, judged: Judgements) -> list[AskAgain]:
    ratings = judged.ratings()
    answers = (~np.isnan(ratings)).sum(axis=0)
    names = {int(subject): query for subject, query in zip(judged.subject, judged.queries, strict=True)}
    scores = disagreement(ratings)
    again: dict[str, AskAgain] = {}
    for i in np.argsort(-scores, kind="stable").tolist():
        if len(again) == _AGAIN or not scores[i] > 0:
            break
        # A ranking is as disputed as the most disputed of its pairs.
        again.setdefault(names[i], AskAgain(names[i], kind, int(answers[i]), float(scores[i])))
    return list(again.values())


def _truth(known: Iterable[Feedback]) -> dict[str, object]:
    return {one.query_id: _told(one) for one in known if not isinstance(one.answer, Abstain)}


def _told(given: Feedback) -> object:
    """What an answer says, without how strongly."""
    return float(np.sign(given.answer.p - 0.5)) if isinstance(given.answer, Preference) else given.answer
