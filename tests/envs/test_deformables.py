"""Ropes and cloth neither stretch like rubber nor sink into what they touch, at any timestep of random episodes."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from envs.extremes import Extremes

# Starts that are among the worst, actions from there, and how deep layers may sink into each other, m: cloth of coarse
# cells up to twice its radius, where the surfaces themselves meet.
WORST = {
    "RopeShaping": (10_010, 2, 0.005),
    "ClothFold": (10_001, 1, 0.008),
    "ClothUnfolding": (10_008, 1, 0.008),
    "Dressing": (10_002, 40, 0.005),
}


@pytest.mark.parametrize("name", WORST)
def test_edges_keep_their_length_and_contacts_their_distance(name: str) -> None:
    task: Any = gym.make(f"envs:robopref/{name}-v0", disable_env_checker=True, points=False).unwrapped
    seed, actions, between = WORST[name]
    task.reset(seed=seed)
    worst, rng = Extremes(task.physics), np.random.default_rng(seed)
    with worst.watched():
        for _ in range(actions):
            task.step(task.demonstrate(rng, "random"))
    task.close()
    assert 1 < worst.stretch < 1.2
    assert worst.depth < 0.005
    assert max(worst.layers) < between
