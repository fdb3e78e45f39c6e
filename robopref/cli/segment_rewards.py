"""Training a reward on the answers of a run about segments of a dataset."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import torch

from robopref.cli.context import Context, build, settings
from robopref.cli.filters import answers_of_run, built_filters
from robopref.cli.label_subject import label_database
from robopref.cli.other_labels import on_these_labels
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.segment_pairs import averaged, segment_answers, segment_preferences
from robopref.errors import DataError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, put_aside
from robopref.learning.preference import Batches, train_reward
from robopref.rewards.labelled import LabelledSteps, step_features
from robopref.rewards.segment import VIEWS, SegmentReward


def fit_reward(context: Context, store: EpisodeStore, sources: Collection[str], folder: Path) -> SegmentReward:
    """Train a reward of steps, as ``reward_model`` says.

    Args:
        context: Of the run.
        store: What the answers are about.
        sources: By which names questions call it.
        folder: Where its state and logs go.

    Returns:
        The reward.

    Raises:
        DataError: There are no answers.
    """
    config = context.config.reward_model
    observed = context.config.observation if config.observation is None else config.observation
    keys = [*observed, *(["action"] if config.action else [])]
    answered = answered_segments(context, store, keys, sources)
    seen, held_out = put_aside(answered, float(config.held_out), seed=context.seed)
    fit, watch = FitConfig(**settings(config.fit)), None if held_out is None else HeldOut(held_out)

    batches = Batches(int(config.batch_size), filters=tuple(built_filters(context)[1].values()))

    def trained() -> SegmentReward:
        torch.manual_seed(context.seed)
        reward = _untrained(context, seen, keys)
        train_reward(
            reward, seen, build(config.objective), fit, seed=context.seed, batches=batches,
            watch=watch, folder=folder, progress=lambda step, _: bar(step, fit.steps),
        )  # fmt: skip
        return reward

    with context.stage("Train the reward", "steps", resumes=True) as bar:
        reward = on_these_labels(context, folder, trained)
    told = ""
    if watch is not None:
        right = "every one a tie" if math.isnan(watch.accuracy) else f"{watch.accuracy:.0%} ordered right"
        told = f"; of {len(watch.data)} held-out pairs {right}"
    context.console.print(f"reward of {len(seen)} pairs{told}")
    if len(answered) > 1:
        features = step_features(*reward.parts(answered.items.steps, 3))
        reward.labelled = LabelledSteps.of(features, answered.items.weight, seed=context.seed)
    return reward


def _untrained(context: Context, data: Comparisons, keys: list[str]) -> SegmentReward:
    config = context.config.reward_model
    channels = sum(data.items.part(key).shape[-1] for key in keys if key not in VIEWS)
    members, encoder, history = int(config.members), None, None
    if any(key in VIEWS for key in keys):
        encoder = build(config.encoder)(members)
    if config.history is not None:
        history = build(config.history)(members, channels + (0 if encoder is None else encoder.size))
    return SegmentReward(keys, channels, width=int(config.width), members=members, encoder=encoder, history=history)


def answered_segments(context: Context, store: EpisodeStore, keys: list[str], sources: Collection[str]) -> Comparisons:
    """The answered pairs of a run.

    Args:
        context: Of the run.
        store: What they are about.
        keys: Arrays of a step.
        sources: By which names questions call the store.

    Returns:
        The pairs; the weights of a segment's steps add up to one.

    Raises:
        DataError: There are none.
    """
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref offline label run={context.folder}")
    with FeedbackStore(labels) as database:
        queries = [query for query in database.queries() if query.items[0].source in sources]
        answers = segment_answers(queries, database.feedback())
        where = database.database.where
    answers = answers_of_run(context, labeler, answers, where)
    found = segment_preferences(answers, lambda item: steps_of(store, keys, item.start, item.stop), keys=keys)
    return averaged(found)
