"""`robopref label`: have candidate actions or segments compared, by a scripted teacher, people, a model or a metric."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.cli.answered import labelled
from robopref.cli.asking_belief import brief_of_run
from robopref.cli.context import Context
from robopref.cli.embeddings import candidate_embedding
from robopref.cli.label_asking import ask_labeler, build_labeler, goes_by_embedding, require_choice
from robopref.cli.label_features import LabelFeatures, asked_kinds, pool_of, require_named
from robopref.cli.label_showing import after_candidates, after_segments, shows_outcomes
from robopref.cli.principles import principle_of
from robopref.cli.reward_judgement import judgement_of
from robopref.data.episodes.candidate_store import CANDIDATES, EXPLORED, open_candidates
from robopref.data.episodes.learnable import step_rewards
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.scaled_features import candidate_features, segment_features
from robopref.data.labels.triplets import candidates_of
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labelers.subject import Rewards, Subject
from robopref.learning.candidate_files import (
    EXPLORED_OUTCOMES,
    LIKELIEST,
    OUTCOMES,
    TEMPERATURE,
    CandidateDraw,
    store_candidates,
    stored_candidates,
    task_outline,
    tried_candidates,
)
from robopref.learning.candidate_measures import measured_candidates
from robopref.learning.embedding_training import points_of
from robopref.policies.abilities import observed_by
from robopref.principles import judged_by, under_principle
from robopref.protocols import Selector
from robopref.querying.candidate_queries import candidate_queries
from robopref.querying.segment_queries import segment_queries
from robopref.records import Item, Query, QueryKind
from robopref.robots.reported import featured, reported
from robopref.robots.sim import film

_DECISIONS, _STEPS = 3, 25  # of a segment, where nothing is said


def run(context: Context, *, more: bool = True) -> None:
    """Ask about candidates of the policy, or segments of episodes, and store every answer; goes on where it stopped.

    Args:
        context: Of the run.
        more: Whether to choose further questions once those of before are answered.
    """
    labeler = build_labeler(context, *(kinds := asked_kinds(context)))
    shows_outcomes(context)  # a word that is none is refused before anything is drawn
    require_choice(context, labelled(context), kinds)
    require_named(context, brief_of_run(context).features)
    if labelled(context) != "segments" and _by_embedding(context):
        candidate_embedding(context)  # one that is not trained is said before anything is drawn
    subject = _SUBJECTS[labelled(context)](context)
    ask_labeler(context, labeler, subject, more=more)


def _candidates(context: Context) -> Subject:
    config = context.config.label
    draw = CandidateDraw(
        int(config.states), int(config.candidates), int(config.warm_up), bool(config.demonstrated), context.seed,
        context.device,
    )  # fmt: skip
    path = context.folder / f"{CANDIDATES}.zarr"
    drawn = stored_candidates(path, draw)
    if drawn is None:
        drawn = store_candidates(path, context.policy(), context.pool, draw, context.stage)
    else:
        for name in (TEMPERATURE, LIKELIEST):
            if (now := context.config.policy.get(name, 1)) != (then := drawn.attrs.get(name, 1)):
                context.console.print(
                    f"{path} was drawn with policy.{name}={then}, not {now}, and stays as it is", soft_wrap=True,
                    highlight=False, markup=False,
                )  # fmt: skip
    return _of_candidates(context, drawn, context.folder / OUTCOMES)


def _explored(context: Context) -> Subject:
    path = context.folder / f"{EXPLORED}.zarr"
    if not path.exists():
        raise DataError(f"nothing is explored at {path}; run: robopref explore run={context.folder}")
    return _of_candidates(context, open_candidates(path), context.folder / EXPLORED_OUTCOMES)


def _of_candidates(context: Context, drawn: EpisodeStore, outcomes: Path) -> Subject:
    count = drawn.array("candidates", 0, 1).shape[1]
    instruction = context.config.task or str(drawn.attrs.get("instruction", ""))
    pool, features = pool_of(
        context, drawn,
        lambda kind: candidate_queries(drawn.path.stem, drawn.steps, count, kind=kind, instruction=instruction),
        instruction,
    )  # fmt: skip
    pool = under_principle(pool, principle_of(context.config))

    stage = functools.partial(context.stage, resumes=True)
    tried = functools.cache(lambda: tried_candidates(outcomes, context.pool, drawn, stage))

    def reward(item: Item) -> NDArray[np.float64]:
        return tried()[item.start, [] if item.candidate is None else [item.candidate]]

    def films(items: Sequence[Item]) -> Iterator[Sequence[NDArray[np.uint8]]]:
        snapshots, chunks = drawn.array("snapshot"), drawn.array("candidates")
        jobs = [([(snapshots[item.start], chunks[item.start, item.candidate])],) for item in items]
        yield from context.pool.map(film, jobs)

    def measures(name: str) -> NDArray[np.float64]:
        if name not in (names := reported(context.pool.task)):
            raise unknown_name("labeler.measure", name, names)
        return measured_candidates(outcomes.with_name(f"{drawn.path.stem}_measures.zarr"), context.pool, drawn, stage)[
            name
        ]

    def alike() -> Callable[[Item], NDArray[np.float64]]:
        path = outcomes.with_name(f"{drawn.path.stem}_features.zarr")
        return candidate_features(measured_candidates(path, context.pool, drawn, stage, measure=featured))

    def embedding() -> Callable[[Item], NDArray[np.float64]]:
        embedded = candidate_embedding(context)
        every = [[Item(drawn.path.stem, row, row + 1, k) for k in range(count)] for row in range(drawn.steps)]
        items = candidates_of(drawn, observed_by(context.policy()))(every).to(context.device)
        points = points_of(embedded, items).double().cpu().numpy()
        return lambda item: points[item.start, int(item.candidate or 0)]

    after = after_candidates(context, drawn, outcomes)
    return _subject(
        context, drawn, pool, lambda: reward, features, outcomes=tried, measures=measures, alike=alike,
        embedding=embedding, films=films, after=after,
    )  # fmt: skip


def _segments(context: Context) -> Subject:
    config = context.config.label
    dataset = context.recordings or context.demonstrations
    source = dataset.path.stem
    if source in (CANDIDATES, EXPLORED):
        raise ConfigError(f"{dataset.path} holds single states; give a dataset of episodes as data")
    instruction = str(context.config.task or dataset.attrs.get("instruction", ""))

    def asked(kind: QueryKind) -> Sequence[Query]:
        return segment_queries(
            source, dataset.episode_ends.tolist(), length=_length(context, dataset), count=int(config.segments.count),
            kind=kind, seed=context.seed, instruction=instruction,
        )  # fmt: skip

    pool, features = pool_of(context, dataset, asked, instruction)
    pool = under_principle(pool, principle_of(context.config))
    truth = None if config.truth is None else str(config.truth)
    after, names = after_segments(context, dataset), config.alike
    return _subject(
        context, dataset, pool, lambda: step_rewards(dataset, truth), features, after=after,
        alike=lambda: segment_features(dataset, names and list(names), ("state", "proprio")),
    )  # fmt: skip


def _length(context: Context, dataset: EpisodeStore) -> int:
    """Steps of a segment: of recordings, whose steps are short, as many as half of a usual episode has, 25 at most."""
    said = context.config.label.segments.length
    if said is not None:
        return int(said)
    usual = int(np.median(np.diff(dataset.episode_ends, prepend=0)))
    return _DECISIONS if context.config.data is None else max(1, min(_STEPS, usual // 2))


def _subject(
    context: Context,
    dataset: EpisodeStore,
    pool: Sequence[Query],
    rewards: Callable[[], Rewards],
    features: LabelFeatures | None,
    **known: Any,
) -> Subject:
    if features is not None:
        known |= {"described": features.described, "features": features.of, "measured": features.items}
    return Subject(
        pool[0].source, dataset, pool, rewards,
        judgement=functools.partial(judgement_of, context, dataset),
        outline=lambda found: task_outline(str(context.config.env.id), lambda: context.pool, found),
        task=judged_by(str(context.config.task), principle_of(context.config)) if context.config.task else "",
        seed=context.seed, folder=context.folder, **known,
    )  # fmt: skip


def _by_embedding(context: Context) -> bool:
    """Whether what is asked is chosen by an embedding of items."""
    return not isinstance(context.selector, Selector) and goes_by_embedding(context.selector)


_SUBJECTS = {"candidates": _candidates, "explored": _explored, "segments": _segments}
