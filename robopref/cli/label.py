"""`robopref label`: have candidate actions or segments compared, by a scripted teacher, people, a model or a metric."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.cli.label_asking import ask_labeler, build_labeler
from robopref.cli.label_subject import CANDIDATES, guide
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, MismatchError
from robopref.files import replacing
from robopref.labelers.subject import Rewards, Subject
from robopref.learning.collect import draw_candidates, draw_states, open_store, task_attributes
from robopref.querying.candidate_queries import candidate_queries
from robopref.querying.segment_queries import segment_queries
from robopref.records import Item, Query
from robopref.robots.sim import demonstrate_chunk, film, outcomes

_BLOCK = 10


def run(context: Context, *, more: bool = True) -> None:
    """Ask about candidates of the policy, or segments of episodes, and store every answer; goes on where it stopped.

    Args:
        context: Of the run.
        more: Whether to choose further questions once those of before are answered.
    """
    labeler = build_labeler(context, context.config.label.kind)
    ask_labeler(context, labeler, _SUBJECTS[context.config.label.about](context), more=more)


def _candidates(context: Context) -> Subject:
    config = context.config.label
    drawn = _draw(context)
    pool = candidate_queries(
        CANDIDATES, int(config.states), int(config.candidates), kind=config.kind,
        instruction=context.config.task or str(drawn.attrs.get("instruction", "")),
    )  # fmt: skip

    tried = functools.cache(lambda: _try(context, drawn))

    def reward(item: Item) -> NDArray[np.float64]:
        return tried()[item.start, [] if item.candidate is None else [item.candidate]]

    def films(items: Sequence[Item]) -> Iterator[Sequence[NDArray[np.uint8]]]:
        snapshots, chunks = drawn.array("snapshot"), drawn.array("candidates")
        jobs = [([(snapshots[item.start], chunks[item.start, item.candidate])],) for item in items]
        yield from context.pool.map(film, jobs)

    return _subject(context, drawn, pool, lambda: reward, outcomes=tried, films=films)


def _segments(context: Context) -> Subject:
    config = context.config.label
    path = None if config.segments.dataset is None else Path(config.segments.dataset)
    dataset = context.demonstrations if path is None else EpisodeStore.open(path)
    source = dataset.path.stem
    if source == CANDIDATES:
        raise ConfigError(f"{path} holds single states; give a dataset of episodes as label.segments.dataset")
    pool = segment_queries(
        source, dataset.episode_ends.tolist(), length=int(config.segments.length), count=int(config.segments.count),
        kind=config.kind, seed=context.seed,
        instruction=str(context.config.task or dataset.attrs.get("instruction", "")),
    )  # fmt: skip

    def rewards() -> Rewards:
        if not {"progress", "next_progress"} <= set(dataset.keys):
            raise ConfigError(
                f"{dataset.path} does not say how much progress its steps make; ask others, such as labeler=human"
            )
        gained = (dataset.array("next_progress") - dataset.array("progress")).astype(np.float64)
        return lambda item: gained[item.start : item.stop]

    return _subject(context, dataset, pool, rewards)


def _subject(
    context: Context, dataset: EpisodeStore, pool: Sequence[Query], rewards: Callable[[], Rewards], **known: Any
) -> Subject:
    return Subject(
        pool[0].items[0].source, dataset, pool, rewards, outline=lambda found: guide(context, found),
        task=str(context.config.task or ""), seed=context.seed, folder=context.folder, **known,
    )  # fmt: skip


def _draw(context: Context) -> EpisodeStore:
    """States of the task with candidates of the policy in each, one episode a state."""
    config = context.config.label
    path, count, n = context.folder / "candidates.zarr", int(config.states), int(config.candidates)
    if path.exists():
        store = open_candidates(path)
        if store.steps == count and store.array("candidates", 0, 1).shape[1] == n:
            return store
        raise MismatchError(
            f"{path} holds {store.steps} states, not the {count} states of {n} candidates asked for; choose another "
            "run folder or remove it and labels.sqlite"
        )
    policy = context.policy()
    with context.stage("Draw candidate actions", "states") as bar:
        moments = draw_states(
            context.pool, "preferences", count=count, seed=context.seed, warm_up=int(config.warm_up), progress=bar
        )
        chunks = draw_candidates(policy, moments, n=n, seed=context.seed + 1, device=context.device)
        if config.demonstrated:
            jobs = [(moment.snapshot, policy.shape[0], context.seed + k) for k, moment in enumerate(moments)]
            chunks[:, -1] = np.stack(list(context.pool.map(demonstrate_chunk, jobs)))
        shutil.rmtree(path.with_suffix(".part"), ignore_errors=True)  # what older versions left when they were stopped
        # A store of another size than asked for never carries the final name.
        with replacing(path) as unfinished:
            store = EpisodeStore.create(unfinished, task_attributes(context.pool, context.seed))
            for moment, chunk in zip(moments, chunks, strict=True):
                store.append({
                    **{name: part[None] for name, part in moment.observation.items()},
                    "snapshot": moment.snapshot[None], "progress": np.array([moment.progress], np.float32),
                    "candidates": chunk[None],
                })  # fmt: skip
    return EpisodeStore.open(path)


def _try(context: Context, candidates: EpisodeStore) -> NDArray[np.float64]:
    """What each candidate achieves, (S, N); only the teacher gets to see it."""
    store = open_store(context.folder / "outcomes.zarr", {"candidates": candidates.fingerprint()})
    snapshots, chunks = candidates.array("snapshot"), candidates.array("candidates")
    with context.stage("Teacher tries the candidates", "states", resumes=True) as bar:
        for first in range(store.steps, len(chunks), _BLOCK):
            block = slice(first, first + _BLOCK)
            jobs = list(zip(snapshots[block], chunks[block], strict=True))
            rows = np.stack(list(context.pool.map(outcomes, jobs)))
            store.append({"outcome": rows})
            bar(first + len(rows), len(chunks))
    found = store.array("outcome")
    if found.shape != chunks.shape[:2]:
        raise DataError(
            f"{store.path} is damaged: outcomes must be {chunks.shape[:2]}, got {found.shape}; remove it, so that the "
            "teacher tries again"
        )
    return found


_SUBJECTS = {"candidates": _candidates, "segments": _segments}
