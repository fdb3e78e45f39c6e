"""Reward-guided action selection on a deformable task: five seeds from demonstrations to held-out starts.

Every seed collects its own 200 demonstrated states, trains its own policy, has 100 states with 8 candidates each
ordered by the scripted teacher, trains rewards on them, and chooses among 16 candidates on 100 held-out starts. A
killed run goes on where it stopped; runs/bench-<env> holds what is done.

``python -m benchmarks.deformable env=pile`` takes any choice of the group ``env``, ``seeds=<number>``,
``labels=<conditions>`` out of ``all,wrong`` and numbers of states, and settings of ``robopref``; without ``env`` it is
rope. The result is ``results/<env>.json``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.records import Record, keep, write
from robopref.cli import collect, label
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.train import train_policy
from robopref.decisions import as_scorer
from robopref.evaluation.compare import (
    EpisodePace,
    compare_episodes,
    own_sample,
    score_candidates,
    selected,
    write_arrays,
)
from robopref.evaluation.run_folder import steps_to_success
from robopref.evaluation.statistics import gap_closed, hierarchical_bootstrap, pair_counts
from robopref.items import Comparisons
from robopref.learning.collect import draw_candidates, draw_states, try_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.processes import process_pool
from robopref.records import Goal
from robopref.rewards.derived import tuned_policy, with_derived
from robopref.scores import PairTarget

SEEDS = 5
LABELS = "all,wrong,2,15"
ROPE = Goal("shape distance", success=0.03)


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    env, seeds = given.pop("env", "rope"), int(given.pop("seeds", SEEDS))
    labels = given.pop("labels", LABELS).split(",")
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_seed, range(seeds), [env] * seeds, [others] * seeds, [labels] * seeds))
    print(f"result: {write(env, records(found))}")


def folder(env: str, seed: int) -> Path:
    """Where the run of one seed lives."""
    return Path(f"runs/bench-{env}") / f"seed-{seed}"


def run_seed(
    seed: int, env: str = "rope", others: Sequence[str] = (), labels: Sequence[str] = LABELS.split(",")
) -> dict[str, Any]:
    """Everything of one seed, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    return keep(folder(env, seed) / "result.json", lambda: found_out(seed, env, others, labels), others)


