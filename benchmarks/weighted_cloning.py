"""Cloning of mixed demonstrations with `recipe=reward_weighted` and `progress_weighted`, beside plain cloning.

Episodes of DrawerOpen by four demonstrators, of which one in ten is an expert, are cloned by the same diffusion policy
from states in as many steps: all steps alike, weighed by the recorded reward, and weighed by the recorded progress.
WORK (runs/bench-weighted-cloning) keeps what is done; STEPS and SEEDS make it smaller for a trial, which writes no
result.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from benchmarks.offline import MIXTURE
from benchmarks.records import Record, across_seeds, write
from robopref.data.episodes.policy_spec import recorded_spec
from robopref.data.episodes.step_weights import ProgressWeighted, RewardWeighted
from robopref.data.episodes.store import EpisodeStore
from robopref.files import write_json
from robopref.learning.clone import CloneBatches, WeighedSteps, clone_policy
from robopref.learning.collect import collect_demonstrations
from robopref.learning.fit import FitConfig
from robopref.nets.denoiser import SampleDenoiser
from robopref.policies.observed import ObservedPolicy
from robopref.records import Observation
from robopref.robots.sim import SimPool, TaskSpec

STEPS, SEEDS = (int(os.environ.get(name, default)) for name, default in (("STEPS", "1500"), ("SEEDS", "5")))
TRIAL = bool({"STEPS", "SEEDS"} & os.environ.keys())
WORK = Path(os.environ.get("WORK", "runs/bench-weighted-cloning"))
LIMIT, DATA, STARTS, EXECUTED = 60, 6000, 30, 4
RECIPES = {
    "plain": None,
    "reward_weighted": WeighedSteps("reward", RewardWeighted()),
    "progress_weighted": WeighedSteps("progress", ProgressWeighted()),
}
_TASK: dict[str, Any] = {"points": False, "state": True}


def main() -> None:
    """Run all seeds, and write the result."""
    found = [run_seed(seed) for seed in range(SEEDS)]
    records = compared(found)
    for record in records:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high})")
    if not TRIAL:
        print(f"result: {write('weighted_cloning', records)}")


def run_seed(seed: int) -> dict[str, float]:
    """Share of the starts that each recipe solves; read back if it is done."""
    folder = WORK / f"seed-{seed}"
    done = folder / "success.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    with SimPool(TaskSpec("envs:robopref/DrawerOpen-v0", _TASK, LIMIT)) as pool:
        store = collect_demonstrations(pool, folder / "data.zarr", steps=DATA, seed=seed, mixture=MIXTURE)
    found = {name: solved(cloned(store, weighed, seed), seed) for name, weighed in RECIPES.items()}
    write_json(done, found)
    print(f"seed {seed}: {found}", flush=True)
    return found


def cloned(store: EpisodeStore, weighed: WeighedSteps | None, seed: int) -> ObservedPolicy:
    """A policy of states."""
    torch.manual_seed(seed)
    policy = ObservedPolicy(recorded_spec(store), observation=["state"], denoiser=partial(SampleDenoiser, hidden=128))
    return clone_policy(policy, store, FitConfig(steps=STEPS), seed=seed, batches=CloneBatches(weighed=weighed))


def solved(policy: ObservedPolicy, seed: int) -> float:
    """Share of the starts from which a policy opens the drawer; `EXECUTED` actions of a chunk, then the next one."""
    envs = [
        gym.make("envs:robopref/DrawerOpen-v0", max_episode_steps=LIMIT, disable_env_checker=True, **_TASK)
        for _ in range(STARTS)
    ]  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    seen = [env.reset(seed=1_000_000 + 1000 * seed + k)[0] for k, env in enumerate(envs)]
    over, success = np.zeros(STARTS, bool), np.zeros(STARTS, bool)
    while not over.all():
        states = torch.as_tensor(np.stack([one["state"] for one in seen]), dtype=torch.float32)
        chunks = policy.sample(Observation.of({"state": states}), 1, generator=generator)[:, 0].numpy()
        for k, env in enumerate(envs):
            for action in chunks[k, :EXECUTED]:
                if not over[k]:
                    seen[k], _, ended, cut, info = env.step(np.clip(action, -1, 1))
                    over[k], success[k] = ended or cut, success[k] or info["success"]
    for env in envs:
        env.close()
    return float(success.mean())


def compared(found: list[dict[str, float]]) -> list[Record]:
    """Success, and what is claimed of it."""
    plain = np.array([seed["plain"] for seed in found])
    made = [across_seeds("DrawerOpen: plain cloning, success", plain.tolist())]
    for name in list(RECIPES)[1:]:
        rates = np.array([seed[name] for seed in found])
        made += [
            across_seeds(f"DrawerOpen: recipe={name}, success", rates.tolist()),
            across_seeds(f"DrawerOpen: recipe={name} less plain cloning", (rates - plain).tolist(), ">= 0.05"),
        ]
    return made


if __name__ == "__main__":
    main()
