"""What a policy earns in a simulated task."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.protocols import Progress
from robopref.seeding import derive

_STARTS = 1000  # of a seed


def episode_outcomes(
    env: Any,
    act: Callable[[Any], torch.Tensor],
    *,
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run a policy from fresh starts.

    Args:
        env: A gymnasium task; its observations are a vector, which is called ``state``, or a dictionary.
        act: From an observation with a batch of one to actions (1, A) in [-1, 1], which are scaled to the task's
            bounds.
        episodes: How many.
        seed: Seed of the first start; each further one adds one.
        progress: Called with episodes done and wanted.

    Returns:
        Sums of rewards (episodes,), and whether each succeeded (episodes,), NaN for tasks that do not tell.

    Raises:
        ConfigError: The actions of the task are not bounded.
    """
    low, high = np.asarray(env.action_space.low), np.asarray(env.action_space.high)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ConfigError(f"the actions of {env} are not bounded, so actions in [-1, 1] cannot be scaled to them")
    returns, success = np.zeros(episodes), np.full(episodes, np.nan)
    for k in range(episodes):
        observation, _ = env.reset(seed=seed + k)
        over = False
        while not over:
            action = act(_batch(observation))[0].cpu().numpy().clip(-1, 1)
            scaled = low + (action + 1) / 2 * (high - low)
            observation, reward, terminated, truncated, info = env.step(scaled.astype(env.action_space.dtype))
            returns[k] += float(reward)
            over = terminated or truncated
            for name in ("success", "is_success"):
                if name in info:
                    success[k] = np.nanmax([success[k], float(info[name])])
        if progress is not None:
            progress(k + 1, episodes)
    return returns, success


def first_start(seed: int, episodes: int) -> int:
    """Seed of the first start that the policy of a seed is evaluated from, such that no two seeds share any.

    Args:
        seed: Of the policy.
        episodes: How many follow each other.
    """
    # Committed results were drawn so.
    return 1_000_000 + _STARTS * seed if episodes <= _STARTS else derive(seed, "evaluated start") % 2**32


def _batch(observation: Any) -> SimpleNamespace:
    parts = observation if isinstance(observation, dict) else {"state": observation}
    return SimpleNamespace(**{
        key: torch.as_tensor(np.asarray(value, dtype=np.float32))[None] for key, value in parts.items()
    })  # fmt: skip
