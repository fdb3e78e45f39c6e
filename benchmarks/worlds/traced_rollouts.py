"""Rollouts of 214 scenes that are shown more or less often for a reason that has nothing to do with how good they are.

1,500 rollouts of eight features lie in scenes of seven, one of nine. How often one was shown is Poisson with the
logarithm of its mean linear in the first feature, the cue, on which the true reward does not depend. Whoever was shown
it asks for it again with probability ``.75 sigma(2 r - 1)``, as a quarter of those who would are stopped by something
else, or aborts it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.data.labels.operator_acts import DeploymentEvent

FEATURES, SIZES = 8, (7,) * 213 + (9,)
_MEAN, _CUE, _SPURIOUS = 6.0, 0.8, 0.25


@dataclass(frozen=True)
class TracedRollouts:
    """What was recorded of one world.

    Attributes:
        features: (R, 8) of the rollouts, within [-1, 1].
        scene: (R,) number of the scene of each.
        reward: (R,) true reward, of which nothing is recorded.
        events: Everything that operators did.
    """

    features: NDArray[np.float32]
    scene: NDArray[np.int64]
    reward: NDArray[np.float64]
    events: list[DeploymentEvent]


def true_reward(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of standard normal features, as the rollouts show them: linear in two, with one bump; of unit variance."""
    x = features.astype(np.float64) * 3
    return (x[..., 1] - 0.8 * x[..., 2] + 0.9 * np.sin(1.5 * x[..., 3])) / np.sqrt(1 + 0.64 + 0.81 * 0.5)


def draw_features(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Features of rollouts, a third of a standard normal each, cut at three."""
    return np.clip(rng.normal(size=(count, FEATURES)) / 3, -1, 1).astype(np.float32)


def trace(seed: int, *, signal: bool = True) -> TracedRollouts:
    """Let operators loose.

    Args:
        seed: Of everything.
        signal: Whether what they do depends on the reward; otherwise they do as if it were zero.
    """
    rng = np.random.default_rng(seed)
    scene = np.repeat(np.arange(len(SIZES)), SIZES)
    features = draw_features(len(scene), rng)
    reward = true_reward(features)
    shown = rng.poisson(_MEAN * np.exp(_CUE * 3 * features[:, 0]))
    wanted = (1 - _SPURIOUS) / (1 + np.exp(1 - 2 * (reward if signal else np.zeros_like(reward))))
    events: list[DeploymentEvent] = []
    for rollout, times in enumerate(shown.tolist()):
        seen = {"state": np.array([(scene[rollout] + 0.5) / len(SIZES)], np.float32)}
        for again in rng.random(times) < wanted[rollout]:
            events.append(
                DeploymentEvent(
                    "reuse" if again else "abort", 1e9 + len(events), len(events), 0, features[rollout, None, None],
                    0, others=seen, seconds=float(rng.uniform(1, 5)),
                )
            )  # fmt: skip
    return TracedRollouts(features, scene, reward, events)
