"""IQL on Hopper and HalfCheetah of gymnasium beside CORL's on the same data: stable-baselines3 at three qualities.

CORL=<checkout of tinkoff-ai/CORL> make bench-iql-locomotion. Data: SAC is trained for 1 million steps (ONLINE), and the
policies after a tenth (``low``), a third (``medium``) and at the end (``high``) each act, with noise, for 200,000 steps
(COLLECT). Scores are normalised as D4RL does, from a random policy (0) to the final SAC policy without noise (100).
Each side learns for 200,000 steps (OFFLINE) with five seeds; ours learns all five at once. Everything goes on where it
was stopped, in WORK (runs/iql-locomotion). On two quiet cores: SAC about 5 hours a task, learning about 1 hour a data
set and side and seed for CORL and 2.5 hours for our five seeds: three days in all. TASKS=Hopper-v5 does one task;
ONLINE=300000 OFFLINE=100000 takes about a day.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import CheckpointCallback

from benchmarks.iql_speed import imported
from benchmarks.records import Record, across_seeds, write
from robopref.data.episodes import EpisodeStore
from robopref.data.reward_recipes import by_return_range
from robopref.data.transitions import Transitions
from robopref.evaluation.returns import episode_outcomes
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.learning.stored_models import load_policy, save_model

TASKS = os.environ.get("TASKS", "Hopper-v5,HalfCheetah-v5").split(",")
ONLINE, COLLECT, OFFLINE, EPISODES = (
    int(os.environ.get(name, default))
    for name, default in (("ONLINE", "1000000"), ("COLLECT", "200000"), ("OFFLINE", "200000"), ("EPISODES", "10"))
)
WORK = Path(os.environ.get("WORK", "runs/iql-locomotion"))
QUALITIES = {"low": 0.1, "medium": 1 / 3, "high": 1.0}
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "0,1,2,3,4").split(",")]
TRIAL = bool({"ONLINE", "COLLECT", "OFFLINE", "EPISODES", "SEEDS"} & os.environ.keys())


def main() -> None:
    """Make the data, learn on both sides, and write the scores."""
    folder = os.environ.get("CORL")
    if not folder:
        sys.exit("say where CORL is: CORL=<checkout of tinkoff-ai/CORL> make bench-iql-locomotion")
    torch.set_num_threads(int(os.environ.get("THREADS", "2")))
    records: list[Record] = []
    for task in TASKS:
        experts(task)
        for quality in QUALITIES:
            records += scores(Path(folder), task, quality)
            print(records[-1], flush=True)
    if not TRIAL:
        print(f"result: {write('iql_locomotion', records)}")


def scores(folder: Path, task: str, quality: str) -> list[Record]:
    """Both sides on one data set."""
    reference = kept(WORK / task / "reference.json", lambda: references(task))
    data, place = loaded(task, quality), WORK / task / quality
    mine = kept(place / "robopref.json", lambda: ours(task, data, place))
    theirs = kept(place / "corl.json", lambda: corl(folder, task, data, place))
    return compared(task, quality, *(normalised(rows, reference) for rows in (mine, theirs)))


def experts(task: str) -> None:
    """Train SAC, and keep its policies of the three qualities."""
    folder = WORK / task / "sac"
    steps = {name: max(1, round(share * ONLINE)) for name, share in QUALITIES.items()}
    if all((folder / f"{name}.zip").exists() for name in QUALITIES):
        return
    model = SAC("MlpPolicy", task, seed=0, device="cpu")
    model.learn(steps["low"], callback=CheckpointCallback(max(1, ONLINE // 10), str(folder / "partial")))
    model.save(folder / "low")
    for name, before in (("medium", "low"), ("high", "medium")):
        model.learn(steps[name] - steps[before], reset_num_timesteps=False)
        model.save(folder / name)


def references(task: str) -> list[float]:
    """Mean return of random actions and of the final policy."""
    env, rng = gym.make(task), np.random.default_rng(0)
    size = env.action_space.shape[0]
    expert = SAC.load(WORK / task / "sac" / "high", device="cpu")
    random_, _ = episode_outcomes(
        env, lambda _: torch.as_tensor(rng.uniform(-1, 1, (1, size))), episodes=20, seed=5_000_000
    )
    best, _ = episode_outcomes(
        env, lambda seen: torch.as_tensor(expert.predict(seen.state.numpy(), deterministic=True)[0]),
        episodes=20, seed=5_000_000,
    )  # fmt: skip
    return [float(random_.mean()), float(best.mean())]


def loaded(task: str, quality: str) -> Transitions:
    """The transitions of one quality, recorded first if they are not yet."""
    path = WORK / task / quality / "data.zarr"
    if not path.exists() or EpisodeStore.open(path).steps < COLLECT:
        record(task, quality, path)
    # The released recipe; it needs episodes that differ.
    return Transitions.load(EpisodeStore.open(path), recipe=lambda *given: by_return_range(*given, scale=1000.0))


def record(task: str, quality: str, path: Path) -> None:
    """Let a policy act with its own noise."""
    env = gym.make(task)
    policy = SAC.load(WORK / task / "sac" / quality, device="cpu")
    path.parent.mkdir(parents=True, exist_ok=True)
    store = EpisodeStore.open(path, "a") if path.exists() else EpisodeStore.create(path, {"task": task})
    high = env.action_space.high
    while store.steps < COLLECT:
        torch.manual_seed(len(store))
        state, _ = env.reset(seed=len(store))
        rows: dict[str, list[Any]] = {key: [] for key in ("state", "action", "reward", "terminated", "truncated")}
        over = False
        while not over:
            action = policy.predict(state, deterministic=False)[0]
            after, reward, terminated, truncated, _ = env.step(action)
            for key, value in zip(rows, (state, action / high, reward, terminated, truncated), strict=True):
                rows[key].append(value)
            state, over = after, terminated or truncated
        kinds = {"terminated": bool, "truncated": bool}
        store.append({key: np.array(values, dtype=kinds.get(key, np.float32)) for key, values in rows.items()})


def ours(task: str, data: Transitions, place: Path) -> list[float]:
    """Mean return of each seed."""
    config = OfflineConfig(steps=OFFLINE, save_every=max(1, OFFLINE // 10))
    learner = ImplicitQLearning(data, config, ImplicitQ(), seeds=SEEDS)
    train(learner, config, seed=SEEDS, origin=learner.origin, folder=place / "robopref")
    returns = []
    for index, seed in enumerate(SEEDS):
        save_model(place / "robopref" / f"policy-{seed}.pt", learner.policy(index))
        returns.append(played(task, load_policy(place / "robopref" / f"policy-{seed}.pt").act, seed))
    return returns


def corl(folder: Path, task: str, data: Transitions, place: Path) -> list[float]:
    """Mean return of each seed of CORL's IQL on the same normalised states, actions and rewards."""
    module = imported(folder / "algorithms" / "offline", "iql", ("d4rl", "gym", "pyrallis", "wandb"))
    return [
        kept(place / f"corl-{seed}.json", lambda seed=seed: [_corl_once(module, task, data, seed)])[0] for seed in SEEDS
    ]


