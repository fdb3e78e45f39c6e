"""PlanarPush with two objectives that are at odds: a fast push is a hard one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.data.episodes.policy_spec import recorded_spec
from robopref.learning.clone import CloneBatches, clone_policy
from robopref.learning.collect import collect_demonstrations, draw_candidates, draw_states, episode_seed
from robopref.learning.fit import FitConfig
from robopref.nets.denoiser import NoiseDenoiser
from robopref.policies.observed import ObservedPolicy
from robopref.records import Observation
from robopref.robots.dynamics import observe
from robopref.robots.reported import Measures, measured
from robopref.robots.sim import Moment, SimPool, TaskSpec, advance, start

TASK = TaskSpec(
    "envs:robopref/PlanarPush-v0", {"points": False, "state": True, "image_size": None, "impacts": True}, 60, "medium"
)
HORIZON, SECONDS = 4, 0.08  # actions of a chunk, and time of each
OBJECTIVES = ("progress", "gentleness")
_CPU = torch.device("cpu")
Values = NDArray[np.float64]
Choose = Callable[[Sequence[Moment], Observation, torch.Generator], Tensor]


def base_policy(pool: SimPool, folder: Path, seed: int, *, demonstrated: int, steps: int) -> ObservedPolicy:
    """A small diffusion policy, cloned from a hurried demonstrator."""
    store = collect_demonstrations(pool, folder / "demos.zarr", steps=demonstrated, seed=seed)
    torch.manual_seed(seed)
    policy = ObservedPolicy(
        recorded_spec(store), observation=["state"], horizon=HORIZON, denoiser=partial(NoiseDenoiser, hidden=128)
    )
    return clone_policy(policy, store, FitConfig(steps=steps), seed=seed, batches=CloneBatches(64))


def states(pool: SimPool, purpose: str, count: int, seed: int) -> list[Moment]:
    """States in the middle of the task, most of them near the puck."""
    return draw_states(pool, purpose, count=count, seed=seed, warm_up=25)


def candidates(policy: ObservedPolicy, moments: Sequence[Moment], n: int, seed: int) -> NDArray[np.float32]:
    """(S, N, H, A)."""
    return draw_candidates(policy, moments, n=n, seed=seed, device=_CPU)


def achieved(pool: SimPool, moments: Sequence[Moment], chunks: NDArray[np.float32]) -> Values:
    """What chunks (S, N, H, A) achieve by each of the `OBJECTIVES`, (S, N, 2), larger is better, in m and N."""
    jobs = [(moment.snapshot, chunk) for moment, chunk in zip(moments, chunks, strict=True)]
    rows = [objectives_of(found) for found in pool.map(measured, jobs)]
    before = np.array([[moment.progress, 0.0] for moment in moments])
    return np.stack(rows) - before[:, None]


def objectives_of(found: Measures) -> Values:
    """(N, 2): how near puck and tool are in the end, m, as the task weighs them; minus the mean peak force, N."""
    end = -(_last(found["goal_distance"]) + 0.25 * _last(found["tool_distance"]))
    return np.stack([end, -np.nanmean(found["peak_force"], axis=1)], axis=1)


def observed_in(moments: Sequence[Moment]) -> Observation:
    """What the policy sees of states."""
    return Observation.of({"state": observe(moments, _CPU).parts["state"]})


def episode_objectives(pool: SimPool, choose: Choose, *, count: int, chunks: int, seed: int) -> Values:
    """Whole episodes: (S, 2), minus the time to the goal, s, and minus the mean peak force of an action, N.

    An episode that does not get there takes as long as there is.
    """
    moments = list(pool.map(start, [(episode_seed("evaluation", seed, 60_000 + k), 0) for k in range(count)]))
    time, force, done = np.zeros(count), [list[float]() for _ in moments], np.zeros(count, bool)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(chunks):
        if done.all():
            break
        chosen = choose(moments, observed_in(moments), generator).numpy()
        live = np.flatnonzero(~done)
        found = list(pool.map(measured, [(moments[k].snapshot, chosen[k][None]) for k in live]))
        after = list(pool.map(advance, [(moments[k].snapshot, chosen[k], 0) for k in live]))
        for k, told, moment in zip(live, found, after, strict=True):
            peaks = told["peak_force"][0]
            force[k] += peaks[np.isfinite(peaks)].tolist()
            time[k] += SECONDS * np.isfinite(peaks).sum()
            moments[k], done[k] = moment, moment.terminated
    time[~done] = SECONDS * HORIZON * chunks
    return -np.stack([time, [float(np.mean(row)) for row in force]], axis=1)


def _last(values: Values) -> Values:
    """The last number of each row that is one."""
    steps = np.isfinite(values).sum(1) - 1
    return values[np.arange(len(values)), steps]
