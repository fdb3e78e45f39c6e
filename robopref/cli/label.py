"""`robopref label`: draw candidate actions and have them compared, by a scripted teacher or by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context, adopt, build
from robopref.cli.label_choice import next_questions
from robopref.cli.label_people import CANDIDATES, ask_people, label_database
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.labelling.settings import LabelSettings
from robopref.learning.collect import draw_candidates, draw_states, open_store, task_attributes
from robopref.querying.candidates import candidate_queries
from robopref.robots.sim import demonstrate_chunk, outcomes
from robopref.types import Item, Query

_BLOCK = 10


def run(context: Context, *, more: bool = True) -> None:
    """Draw candidates in states of the task, ask about them and store every answer; goes on where it stopped.

    Args:
        context: Of the run.
        more: Whether to choose further questions once those of before are answered.
    """
    config = context.config.label
    labeler = build(context.config.labeler)
    adopt(context)
    candidates = _draw(context)
    pool = candidate_queries(
        CANDIDATES, int(config.states), int(config.candidates), kind=config.kind,
        instruction=candidates.attrs["instruction"],
    )  # fmt: skip
    with FeedbackStore(label_database(context.folder, labeler)) as store:

        def choose(waiting: int) -> Sequence[Query]:
            done_with = not more and bool(store.queries())
            return [] if done_with else next_questions(context, store, pool, candidates, waiting=waiting)

        if isinstance(labeler, LabelSettings):
            ask_people(context, labeler, store, choose, candidates, lambda: _try(context, candidates))
        else:
            _ask_teacher(context, labeler, store, choose, _try(context, candidates))


def _ask_teacher(
    context: Context,
    imperfection: Imperfection,
    store: FeedbackStore,
    choose: Callable[[int], Sequence[Query]],
    tried: NDArray[np.float64],
) -> None:
    if context.config.label.kind not in ("pair", "ranking"):
        raise ConfigError(
            f"a scripted teacher answers pairs and rankings, not label.kind={context.config.label.kind}; "
            "ask people with labeler=human"
        )

    def rewards(item: Item) -> NDArray[np.float64]:
        return tried[item.start, item.candidate : item.candidate + 1] if item.candidate is not None else tried[:0, 0]

    teacher = ScriptedTeacher(rewards, imperfection, seed=context.seed)
    versions = {answer.labeler_version for answer in store.feedback(teacher.name)} - {teacher.version}
    if versions:
        raise DataError(
            f"{store.database.where} holds answers of {teacher.name} with other settings or another seed; remove it to "
            "ask again, or choose another run folder"
        )

    def waiting() -> list[Query]:
        return [query for query in store.unanswered(teacher.name) if query.items[0].source == CANDIDATES]

    store.add_queries(choose(len(waiting())))
    asked = waiting()
    with context.stage("Ask the teacher", "queries") as bar:
        for first in range(0, len(asked), 100):
            store.add_all([teacher.label(query) for query in asked[first : first + 100]])
            bar(min(first + 100, len(asked)), len(asked))
    context.console.print(f"{len(store.feedback())} answers: {store.database.where}", soft_wrap=True)


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
