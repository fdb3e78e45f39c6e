"""`robopref label`: have candidate actions or segments compared, by a scripted teacher, people, a model or a metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context, adopt, build
from robopref.cli.label_metric import ask_metric
from robopref.cli.label_model import ask_model
from robopref.cli.label_people import ask_people, guide
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.labelers.metric_settings import MetricSettings
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.labelers.vlm_settings import VlmSettings
from robopref.labelling.pictures import pictures_of
from robopref.labelling.settings import LabelSettings
from robopref.learning.collect import draw_candidates, draw_states, open_store, task_attributes
from robopref.querying.candidates import RandomSelector, candidate_queries
from robopref.querying.segments import segment_queries
from robopref.robots.sim import demonstrate_chunk, outcomes
from robopref.types import Item, Query

_BLOCK = 10


def run(context: Context) -> None:
    """Draw candidates in states of the task, ask about them and store every answer; goes on where it stopped."""
    config = context.config.label
    labeler = build(context.config.labeler)
    adopt(context)
    if config.data is not None:
        _label_segments(context, labeler)
        return
    candidates = _draw(context)
    queries = candidate_queries(
        "candidates", int(config.states), int(config.candidates), kind=config.kind,
        instruction=context.config.task or candidates.attrs["instruction"],
    )  # fmt: skip
    budget = len(queries) if config.budget is None else int(config.budget)
    queries = RandomSelector(context.seed).select(queries, budget)
    if not queries:
        raise ConfigError(f"label.budget={budget} asks nothing; it must be at least 1, or null for all")
    if isinstance(labeler, LabelSettings):
        ask_people(context, labeler, queries, candidates, lambda: _try(context, candidates))
    elif isinstance(labeler, VlmSettings):
        ask_model(context, labeler, queries, pictures_of(candidates, guide(context, candidates)))
    elif isinstance(labeler, MetricSettings):
        ask_metric(context, labeler, queries, candidates)
    else:
        _ask_teacher(context, labeler, queries, _try(context, candidates))


def _label_segments(context: Context, labeler: object) -> None:
    """Have segments of a dataset compared, which needs neither a policy nor a simulation."""
    config, path = context.config.label, Path(context.config.label.data)
    store = EpisodeStore.open(path)
    kind = "pair" if config.kind == "ranking" else config.kind  # rankings are of candidates
    count = 200 if config.budget is None else int(config.budget)
    queries = segment_queries(
        path.name, store.episode_ends.tolist(), length=int(config.length), count=count, kind=kind, seed=context.seed,
        instruction=context.config.task or str(store.attrs.get("instruction", "")),
    )  # fmt: skip
    if isinstance(labeler, VlmSettings):
        ask_model(context, labeler, queries, pictures_of(store))
    elif isinstance(labeler, MetricSettings):
        ask_metric(context, labeler, queries, store)
    else:
        raise ConfigError("segments of label.data are compared by labeler=vlm or labeler=metric")


def _ask_teacher(
    context: Context, imperfection: Imperfection, queries: Sequence[Query], tried: NDArray[np.float64]
) -> None:
    if context.config.label.kind not in ("pair", "ranking"):
        raise ConfigError(
            f"a scripted teacher answers pairs and rankings, not label.kind={context.config.label.kind}; "
            "ask people with labeler=human"
        )

    def rewards(item: Item) -> NDArray[np.float64]:
        return tried[item.start, item.candidate : item.candidate + 1] if item.candidate is not None else tried[:0, 0]

    teacher = ScriptedTeacher(rewards, imperfection, seed=context.seed)
    with (
        FeedbackStore(context.folder / "labels.sqlite") as database,
        context.stage("Ask the teacher", "queries") as bar,
    ):
        database.add_queries(queries)
        versions = {answer.labeler_version for answer in database.feedback(teacher.name)} - {teacher.version}
        if versions:
            raise DataError(
                f"{context.folder / 'labels.sqlite'} holds answers of {teacher.name} with other settings or another "
                "seed; remove it to ask again, or choose another run folder"
            )
        waiting = database.unanswered(teacher.name)
        for first in range(0, len(waiting), 100):
            database.add_all([teacher.label(query) for query in waiting[first : first + 100]])
            bar(min(first + 100, len(waiting)), len(waiting))
        answered = len(database.feedback())
    context.console.print(f"{answered} answers: {context.folder / 'labels.sqlite'}")


def _draw(context: Context) -> EpisodeStore:
    """States of the task with candidates of the policy in each, one episode a state."""
    config = context.config.label
    path, count, n = context.folder / "candidates.zarr", int(config.states), int(config.candidates)
    if path.exists():
        store = EpisodeStore.open(path)
        if store.steps == count and store.array("candidates", 0, 1).shape[1] == n:
            return store
        raise DataError(
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
        store = open_store(path.with_suffix(".part"), task_attributes(context.pool, context.seed))
        for moment, chunk in list(zip(moments, chunks, strict=True))[store.steps :]:
            store.append({
                **{name: part[None] for name, part in moment.observation.items()}, "snapshot": moment.snapshot[None],
                "progress": np.array([moment.progress], np.float32), "candidates": chunk[None],
            })  # fmt: skip
    # A store of another size than asked for never carries the final name.
    path.with_suffix(".part").rename(path)
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
    return store.array("outcome")
