"""Ratings of segments of a dataset as arrays: how good each is, with nothing to compare it to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import context_columns, require_contexts
from robopref.data.labels.segment_pairs import averaged_items, looked_up
from robopref.errors import DataError
from robopref.items import ComparedItems, Comparisons
from robopref.records import Feedback, Item, Query
from robopref.scores import SuccessTarget


def rating_answers(queries: Iterable[Query], feedback: Iterable[Feedback]) -> Answers:
    """The ratings among some answers as a table, so that filters say which of them count.

    Args:
        queries: The questions; those that ask for no rating are left out.
        feedback: Answers; those to other questions are left out.

    Returns:
        One row a rating: both items are the one that was rated, and ``p`` is its rating.
    """
    asked = {query.id: query for query in queries if query.kind == "rating"}
    return Answers.of_ratings(asked.values(), [given for given in feedback if given.query_id in asked])


def recorded_ratings(
    answers: Answers, store: EpisodeStore, *, keys: Sequence[str], context: Sequence[str] = ()
) -> Comparisons:
    """What ratings of segments of a store say, for training.

    Several ratings of one segment, of one context, are averaged by their weights.

    Args:
        answers: Of `rating_answers`.
        store: The episodes.
        keys: Arrays of a step; see `robopref.data.labels.segment_pairs.segment_preferences`.
        context: What tells ratings of one segment apart, and is kept with the items.

    Returns:
        One row a rated segment and context, of one item each, in the order of the questions.

    Raises:
        DataError: Nothing was rated, or a segment lacks an array or has another shape than the others.
    """
    told = context_columns(answers, require_contexts(context))
    rows = np.column_stack([answers.item[:, 0], told])
    rated, row = np.unique(rows, axis=0, return_inverse=True)
    total, weight = np.zeros(len(rated)), np.zeros(len(rated))
    np.add.at(total, row.ravel(), answers.p * answers.weight)
    np.add.at(weight, row.ravel(), answers.weight)
    kept = np.flatnonzero(weight > 0)
    if not len(kept):
        raise DataError(f"no rating among {len(answers.queries)} questions; ask for some with label.kind=rating")

    def lookup(item: Item) -> Mapping[str, NDArray[Any]]:
        return steps_of(store, keys, item.start, item.stop)

    index = rated[kept, :1]
    items = averaged_items(looked_up([[answers.items[one]] for one in index[:, 0]], lookup, keys=keys))
    y = torch.as_tensor((total[kept] / weight[kept]).astype(np.float32))[:, None]
    target = SuccessTarget(y, torch.as_tensor(weight[kept].astype(np.float32))[:, None])
    codes = {name: torch.as_tensor(rated[kept, 1 + column]) for column, name in enumerate(context)}
    return Comparisons(
        replace(items, context=codes), target, called=ComparedItems(answers.items, torch.as_tensor(index))
    )


def known_grades(data: Comparisons, levels: int) -> NDArray[np.float64]:
    """Ratings as grades of a scale, (N,) from 1 to L; between two of them where several people differ.

    Args:
        data: Of `recorded_ratings`, one item a row.
        levels: Of the scale L.

    Raises:
        DataError: They are preferences.
    """
    if not isinstance(data.target, SuccessTarget):
        raise DataError("preferences are no grades; learn them from ratings, of label.kind=rating")
    return 1 + data.target.y[:, 0].cpu().numpy().astype(np.float64) * (levels - 1)
