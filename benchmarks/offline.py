"""Offline learning on mixed data: from preferences beside the true reward, cloning, and rewards that say nothing.

For each task and seed a dataset of four demonstrators is collected (TASKS=DrawerOpen,PlanarPush names some), pairs of
segments are labelled, a reward is learnt and put beside the data, and every learner takes the same number of steps.
Scores are normalised returns: 0 is what random actions earn, 100 the expert. WORK (runs/bench-offline) keeps what is
done. STEPS, SEEDS, EPISODES and PAIRS make it smaller for a trial, which writes no result.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from benchmarks.records import Record, across_seeds, write
from robopref.data.episodes import EpisodeStore
from robopref.data.reward_recipes import by_return_range
from robopref.data.segments import StateSegmentPreferences, gather_segments
from robopref.data.transitions import Transitions
from robopref.evaluation.compare import write_json
from robopref.evaluation.returns import episode_outcomes
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.learning.collect import collect_demonstrations
from robopref.learning.fit import FitConfig
from robopref.learning.imitate import BehaviourCloning
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.learning.relabel import relabel
from robopref.learning.segment_preference import HeldOut, split_pairs, train_segment_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.querying.segments import segment_queries
from robopref.rewards.segment import LearntReward, SegmentReward
from robopref.robots.sim import SimPool, TaskSpec
from robopref.types import Item


@dataclass(frozen=True)
class Setting:
    """One task.

    Attributes:
        limit: Longest episode.
        data: Recorded steps.
        length: Steps of a labelled segment.
    """

    limit: int
    data: int
    length: int


SETTINGS = {
    "DrawerOpen": Setting(60, 10_000, 15),
    "PlanarPush": Setting(60, 10_000, 15),
    "CartPole": Setting(150, 15_000, 25),
    "ClothFold": Setting(5, 300, 1),
}
TASKS = os.environ.get("TASKS", ",".join(SETTINGS)).split(",")
STEPS, SEEDS, EPISODES, PAIRS = (
    int(os.environ.get(name, default))
    for name, default in (("STEPS", "5000"), ("SEEDS", "5"), ("EPISODES", "30"), ("PAIRS", "300"))
)
TRIAL = bool({"STEPS", "SEEDS", "EPISODES", "PAIRS"} & os.environ.keys())
WORK = Path(os.environ.get("WORK", "runs/bench-offline"))
MIXTURE = {"random": 0.3, "poor": 0.3, "medium": 0.3, "expert": 0.1}
KEYS = ["state"]
FIT = OfflineConfig(steps=STEPS, hidden=(128, 128), log_every=STEPS, save_every=STEPS)
CLONING = ("bc", "filtered_bc")
REWARDS = ("true", "preferences", "zero", "shuffled")


def main() -> None:
    """Run all tasks and seeds, two at a time, and write the result."""
    with ProcessPoolExecutor(int(os.environ.get("WORKERS", "2")), get_context("spawn")) as pool:
        jobs = {task: [pool.submit(run_seed, task, seed) for seed in range(SEEDS)] for task in TASKS}
        records = [record for task, runs in jobs.items() for record in compared(task, [run.result() for run in runs])]
    for record in records:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high})")
    if not TRIAL:
        print(f"result: {write('offline', records)}")


def run_seed(task: str, seed: int) -> dict[str, float]:
    """Normalised score of every learner, by name; read back if it is done."""
    folder = WORK / task / f"seed-{seed}"
    done = folder / "scores.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    store, setting = collected(task, folder, seed), SETTINGS[task]
    accuracy = add_learnt_reward(store, folder, seed, setting)
    env: Any = gym.make(
        f"envs:robopref/{task}-v0", points=False, state=True, max_episode_steps=setting.limit, disable_env_checker=True
    )
    policies = learnt(EpisodeStore.open(store.path), seed)
    starts = 1_000_000 + 1000 * seed
    returns = {
        name: float(episode_outcomes(env, policy.act, episodes=EPISODES, seed=starts)[0].mean())
        for name, policy in policies.items()
    }
    low, high = (demonstrated(env, quality, starts) for quality in ("random", "expert"))
    env.close()
    found = {name: 100 * (value - low) / (high - low) for name, value in returns.items()} | {"accuracy": accuracy}
    write_json(done, found)
    print(f"{task}, seed {seed}: { ({name: round(score, 2) for name, score in found.items()}) }", flush=True)
    return found


def collected(task: str, folder: Path, seed: int) -> EpisodeStore:
    """Episodes of four demonstrators."""
    setting = SETTINGS[task]
    spec = TaskSpec(f"envs:robopref/{task}-v0", {"points": False, "state": True}, setting.limit)
    folder.mkdir(parents=True, exist_ok=True)
    with SimPool(spec) as pool:
        return collect_demonstrations(pool, folder / "data.zarr", steps=setting.data, seed=seed, mixture=MIXTURE)


def add_learnt_reward(store: EpisodeStore, folder: Path, seed: int, setting: Setting) -> float:
    """Label segments by their true rewards, learn a reward from that and put it beside the data.

    Returns:
        Share of the held-out pairs that it orders rightly.
    """
    queries = segment_queries(
        store.path.name, store.episode_ends.tolist(), length=setting.length, count=PAIRS, seed=seed
    )

    def rewards(item: Item) -> np.ndarray:
        return store.array("reward", item.start, item.stop).astype(np.float64)

    teacher = ScriptedTeacher(rewards, Imperfection(), seed=seed)
    keys = [*KEYS, "action"]
    found = gather_segments(
        queries, [teacher.label(query) for query in queries],
        lambda item: {key: store.array(key, item.start, item.stop) for key in keys}, keys=keys,
    )  # fmt: skip
    weight = found.weight / found.weight.sum(-1, keepdim=True)
    seen, held_out = split_pairs(
        StateSegmentPreferences(found.steps, weight, found.target, found.points), 0.1, seed=seed
    )
    torch.manual_seed(seed)
    reward, watch = SegmentReward(seen.steps.shape[-1], width=64, members=3), HeldOut(held_out)  # pyright: ignore[reportArgumentType]
    reward.standardise(seen.steps, seen.weight)
    train_segment_reward(
        reward, seen, bradley_terry, FitConfig(1000, 1e-3, weight_decay=1e-2), seed=seed, batch_size=32, watch=watch
    )
    relabel(store.path, LearntReward(reward, keys), "reward_preferences", {"seed": seed, "pairs": PAIRS}, workers=1)
    return float(watch.accuracy)


def learnt(store: EpisodeStore, seed: int) -> dict[str, Any]:
    """A policy of every learner."""
    rng = np.random.default_rng(seed)
    true = Transitions.load(store, keys=KEYS, recipe=by_return_range)
    data = {
        "true": true,
        "preferences": Transitions.load(store, keys=KEYS, reward="reward_preferences", recipe=by_return_range),
        "zero": replace(true, reward=torch.zeros_like(true.reward)),
        "shuffled": replace(true, reward=true.reward[torch.as_tensor(rng.permutation(len(true.reward)))]),
    }
    learners: dict[str, Any] = {
        "bc": BehaviourCloning(true, FIT, seeds=[seed]),
        "filtered_bc": BehaviourCloning(true, FIT, best=0.1, seeds=[seed]),
    }
    learners |= {name: ImplicitQLearning(rows, FIT, ImplicitQ(), seeds=[seed]) for name, rows in data.items()}
    for learner in learners.values():
        train(learner, FIT, seed=[seed], origin=learner.origin)
    return {name: learner.policy() for name, learner in learners.items()}


def demonstrated(env: Any, quality: str, seed: int) -> float:
    """Mean return of a scripted demonstrator on the same starts."""
    rng, task = np.random.default_rng(seed), env.unwrapped

    def act(_: Any) -> torch.Tensor:
        return torch.as_tensor(task.demonstrate(rng, quality))[None]

    return float(episode_outcomes(env, act, episodes=EPISODES, seed=seed)[0].mean())


def compared(task: str, found: list[dict[str, float]]) -> list[Record]:
    """Scores, and what is claimed of them."""

    def over(name: str) -> np.ndarray:
        return np.array([seed[name] for seed in found])

    made = [across_seeds(f"{task}: {name}, score", over(name), unit="score") for name in CLONING]
    made += [across_seeds(f"{task}: IQL on {name} reward, score", over(name), unit="score") for name in REWARDS]
    learnt_ = over("preferences")
    true, control = over("true"), np.maximum(over("zero"), over("shuffled"))
    made += [
        across_seeds(f"{task}: held-out pairs that the learnt reward orders rightly", over("accuracy")),
        across_seeds(f"{task}: IQL on the learnt reward less BC", learnt_ - over("bc"), ">= 0", unit="score"),
        across_seeds(f"{task}: IQL on the learnt reward over IQL on the true one", learnt_ / true, ">= 0.9"),
        across_seeds(f"{task}: IQL on the learnt reward less the better control", learnt_ - control, ">= 0",
                     unit="score"),
    ]  # fmt: skip
    return made


if __name__ == "__main__":
    main()
