"""How published results scaled the rewards of a dataset before learning from it offline.

A recipe takes the reward of every step and where episodes end, and gives new rewards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError

Rewards = NDArray[np.float32]
Recipe = Callable[[Rewards, NDArray[np.int64]], Rewards]


def unchanged(reward: Rewards, ends: NDArray[np.int64]) -> Rewards:
    """Rewards as they are: Kitchen and Adroit in the code released with IQL (Kostrikov et al. 2022)."""
    del ends
    return reward


def by_return_range(
    reward: Rewards, ends: NDArray[np.int64], *, scale: float | None = None, shift: float = 0.0
) -> Rewards:
    """``scale / (largest - least return)``, then a shift.

    Locomotion in the code released with IQL: 1000 and no shift. Learnt locomotion rewards in the code released with
    Preference Transformer (Kim et al. 2023): the longest episode, 1000, and a shift of 0.5.

    Args:
        reward: (steps,).
        ends: (episodes,) one past the last step of each.
        scale: Range of the returns afterwards; None takes the steps of the longest episode.
        shift: Added to every reward.

    Raises:
        DataError: All returns are equal.
    """
    return (reward * _factor(reward, ends, scale) + shift).astype(np.float32)


def minus_one(reward: Rewards, ends: NDArray[np.int64]) -> Rewards:
    """AntMaze in the code released with IQL: 0 at the goal, -1 elsewhere; without it nothing is learnt."""
    del ends
    return (reward - 1).astype(np.float32)


def spread_from_least(
    reward: Rewards, ends: NDArray[np.int64], *, scale: float | None = None, shift: float = -1.0
) -> Rewards:
    """Learnt AntMaze rewards in the code released with Preference Transformer.

    Every step first loses its share of the least return, ``min return / length of its episode``, so that the worst
    episode would return about zero; then as `by_return_range`.

    Args:
        reward: (steps,).
        ends: (episodes,) one past the last step of each.
        scale: As in `by_return_range`; the released code takes the longest possible episode.
        shift: Added to every reward.

    Raises:
        DataError: All returns are equal.
    """
    lengths = np.diff(ends, prepend=0)
    share = np.repeat(episode_returns(reward, ends).min() / lengths, lengths)
    return ((reward - share) * _factor(reward, ends, scale) + shift).astype(np.float32)


def costs(reward: Rewards, ends: NDArray[np.int64], *, scale: float | None = None, tail: float = 0.01) -> Rewards:
    """Less the largest reward, so that every step costs something; then as `by_return_range`.

    For a learnt reward where episodes end when the task is solved. Comparisons of segments of one length leave open
    what a step is worth at all, and if most are worth more than nothing, not to finish pays best. The very largest
    rewards are often extrapolated, so the largest is the one that a share `tail` of the steps exceeds; those cost
    nothing.

    Args:
        reward: (steps,).
        ends: (episodes,) one past the last step of each.
        scale: As in `by_return_range`.
        tail: Share of the steps whose rewards are cut to the largest.

    Raises:
        ConfigError: The tail is not in [0, 1).
        DataError: All returns are equal.
    """
    largest = np.quantile(reward, 1 - _share(tail))
    return by_return_range(np.minimum(reward - largest, 0).astype(np.float32), ends, scale=scale)


def gains(reward: Rewards, ends: NDArray[np.int64], *, scale: float | None = None, tail: float = 0.01) -> Rewards:
    """Less the least reward, so that every step earns something; then as `by_return_range`.

    For a learnt reward where episodes end when something went wrong, such as a fall. Arguments and errors: see `costs`,
    with the least in place of the largest.
    """
    least = np.quantile(reward, _share(tail))
    return by_return_range(np.maximum(reward - least, 0).astype(np.float32), ends, scale=scale)


def standard(reward: Rewards, ends: NDArray[np.int64]) -> Rewards:
    """Mean zero and standard deviation one over the steps, for a learnt reward whose scale means nothing.

    Raises:
        DataError: All rewards are equal.
    """
    del ends
    spread = float(reward.std(dtype=np.float64))
    if not spread > 0:
        raise DataError(f"all {len(reward)} rewards are {reward[:1].tolist()}, so they cannot be scaled; use unchanged")
    return ((reward - reward.mean(dtype=np.float64)) / spread).astype(np.float32)


def episode_returns(reward: NDArray[Any], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of rewards of each episode, (episodes,)."""
    return np.add.reduceat(reward.astype(np.float64), np.append(0, ends[:-1]))


def _share(tail: float) -> float:
    if not 0 <= tail < 1:
        raise ConfigError(f"tail must be in [0, 1), got {tail}")
    return tail


def _factor(reward: Rewards, ends: NDArray[np.int64], scale: float | None) -> float:
    returns = episode_returns(reward, ends)
    span = float(returns.max() - returns.min())
    if not span > 0:
        raise DataError(
            f"all {len(returns)} episodes return {returns[0]:g}, so rewards cannot be scaled by the range of returns; "
            "use the recipe unchanged"
        )
    longest = int(np.diff(ends, prepend=0).max())
    return (longest if scale is None else scale) / span
