"""Offline learning on mixed data: from preferences beside the true reward, cloning, and rewards that say nothing.

For each task and seed a dataset of four demonstrators is collected (TASKS=DrawerOpen,PlanarPush names some), and the
steps of ``robopref offline`` label pairs of segments, learn a reward and put it beside the data: once from a teacher
who knows the true reward, once from a SIMULATED vision-language model, a server on loopback that measures pixels and is
wrong in a fifth of the pairs, and once, as inverse reinforcement learning, from nothing but which episodes are those of
the best demonstrator. Then every learner takes the same number of steps. Scores are normalised returns: 0 is what
random actions earn, 100 the expert. WORK (runs/bench-offline) keeps what is done. STEPS and SEEDS make it smaller for
a trial, which writes no result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from benchmarks.records import Record, across_seeds, earlier, write
from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.cli import offline
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.data.episodes.reward_recipes import by_return_range, costs
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import Transitions
from robopref.evaluation.returns import episode_outcomes
from robopref.evaluation.statistics import rank_correlation
from robopref.files import write_json
from robopref.learning.collect import collect_demonstrations
from robopref.learning.imitate import BehaviourCloning
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.processes import process_pool
from robopref.robots.sim import SimPool, TaskSpec

Frames = Sequence[np.ndarray]
MIXTURE = {"random": 0.3, "poor": 0.3, "medium": 0.3, "expert": 0.1}


@dataclass(frozen=True)
class Setting:
    """One task.

    Attributes:
        limit: Longest episode.
        data: Recorded steps.
        length: Steps of a labelled segment.
        episodes: Starts of the evaluation.
        mixture: Share of the episodes of each demonstrator.
        options: Of the task.
    """

    limit: int
    data: int
    length: int
    episodes: int = 30
    mixture: Mapping[str, float] = field(default_factory=lambda: MIXTURE)
    options: Mapping[str, Any] = field(default_factory=dict)


SETTINGS = {
    "DrawerOpen": Setting(60, 8000, 15),
    "PlanarPush": Setting(60, 8000, 15),
    # More careful people would balance it on average, and cloning the average with them.
    "CartPole": Setting(150, 12_000, 25, mixture={"random": 0.8, "medium": 0.2}),
    # A fold that ended the episode would never be seen.
    "ClothFold": Setting(5, 1200, 3, episodes=15, options={"success_distance": 0.001}),
}
TASKS = os.environ.get("TASKS", ",".join(SETTINGS)).split(",")
STEPS, SEEDS = (int(os.environ.get(name, default)) for name, default in (("STEPS", "10000"), ("SEEDS", "5")))
TRIAL = bool({"STEPS", "SEEDS"} & os.environ.keys())
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WORK = Path(os.environ.get("WORK", "runs/bench-offline"))
KEYS = ["state"]
FIT = OfflineConfig(steps=STEPS, hidden=(128, 128), log_every=STEPS, save_every=STEPS)
PICTURE = 64  # side of recorded images, pixels
ERROR = 0.2  # of the simulated model
SKILL = ("random", "poor", "medium", "expert")
CLONING = ("bc", "filtered_bc")
# Questions; those to a model, or about who acted, cost nobody's time. The latter are about single steps.
LEARNT = {"preferences": 300, "vlm": 1000, "demonstrations": 4000}
REWARDS = ("true", *LEARNT, "zero", "shuffled")


def main() -> None:
    """Run all tasks and seeds, two at a time, and write the result."""
    with process_pool(int(os.environ.get("WORKERS", "2"))) as pool:
        jobs = {task: [pool.submit(run_seed, task, seed) for seed in range(SEEDS)] for task in TASKS}
        wait([run for runs in jobs.values() for run in runs], return_when=FIRST_EXCEPTION)
        records = [record for task, runs in jobs.items() for record in compared(task, [run.result() for run in runs])]
    for record in records:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high})")
    if not TRIAL:
        print(f"result: {write('offline', records, kept=earlier('offline', TASKS))}")


def run_seed(task: str, seed: int) -> dict[str, float]:
    """Normalised score of every learner, by name; read back if it is done."""
    folder = WORK / task / f"seed-{seed}"
    done = folder / "scores.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    store, setting = collected(task, folder, seed), SETTINGS[task]
    add_learnt_rewards(task, folder, seed)
    store = EpisodeStore.open(store.path)
    found = {f"correlation {name}": correlation(store, f"reward_{name}") for name in LEARNT}
    env: Any = gym.make(
        f"envs:robopref/{task}-v0", points=False, state=True, max_episode_steps=setting.limit, disable_env_checker=True,
        **setting.options,
    )  # fmt: skip
    starts = 1_000_000 + 1000 * seed
    returns = {
        name: float(episode_outcomes(env, policy.act, episodes=setting.episodes, seed=starts)[0].mean())
        for name, policy in learnt(store, seed).items()
    }
    low, high = (demonstrated(env, quality, setting.episodes, starts) for quality in ("random", "expert"))
    env.close()
    found |= {name: 100 * (value - low) / (high - low) for name, value in returns.items()}
    write_json(done, found)
    print(f"{task}, seed {seed}: { ({name: round(score, 2) for name, score in found.items()}) }", flush=True)
    return found


def collected(task: str, folder: Path, seed: int) -> EpisodeStore:
    """Episodes of four demonstrators."""
    setting = SETTINGS[task]
    options = {"points": False, "state": True, "image_size": PICTURE, **setting.options}
    folder.mkdir(parents=True, exist_ok=True)
    with SimPool(TaskSpec(f"envs:robopref/{task}-v0", options, setting.limit)) as pool:
        return collect_demonstrations(
            pool, folder / "data.zarr", steps=setting.data, seed=seed, mixture=setting.mixture
        )


def add_learnt_rewards(task: str, folder: Path, seed: int) -> None:
    """Label, learn a reward and relabel, by the steps of ``robopref offline``."""
    with JudgeServer(PixelJudge(SCORES[task], error=ERROR, seed=seed)) as server:
        labelers = {
            "preferences": ["labeler=perfect"],
            "vlm": [
                "labeler=vlm", "labeler.judge.model=simulated", f"labeler.judge.base_url={server.url}",
                "labeler.manner.stages=one_stage", "labeler.showing.layout=clip", "labeler.showing.frames=3",
            ],
            "demonstrations": [
                "labeler=demonstrated", "labeler.metric.array=quality",
                f"labeler.metric.equals={best_demonstrator(task)}", "label.kind=rating",
                "objective@rewards.segment.objective=success",
            ],
        }  # fmt: skip
        for name, words in labelers.items():
            length = 1 if name == "demonstrations" else SETTINGS[task].length
            config = compose_config(
                "offline",
                [
                    f"run={folder / name}", f"data={folder / 'data.zarr'}",
                    f"seed={seed}", "device=cpu", "workers=1",
                    f"label.segments.length={length}", f"label.segments.count={LEARNT[name]}",
                    "rewards.segment.fit.steps=1000", f"relabel.name={name}", *words,
                ],
            )  # fmt: skip
            context = Context(config, memory(config, []))
            offline.label(context)
            offline.train_rewards(context)
            offline.relabel(context)


def best_demonstrator(task: str) -> int:
    """What the array ``quality`` says where the best demonstrator acted."""
    qualities = list(SETTINGS[task].mixture)
    return qualities.index(max(qualities, key=SKILL.index))


def correlation(store: EpisodeStore, name: str) -> float:
    """Spearman's correlation of a learnt reward with the true one, over all steps."""
    return float(rank_correlation(store.array(name).reshape(1, -1), store.array("reward").reshape(1, -1))[0])


