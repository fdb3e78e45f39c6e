"""A policy that improves on what `deploy` recorded, with nothing put back to an earlier state.

Every seed's cloned policy carries out 100 actions of its own in `robopref deploy robot=sim`. A scripted teacher
compares 100 pairs of these, of whatever states, by what came of them. A reward of outcomes learns from the answers and
compares a thousand pairs more, from which a reward of actions learns. Then a policy is cloned again from demonstrations
and recordings, weighed by the reward of outcomes, and the first policy imitates what the reward of actions likes best
of fresh candidates in the states that were seen. At the held-out starts of `deformable.py` they are compared with the
first policy's own sample, and with the same cloning where recordings are not weighed, or weighed by what they gained.
What is done is kept in runs/bench-recorded; a later call goes on.

``python -m benchmarks.recorded env=pile seeds=2`` takes any choice of the group ``env`` and settings of ``robopref``;
without ``env`` it is rope. The result is ``results/recorded_<env>.json``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.deformable import cloned_seed, folder, held_out, held_out_candidates, run_context, unit_of
from benchmarks.records import Record, chosen_by, keep, share_of_gap, write
from robopref.__main__ import main as robopref
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_alone
from robopref.cli.context import Context
from robopref.cli.trained_rewards import load_rewards
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.time_gaps import stretch_ends
from robopref.data.episodes.training_cache import ReplayCache
from robopref.data.labels.target_operators import best_of
from robopref.decisions import as_scorer
from robopref.evaluation.compare import score_candidates
from robopref.evaluation.statistics import hierarchical_bootstrap
from robopref.learning.chunk_batches import ChunkBatches
from robopref.learning.collect import draw_candidates, try_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.learning.sharpening import chosen_by_reward
from robopref.policies.abilities import observed_by
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policies.draws import StratifiedDraw
from robopref.processes import process_pool
from robopref.records import Goal, Observation

SEEDS = 5
ACTIONS = 100  # that are executed, and pairs of them that are answered
JUDGED = 1000  # pairs of them that the reward of outcomes compares
FRESH = 32  # candidates of a state, of which the reward of actions chooses what is imitated
STEPS = 1500  # of every training of a policy
SHARES = (0.6, 0.4)  # of demonstrations and of recordings in what is cloned
REWARDS = ("explicit", "distilled")
FIRST = "the first policy's own sample"
CLONED = {
    "all alike": None,
    "weighed by the reward of outcomes": "reward_learnt",
    "weighed by what it gained": "gained",
}
IMITATED = "own sample after imitating what the reward of actions likes best"


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    env, seeds = given.pop("env", "rope"), int(given.pop("seeds", SEEDS))
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_recorded, range(seeds), [env] * seeds, [others] * seeds))
    for record in (made := records(found)):
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write(f'recorded_{env}', made)}")


def run_recorded(seed: int, env: str = "rope", others: Sequence[str] = ()) -> dict[str, Any]:
    """What recordings of one seed bring, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    return keep(Path(f"runs/bench-recorded/{env}-{seed}.json"), lambda: found_out(seed, env, others), others)


def found_out(seed: int, env: str, others: Sequence[str]) -> dict[str, Any]:
    """What recordings of one seed bring, as plain values."""
    base = cloned_seed(seed, env, others, folder(env, seed))
    try:
        moments, chunks = held_out_candidates(base)
        run = Path(f"runs/bench-recorded/{env}-{seed}")
        recorded = executed(base.folder, run)
        learnt(run, recorded)
        context = run_context(run)
        rewards = {name: as_scorer(load_rewards(context)[name]) for name in REWARDS}
        gained = held_out(base)[2]
        found: dict[str, Any] = {"goal": asdict(base.pool.task.goal), "outcomes": gained.tolist(), "scores": {}}
        for name, scorer in rewards.items():
            found["scores"][name] = score_candidates(scorer, moments, chunks, base.device).tolist()
        policies = {name: cloned(base, run, env, recorded, array) for name, array in CLONED.items()}
        policies[IMITATED] = imitating(base, recorded, rewards["distilled"], run / "imitated")
        own = [draw_candidates(one, moments, n=1, seed=seed + 2, device=base.device) for one in policies.values()]
        tried = try_candidates(base.pool, moments, np.concatenate(own, axis=1))
        found["own"] = {FIRST: gained[:, 0].tolist(), **dict(zip(policies, tried.T.tolist(), strict=True))}
        found["executed"] = recorded.steps
        context.finish()
    finally:
        base.finish()
    return found


def executed(base: Path, run: Path) -> EpisodeStore:
    """A copy of what the robot recorded of `ACTIONS` actions, or some more, by the policy of another run."""
    path, kept = run / "deploy" / "sim.zarr", run / "recorded.zarr"
    while not kept.exists() and (not path.exists() or EpisodeStore.open(path).steps < ACTIONS):
        words = [] if (run / "config.yaml").exists() else [f"base={base}"]
        words += ["robot=sim", "deploy.reward=null", "deploy.episodes=4", "deploy.view=none"]
        _must(["deploy", f"run={run}", *words])
    return _copied(path, kept)


