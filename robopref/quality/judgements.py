"""Answers as columns of numbers: who judged what how, whatever order the items were asked or shown in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robopref.answers import with_questions
from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.evaluation.intervals import Values
from robopref.records import Answer, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet

Kind = Literal["pair", "similarity", "rating", "feature", "threshold"]


class JudgedItems(NamedTuple):
    """What was judged: the same for a pair and its swapped copy.

    Attributes:
        items: In a fixed order; none of questions about a feature, whose examples may differ.
        instruction: What they were to be judged by.
        feature: Name of the feature that was asked about; empty for other questions.
    """

    items: tuple[Item, ...]
    instruction: str
    feature: str = ""


@dataclass(frozen=True)
class Judgements:
    """N judgements of one kind, in the order in which they were given.

    Attributes:
        labelers: Names, sorted.
        subjects: What was judged.
        queries: (N,) id of each query.
        labeler: (N,) index of who judged.
        subject: (N,) index of what.
        value: (N,) ``pair``: 1 the subject's first item is better, 0 tie, -1 the second; ``similarity``: index of the
            odd one among the subject's items; ``rating``: the value; ``feature``: the direction; ``threshold``: its
            place on the scale, from 0 to 1. NaN for an abstention.
        first: (N,) for pairs 1 if the subject's first item was shown first, -1 if the second was, NaN if unknown.
        seconds: (N,) time it took, NaN if unknown or shared between the pairs of a ranking.
    """

    labelers: tuple[str, ...]
    subjects: tuple[JudgedItems, ...]
    queries: tuple[str, ...]
    labeler: NDArray[np.int64]
    subject: NDArray[np.int64]
    value: Values
    first: Values
    seconds: Values

    def of(self, labeler: int) -> NDArray[np.bool_]:
        """(N,) which judgements are of one labeler."""
        return self.labeler == labeler

    def ratings(self) -> Values:
        """(R, Q) first judgement of each labeler on each subject, NaN where there is none."""
        table = np.full((len(self.labelers), len(self.subjects)), np.nan)
        for i in np.flatnonzero(~np.isnan(self.value))[::-1]:
            table[self.labeler[i], self.subject[i]] = self.value[i]
        return table

    def repeats(self) -> tuple[NDArray[np.int64], Values, NDArray[np.bool_]]:
        """Judgements of a subject that the same labeler had judged before.

        Returns:
            (m,) who; (m,) 1 if the answer stayed the same, else 0; (m,) whether the items were shown the other way
            round.
        """
        before: dict[tuple[int, int], int] = {}
        found: list[tuple[int, float, bool]] = []
        for i in np.flatnonzero(~np.isnan(self.value)).tolist():
            key = int(self.labeler[i]), int(self.subject[i])
            if key in before:
                earlier = before[key]
                swapped = bool(self.first[i] * self.first[earlier] == -1)
                found.append((key[0], float(self.value[i] == self.value[earlier]), swapped))
            before[key] = i
        who, same, swapped = zip(*found, strict=True) if found else ((), (), ())
        return np.array(who, np.int64), np.array(same, np.float64), np.array(swapped, bool)

    def better(self, labeler: int) -> list[NDArray[np.bool_]]:
        """What a labeler found better, by majority, among the items of each instruction.

        Args:
            labeler: Index of whom.

        Returns:
            (K, K) for each instruction: whether the row item was preferred to the column item more often than not.
        """
        tables: list[NDArray[np.bool_]] = []
        mine = self.of(labeler) & ~np.isnan(self.value)
        for instruction in sorted({subject.instruction for subject in self.subjects}):
            rows = [i for i in np.flatnonzero(mine) if self.subjects[self.subject[i]].instruction == instruction]
            items = dict.fromkeys(item for i in rows for item in self.subjects[self.subject[i]].items)
            place = {item: k for k, item in enumerate(items)}
            votes = np.zeros((len(place), len(place)))
            for i in rows:
                one, two = (place[item] for item in self.subjects[self.subject[i]].items)
                votes[one, two] += self.value[i]
                votes[two, one] -= self.value[i]
            tables.append(votes > 0)
        return tables


def gather_judgements(queries: Iterable[Query], feedback: Iterable[Feedback], kind: Kind) -> Judgements:
    """Lay out answers of one kind; a ranking of K items is K (K - 1) / 2 pairs.

    Args:
        queries: The questions.
        feedback: Answers, in the order in which they were given.
        kind: Which.

    Returns:
        The judgements; an abstention is one for each subject of its query.

    Raises:
        DataError: An answer belongs to no question.
    """
    known = {query.id: query for query in queries}
    rows: list[tuple[str, str, JudgedItems, float, float, float]] = []
    for query, given in with_questions(known, feedback):
        if ("pair" if query.kind == "ranking" else query.kind) == kind:
            rows += [(given.labeler, query.id, *row) for row in _judged(query, given)]
    labelers = tuple(sorted({row[0] for row in rows}))
    subjects = tuple(dict.fromkeys(row[2] for row in rows))
    who, what = ({name: i for i, name in enumerate(names)} for names in (labelers, subjects))
    numbers = np.array([row[3:] for row in rows], dtype=np.float64).reshape(-1, 3)
    return Judgements(
        labelers,
        subjects,
        tuple(row[1] for row in rows),
        np.array([who[row[0]] for row in rows], dtype=np.int64),
        np.array([what[row[2]] for row in rows], dtype=np.int64),
        *numbers.T,
    )


def _judged(query: Query, given: Feedback) -> Iterator[tuple[JudgedItems, float, float, float]]:
    """Items, value, what was shown first, and seconds of each judgement that an answer makes."""
    answer, items, nan = given.answer, query.items, float("nan")
    seconds = nan if given.seconds is None else given.seconds
    if query.feature is not None:
        about = JudgedItems((), query.instruction, f"{query.source}: {query.feature.name}")
        yield about, _told(query.feature, answer), nan, seconds
    elif query.kind == "rating":
        yield JudgedItems(items, query.instruction), answer.value if isinstance(answer, Rating) else nan, nan, seconds
    elif query.kind == "similarity":
        subject = _subject(items, query.instruction)
        odd = subject.items.index(items[answer.odd]) if isinstance(answer, SimilarityTriplet) else nan
        yield subject, odd, nan, seconds
    else:
        for i in range(len(items)):
            for j in range(i + 1, len(items)):
                subject = _subject((items[i], items[j]), query.instruction)
                turn = 1 if subject.items[0] == items[i] else -1
                value = nan
                if isinstance(answer, Preference):
                    value = turn * float(np.sign(answer.p - 0.5))
                elif isinstance(answer, Ranking):
                    value = turn * float(np.sign(answer.ranks[j] - answer.ranks[i]))
                pair = query.kind == "pair"
                first = turn * (1 - 2 * given.order[0]) if pair and given.order else nan
                yield subject, value, first, seconds if pair else nan


def _told(feature: AskedFeature, answer: Answer) -> float:
    if isinstance(answer, Threshold):
        return (answer.value - feature.low) / (feature.high - feature.low)
    return float(answer.direction) if isinstance(answer, FeatureRelevance) else float("nan")


def _subject(items: tuple[Item, ...], instruction: str) -> JudgedItems:
    def place(item: Item) -> tuple[str, int, int, int]:
        return item.source, item.start, item.stop, -1 if item.candidate is None else item.candidate

    return JudgedItems(tuple(sorted(items, key=place)), instruction)
