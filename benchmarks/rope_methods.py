"""Ways of learning from the same preferences on rope, at equal labels and equal compute.

Every seed takes the demonstrations, policy and labels of `rope` (made if they are not there) and tunes the policy by
each method: as many gradient steps, and as many chunks denoised in each. What the tuned policies do on their own is
compared on held-out starts with what selection does.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import torch

from benchmarks.deformable import SEEDS, folder, held_out, start_seed
from benchmarks.records import Record, write
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config
from robopref.cli.context import Context
from robopref.data.labels.target_operators import operated
from robopref.decisions import as_scorer
from robopref.evaluation.compare import score_candidates
from robopref.evaluation.statistics import gap_closed, hierarchical_bootstrap
from robopref.files import write_json
from robopref.learning.collect import draw_candidates, try_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.policies.guidance import GuidedPolicy
from robopref.processes import process_pool
from robopref.protocols import Policy
from robopref.rewards.derived import tuned_policy
from robopref.rewards.ensemble import symmetric

# 150 steps of 8 states x 8 candidates x 4 draws = 256 chunks; RAFT denoises one candidate of a state.
STEPS = 150
METHODS = {"diffusion_dpo": 8, "ipo": 8, "kto": 8, "cpl": 8, "raft": 64}
GUIDANCE = 2.0


def main() -> None:
    """Run all seeds, two at a time, and write the result."""
    with process_pool(2) as pool:
        found = list(pool.map(run_seed, range(SEEDS)))
    print(f"result: {write('rope_methods', records(found))}")


def run_seed(seed: int) -> dict[str, Any]:
    """Improvement (S,) of every way to choose, by name; read back if it is done."""
    done = folder("rope", seed) / "methods.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    context = start_seed(seed)
    try:
        moments, chunks, gained, own = held_out(context)
        found: dict[str, Any] = {"own": own, "random": gained.mean(axis=1), "oracle": gained.max(axis=1)}
        tuned: dict[str, Policy] = {}
        for name, batch_size in METHODS.items():
            reward = train_method(context, name, batch_size)
            scores = score_candidates(as_scorer(reward), moments, chunks, context.device)
            found[f"{name} selection"] = gained[np.arange(len(gained)), scores.argmax(axis=1)]
            policy = tuned_policy({name: reward})
            assert policy is not None, "every method here tunes a policy"
            tuned[name] = policy.eval()
            if name == "diffusion_dpo":
                tuned["rlg"] = GuidedPolicy(context.policy(), policy, GUIDANCE)
        for name, policy in tuned.items():
            sample = draw_candidates(policy, moments, n=1, seed=seed + 2, device=context.device)
            found[name] = try_candidates(context.pool, moments, sample)[:, 0]
    finally:
        context.finish()
    plain = {name: np.asarray(values).tolist() for name, values in found.items()}
    write_json(done, plain)
    return plain


def train_method(context: Context, name: str, batch_size: int) -> torch.nn.Module:
    """The reward of a method, averaged over the task's symmetries."""
    config = compose_config("config", [f"run={context.folder}", f"method={name}"]).rewards.implicit
    config.train_draws.count = 4
    policy, data = context.policy(), load_preferences(context)
    torch.manual_seed(context.seed)
    reward = build(config.scorer)(policy)
    fit = FitConfig(**settings(config.fit) | {"steps": STEPS})
    train_reward(
        reward,
        operated(data, None if config.operator is None else build(config.operator)),
        build(config.objective),
        fit,
        seed=context.seed,
        folder=context.folder / "rewards" / f"method {name}",
        batches=Batches(size=batch_size, points=int(config.points), draws=build(config.train_draws)),
    )
    print(f"seed {context.seed}: {name} done", flush=True)
    return symmetric(reward, policy.geometry).eval()


def records(found: list[dict[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    rows = {name: [np.array(seed[name]) for seed in found] for name in found[0]}
    joined = {name: np.concatenate(values) for name, values in rows.items()}
    owner = np.repeat(np.arange(len(found)), [len(values) for values in rows["own"]])
    made: list[Record] = []
    for name, values in rows.items():
        if name not in ("own", "random", "oracle"):
            told = f"{name}, the best of 16" if name.endswith("selection") else f"the own sample of {name}"
            gain = hierarchical_bootstrap([a - b for a, b in zip(values, rows["own"], strict=True)])
            gap = gap_closed(joined[name], joined["random"], joined["oracle"], seeds=owner)
            made.append(_record(f"gain of {told} over the policy's own sample", gain, "m"))
            made.append(_record(f"share of the random-to-oracle gap closed by {told}", gap, "share"))
    return made


def _record(claim: str, interval: Any, unit: str) -> Record:
    mean, low, high = (round(float(value), 4) for value in (interval.mean, interval.low, interval.high))
    return Record(claim, mean, low, high, "", None, unit, interval.n)


if __name__ == "__main__":
    main()