def learnt(run: Path, recorded: EpisodeStore) -> None:
    """Answers about pairs of executed actions, and rewards of outcomes and of actions that learn from them."""
    if (done := run / "learnt").exists():
        return
    about = [f"data={recorded.path}", "label.about=segments", "label.segments.length=1", "label.kind=pair"]
    if not (run / "labels.sqlite").exists():
        _must(["label", f"run={run}", *about, f"label.budget={ACTIONS}"])
    outcome = ["rewards.implicit=null", "reward=outcome", "rewards.outcome.scorer.before=true"]
    _must(["train", "reward", f"run={run}", *outcome])
    _must(["label", f"run={run}", *about, "labeler=reward", "label.budget=null", f"label.segments.count={JUDGED}"])
    _must(["train", "reward", f"run={run}", *outcome, "reward@rewards.distilled=distilled"])
    done.touch()


def cloned(base: Context, run: Path, env: str, recorded: EpisodeStore, array: str | None) -> ChunkDiffusion:
    """A policy that is cloned from demonstrations and recordings, weighed by an array or all alike."""
    demonstrated = _copied(base.folder / "demos.zarr", run / "demonstrated.zarr")
    for store in (demonstrated, recorded):
        if "reward_learnt" not in store.keys:
            _must(["relabel", f"data={store.path}", f"run={run / 'relabelled'}", f"relabel.model={run}",
                   "relabel.use=outcome"])  # fmt: skip
        if "gained" not in EpisodeStore.open(store.path).keys:
            gained = store.array("next_progress") - store.array("progress")
            EpisodeStore.open(store.path, "a").attach("gained", [gained], {})
    weighed = [] if array is None else ["recipe=reward_weighted", "recipe.steps=1", f"train.reward={array}"]
    _must([
        "train", "policy", f"run={run / f'cloned-{array}'}", f"env={env}", f"seed={base.seed}",
        f"data=[{demonstrated.path},{recorded.path}]", f"train.weights=[{','.join(map(str, SHARES))}]",
        f"train.fit.steps={STEPS}", *weighed,
    ])  # fmt: skip
    return run_context(run / f"cloned-{array}").policy()  # type: ignore[return-value]


def imitating(base: Context, recorded: EpisodeStore, scorer: Any, kept: Path) -> ChunkDiffusion:
    """The first policy after imitating what a reward of actions likes best of its candidates in the states seen."""
    policy = base.policy()
    assert isinstance(policy, ChunkDiffusion)
    parts = [_seen(store, policy, kept).parts for store in (base.demonstrations, recorded)]
    seen = Observation.of({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    generator = torch.Generator(base.device).manual_seed(base.seed)
    chosen = chosen_by_reward(policy, scorer, seen, partial(best_of, top=1), candidates=FRESH, generator=generator)
    config: Any = compose_alone("config", ["method=raft"]).rewards.implicit
    reward = build(config.scorer)(policy)
    fit = replace(FitConfig(**settings(config.fit)), steps=STEPS, learning_rate=1e-3)
    train_reward(
        reward, chosen, build(config.objective), fit, seed=base.seed, folder=kept / "training",
        batches=Batches(size=64, points=96, draws=StratifiedDraw(2)),
    )  # fmt: skip
    return reward.policy.eval()


def _seen(store: EpisodeStore, policy: ChunkDiffusion, kept: Path) -> Observation:
    cache = ReplayCache.build(store, [*observed_by(policy), "action"], kept / f"{store.path.stem}.cache")
    batches = ChunkBatches(
        cache, policy.shape[0], torch.device("cpu"), keys=observed_by(policy), stretches=stretch_ends(store)
    )
    return batches.at(batches.steps)[0]


def _copied(path: Path, kept: Path) -> EpisodeStore:
    """A copy of a store that arrays can be added to."""
    if not kept.exists():
        half = kept.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(path, half)
        half.rename(kept)
    return EpisodeStore.open(kept)


def _must(words: Sequence[str]) -> None:
    if robopref(list(words)) != 0:
        raise RuntimeError(f"robopref {' '.join(words)} failed")


def records(found: Sequence[dict[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    goal = Goal(**found[0]["goal"])
    outcomes = [np.array(seed["outcomes"]) for seed in found]
    owner = np.repeat(np.arange(len(found)), [len(one) for one in outcomes])
    made = []
    chosen = {
        f"the best of 16 by the {name} reward": [
            chosen_by(np.array(seed["scores"][name]), gained) for seed, gained in zip(found, outcomes, strict=True)
        ]
        for name in REWARDS
    }
    own = {name: [np.array(seed["own"][name]) for seed in found] for name in found[0]["own"]}
    for name, parts in {**own, **chosen}.items():
        made.append(share_of_gap(name, np.concatenate(parts), np.concatenate(outcomes), owner))
        if name != FIRST:
            gain = hierarchical_bootstrap([a - b for a, b in zip(parts, own[FIRST], strict=True)])
            mean, low, high = (round(float(value), 4) for value in (gain.mean, gain.low, gain.high))
            claim = f"gain over {FIRST} of {name}"
            aimed = name in (IMITATED, "the best of 16 by the distilled reward")
            made.append(Record(claim, mean, low, high, "> 0, low end" if aimed else "", gain.low > 0 if aimed else None,
                               unit_of(goal), gain.n))  # fmt: skip
    return made


if __name__ == "__main__":
    main(sys.argv[1:])
