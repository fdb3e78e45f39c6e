"""Meta-World's tasks, which are not ours: branches, demonstrators, cloning, rewards, selection and offline learning.

Runs in an environment with Meta-World and its MuJoCo, see `peers/metaworld_python.py`, which is made if METAWORLD
does not name its Python. Of each task and seed, 30 episodes of the package's scripted policy at four qualities, on 50
goals, are cloned from states; explicit and implicit rewards are learnt from orderings of candidate chunks by what the
task's own reward says of each, carried out from a restored state; and choices among 1 to 64 candidates, whole episodes
and policies of offline learning are measured on 50 other goals.

``python -m benchmarks.metaworld tasks=drawer-open seeds=1`` does less, ``parts=branches,choices`` a part of it; what is
done is kept in runs/bench-metaworld.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from benchmarks.deformable import cloned_seed, demonstrated_seed, train_rewards
from benchmarks.records import Record, across_seeds, chosen_by, earlier, exactly, keep, share_of_gap, write
from robopref.cli import label, offline
from robopref.cli.answered import load_preferences
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.data.episodes.reward_recipes import by_return_range
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import Transitions
from robopref.decisions import as_scorer
from robopref.evaluation.compare import EpisodePace, compare_episodes, own_sample, score_candidates, selected
from robopref.evaluation.returns import episode_outcomes
from robopref.evaluation.statistics import gap_closed
from robopref.learning.collect import collect_demonstrations, draw_candidates, draw_states, try_candidates
from robopref.learning.imitate import BehaviourCloning
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.processor import choose_renderer
from robopref.robots.sim import SimPool, SimTask, TaskSpec

TASKS = ("drawer-open", "sweep-into", "soccer", "door-open", "button-press")
SEEDS, LIMIT, HORIZON, CHOSEN = 3, 150, 8, 16
REWARDS = ("explicit", "implicit")
COUNTS = (1, 2, 4, 8, 16, 32, 64)
STARTS, EPISODES, STATES = 20, 20, 20
OTHER_GOALS = 1000  # added to the seed of the goals
INACCURACY = 0.5  # of the medium demonstrator; an action of 1 moves the hand by a centimetre
DATA = 30 * LIMIT
FIT = OfflineConfig(steps=10_000, hidden=(64, 64), log_every=10_000, save_every=10_000)
SIZES = (
    "policy=observed", "policy.observation=[state]", f"policy.horizon={HORIZON}", "policy.denoiser.hidden=128",
    f"collect.steps={DATA}", "collect.mixture={expert: 0.25, medium: 0.25, poor: 0.25, random: 0.25}",
    "train.fit.steps=1000", "label.states=100", "label.candidates=8", "label.warm_up=60",
    "rewards.explicit.scorer.hidden=128", "rewards.implicit.fit.steps=600",
)  # fmt: skip


def main(words: Sequence[str] = ()) -> None:
    """Run what is not done, and write the result after every task."""
    given = dict(word.split("=", 1) for word in words)
    tasks, seeds = given.pop("tasks", ",".join(TASKS)).split(","), int(given.pop("seeds", SEEDS))
    parts = given.pop("parts", ",".join(PARTS)).split(",")
    others = [f"{key}={value}" for key, value in given.items()]
    torch.set_num_threads(1)
    choose_renderer()
    for task in tasks:
        found: list[dict[str, Any]] = [{} for _ in range(seeds)]
        for name in (name for name in PARTS if name in parts):
            # Without exact branches nothing is said of what comes of an action.
            if any(one.get("differing") for one in found):
                break
            found = [one | run_part(name, task, seed, others) for seed, one in enumerate(found)]
        made = records(task, found)
        for record in made:
            print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}", flush=True)
        # Of parts that were left out, what was measured before stays.
        claims = {record.claim for record in made}
        kept = [record for record in earlier("metaworld", ()) if record["claim"] not in claims]
        print(f"result: {write('metaworld', made, kept=kept)}", flush=True)


def run_part(name: str, task: str, seed: int, others: Sequence[str]) -> dict[str, Any]:
    """What a part finds out of one task and seed, as plain values; read back if it is done."""
    folder = Path("runs/bench-metaworld") / task / f"seed-{seed}"
    return keep(folder / f"{name}.json", lambda: PARTS[name](task, seed, folder, others), others)


def branches(task: str, seed: int, folder: Path, others: Sequence[str]) -> dict[str, Any]:
    """States from which the same 20 actions lead elsewhere in another process's environment, and demonstrators."""
    del folder, others
    spec = held_out(task, seed, ends=False)
    one, other = SimTask(spec), SimTask(spec)
    differing = sum(differs(one, other, 1000 * seed + k) for k in range(STATES))
    one.close()
    other.close()
    env = ending(task, seed)
    rates = {quality: demonstrated(env, quality, seed) for quality in env.unwrapped.qualities}
    env.close()
    return {"differing": differing, "demonstrators": rates}


