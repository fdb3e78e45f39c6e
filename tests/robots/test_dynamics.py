"""A simulator as dynamics: rope chunks executed from snapshots."""

import numpy as np
import pytest
import torch

from robopref.interaction import Dynamics
from robopref.robots.dynamics import SimDynamics, observe
from robopref.robots.sim import SimPool, TaskSpec, advance, start


def test_a_rope_goes_where_its_chunk_takes_it() -> None:
    cpu = torch.device("cpu")
    with SimPool(TaskSpec("envs:robopref/RopeShaping-v0")) as pool:
        dynamics = SimDynamics(pool, cpu)
        assert isinstance(dynamics, Dynamics)
        moments = [start(pool.task, seed, warm_up=0) for seed in (0, 1)]
        demonstrated = [pool.task.demonstrate(np.random.default_rng(0)) for _ in moments]
        chunks = torch.as_tensor(np.stack(demonstrated))[:, None]
        came = dynamics.advance(moments, chunks)
        after, seen, over = came.states, came.observation, came.over
        # Alone and from its snapshot again: nothing is left behind.
        alone = advance(pool.task, moments[0].snapshot, chunks[0].numpy(), 0)
    assert seen.points.shape == observe(moments, cpu).points.shape
    assert over.tolist() == [moment.terminated for moment in after]
    assert came.reward.tolist() == pytest.approx([moment.reward for moment in after])
    assert 0 not in came.reward
    assert over.dtype == torch.bool
    np.testing.assert_array_equal(after[0].snapshot, alone.snapshot)
    for row in range(2):
        assert torch.equal(seen.points[row], torch.as_tensor(after[row].observation["points"]))
        assert not np.array_equal(after[row].snapshot, moments[row].snapshot)
