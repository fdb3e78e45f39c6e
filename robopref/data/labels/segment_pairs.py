"""Preferences among segments of a dataset as arrays, and numbers that sum a segment up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.answers import Answers
from robopref.data.episodes.recorded_views import Lookup, steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import context_columns, require_contexts
from robopref.errors import ConfigError, DataError
from robopref.items import ComparedItems, Comparisons, Items
from robopref.records import OUTCOME, Feedback, Item, Query
from robopref.scores import PairTarget
from robopref.sensors import is_signal

_VIEWS = ("points", "image", f"{OUTCOME}points", f"{OUTCOME}image")  # arrays that are no vectors


def gather_segments(
    queries: Iterable[Query],
    feedback: Iterable[Feedback],
    lookup: Lookup,
    *,
    keys: Sequence[str] = ("state", "action"),
) -> Comparisons:
    """Look up the segments of answered pairs: `segment_preferences` of everyone's answers.

    Args:
        queries: The questions; those that are no pairs are left out.
        feedback: Answers; those to other questions are left out.
        lookup: Arrays (T, ...) of an item by name.
        keys: Which arrays a step consists of.

    Returns:
        One row an answered pair, in the order of the questions.

    Raises:
        ConfigError: Both clouds and pictures are asked for.
        DataError: There is no answered pair, or a segment lacks an array or has another shape than the others.
    """
    return segment_preferences(segment_answers(queries, feedback), lookup, keys=keys)


def segment_answers(queries: Iterable[Query], feedback: Iterable[Feedback]) -> Answers:
    """The answers to pairs among some questions.

    Args:
        queries: The questions; those that are no pairs are left out.
        feedback: Answers; those to other questions are left out.

    Returns:
        The table.
    """
    pairs = {query.id: query for query in queries if query.kind == "pair"}
    return Answers.of(pairs.values(), [given for given in feedback if given.query_id in pairs])


def segment_preferences(
    answers: Answers, lookup: Lookup, *, keys: Sequence[str] = ("state", "action"), context: Sequence[str] = ()
) -> Comparisons:
    """Look up the segments that answers compare.

    Several answers to one pair of one question, of one context, are averaged by their weights.

    Args:
        answers: To pairs of segments.
        lookup: Arrays (T, ...) of an item by name.
        keys: Which arrays a step consists of; ``points`` is a cloud and ``image`` a picture, of which there may be one;
            all others are vectors.
        context: What tells answers to one pair apart, of `robopref.data.labels.answer_context.CONTEXTS`, and is kept
            with the items.

    Returns:
        One row an answered pair and context, in the order of the questions.

    Raises:
        ConfigError: Both clouds and pictures are asked for, or a context that answers do not tell.
        DataError: There is no answered pair, or a segment lacks an array or has another shape than the others.
    """
    if len({key.removeprefix(OUTCOME) for key in keys if key in _VIEWS}) > 1:
        raise ConfigError("a reward looks at points or at image, not at both; name one of them")
    return compared_segments(answers, lookup, keys=keys, shaped=_VIEWS, context=context)


def compared_segments(
    answers: Answers,
    lookup: Lookup,
    *,
    keys: Sequence[str],
    shaped: Collection[str] = (),
    context: Sequence[str] = (),
) -> Comparisons:
    """Look up what answers compare, whatever a segment consists of.

    Args:
        answers: To pairs, or rankings, of segments.
        lookup: Arrays (T, ...) of an item by name, one row a decision.
        keys: Which of them.
        shaped: Those that keep their shape; others become vectors.
        context: See `segment_preferences`.

    Returns:
        One row an answered pair and context, in the order of the questions.

    Raises:
        ConfigError: A context that answers do not tell.
        DataError: There is no answered pair, or a segment lacks an array or has another shape than the others.
    """
    told = context_columns(answers, require_contexts(context))
    rows = np.column_stack([answers.query, answers.item, told])
    compared, row = np.unique(rows, axis=0, return_inverse=True)
    share, total = np.zeros(len(compared)), np.zeros(len(compared))
    # Rows are added in turn, so that sums are the same to the last digit.
    np.add.at(share, row.ravel(), answers.p * answers.weight)
    np.add.at(total, row.ravel(), answers.weight)
    asked = np.flatnonzero(total > 0)
    if not len(asked):
        raise DataError(f"no answered pair among {len(answers.queries)} questions; ask for some with label.kind=pair")
    pairs = [[answers.items[index] for index in pair] for pair in compared[asked, 1:3].tolist()]
    items = looked_up(pairs, lookup, keys=keys, shaped=shaped)
    p = np.full((len(asked), 2, 2), 0.5, dtype=np.float32)
    counted = np.zeros_like(p)
    p[:, 0, 1], counted[:, 0, 1] = share[asked] / total[asked], total[asked]
    target = PairTarget(torch.as_tensor(p), torch.as_tensor(counted))
    codes = {name: torch.as_tensor(compared[asked, 3 + column]) for column, name in enumerate(context)}
    called = ComparedItems(answers.items, torch.as_tensor(compared[asked, 1:3]))
    return Comparisons(replace(items, context=codes), target, called=called)


def looked_up(
    questions: Sequence[Sequence[Item]], lookup: Lookup, *, keys: Sequence[str], shaped: Collection[str] = _VIEWS
) -> Items:
    """Segments as arrays, padded to the longest.

    Args:
        questions: B questions about K segments each.
        lookup: Arrays (T, ...) of an item by name, one row a decision.
        keys: Which of them.
        shaped: Those that keep their shape; others become vectors.

    Returns:
        The items; decisions beyond the end of a segment have no weight, all others 1.

    Raises:
        DataError: A segment lacks an array or has another shape than the others.
    """
    found = [[lookup(item) for item in asked] for asked in questions]
    both = zip(found, questions, strict=True)
    lengths = np.array([[_length(*one, keys) for one in zip(*asked, strict=True)] for asked in both])
    longest = int(lengths.max())
    steps = {key: _padded(found, key, longest, shaped=key in shaped or is_signal(key)) for key in keys}
    return Items(steps, torch.as_tensor((np.arange(longest) < lengths[..., None]).astype(np.float32)))


def recorded_comparisons(
    answers: Answers, store: EpisodeStore, *, keys: Sequence[str] = ("state", "action"), context: Sequence[str] = ()
) -> Comparisons:
    """What answers to pairs of segments of a store say, for training; a segment is worth the mean of its steps.

    Args:
        answers: To questions about the store.
        store: The episodes.
        keys: Arrays of a step; see `segment_preferences`, also for what is raised.
        context: What is kept of how they were answered.
    """

    def lookup(item: Item) -> Mapping[str, NDArray[Any]]:
        return steps_of(store, keys, item.start, item.stop)

    return averaged(segment_preferences(answers, lookup, keys=keys, context=context))


def averaged(data: Comparisons) -> Comparisons:
    """The same segments, each worth the mean of its steps in place of their sum.

    A margin of an untrained reward is then near zero however long segments are.

    Args:
        data: Segments.
    """
    return replace(data, items=averaged_items(data.items))


def averaged_items(items: Items) -> Items:
    """The same items, whose decisions have a weight of 1 together."""
    return replace(items, weight=items.weight / items.weight.sum(-1, keepdim=True))


def first_items(store: EpisodeStore, keys: Sequence[str]) -> Items:
    """The first step of a store as an item, from which a reward that is to be trained takes sizes.

    Args:
        store: With at least one step.
        keys: Arrays of a step.

    Raises:
        ConfigError: The store lacks one.
        DataError: What is called points or image is no cloud or no picture.
    """
    arrays = steps_of(store, keys, 0, 1)
    rows = {
        key: value if key in _VIEWS or is_signal(key) else np.asarray(value, np.float32).reshape(1, -1)
        for key, value in arrays.items()
    }
    steps = {key: torch.as_tensor(value)[None, None] for key, value in rows.items()}
    return Items(steps, torch.ones(1, 1, 1))


def summary_features(steps: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """What happened to each value over a segment, in a few numbers.

    Args:
        steps: (..., T, C) values of each step.
        weight: (..., T) zero beyond the end of a segment.

    Returns:
        (..., 5 C): mean, mean size, least, greatest, and last less first of each value.
    """
    there = (weight > 0)[..., None]
    count = np.maximum(there.sum(axis=-2), 1)
    last = np.maximum(count - 1, 0)[..., None]
    mean = np.where(there, steps, 0).sum(axis=-2) / count
    size = np.abs(np.where(there, steps, 0)).sum(axis=-2) / count
    least = np.where(there, steps, np.inf).min(axis=-2)
    greatest = np.where(there, steps, -np.inf).max(axis=-2)
    end = np.take_along_axis(steps, np.broadcast_to(last, (*steps.shape[:-2], 1, steps.shape[-1])), axis=-2)
    change = end[..., 0, :] - steps[..., 0, :]
    return np.concatenate([mean, size, least, greatest, change], axis=-1).astype(np.float64)


def _length(arrays: Mapping[str, NDArray[Any]], item: Item, keys: Sequence[str]) -> int:
    """Decisions of a segment."""
    if missing := [key for key in keys if key not in arrays]:
        raise DataError(f"{item} has no {missing[0]}; it has {', '.join(arrays)}")
    return len(arrays[keys[0]]) if keys else item.stop - item.start


def _padded(found: Sequence[Sequence[Mapping[str, NDArray[Any]]]], key: str, longest: int, *, shaped: bool) -> Tensor:
    """One array of all segments, (B, K, T, ...), zero beyond the end of one."""
    rows = [
        [
            arrays[key] if shaped else np.asarray(arrays[key], np.float32).reshape(len(arrays[key]), -1)
            for arrays in asked
        ]
        for asked in found
    ]
    shapes = {one.shape[1:] for pair in rows for one in pair}
    if len(shapes) > 1:
        raise DataError(f"segments must have {key} of one size at every step, got {sorted(map(str, shapes))}")
    bytes_ = shaped and rows[0][0].dtype == np.uint8
    kept = np.zeros((len(rows), len(rows[0]), longest, *shapes.pop()), np.uint8 if bytes_ else np.float32)
    for row, pair in enumerate(rows):
        for k, one in enumerate(pair):
            kept[row, k, : len(one)] = one
    return torch.as_tensor(kept)
