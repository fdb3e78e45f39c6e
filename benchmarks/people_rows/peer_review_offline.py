"""Wrong answers about segments of recordings, and the policies that IQL learns from what a reward makes of them.

Four demonstrators' episodes are recorded (`benchmarks.offline.MIXTURE`). A teacher who knows the true reward compares
1,000 pairs of segments and turns some of the answers round; a reward learns from them by the steps of ``robopref
offline``: from all as they are (plain), with a tenth held out that says when to stop, as is the default (early), or
with ``filter=[peer_review]``, which estimates the share of wrong answers (review). It is put beside the recordings, and
IQL learns from that. Scores are normalised returns: 0 is what random actions earn, 100 the expert.

On DrawerOpen every one of these rewards is good enough (`benchmarks.offline`), so the task is PlanarPush. What is done
of a seed is kept in ``runs/bench-people``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

from benchmarks.offline import MIXTURE, SETTINGS, correlation, demonstrated
from benchmarks.records import Record, across_seeds, keep
from robopref.cli import offline
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.data.episodes.reward_recipes import by_return_range, costs
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import Transitions
from robopref.evaluation.returns import episode_outcomes
from robopref.learning.collect import collect_demonstrations
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.robots.sim import SimPool, TaskSpec

SEEDS = 3
TASKS = ("PlanarPush",)
EPISODES = 60
PAIRS, WRONG = 1000, (0.1, 0.3)
WAYS: dict[str, list[str]] = {
    "plain": ["rewards.segment.held_out=0"],
    "early": [],
    "review": ["rewards.segment.held_out=0", "filter=[peer_review]"],
}
FIT = OfflineConfig(steps=5000, hidden=(128, 128), log_every=5000, save_every=5000)
KEPT = Path("runs/bench-people/peer_review_offline")


def measure(seed: int) -> dict[str, Any]:
    """Of every task, the scores and correlations of a seed."""
    return {task: keep(KEPT / task / f"{seed}.json", lambda t=task: _measured(t, seed)) for task in TASKS}


def _measured(task: str, seed: int) -> dict[str, Any]:
    folder, setting = KEPT / task / f"seed-{seed}", SETTINGS[task]
    folder.mkdir(parents=True, exist_ok=True)
    options = {"points": False, "state": True, "image_size": None, **setting.options}
    with SimPool(TaskSpec(f"envs:robopref/{task}-v0", options, setting.limit)) as pool:
        store = collect_demonstrations(pool, folder / "data.zarr", steps=setting.data, seed=seed, mixture=MIXTURE)
    names = {_name(way, wrong): (way, wrong) for way, wrong in product(WAYS, WRONG)}
    for name, (way, wrong) in names.items():
        relabelled(store.path, folder / name, way, wrong, setting.length, seed)
    store = EpisodeStore.open(store.path)
    env: Any = gym.make(
        f"envs:robopref/{task}-v0", points=False, state=True, max_episode_steps=setting.limit, disable_env_checker=True,
        **setting.options,
    )  # fmt: skip
    starts = 1_000_000 + 1000 * seed
    low, high = (demonstrated(env, quality, EPISODES, starts) for quality in ("random", "expert"))
    scores = {
        name: 100 * (float(episode_outcomes(env, policy.act, episodes=EPISODES, seed=starts)[0].mean()) - low)
        / (high - low) for name, policy in learnt(store, list(names), seed).items()
    }  # fmt: skip
    env.close()
    return {"scores": scores, "correlations": {name: correlation(store, f"reward_{name}") for name in names}}


def _name(way: str, wrong: float) -> str:
    return f"{way}_{round(100 * wrong)}"


def relabelled(data: Path, run: Path, way: str, wrong: float, length: int, seed: int) -> None:
    """Label, learn a reward and put it beside the data, by the steps of ``robopref offline``."""
    config = compose_config(
        "offline",
        [
            f"run={run}", f"data={data}", f"seed={seed}", "device=cpu", "workers=1",
            "labeler=mistaken", f"labeler.mistake={wrong}", "labeler.equal=0", f"label.segments.length={length}",
            f"label.segments.count={PAIRS}", "rewards.segment.fit.steps=1000", f"relabel.name={run.name}", *WAYS[way],
        ],
    )  # fmt: skip
    context = Context(config, memory(config, []))
    offline.label(context)
    offline.train_rewards(context)
    offline.relabel(context)


def learnt(store: EpisodeStore, names: list[str], seed: int) -> Mapping[str, Any]:
    """Policies of IQL on the true reward, on learnt ones, and on none; all train at once."""
    true = Transitions.load(store, keys=["state"], recipe=by_return_range)
    rewards = {
        "true": true.reward,
        **{
            name: Transitions.load(store, keys=["state"], reward=f"reward_{name}", recipe=costs).reward
            for name in names
        },
        "zero": torch.zeros_like(true.reward),
    }
    data = replace(true, reward=torch.stack(list(rewards.values())))
    learner = ImplicitQLearning(data, FIT, ImplicitQ(), seeds=[seed + 1000 * k for k in range(len(rewards))])
    train(learner, FIT, seed=learner.seeds, origin=learner.origin)
    return {name: learner.policy(index) for index, name in enumerate(rewards)}


def records(found: list[dict[str, Any]]) -> list[Record]:
    made: list[Record] = []
    for task, wrong in product(TASKS, WRONG):
        told = f"{task}, {100 * wrong:.0f} % wrong"
        scores = {way: [one[task]["scores"][_name(way, wrong)] for one in found] for way in WAYS}
        made += [across_seeds(f"score of IQL, {way}, {told}", values, unit="score") for way, values in scores.items()]
        for other in ("plain", "early"):
            gains = [one - two for one, two in zip(scores["review"], scores[other], strict=True)]
            made.append(across_seeds(f"score of IQL, review less {other}, {told}", gains, ">= 0", unit="score"))
        made += [
            across_seeds(f"Spearman of learnt and true reward, {way}, {told}",
                         [one[task]["correlations"][_name(way, wrong)] for one in found])
            for way in WAYS
        ]  # fmt: skip
    made += [
        across_seeds(f"score of IQL, {name} reward, {task}", [one[task]["scores"][name] for one in found], unit="score")
        for task, name in product(TASKS, ("true", "zero"))
    ]
    return made