def puck_at_goal(frames: Frames) -> float:
    """Minus the distance of red and green, and a quarter of that of the dark tool and red, pixels."""
    return float(np.mean([-_apart(f, _red, _green) - 0.25 * _apart(f, _dark, _red) for f in frames]))


def drawer_out(frames: Frames) -> float:
    """Twice how far the red front is from the blue cabinet, less the distance of the dark tool and red, pixels."""
    return float(np.mean([2 * _apart(f, _red, _blue) - _apart(f, _dark, _red) for f in frames]))


def pole_up(frames: Frames) -> float:
    """How high the red pole reaches, less how far it is from the middle, pixels."""
    return float(
        np.mean([np.ptp(np.nonzero(_red(f))[0]) - 0.5 * abs(_middle(f, _red)[1] - PICTURE / 2) for f in frames])
    )


def cloth_folded(frames: Frames) -> float:
    """How much of the cream side shows in the end, less how much of the blue one, pixels."""
    last = frames[-1]
    return float(_cream(last).sum()) - float(_navy(last).sum())


def _red(frame: np.ndarray) -> np.ndarray:
    return (frame[..., 0] > 150) & (frame[..., 1] < 110) & (frame[..., 2] < 100)


def _green(frame: np.ndarray) -> np.ndarray:
    return (frame[..., 1] > 120) & (frame[..., 0] < 100) & (frame[..., 2] < 130)


