"""Answers as a table, one row for each two items that an answer compares; targets are made from it last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError
from robopref.labeler_kinds import labeler_kinds
from robopref.records import Feedback, Item, Preference, Query, Ranking, Rating

Floats = NDArray[np.float64]
Names = NDArray[np.object_]
_Rows = Callable[[Query, Feedback], Iterator[tuple[Item, Item, float, float]]]
_COLUMNS: dict[str, type] = {
    "query": np.int64, "item": np.int64, **dict.fromkeys(("p", "confidence", "weight"), np.float64),
    **dict.fromkeys(("labeler", "labeler_version", "kind", "instruction", "source"), np.object_),
    **dict.fromkeys(("time", "seconds", "shown"), np.float64),
}  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """R comparisons of two items, in the order in which they were given.

    An answer to a pair is one row, and a ranking of K items K (K - 1) / 2. Abstentions are none, nor are answers that
    compare nothing, such as ratings.

    Attributes:
        items: (I,) what was compared.
        queries: (Q,) ids of all questions, answered or not.
        query: (R,) index of the question.
        item: (R, 2) indices of the first and the second item.
        p: (R,) probability that the first item is the better one.
        confidence: (R,) of the labeler, in [0, 1].
        weight: (R,) how much a row counts; at first its confidence.
        labeler: (R,) names.
        labeler_version: (R,) versions.
        kind: (R,) of labeler: ``person``, ``scripted``, ``model``, ``check``, ``self`` or ``unknown``.
        instruction: (R,) what the items were to be judged by.
        source: (R,) dataset of the first item.
        time: (R,) seconds since the epoch, 0 if unknown.
        seconds: (R,) how long the whole answer took, NaN if unknown.
        shown: (R,) 1 if the first item was shown before, or left of, the second, -1 if after it, NaN if unknown.
    """

    items: tuple[Item, ...]
    queries: tuple[str, ...]
    query: NDArray[np.int64]
    item: NDArray[np.int64]
    p: Floats
    confidence: Floats
    weight: Floats
    labeler: Names
    labeler_version: Names
    kind: Names
    instruction: Names
    source: Names
    time: Floats
    seconds: Floats
    shown: Floats

    @classmethod
    def of(cls, queries: Iterable[Query], feedback: Iterable[Feedback]) -> Answers:
        """Lay out what was asked and answered.

        Args:
            queries: The questions.
            feedback: Answers to them.

        Returns:
            The table.

        Raises:
            DataError: An answer belongs to no question.
        """
        return cls._laid_out(queries, feedback, _compared)

    @classmethod
    def of_ratings(cls, queries: Iterable[Query], feedback: Iterable[Feedback]) -> Answers:
        """Lay out ratings, which compare nothing: both items of a row are the rated one, ``p`` is the rating.

        Args:
            queries: The questions.
            feedback: Answers to them; other answers than ratings are left out.

        Returns:
            The table.

        Raises:
            DataError: An answer belongs to no question.
        """
        return cls._laid_out(queries, feedback, _rated)

    @classmethod
    def _laid_out(cls, queries: Iterable[Query], feedback: Iterable[Feedback], rows_of: _Rows) -> Answers:
        known, feedback = {query.id: query for query in queries}, list(feedback)
        kinds, place = labeler_kinds(feedback), {name: index for index, name in enumerate(known)}
        items: dict[Item, int] = {}
        rows: list[tuple[Any, ...]] = []
        for query, given in with_questions(known, feedback):
            for first, second, p, shown in rows_of(query, given):
                pair = [items.setdefault(item, len(items)) for item in (first, second)]
                rows.append((
                    place[query.id], pair, p, given.confidence, given.confidence, given.labeler,
                    given.labeler_version, kinds[given.labeler], query.instruction, first.source, given.time,
                    np.nan if given.seconds is None else given.seconds, shown,
                ))  # fmt: skip
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(_COLUMNS)
        return cls(
            tuple(items), tuple(known),
            **{name: np.array(column, kind).reshape(-1, *([2] if name == "item" else []))
               for (name, kind), column in zip(_COLUMNS.items(), columns, strict=True)},
        )  # fmt: skip

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.p)

    def joined(self, others: Answers) -> Answers:
        """These rows and, after them, others of the same table, which number items and questions alike."""
        columns = {name: np.concatenate([getattr(self, name), getattr(others, name)]) for name in _COLUMNS}
        return replace(self, **columns)

    def __getitem__(self, rows: NDArray[Any]) -> Answers:
        """Some of the rows, by (R,) flags or by indices; items and questions stay as they are numbered."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})


def with_questions(queries: Mapping[str, Query], feedback: Iterable[Feedback]) -> Iterator[tuple[Query, Feedback]]:
    """Answers, each with its question.

    Args:
        queries: The questions by id.
        feedback: Answers to them.

    Raises:
        DataError: An answer belongs to no question.
    """
    for given in feedback:
        query = queries.get(given.query_id)
        if query is None:
            raise DataError(f"feedback for query {given.query_id!r}, which is not among the {len(queries)} queries")
        yield query, given


def _compared(query: Query, feedback: Feedback) -> Iterator[tuple[Item, Item, float, float]]:
    answer, order = feedback.answer, feedback.order
    if isinstance(answer, Preference):
        yield query.items[0], query.items[1], answer.p, _shown(order, 0, 1)
    elif isinstance(answer, Ranking):
        for i, first in enumerate(query.items):
            for j in range(i + 1, len(query.items)):
                yield first, query.items[j], _better(answer, i, j), _shown(order, i, j)


def _better(answer: Ranking, one: int, two: int) -> float:
    """Probability that an item is better than another; 0, 0.5 or 1 where only the order is known."""
    if answer.strengths:
        return 0.5 + 0.5 * float(np.tanh((answer.strengths[one] - answer.strengths[two]) / 2))
    return 0.5 + 0.5 * float(np.sign(answer.ranks[two] - answer.ranks[one]))


def _rated(query: Query, feedback: Feedback) -> Iterator[tuple[Item, Item, float, float]]:
    if isinstance(feedback.answer, Rating):
        yield query.items[0], query.items[0], feedback.answer.value, np.nan


def _shown(order: tuple[int, ...], one: int, two: int) -> float:
    """1 if an item was shown before another, -1 if after it, NaN if nobody knows."""
    return float(np.sign(order.index(two) - order.index(one))) if order else np.nan
