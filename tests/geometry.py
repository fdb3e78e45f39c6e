"""A tiny task for the tests: bent ropes on a table, pick and place, and networks that take milliseconds."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.policies.diffusion import DiffusionPolicy
from robopref.records import ActionGeometry, Observation
from robopref.rewards.explicit import ExplicitReward

POINTS = 12
PROPRIO = 4
REACH = 0.4
SIZES = {"width": 8, "points": POINTS, "nodes": POINTS}


def pick_and_place() -> ActionGeometry:
    """Pick x, pick y, place x, place y in units of 0.4 m; mirrored in x, in y or in both, the task is the same."""
    matrix = np.zeros((2, 3, 4), np.float32)
    matrix[0, :2, :2] = matrix[1, :2, 2:] = REACH * np.eye(2)
    mirrors = [(x, y) for x in (1, -1) for y in (1, -1)]
    return ActionGeometry(
        matrix=matrix,
        offset=np.full((2, 3), [0, 0, 0.012], np.float32),
        symmetry_points=np.stack([np.diag([x, y, 1]) for x, y in mirrors]).astype(np.float32),
        symmetry_actions=np.stack([np.diag([x, y, x, y]) for x, y in mirrors]).astype(np.float32),
        radius=REACH,
        labels=("pick", "place"),
    )


def ropes(batch: int, *, points: int = POINTS, seed: int = 0) -> Observation:
    """Points (B, P, 3) along different arcs 0.6 m wide without symmetry, and a proprioception (B, 4) that varies."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.linspace(-0.3, 0.3, points).expand(batch, -1)
    height, shift = torch.rand(2, batch, 1, generator=generator) * 0.4 - 0.2
    y = height * torch.cos(x * 5) + shift + 0.3 * x
    return Observation(
        torch.stack([x, y, torch.full_like(x, 0.01)], dim=-1), torch.randn(batch, PROPRIO, generator=generator)
    )


def chunks(batch: int, count: int, *, horizon: int = 1, seed: int = 0) -> torch.Tensor:
    """Uniform chunks (B, N, H, 4)."""
    return torch.rand(batch, count, horizon, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def initialised(build: Callable[[], Any], seed: int) -> Any:
    """What `build` makes, with weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def tiny_policy(kind: type[NoiseDenoiser] = EnergyDenoiser, *, seed: int = 0, **settings: Any) -> DiffusionPolicy:
    """An untrained policy."""
    settings = {
        "geometry": pick_and_place(), "proprio": PROPRIO, "denoiser": partial(kind, hidden=16, depth=1),
        "sample_steps": 3, **SIZES, **settings,
    }  # fmt: skip
    return initialised(lambda: DiffusionPolicy(**settings), seed)


def tiny_reward(*, seed: int = 0, **settings: Any) -> ExplicitReward:
    """An untrained explicit reward."""
    return initialised(
        lambda: ExplicitReward.of_geometry(pick_and_place(), PROPRIO, hidden=16, **SIZES, **settings), seed
    )
