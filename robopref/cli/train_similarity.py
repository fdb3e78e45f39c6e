"""`robopref train similarity` and `robopref offline similarity`: an embedding in which alike items lie together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robopref.cli.answered import labelled, load_training
from robopref.cli.building import build, settings
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.embeddings import FOLDER, PAGE, RECORD, new_embedding, new_segment_embedding, weights_of
from robopref.cli.filters import answers_of_run
from robopref.cli.made_scorers import observed
from robopref.cli.made_with import settings_of
from robopref.cli.segment_rewards import answered_segments, recorded, segment_length
from robopref.data.episodes.candidate_store import CANDIDATES, EXPLORED, open_candidates
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import INSTRUCTION
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.segment_decisions import decision_lookup
from robopref.data.labels.segment_pairs import looked_up, recorded_comparisons
from robopref.data.labels.triplets import SimilarityAnswers, Triplets, candidates_of
from robopref.errors import DataError
from robopref.evaluation.item_map import ItemMap
from robopref.files import write_json
from robopref.items import Comparisons, Items
from robopref.labelers.asking import label_database
from robopref.learning.candidate_files import OUTCOMES_OF
from robopref.learning.embedding_training import (
    EmbeddingData,
    EmbeddingFit,
    EmbeddingMethod,
    FittedEmbedding,
    points_of,
)
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import on_these_labels
from robopref.learning.stored_models import save_embedding
from robopref.policies.abilities import history_of, observed_by
from robopref.records import Abstain, ActionGeometry, Item
from robopref.reports.map_report import write_map
from robopref.rewards.item_embedding import Embedding

_SEGMENTS, _LENGTH = 2000, 25  # of recordings that methods without answers learn from, and their steps


def run(context: Context) -> None:
    """Train the embedding of what the policy of a run does, on answers of which two of three are alike.

    Raises:
        DataError: There is no such answer, or not of whom they are to be.
        ConfigError: A setting is wrong.
        PolicyError: The policy has no geometry and lends no encoder.
    """
    policy = context.policy()
    observes = observed_by(policy)
    if labelled(context) == "segments":
        store = context.recordings or context.demonstrations
        horizon = policy.shape[0]
        lookup, keys = decision_lookup(store, observes, horizon=horizon, history=history_of(policy))
        seen = _Seen(
            store.path.stem, lambda questions: looked_up(questions, lookup, keys=keys, shaped=keys),
            _stretches(store, max(1, _LENGTH // horizon) * horizon), _recorded_value(store), policy.geometry,
        )  # fmt: skip
    else:
        seen = _candidates(context, observes, policy.geometry)
    tasks = lambda: _by_task(load_training(context, (INSTRUCTION,)).comparisons)  # noqa: E731
    _train(context, lambda: new_embedding(context), seen, tasks, "train reward reward=embedding")


def run_offline(context: Context) -> None:
    """The same for the steps of recordings."""
    store = recorded(context)
    keys = observed(context.config, context.config.embedding)

    def items(questions: Sequence[Sequence[Item]]) -> Items:
        return looked_up(questions, lambda item: steps_of(store, keys, item.start, item.stop), keys=keys)

    def tasks() -> dict[str, Comparisons]:
        answers = answered_segments(context, {store.path.stem})
        return _by_task(recorded_comparisons(answers, store, keys=keys, context=(INSTRUCTION,)))

    length = segment_length(context)
    seen = _Seen(store.path.stem, items, _stretches(store, length), _recorded_value(store))
    _train(context, lambda: new_segment_embedding(context, store), seen, tasks, "offline reward reward=embedding")


@dataclass(frozen=True)
class _Seen:
    """What is embedded.

    Attributes:
        source: Name of its dataset.
        items: Gives what is known of items.
        every: Questions of all items, for methods without answers and for the map.
        value: Gives how an item fared, and what that is called; None if nobody knows.
        geometry: By whose symmetries items are varied.
    """

    source: str
    items: Callable[[Sequence[Sequence[Item]]], Items]
    every: list[list[Item]]
    value: tuple[Callable[[Item], float], str] | None = None
    geometry: ActionGeometry | None = None


def _candidates(context: Context, observes: Sequence[str], geometry: ActionGeometry | None) -> _Seen:
    """Candidates of the run, or explored ones."""
    name = EXPLORED if labelled(context) == "explored" else CANDIDATES
    path = context.folder / f"{name}.zarr"
    if not path.exists():
        raise DataError(f"nothing is there to be embedded at {path}; run: robopref label run={context.folder}")
    store = open_candidates(path)
    count, tried = store.array(CANDIDATES, 0, 1).shape[1], context.folder / OUTCOMES_OF[name]
    value = None
    if tried.exists() and (outcomes := EpisodeStore.open(tried)).steps == store.steps:
        came = outcomes.array("outcome")

        def progress(item: Item) -> float:
            return float(np.sum(came[item.start, item.candidate or 0]))

        value = (progress, "outcome")
    every = [[Item(name, state, state + 1, k) for k in range(count)] for state in range(store.steps)]
    return _Seen(name, candidates_of(store, observes), every, value, geometry)


def _recorded_value(store: EpisodeStore) -> tuple[Callable[[Item], float], str] | None:
    if "reward" not in store.keys:
        return None
    reward = np.asarray(store.array("reward"), np.float64).reshape(store.steps)
    return lambda item: float(reward[item.start : item.stop].mean()), "recorded reward"


def _train(
    context: Context, make: Callable[[], Embedding], seen: _Seen, tasks: Callable[[], dict[str, Comparisons]], then: str
) -> None:
    config, folder = context.config.embedding, context.folder / FOLDER
    data = EmbeddingData(lambda: _triplets(context, seen), lambda: seen.items(seen.every), tasks)
    method: EmbeddingMethod = build(config.method)
    batches = Batches(
        size=int(config.get("batch_size", Batches.size)), points=int(config.get("points", Batches.points))
    )
    fit = FitConfig(**settings(config.fit))
    how = EmbeddingFit(
        fit, batches, float(config.get("held_out") or 0), context.seed, folder, settings_of(FOLDER, config)
    )
    made = list[Embedding]()
    with context.stage("Train the embedding", "steps", resumes=True) as bar:

        def progress(step: int, _: dict[str, float]) -> None:
            bar(step, fit.steps)

        how = replace(how, progress=progress)

        def train() -> FittedEmbedding:
            made[:] = [make()]
            return method(made[0], data, how)

        found = on_these_labels(train, folder, context.say)
    save_embedding(weights_of(context), made[0])
    found_map = _map(context, made[0], seen)
    found_map.save(folder)
    write_map(folder / PAGE, found_map, context.folder.resolve().name)
    write_json(folder / RECORD, told_of(str(config.method["_target_"]).rpartition(".")[2], made[0], found))
    right = "" if found.accuracy is None else (
        f"; of {found.held_out} held-out answers {found.accuracy:.0%} name the odd item as it does (chance is 33%)"
    )  # fmt: skip
    of = f"of {found.answers} answers" if found.answers else "without answers"
    context.say(f"embedding {of}{right}: {folder}")
    context.say(f"map of what is alike: {folder / PAGE}")
    context.say(f"next: robopref {then} run={context.folder}")
    say_curves(context, folder)


def told_of(method: str, embedding: Embedding, found: FittedEmbedding) -> dict[str, Any]:
    """What there is to be read of a trained embedding, as plain values."""
    return {
        "method": method, "size": embedding.size, "observes": list(embedding.keys), "answers": found.answers,
        "held_out": found.held_out, "accuracy": found.accuracy,
    }  # fmt: skip


def _map(context: Context, embedding: Embedding, seen: _Seen) -> ItemMap:
    """Where items lie: all, and those that somebody has compared."""
    compared: set[Item] = set()
    labels = label_database(context.folder, build(context.config.labeler))
    if "://" in labels or Path(labels).exists():
        with FeedbackStore(labels) as database:
            answered = {given.query_id for given in database.feedback() if not isinstance(given.answer, Abstain)}
            compared = {
                item for query in database.queries() if query.id in answered for item in query.items
                if item.source == seen.source
            }  # fmt: skip
    every = [item for asked in seen.every for item in asked]
    # Items of a question share what was seen before them.
    questions = [*seen.every, *([item] * len(seen.every[0]) for item in sorted(compared - set(every), key=str))]
    points = points_of(embedding, seen.items(questions).to(context.device)).double().cpu().numpy()
    listed = [item for asked in questions for item in dict.fromkeys(asked)]
    rows = [place.reshape(-1, points.shape[2])[: len(dict.fromkeys(asked))]
            for asked, place in zip(questions, points, strict=True)]  # fmt: skip
    value = None if seen.value is None else np.array([seen.value[0](item) for item in listed])
    asked_about = np.array([item in compared for item in listed])
    return ItemMap.of(np.concatenate(rows), asked_about, value, "" if seen.value is None else seen.value[1])


def _triplets(context: Context, seen: _Seen) -> Triplets:
    """The run's answers of which two of three items are alike."""
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    hint = f"robopref {'offline ' if 'observation' in context.config else ''}label run={context.folder}"
    if not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: {hint} label.kind=similarity")
    with FeedbackStore(labels) as database:
        queries = [query for query in database.queries() if query.source == seen.source]
        answers = SimilarityAnswers.of(queries, database.feedback())
        where = database.database.where
    if not len(answers.table):
        raise DataError(
            f"no answer in {where} says which two of three items of {seen.source} are alike; run: {hint} "
            "label.kind=similarity"
        )
    counted = answers_of_run(context, labeler, answers.table, where)
    return replace(replace(answers, table=counted).triplets(seen.items), geometry=seen.geometry)


def _by_task(data: Comparisons) -> dict[str, Comparisons]:
    """Preferences by what they were judged by."""
    codes = data.items.context[INSTRUCTION]
    return {str(int(code)): data[(codes == code).nonzero()[:, 0]] for code in torch.unique(codes)}


def _stretches(store: EpisodeStore, length: int) -> list[list[Item]]:
    """Stretches of all episodes one after the other, at most as many as are learnt from, evenly chosen."""
    begins = [0, *store.episode_ends[:-1].tolist()]
    found = [
        [Item(store.path.stem, start, min(start + length, end))]
        for begin, end in zip(begins, store.episode_ends.tolist(), strict=True)
        for start in range(begin, end, length)
    ]
    return [found[k] for k in sorted({round(i * (len(found) - 1) / (_SEGMENTS - 1)) for i in range(_SEGMENTS)})]
