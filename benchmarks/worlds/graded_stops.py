"""Rollouts of WallStop in groups: from each start the same motions, gentle or not, completed or not, at either stop."""

from __future__ import annotations

from collections.abc import Sequence
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

# A success, one with a knock, the same of somebody who never slows down, one whose puck slips, and one who errs.
VARIANTS = (
    ("expert", "soft"), ("expert", "hard"), ("impact", "soft"), ("impact", "hard"), ("slip", "soft"), ("poor", "soft"),
)  # fmt: skip
REASONS = ("arrival", "gentleness")
LEVELS, SIDE, PICTURES = 5, 48, 3
_LONGEST = {"slip": 8, "poor": 12}
_NOISE = 5.0  # of a camera, of 255
_STARTS = 0.1  # m from the stop at most


@dataclass(frozen=True)
class Rollout:
    """One rollout.

    Attributes:
        steps: Arrays (T, ...) by name; of ``image`` the last few.
        rating: In [0, 1].
        arrived: Share of the way.
        peak: Largest force on the stop, N.
        variant: Index into `VARIANTS`.
        start: Which one it began with.
    """

    steps: dict[str, NDArray[Any]]
    rating: float
    arrived: float
    peak: float
    variant: int
    start: int

    @property
    def grade(self) -> int:
        """1 to 5."""
        return 1 + round(self.rating * (LEVELS - 1))

    @property
    def scores(self) -> tuple[int, int]:
        """`REASONS`, 1 to 5: how far it got, and how gently the stop was met."""
        hit = np.clip(np.log(max(self.peak, 1e-9) / 5) / np.log(100 / 5), 0, 1)
        return 1 + round(self.arrived * (LEVELS - 1)), LEVELS - round(float(hit) * (LEVELS - 1))


def rollouts(starts: int, seed: int) -> list[Rollout]:
    """All variants from each of so many starts; those that differ in the stop alone are the same motion."""
    tasks: dict[str, Any] = {
        stop: gym.make(
            "robopref/WallStop-v0", contact=True, points=False, state=True, stop=stop, farthest=_STARTS,
            disable_env_checker=True,
        ).unwrapped
        for stop in STOPS
    }  # fmt: skip
    found = [
        _rollout(tasks[stop], quality, variant, seed * 10_000 + start, start)
        for start in range(starts)
        for variant, (quality, stop) in enumerate(VARIANTS)
    ]
    for task in tasks.values():
        task.close()
    return found


def _rollout(task: Any, quality: str, variant: int, seed: int, start: int) -> Rollout:
    rng, rows, states = np.random.default_rng(seed), list[dict[str, Any]](), list[NDArray[Any]]()
    _, info = task.reset(seed=seed)
    way = info["gap"]
    for _ in range(_LONGEST.get(quality, 24)):
        observation, _, terminated, _, info = task.step(task.demonstrate(rng, quality))
        rows.append(observation)
        states.append(task.snapshot())
        if terminated:
            break
    steps = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    seen: list[NDArray[np.uint8]] = []
    for state in states[-PICTURES:]:
        task.restore(state)
        noisy = task.picture("overhead", SIDE) + rng.normal(0, _NOISE, (SIDE, SIDE, 3))
        seen.append(np.clip(noisy.round(), 0, 255).astype(np.uint8))
    steps["image"] = np.stack(seen)
    return Rollout(
        steps, float(info["rating"]), float(1 - info["gap"] / way), float(info["peak_force"]), variant, start
    )


def rated(some: Sequence[Rollout], keys: Sequence[str], *, last: int | None = None) -> Comparisons:
    """Rollouts with their grades, for training; of the last steps alone where that is said."""
    cut = [{key: one.steps[key][-(last or 0) :] for key in keys} for one in some]
    lengths = [len(next(iter(one.values()))) for one in cut]
    longest = max(lengths)
    steps: dict[str, torch.Tensor] = {}
    for key in keys:
        padded = np.zeros((len(cut), 1, longest, *cut[0][key].shape[1:]), cut[0][key].dtype)
        for row, one in enumerate(cut):
            padded[row, 0, : len(one[key])] = one[key]
        steps[key] = torch.as_tensor(padded)
    weight = (torch.arange(longest) < torch.tensor(lengths)[:, None]).float()[:, None]
    y = torch.tensor([[(one.grade - 1) / (LEVELS - 1)] for one in some])
    return Comparisons(Items(steps, weight), SuccessTarget(y, torch.ones_like(y)))


def same_looking(some: Sequence[Rollout]) -> list[tuple[int, int]]:
    """Pairs of rollouts, by their places, that are one motion at either stop and differ in their grades."""
    place = {(one.start, VARIANTS[one.variant]): index for index, one in enumerate(some)}
    found: list[tuple[int, int]] = []
    for (start, (quality, stop)), index in place.items():
        other = place.get((start, (quality, "hard")))
        if stop == "soft" and other is not None and some[other].grade != some[index].grade:
            found.append((index, other))
    return found