def _blue(frame: np.ndarray) -> np.ndarray:
    return (frame[..., 2].astype(int) > frame[..., 0].astype(int) + 40) & (frame[..., 2] > 150)


def _cream(frame: np.ndarray) -> np.ndarray:
    return (frame[..., 0] > 180) & (frame[..., 0].astype(int) > frame[..., 2].astype(int) + 40)


def _navy(frame: np.ndarray) -> np.ndarray:
    return frame[..., 2].astype(int) > frame[..., 0].astype(int) + 60


def _dark(frame: np.ndarray) -> np.ndarray:
    return frame.max(axis=-1) < 110


def _middle(frame: np.ndarray, where: Any) -> np.ndarray:
    """Mean row and column of the pixels of a colour; the middle of the picture if there are none."""
    found = np.argwhere(where(frame))
    return found.mean(axis=0) if len(found) else np.full(2, PICTURE / 2)


def _apart(frame: np.ndarray, one: Any, other: Any) -> float:
    return float(np.linalg.norm(_middle(frame, one) - _middle(frame, other)))


SCORES = {"DrawerOpen": drawer_out, "PlanarPush": puck_at_goal, "CartPole": pole_up, "ClothFold": cloth_folded}


def learnt(store: EpisodeStore, seed: int) -> dict[str, Any]:
    """A policy of every learner."""
    rng = np.random.default_rng(seed)
    true = Transitions.load(store, keys=KEYS, recipe=by_return_range)
    rewards = {
        "true": true.reward,
        **{name: Transitions.load(store, keys=KEYS, reward=f"reward_{name}", recipe=costs).reward for name in LEARNT},
        "zero": torch.zeros_like(true.reward),
        "shuffled": true.reward[torch.as_tensor(rng.permutation(len(true.reward)))],
    }
    # A network for each reward; all train at once.
    data, seeds = (
        replace(true, reward=torch.stack(list(rewards.values()))),
        [seed + 1000 * k for k in range(len(rewards))],
    )
    learners: dict[str, Any] = {
        "bc": BehaviourCloning(true, FIT, seeds=[seed], device=DEVICE),
        "filtered_bc": BehaviourCloning(true, FIT, best=0.1, seeds=[seed], device=DEVICE),
        "iql": ImplicitQLearning(data, FIT, ImplicitQ(), seeds=seeds, device=DEVICE),
    }
    for learner in learners.values():
        train(learner, FIT, seed=learner.seeds, origin=learner.origin)
    iql = learners.pop("iql")
    found = {name: learner.policy() for name, learner in learners.items()}
    found |= {name: iql.policy(index) for index, name in enumerate(rewards)}
    return {name: policy.cpu() for name, policy in found.items()}


def demonstrated(env: Any, quality: str, episodes: int, seed: int) -> float:
    """Mean return of a scripted demonstrator on the same starts."""
    rng, task = np.random.default_rng(seed), env.unwrapped

    def act(_: Any) -> torch.Tensor:
        return torch.as_tensor(task.demonstrate(rng, quality))[None]

    return float(episode_outcomes(env, act, episodes=episodes, seed=seed)[0].mean())


def compared(task: str, found: list[dict[str, float]]) -> list[Record]:
    """Scores, and what is claimed of them."""

    def over(name: str) -> np.ndarray:
        return np.array([seed[name] for seed in found])

    made = [across_seeds(f"{task}: {name}, score", over(name), unit="score") for name in CLONING]
    made += [across_seeds(f"{task}: IQL on {name} reward, score", over(name), unit="score") for name in REWARDS]
    true, control = over("true"), np.maximum(over("zero"), over("shuffled"))
    for name in LEARNT:
        told, score = f"{task}: IQL on {name} reward", over(name)
        made += [
            across_seeds(f"{task}: Spearman of {name} and true reward", over(f"correlation {name}")),
            across_seeds(f"{told} less BC", score - over("bc"), ">= 0", unit="score"),
            across_seeds(f"{told} over IQL on the true one", score / true, ">= 0.9"),
            across_seeds(f"{told} less the better control", score - control, ">= 0", unit="score"),
        ]
    return made


if __name__ == "__main__":
    main()