def found_out(seed: int, env: str, others: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Everything of one seed, as plain values."""
    context = start_seed(seed, env, others)
    try:
        moments, chunks, gained, own = held_out(context)
        goal = asdict(context.pool.task.goal)
        result: dict[str, Any] = {"goal": goal, "outcomes": gained.tolist(), "own": own.tolist(), "scores": {}}
        data = load_preferences(context)
        wrong = with_wrong_labels(data.target, 0.1, seed)
        conditions = {name: found for name, found in {"all": data.target, "wrong": wrong}.items() if name in labels}
        conditions |= {f"{count} states": first_states(data.target, int(count)) for count in labels if count.isdigit()}
        kept: dict[str, nn.Module] = {}
        for condition, target in conditions.items():
            labelled = replace(data, target=target)
            result["scores"][condition] = {}
            for name, scorer in train_rewards(context, labelled, condition).items():
                scores = score_candidates(as_scorer(scorer), moments, chunks, context.device)
                result["scores"][condition][name] = scores.tolist()
                if condition == "all":
                    kept[name] = scorer
            print(f"seed {seed}: rewards from {condition} done", flush=True)
        result["label_pairs"] = {name: int((t.weight > 0).sum()) for name, t in conditions.items()}
        flipped = (wrong.p != data.target.p).float().sum() / (data.target.weight > 0).sum()
        result["wrong_share"] = float(flipped)
        result["episodes"] = episodes(context, kept)
        tuned = tuned_policy(kept)
        assert tuned is not None, "the benchmark trains an implicit reward"
        chosen = draw_candidates(tuned, moments, n=1, seed=seed + 2, device=context.device)
        result["tuned_own"] = try_candidates(context.pool, moments, chosen)[:, 0].tolist()
    finally:
        context.finish()
    return result


def start_seed(seed: int, env: str = "rope", others: Sequence[str] = (), run: Path | None = None) -> Context:
    """Demonstrations, policy and labels of one seed, made if they are not there; `run` is where, if not in `folder`."""
    context = cloned_seed(seed, env, others, run or folder(env, seed))
    label.run(context)
    return context


def demonstrated_seed(seed: int, env: str, others: Sequence[str], run: Path) -> Context:
    """Demonstrations of one seed, made if they are not there."""
    context = run_context(run, [f"env={env}", f"seed={seed}", "workers=0", *others])
    collect.run(context)
    return context


def run_context(run: Path, words: Sequence[str] = ()) -> Context:
    """A run folder as a command sees it that is given some words."""
    overrides = [f"run={run}", *words]
    config = compose_config("config", overrides)
    return Context(config, memory(config, overrides))


def cloned_seed(seed: int, env: str, others: Sequence[str], run: Path) -> Context:
    """Demonstrations and policy of one seed, made if they are not there."""
    context = demonstrated_seed(seed, env, others, run)
    if not (context.folder / "policy" / "weights.pt").exists():
        train_policy(context)
    return context


def held_out_candidates(context: Context) -> tuple[list[Any], Any]:
    """Held-out starts, and 16 candidates (S, N, H, A) in each."""
    config = context.config.evaluate
    moments = draw_states(
        context.pool, "evaluation", count=int(config.starts), seed=context.seed, warm_up=int(config.warm_up)
    )
    return moments, draw_candidates(
        context.policy(), moments, n=int(config.candidates), seed=context.seed + 2, device=context.device
    )


def held_out(context: Context) -> tuple[list[Any], Any, Any, Any]:
    """Held-out starts, 16 candidates in each, and what all of them achieve."""
    path = context.folder / "held_out.npz"
    moments, chunks = held_out_candidates(context)
    if not path.exists():
        write_arrays(path, {"outcomes": try_candidates(context.pool, moments, chunks)})
    gained = np.load(path)["outcomes"]
    return moments, chunks, gained, gained[:, 0]


def train_rewards(
    context: Context, data: Comparisons, condition: str, names: Collection[str] = ()
) -> dict[str, nn.Module]:
    """Explicit, implicit and derived scores from one set of labels; of trained ones those named, or all."""
    policy, trained = context.policy(), dict[str, nn.Module]()
    for name in map(str, names or context.config.rewards):
        config = context.config.rewards[name]
        torch.manual_seed(context.seed)
        reward = build(config.scorer)(policy)
        train_reward(
            reward,
            data,
            build(config.objective),
            FitConfig(**settings(config.fit)),
            seed=context.seed,
            folder=context.folder / "rewards" / f"{name} {condition}",
            batches=Batches(size=int(config.batch_size), points=int(config.points)),
        )
        trained[name] = reward
    # An implicit reward has tuned the policy it was given.
    return with_derived(trained, context.policy())


def episodes(context: Context, scorers: dict[str, nn.Module]) -> dict[str, list[list[float]]]:
    """Distance to the goal after each of several decisions, by strategy."""
    policy, config = context.policy(), context.config.evaluate
    strategies = {"policy": own_sample(policy)}
    for name in ("explicit", "implicit"):
        strategies[name] = selected(policy, as_scorer(scorers[name]), int(config.candidates))
    found = compare_episodes(
        context.pool,
        strategies,
        count=int(config.episodes),
        pace=EpisodePace(int(config.steps)),
        seed=context.seed,
        device=context.device,
    )
    best = context.pool.task.goal.best
    return {name: (best - rollouts.progress).tolist() for name, rollouts in found.items()}


def with_wrong_labels(target: PairTarget, share: float, seed: int) -> PairTarget:
    """Reverse each pair with a probability; ties stay ties."""
    generator = torch.Generator().manual_seed(seed)
    flip = torch.rand(target.p.shape, generator=generator) < share
    return PairTarget(torch.where(flip & (target.weight > 0), 1 - target.p, target.p), target.weight)


def first_states(target: PairTarget, count: int) -> PairTarget:
    """Only the labels of the first states."""
    weight = target.weight.clone()
    weight[count:] = 0
    return PairTarget(target.p, weight)


def records(found: list[dict[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    # What was measured before tasks said in what terms they are reported was rope.
    goal = Goal(**found[0].get("goal", asdict(ROPE)))
    outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in found])
    owner = np.repeat(np.arange(len(found)), [len(seed["outcomes"]) for seed in found])
    random, best = outcomes.mean(axis=1), outcomes.max(axis=1)
    wrong = float(np.mean([seed["wrong_share"] for seed in found]))
    made: list[Record] = []
    for condition in found[0]["scores"]:
        pairs = int(np.mean([seed["label_pairs"][condition] for seed in found]))
        told = {"all": f"{pairs} pairs", "wrong": f"{pairs} pairs, {wrong:.0%} of them reversed"}
        for name in found[0]["scores"][condition]:
            if name == "likelihood" and condition != "all":
                continue
            scores = np.concatenate([np.array(seed["scores"][condition][name]) for seed in found])
            chosen = outcomes[np.arange(len(outcomes)), scores.argmax(axis=1)]
            gap = gap_closed(chosen, random, best, seeds=owner)
            labels = "no labels" if name == "likelihood" else told.get(condition, f"{pairs} pairs")
            aimed = condition == "all" and name == "implicit"
            made.append(
                Record(
                    f"share of the random-to-oracle best-of-16 gap closed by {name} selection ({labels})",
                    *(round(x, 4) for x in (gap.mean, gap.low, gap.high)),
                    target=">= 0.60" if aimed else "",
                    holds=gap.mean >= 0.60 if aimed else None,
                    unit="share",
                    n=len(outcomes),
                )
            )
            if condition in ("all", "wrong"):
                right, total = pair_counts(scores, outcomes, threshold=goal.difference)
                accuracy = float(right.sum() / total.sum())
                made.append(_plain(f"pair accuracy of {name} ({labels})", accuracy, "share", len(outcomes)))
    made += _levels(found, outcomes, goal)
    return made + _episode_records(found, goal)


def _levels(found: list[dict[str, Any]], outcomes: Any, goal: Goal) -> list[Record]:
    own = [np.array(seed["own"]) for seed in found]
    tuned = [np.array(seed["tuned_own"]) for seed in found]
    by_seed = [np.array(seed["outcomes"]) for seed in found]
    rows = {
        "improvement by the policy's own sample": own,
        "improvement by the preference-tuned policy's own sample": tuned,
        "improvement by a random candidate": [rows.mean(axis=1) for rows in by_seed],
        "improvement by the oracle's best of 16": [rows.max(axis=1) for rows in by_seed],
    }
    for name in ("explicit", "implicit", "combined"):
        picked = [
            np.array(seed["outcomes"])[np.arange(len(seed["own"])), np.array(seed["scores"]["all"][name]).argmax(1)]
            for seed in found
        ]
        rows[f"gain of {name} selection over the policy's own sample"] = [
            a - b for a, b in zip(picked, own, strict=True)
        ]
    made = []
    for claim, values in rows.items():
        interval = hierarchical_bootstrap(values)
        made.append(_interval(claim, interval, unit_of(goal), len(outcomes)))
    return made


def _episode_records(found: list[dict[str, Any]], goal: Goal) -> list[Record]:
    made = []
    for name in found[0]["episodes"]:
        final = [np.array(seed["episodes"][name])[:, -1] for seed in found]
        gained = [np.array(seed["episodes"]["policy"])[:, -1] - last for seed, last in zip(found, final, strict=True)]
        steps = [_steps(np.array(seed["episodes"][name]), goal.success) for seed in found]
        n = sum(len(row) for row in final)
        made.append(
            _interval(f"final {goal.distance} of episodes by {name}", hierarchical_bootstrap(final), unit_of(goal), n)
        )
        made.append(_interval(f"steps to success of episodes by {name}", hierarchical_bootstrap(steps), "steps", n))
        if name != "policy":
            claim = f"final {goal.distance} of episodes: policy minus {name}"
            made.append(_interval(claim, hierarchical_bootstrap(gained), unit_of(goal), n))
    return made


def unit_of(goal: Goal) -> str:
    """Records hold progress as it is, not as it is shown."""
    return {("cm", 100.0): "m", ("%", 100.0): "share"}.get((goal.unit, goal.scale), "")


def _steps(distance: Any, success: float) -> Any:
    """Steps to success; one more than the last step if there was none."""
    return np.minimum(steps_to_success(distance, success), distance.shape[1])


def _interval(claim: str, interval: Any, unit: str, n: int) -> Record:
    return Record(claim, *(round(x, 5) for x in (interval.mean, interval.low, interval.high)), "", None, unit, n)


def _plain(claim: str, value: float, unit: str, n: int) -> Record:
    return Record(claim, round(value, 4), round(value, 4), round(value, 4), "", None, unit, n)


if __name__ == "__main__":
    main(sys.argv[1:])
