"""Training a reward on the answers of a run about segments of a dataset."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path

import torch

from robopref.cli.context import Context, build, settings
from robopref.cli.filters import answers_of_run
from robopref.cli.label_subject import label_database
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.data.segments import StateSegmentPreferences, segment_answers, segment_preferences
from robopref.data.views import steps_of
from robopref.errors import ConfigError, DataError
from robopref.learning.fit import FitConfig
from robopref.learning.segment_preference import HeldOut, split_pairs, train_segment_reward
from robopref.rewards.labelled import LabelledSteps, step_features
from robopref.rewards.segment import LearntReward, SegmentReward


def fit_reward(context: Context, store: EpisodeStore, sources: Collection[str]) -> LearntReward:
    """Train a reward of steps, as ``reward_model`` says.

    Args:
        context: Of the run.
        store: What the answers are about.
        sources: By which names questions call it.

    Returns:
        The reward.

    Raises:
        DataError: There are no answers.
    """
    config = context.config.reward_model
    observed = context.config.observation if config.observation is None else config.observation
    keys = [*observed, *(["action"] if config.action else [])]
    answered = answered_segments(context, store, keys, sources)
    seen, held_out = split_pairs(answered, float(config.held_out), seed=context.seed)
    torch.manual_seed(context.seed)
    reward = _untrained(context, seen, keys)
    reward.standardise(seen.steps, seen.weight, seen.view)
    fit, watch = FitConfig(**settings(config.fit)), None if held_out is None else HeldOut(held_out)
    with context.stage("Train the reward", "steps") as bar:
        train_segment_reward(
            reward, seen, build(config.objective), fit, seed=context.seed, batch_size=int(config.batch_size),
            watch=watch, progress=lambda step, _: bar(step, fit.steps),
        )  # fmt: skip
    told = ""
    if watch is not None:
        right = "every one a tie" if math.isnan(watch.accuracy) else f"{watch.accuracy:.0%} ordered right"
        told = f"; of {len(watch.data)} held-out pairs {right}"
    context.console.print(f"reward of {len(seen)} pairs{told}")
    near = None
    if len(answered) > 1:
        near = LabelledSteps.of(step_features(answered.steps, answered.view), answered.weight, seed=context.seed)
    return LearntReward(reward, keys, labelled=near)


def _untrained(context: Context, data: StateSegmentPreferences, keys: list[str]) -> SegmentReward:
    config, channels = context.config.reward_model, data.steps.shape[-1]
    members, encoder, history = int(config.members), None, None
    if data.view is not None:
        encoder = build(config.encoder)(members)
        if encoder.key not in keys:
            raise ConfigError(f"the reward sees {', '.join(keys)}; choose encoder@reward_model.encoder= for that")
    if config.history is not None:
        history = build(config.history)(members, channels + (0 if encoder is None else encoder.size))
    return SegmentReward(channels, width=int(config.width), members=members, encoder=encoder, history=history)


def answered_segments(
    context: Context, store: EpisodeStore, keys: list[str], sources: Collection[str]
) -> StateSegmentPreferences:
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
    # The mean in place of the sum over steps: a margin begins near zero however long the segments are.
    weight = found.weight / found.weight.sum(-1, keepdim=True)
    return StateSegmentPreferences(found.steps, weight, found.target, found.view)
