"""Rollouts of WallStop in groups: from each start the same motions, gentle or not, completed or not, at either stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

import envs  # noqa: F401  registers the task
from envs.wall_stop import STOPS
from robopref.items import Comparisons, Items
from robopref.scores import SuccessTarget

VARIANTS = (
    ("expert", "soft"),
    ("expert", "hard"),
    ("impact", "soft"),
    ("impact", "hard"),
    ("slip", "soft"),
    ("poor", "soft"),
)
LEVELS, SIDE = 5, 48
LONGEST = {"slip": 8, "poor": 12}
_STARTS = 0.1  # m from the stop at most


@dataclass(frozen=True)
class Rollout:
    """One rollout: arrays (T, ...) by name, its rating, and what became of it."""

    steps: dict[str, NDArray[Any]]
    rating: float
    arrived: float
    peak: float
    variant: int
    group: int

    @property
    def grade(self) -> int:
        return 1 + round(self.rating * (LEVELS - 1))

    @property
    def scores(self) -> tuple[int, int]:
        """Reasons, 1 to 5: how far it got, and how gently the stop was met."""
        gentle = 1 - np.clip(np.log(max(self.peak, 1e-9) / 5) / np.log(100 / 5), 0, 1)
        return 1 + round(self.arrived * (LEVELS - 1)), 1 + round(float(gentle) * (LEVELS - 1))


def rollouts(groups: int, seed: int, *, pictures: bool) -> list[Rollout]:
    """All variants from each of so many starts; those that differ in the stop alone are the same motion."""
    tasks: dict[str, Any] = {
        stop: gym.make(
            "robopref/WallStop-v0", contact=True, points=False, state=True, stop=stop, farthest=_STARTS,
            image_size=SIDE if pictures else None, disable_env_checker=True,
        ).unwrapped
        for stop in STOPS
    }  # fmt: skip
    found = [
        _rollout(tasks[VARIANTS[k][1]], k, seed * 10_000 + g, g) for g in range(groups) for k in range(len(VARIANTS))
    ]
    for task in tasks.values():
        task.close()
    return found


def _rollout(task: Any, variant: int, seed: int, group: int) -> Rollout:
    quality, _ = VARIANTS[variant]
    rng, rows, info = np.random.default_rng(seed), list[dict[str, Any]](), dict[str, Any]()
    observation, info = task.reset(seed=seed)
    way = info["gap"]
    for _ in range(LONGEST.get(quality, 24)):
        action = task.demonstrate(rng, quality)
        observation, _, terminated, _, info = task.step(action)
        rows.append({**observation, "action": action})
        if terminated:
            break
    steps = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return Rollout(
        steps, float(info["rating"]), float(1 - info["gap"] / way), float(info["peak_force"]), variant, group
    )


def rated(some: list[Rollout], keys: tuple[str, ...], *, last: int | None = None) -> Comparisons:
    """Rollouts with their grades, for training; of the last steps alone where that is said."""
    cut = [{key: one.steps[key][-(last or 0) :] for key in keys} for one in some]
    lengths = [len(next(iter(one.values()))) for one in cut]
    longest = max(lengths)
    steps = {
        key: torch.as_tensor(np.stack([
            np.concatenate([one[key], np.zeros((longest - n, *one[key].shape[1:]), one[key].dtype)])
            for one, n in zip(cut, lengths, strict=True)
        ]))[:, None]
        for key in keys
    }  # fmt: skip
    weight = (torch.arange(longest) < torch.tensor(lengths)[:, None]).float()[:, None]
    y = torch.tensor([[(one.grade - 1) / (LEVELS - 1)] for one in some])
    return Comparisons(Items(steps, weight), SuccessTarget(y, torch.ones_like(y)))


def same_looking(some: list[Rollout]) -> list[tuple[int, int]]:
    """Pairs of rollouts that are one motion at either stop, and differ in their grades."""
    place = {(one.group, VARIANTS[one.variant]): index for index, one in enumerate(some)}
    found: list[tuple[int, int]] = []
    for one in some:
        quality, stop = VARIANTS[one.variant]
        other = place.get((one.group, (quality, "hard")))
        if stop == "soft" and other is not None and some[other].grade != one.grade:
            found.append((place[one.group, (quality, stop)], other))
    return found
