"""The pairs that an explanation is about: those that were answered, or those that a trained reward judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import answers_of_run
from robopref.data.containment import dataset_of
from robopref.data.episodes.candidate_store import CANDIDATES, EXPLORED, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labeler_kinds import SELF
from robopref.labelers.asking import label_database
from robopref.quality.written_words import written_words
from robopref.querying.candidate_queries import RandomSelector, candidate_queries
from robopref.querying.segment_queries import segment_queries
from robopref.records import Feedback, Item, Preference, Query

_STEPS = 25  # of a segment, where nothing is said
_OF_CANDIDATES = (CANDIDATES, EXPLORED)


def answered_pairs(context: Context) -> tuple[Answers, EpisodeStore]:
    """The answers of a run that count, about one dataset.

    Args:
        context: Of the run.

    Returns:
        The answers, and the dataset of their items.

    Raises:
        DataError: There are none, or they are about several datasets of which none is chosen.
    """
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref label run={context.folder}")
    with FeedbackStore(labels) as database:
        every, where = database.answers(lambda _: True), database.database.where
    sources = sorted({str(one) for one in every.source.tolist()})
    if not sources:
        raise DataError(f"no answer in {where} compares anything; run: robopref label run={context.folder}")
    source = _chosen(context, sources)
    about = every[every.source == source]
    return answers_of_run(context, labeler, about, where), _dataset(context, source)


def written_with(context: Context) -> dict[tuple[str, str], str]:
    """What people wrote with the answers of a run, by question and labeler; the latest, if somebody wrote twice."""
    with FeedbackStore(label_database(context.folder, build(context.config.labeler))) as database:
        return {(one.query, one.labeler): one.said for one in reversed(written_words(database.feedback()))}


def judged_pairs(
    context: Context, name: str, worth: Callable[[EpisodeStore], Callable[[Item], float]]
) -> tuple[Answers, EpisodeStore]:
    """What a trained reward makes of pairs, in place of answers.

    Args:
        context: Of the run.
        name: Of the reward.
        worth: Gives what it makes of the items of a dataset.

    Returns:
        The judgements, and the dataset of the items.

    Raises:
        DataError: The reward is not trained, or there is nothing to judge.
    """
    drawn = [one for one in _OF_CANDIDATES if (context.folder / f"{one}.zarr").exists()]
    recorded = context.recordings
    sources = [*drawn, *([recorded.path.stem] if recorded is not None else [])]
    if not sources and (context.folder / "demos.zarr").exists():
        sources = ["demos"]
    if not sources:
        raise DataError(f"there is nothing in {context.folder} to judge; name recordings with data=<path>")
    source = _chosen(context, sources[:1] if context.config.explain.source is None else sources)
    dataset, count = _dataset(context, source), int(context.config.explain.pairs)
    if source in _OF_CANDIDATES:
        pool = candidate_queries(source, dataset.steps, dataset.array("candidates", 0, 1).shape[1], kind="pair")
    else:
        pool = segment_queries(
            source, dataset.episode_ends.tolist(), length=_length(context, dataset), count=count, seed=context.seed
        )
    queries, judged = RandomSelector(context.seed).select(pool, count), worth(dataset)
    return Answers.of(queries, [_judged(query, judged, name) for query in queries]), dataset


def _judged(query: Query, worth: Callable[[Item], float], name: str) -> Feedback:
    one, two = (worth(item) for item in query.items)
    return Feedback(query.id, Preference(0.5 + 0.5 * float(np.sign(one - two))), f"{SELF}{name}")


def _length(context: Context, dataset: EpisodeStore) -> int:
    said = context.config.label.segments.length
    usual = int(np.median(np.diff(dataset.episode_ends, prepend=0)))
    return int(said) if said is not None else max(1, min(_STEPS, usual // 2))


def _chosen(context: Context, sources: list[str]) -> str:
    wanted = context.config.explain.source
    if wanted is None:
        if len(sources) > 1:
            raise ConfigError(
                f"answers are about several datasets; say which with explain.source= one of {', '.join(sources)}"
            )
        return sources[0]
    if wanted not in sources:
        raise unknown_name("explain.source", str(wanted), sources)
    return str(wanted)


def _dataset(context: Context, source: str) -> EpisodeStore:
    path = dataset_of(context.folder, source)
    if source in _OF_CANDIDATES and path is not None:
        return open_candidates(path)
    recorded = context.recordings
    if recorded is not None and recorded.path.stem == source:
        return recorded
    if path is None or not path.exists():
        raise DataError(
            f"answers are about {source[:200]!r}, and there is no such dataset in {context.folder}; name recordings "
            "with data=<path>"
        )
    return EpisodeStore.open(path)
