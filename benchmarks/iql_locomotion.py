"""IQL on Hopper and HalfCheetah of gymnasium beside CORL's on the same data: stable-baselines3 at three qualities.

CORL=<checkout of tinkoff-ai/CORL> make bench-iql-locomotion. Data: SAC is trained for 100,000 steps (ONLINE), and the
policies after a tenth (``low``), a third (``medium``) and at the end (``high``) each act, with noise, for 50,000 steps
(COLLECT). Scores are normalised as D4RL does, from a random policy (0) to the final SAC policy without noise (100).
Each side learns for 10,000 steps (OFFLINE) with five seeds; ours learns all five at once, on a GPU if there is one.
WORKERS says how many processes learn side by side, on one thread each. Everything goes on where it was stopped, in WORK
(runs/iql-locomotion). SAC takes about half an hour a task, CORL three minutes a seed and data set, on one core. TASKS
names some of the tasks; ONLINE=1000000 OFFLINE=1000000 is of the size of D4RL and takes days.
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

from benchmarks.iql_speed import DEVICE, imported
from benchmarks.records import Record, across_seeds, earlier, write
from robopref.data.episodes.reward_recipes import by_return_range
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import Transitions
from robopref.evaluation.returns import episode_outcomes
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.learning.stored_models import load_policy, save_model
from robopref.processes import process_pool

TASKS = os.environ.get("TASKS", "Hopper-v5,HalfCheetah-v5").split(",")
ONLINE, COLLECT, OFFLINE, EPISODES = (
    int(os.environ.get(name, default))
    for name, default in (("ONLINE", "100000"), ("COLLECT", "50000"), ("OFFLINE", "10000"), ("EPISODES", "10"))
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
    sets = [(task, quality) for task in TASKS for quality in QUALITIES]
    with process_pool(int(os.environ.get("WORKERS", "2")), _one_thread) as pool:
        list(pool.map(prepare, TASKS))
        mine = {data: pool.submit(ours, *data) for data in sets}
        theirs = {data: [pool.submit(corl, folder, *data, seed) for seed in SEEDS] for data in sets}
        records: list[Record] = []
        for task, quality in sets:
            reference = json.loads((WORK / task / "reference.json").read_text())
            returns = (mine[task, quality].result(), [row for run in theirs[task, quality] for row in run.result()])
            records += compared(task, quality, *(normalised(rows, reference) for rows in returns))
            for record in records[-3:]:
                print(f"{record.claim}: {record.value} ({record.low} to {record.high})", flush=True)
    if not TRIAL:
        print(f"result: {write('iql_locomotion', records, kept=earlier('iql_locomotion', TASKS))}")


def _one_thread() -> None:
    torch.set_num_threads(1)


def prepare(task: str) -> None:
    """Make the policies of a task, what scores refer to, and the data."""
    experts(task)
    kept(WORK / task / "reference.json", lambda: references(task))
    for quality in QUALITIES:
        loaded(task, quality)


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


def ours(task: str, quality: str) -> list[float]:
    """Mean return of each seed."""
    place = WORK / task / quality
    return kept(place / "robopref.json", lambda: _ours(task, quality, place))


def _ours(task: str, quality: str, place: Path) -> list[float]:
    config = OfflineConfig(steps=OFFLINE, save_every=max(1, OFFLINE // 10))
    learner = ImplicitQLearning(loaded(task, quality), config, ImplicitQ(), seeds=SEEDS, device=DEVICE)
    train(learner, config, seed=SEEDS, origin=learner.origin, folder=place / "robopref")
    returns = []
    for index, seed in enumerate(SEEDS):
        save_model(place / "robopref" / f"policy-{seed}.pt", learner.policy(index))
        returns.append(played(task, load_policy(place / "robopref" / f"policy-{seed}.pt").act, seed))
    return returns


def corl(folder: str, task: str, quality: str, seed: int) -> list[float]:
    """Mean return of one seed of CORL's IQL on the same normalised states, actions and rewards."""
    return kept(WORK / task / quality / f"corl-{seed}.json", lambda: [_corl(folder, task, loaded(task, quality), seed)])


def _corl(folder: str, task: str, data: Transitions, seed: int) -> float:
    module = imported(Path(folder) / "algorithms" / "offline", "iql", ("d4rl", "gym", "pyrallis", "wandb"))
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
        f"{task}: {quality} data, robopref less CORL", [a - b for a, b in zip(mine, theirs, strict=True)], unit="score"
    )
    return [
        across_seeds(f"{task}: {quality} data, robopref", mine, unit="score"),
        across_seeds(f"{task}: {quality} data, CORL", theirs, unit="score"),
        Record(gain.claim, gain.value, gain.low, gain.high, "interval reaches 0 or more", gain.high >= 0, "score",
               len(mine)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