def differs(one: SimTask, other: SimTask, seed: int) -> bool:
    """Whether observations or rewards after 20 actions from a state differ in an environment that was elsewhere."""
    rng = np.random.default_rng(seed)
    one.reset(seed)
    for _ in range(int(rng.integers(0, 60))):
        one.step(one.demonstrate(rng, "medium"))
    start = one.env.snapshot()
    actions = [one.demonstrate(rng, "poor") for _ in range(20)]
    first = [one.step(action) for action in actions]
    other.reset(seed + 500)
    other.rewind(start, 0)
    again = [other.step(action) for action in actions]
    return any(
        not np.array_equal(before.observation["state"], after.observation["state"]) or before.reward != after.reward
        for before, after in zip(first, again, strict=True)
    )


def choices(task: str, seed: int, folder: Path, others: Sequence[str]) -> dict[str, Any]:
    """What candidates achieve, what rewards say of them, and which episodes succeed."""
    context = cloned_seed(seed, "gym", [*setting_words(task, seed), *SIZES, *others], folder)
    try:
        label.run(context)
        trained = train_rewards(context, load_preferences(context), "all", REWARDS)
        scorers, policy = {name: trained[name] for name in REWARDS}, context.policy()
        with SimPool(held_out(task, seed, ends=False)) as pool:
            moments = draw_states(pool, "evaluation", count=STARTS, seed=seed, warm_up=60)
            chunks = draw_candidates(policy, moments, n=COUNTS[-1], seed=seed + 2, device=context.device)
            gained = try_candidates(pool, moments, chunks)
        scores = {
            name: score_candidates(as_scorer(scorer), moments, chunks, context.device).tolist()
            for name, scorer in scorers.items()
        }
        strategies = {"cloned policy": own_sample(policy)} | {
            f"best of {CHOSEN} by {name}": selected(policy, as_scorer(scorer), CHOSEN)
            for name, scorer in scorers.items()
        }
        with SimPool(held_out(task, seed, ends=True)) as pool:
            rollouts = compare_episodes(
                pool, strategies, count=EPISODES, pace=EpisodePace(-(-LIMIT // HORIZON)), seed=seed,
                device=context.device,
            )  # fmt: skip
    finally:
        context.finish()
    success = {name: float((one.solved > 0).mean()) for name, one in rollouts.items()}
    return {"outcomes": gained.tolist(), "scores": scores, "success": success}


def learnt_offline(task: str, seed: int, folder: Path, others: Sequence[str]) -> dict[str, Any]:
    """Success of policies of offline learning from demonstrations and as many steps of their opposite."""
    demonstrated_seed(seed, "gym", [*setting_words(task, seed), *SIZES, *others], folder).finish()
    path = opposed(task, seed, folder)
    config = compose_config(
        "offline",
        [
            f"run={folder / 'preferences'}", f"data={path}", f"seed={seed}", "device=cpu", "workers=1",
            "label.segments.length=25", "label.segments.count=300", "rewards.segment.fit.steps=500",
            "relabel.name=preferences", "relabel.pairs=0",
        ],
    )  # fmt: skip
    context = Context(config, memory(config, []))
    offline.label(context)
    offline.train_rewards(context)
    offline.relabel(context)
    store, alone = EpisodeStore.open(path), EpisodeStore.open(folder / "demos.zarr")
    true = Transitions.load(store, keys=["state"], recipe=by_return_range)
    told = Transitions.load(store, keys=["state"], reward="reward_preferences", recipe=by_return_range).reward
    rewards = {"true": true.reward, "preferences": told, "zero": torch.zeros_like(true.reward)}
    data = replace(true, reward=torch.stack(list(rewards.values())))
    seeds = [seed + 1000 * k for k in range(len(rewards))]
    iql = ImplicitQLearning(data, FIT, ImplicitQ(), seeds=seeds, device="cpu")
    clones = {
        "cloning by a Gaussian": BehaviourCloning(true, FIT, seeds=[seed], device="cpu"),
        "cloning by a Gaussian, without the opposite": BehaviourCloning(
            Transitions.load(alone, keys=["state"]), FIT, seeds=[seed], device="cpu"
        ),
    }
    for learner in (iql, *clones.values()):
        train(learner, FIT, seed=learner.seeds, origin=learner.origin)
    policies = {f"IQL on {name} reward": iql.policy(k) for k, name in enumerate(rewards)}
    policies |= {name: learner.policy() for name, learner in clones.items()}
    env = ending(task, seed)
    found = {
        name: float(episode_outcomes(env, policy.act, episodes=EPISODES, seed=1_000_000 + 1000 * seed)[1].mean())
        for name, policy in policies.items()
    }
    env.close()
    return {"offline": found}


def opposed(task: str, seed: int, folder: Path) -> Path:
    """A store of the demonstrations, and of as many steps of demonstrators who do the opposite."""
    path, made = folder / "mixed.zarr", options(task, seed)
    made["expert"] = made["expert"].replace("metaworld.policies", "benchmarks.peers.opposed")
    with SimPool(TaskSpec("envs:robopref/Gym-v0", made, LIMIT)) as pool:
        against = collect_demonstrations(
            pool, folder / "opposed.zarr", steps=DATA, seed=seed, mixture={"expert": 0.5, "medium": 0.5}
        )
    shutil.rmtree(path, ignore_errors=True)
    mixed = EpisodeStore.create(path, {"instruction": against.attrs.get("instruction", "")})
    for store in (EpisodeStore.open(folder / "demos.zarr"), against):
        for index in range(len(store)):
            mixed.append({name: values for name, values in store.episode(index).items() if name in against.keys})
    return path


PARTS = {"branches": branches, "choices": choices, "offline": learnt_offline}


def setting_words(task: str, goals: int) -> list[str]:
    """The task and its demonstrator as words of the command line."""
    return [
        "env.options.name=metaworld:Meta-World/MT1", f"env.max_steps={LIMIT}",
        *(f"+env.options.{name}={value}" for name, value in options(task, goals).items() if name != "name"),
    ]  # fmt: skip


def options(task: str, goals: int) -> dict[str, Any]:
    """Of the environment; `goals` is the seed of its 50 goals."""
    policy = f"Sawyer{task.title().replace('-', '')}V3Policy"
    return {
        "name": "metaworld:Meta-World/MT1", "env_name": f"{task}-v3", "seed": goals, "points": False,
        "expert": f"metaworld.policies:{policy}", "inaccuracy": INACCURACY,
    }  # fmt: skip


def held_out(task: str, seed: int, *, ends: bool) -> TaskSpec:
    """The task with goals that nothing was learnt on; with `ends`, an episode is over once it succeeded."""
    made = options(task, OTHER_GOALS + seed) | {"terminate_on_success": ends}
    return TaskSpec("envs:robopref/Gym-v0", made, LIMIT)


def ending(task: str, seed: int) -> Any:
    """The task of `held_out` with its time limit, for whole episodes."""
    spec = held_out(task, seed, ends=True)
    return gym.make(spec.id, max_episode_steps=LIMIT, disable_env_checker=True, **spec.options)


def demonstrated(env: Any, quality: str, seed: int) -> float:
    """Share of the held-out starts that a scripted demonstrator solves."""
    rng = np.random.default_rng(seed)

    def act(_: Any) -> torch.Tensor:
        return torch.as_tensor(env.unwrapped.demonstrate(rng, quality))[None]

    return float(episode_outcomes(env, act, episodes=EPISODES, seed=1_000_000 + 1000 * seed)[1].mean())


def records(task: str, found: Sequence[dict[str, Any]]) -> list[Record]:
    """Turn the measurements of a task's seeds, of the parts that are done, into claims."""
    made: list[Record] = []
    if "differing" in found[0]:
        differing, states = sum(seed["differing"] for seed in found), STATES * len(found)
        made.append(exactly(f"{task}: states from which 20 actions lead elsewhere again", differing, "states", states))
        for quality in found[0]["demonstrators"]:
            rates = [seed["demonstrators"][quality] for seed in found]
            made.append(across_seeds(f"{task}: {quality} scripted demonstrator, success", rates))
    if "outcomes" in found[0]:
        made += chosen(task, found)
    return made + succeeded(task, found)


def chosen(task: str, found: Sequence[dict[str, Any]]) -> list[Record]:
    """How far choices among N go from a random candidate to the best of all."""
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    scores = {name: np.concatenate([np.array(seed["scores"][name]) for seed in found]) for name in found[0]["scores"]}
    made = [
        share_of_gap(f"{name} selection", chosen_by(values[:, :CHOSEN], outcomes[:, :CHOSEN]), outcomes[:, :CHOSEN],
                     owner, subject=task, least=0.6)
        for name, values in scores.items()
    ]  # fmt: skip
    random, best = outcomes.mean(axis=1), outcomes.max(axis=1)
    for name, values in {**scores, "oracle": outcomes}.items():
        for count in COUNTS:
            gap = gap_closed(chosen_by(values[:, :count], outcomes), random, best, seeds=owner)
            claim = (
                f"{task}: share of the gap between a random candidate and the best of {COUNTS[-1]}, {name}, N = {count}"
            )
            interval = (round(x, 4) for x in (gap.mean, gap.low, gap.high))
            made.append(Record(claim, *interval, "", None, "share", len(outcomes)))
    for name, rows in {"a random candidate": random, f"the best of {COUNTS[-1]}": best}.items():
        each = [float(rows[owner == k].mean()) for k in range(len(found))]
        made.append(across_seeds(f"{task}: reward of {name} over {HORIZON} steps", each, unit="reward"))
    return made


def succeeded(task: str, found: Sequence[dict[str, Any]]) -> list[Record]:
    """Success of episodes, and what is claimed of it."""
    cloned, learnt = "cloned policy", "IQL on preferences reward"
    names = [(part, name) for part in ("success", "offline") for name in found[0].get(part, {})]
    rates = {name: np.array([seed[part][name] for seed in found]) for part, name in names}
    made = [across_seeds(f"{task}: {name}, success", values.tolist()) for name, values in rates.items()]
    pairs = [(name, cloned) for part, name in names if part == "success" and name != cloned]
    pairs += [(learnt, name) for part, name in names if part == "offline" and name != learnt]
    return made + [
        across_seeds(f"{task}: {name} less {other}", (rates[name] - rates[other]).tolist(), ">= 0")
        for name, other in pairs
    ]


if __name__ == "__main__":
    if importlib.util.find_spec("metaworld") is None:
        from benchmarks.peers.metaworld_python import run_there  # which needs what tests need

        run_there(sys.argv[1:])
    else:
        main(sys.argv[1:])
