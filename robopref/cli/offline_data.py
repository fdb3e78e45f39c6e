"""Whether recorded episodes and a task are what offline learning needs, known before anything is begun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from robopref.cli.context import Context, build
from robopref.data.episodes.recorded_views import clouds, named_otherwise, steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import ActionBounds, scaled_actions
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.labelers.subject import Rewards
from robopref.learning.imitate import BehaviourCloning


def action_bounds(context: Context) -> ActionBounds:
    """Between which bounds the actions of the data are; [-1, 1] if nothing is said.

    Raises:
        ConfigError: The bounds cannot be bounds.
    """
    given = context.config.action_bounds
    return ActionBounds() if given is None else ActionBounds(*given)


def needs_reward(learner: Any) -> bool:
    """Whether a learner looks at rewards: to imitate all that was recorded takes none.

    Args:
        learner: What makes it, of its settings.
    """
    every = getattr(learner, "func", None) is BehaviourCloning and learner.keywords.get("best", 1.0) == 1
    return not every


def judged(store: EpisodeStore, truth: str) -> Rewards:
    """What a scripted labeler adds up over a segment.

    Args:
        store: The data.
        truth: Name of an array.

    Returns:
        Gives one number a step, (T,).

    Raises:
        ConfigError: The array is missing, or is not one number a step.
    """
    _require(store, [truth])
    if store.array(truth, 0, 1).size != 1:
        raise ConfigError(f"{store.path}: label.truth={truth} must be one number a step")
    return lambda item: store.array(truth, item.start, item.stop).reshape(-1).astype(np.float64)


def require_learnable(context: Context, store: EpisodeStore, reward: str | None) -> None:
    """Refuse data that no policy can learn from.

    Args:
        context: Of the run.
        store: The data.
        reward: Array of rewards that is needed; None needs none.

    Raises:
        ConfigError: An array is missing.
        DataError: Actions are out of bounds, or there are none; or what is called points is no clouds.
    """
    if not len(store):
        raise DataError(f"{store.path} holds no episodes yet; collect some before learning from it")
    config = context.config
    ends = ["terminated"] if needs_reward(build(config.learner.method)) else []
    _require(store, [*config.observation, "action", *ends, *([] if reward is None else [reward])])
    if "points" in config.observation:
        clouds(store, 0, 1)
    scaled_actions(store, action_bounds(context))


def require_rewarded(context: Context, store: EpisodeStore) -> None:
    """Refuse data that lack an array which the reward looks at.

    Raises:
        ConfigError: An array is missing.
        DataError: What is called points or image is no clouds or no pictures.
    """
    config = context.config.reward_model
    observed = context.config.observation if config.observation is None else config.observation
    _require(store, [*observed, *(["action"] if config.action else [])])
    if len(store):
        steps_of(store, observed, 0, 1)


def require_task(env: Any, keys: Sequence[str], sizes: tuple[int, int]) -> None:
    """Refuse a task that a policy of the data cannot act in.

    Args:
        env: A gymnasium task.
        keys: What the policy sees.
        sizes: Numbers of an observation that are no points, and of an action.

    Raises:
        ConfigError: It observes something else, or takes other actions.
    """
    space = env.observation_space
    seen = {name: part.shape for name, part in getattr(space, "spaces", {"state": space}).items()}
    if absent := [key for key in keys if key not in seen]:
        raise ConfigError(f"evaluate.env does not observe {', '.join(absent)}, only {', '.join(map(str, seen))}")
    vector = sum(int(np.prod(seen[key] or (1,))) for key in keys if key != "points")
    action = int(np.prod(env.action_space.shape or (1,)))
    if (vector, action) != sizes:
        raise ConfigError(
            f"evaluate.env observes {vector} numbers and takes {action}, the policy was learnt from {sizes[0]} and "
            f"{sizes[1]}; it is not the task of these data"
        )


def sizes_of(store: EpisodeStore, keys: Iterable[str]) -> tuple[int, int]:
    """Numbers of an observation that are no points, and of an action."""
    return sum(store.array(key, 0, 1).size for key in keys if key != "points"), store.array("action", 0, 1).size


def _require(store: EpisodeStore, keys: Iterable[str]) -> None:
    for key in keys:
        if key not in store.keys:
            error = unknown_name(f"array of {store.path}", key, store.keys)
            raise type(error)(f"{error}{named_otherwise(store)}")