def _corl_once(module: Any, task: str, data: Transitions, seed: int) -> float:
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - where CORL draws its batches from
    size, actions = data.vector.shape[1], data.action.shape[1]
    mean, std = data.vector.mean(0), data.vector.std(0, unbiased=False) + 1e-3
    states = ((data.vector - mean) / std).numpy()
    rows = data.rows.numpy()
    buffer = module.ReplayBuffer(size, actions, len(rows), "cpu")
    buffer.load_d4rl_dataset({
        "observations": states[rows], "next_observations": states[np.minimum(rows + 1, len(states) - 1)],
        "actions": data.action.numpy()[rows], "rewards": data.reward.numpy()[rows],
        "terminals": data.terminated.numpy()[rows],
    })  # fmt: skip
    critic, value = module.TwinQ(size, actions), module.ValueFunction(size)
    actor = module.GaussianPolicy(size, actions, 1.0)
    trainer = module.ImplicitQLearning(
        1.0, actor, torch.optim.Adam(actor.parameters(), lr=3e-4), critic,
        torch.optim.Adam(critic.parameters(), lr=3e-4), value, torch.optim.Adam(value.parameters(), lr=3e-4),
        iql_tau=0.7, beta=3.0, max_steps=OFFLINE, device="cpu",
    )  # fmt: skip
    for _ in range(OFFLINE):
        trainer.train(buffer.sample(256))
    actor.eval()
    with torch.no_grad():
        return played(task, lambda seen: actor((seen.state - mean) / std).mean, seed)


def played(task: str, act: Callable[[Any], torch.Tensor], seed: int) -> float:
    """Mean return of a policy, from the same starts on both sides."""
    env = gym.make(task)
    return float(episode_outcomes(env, act, episodes=EPISODES, seed=1_000_000 + 1000 * seed)[0].mean())


def kept(path: Path, make: Callable[[], list[float]]) -> list[float]:
    """What a file holds, or else is made and put there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make()))
    return json.loads(path.read_text())


def normalised(returns: list[float], reference: list[float]) -> list[float]:
    """D4RL's score: 0 for random actions, 100 for the final policy."""
    low, high = reference
    return [100 * (value - low) / (high - low) for value in returns]


def compared(task: str, quality: str, mine: list[float], theirs: list[float]) -> list[Record]:
    """Both scores, and whether ours is equal or better within the interval of the difference."""
    gain = across_seeds(
        f"{task} {quality}: robopref less CORL", [a - b for a, b in zip(mine, theirs, strict=True)], unit="score"
    )
    return [
        across_seeds(f"{task} {quality}: robopref", mine, unit="score"),
        across_seeds(f"{task} {quality}: CORL", theirs, unit="score"),
        Record(gain.claim, gain.value, gain.low, gain.high, "interval reaches 0 or more", gain.high >= 0, "score",
               len(mine)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
