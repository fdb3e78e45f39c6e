"""Demonstrations -> diffusion policy -> preferences -> implicit reward -> better actions, as a script."""

from pathlib import Path

import torch

from robopref.data.cache import ReplayCache
from robopref.data.comparisons import gather_comparisons
from robopref.items import Comparisons
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.learning.clone import clone_policy
from robopref.learning.collect import (
    collect_demonstrations,
    draw_candidates,
    draw_states,
    try_candidates,
)
from robopref.learning.fit import FitConfig
from robopref.learning.preference import train_reward
from robopref.objectives.listwise import plackett_luce
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import CleanDraw
from robopref.querying.candidates import candidate_queries
from robopref.ranking.best_of_n import rank
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.dynamics import observe
from robopref.robots.sim import SimPool, TaskSpec


def main(folder: Path, *, demos: int = 200, states: int = 100, starts: int = 50, steps: int = 1200) -> float:
    """Gain of implicit selection over the policy's own sample, in metres of shape distance."""
    torch.manual_seed(0)
    cpu, task = torch.device("cpu"), TaskSpec("envs:robopref/RopeShaping-v0", {"target": "straight"}, max_steps=6)
    with SimPool(task, workers=2) as pool:
        store = collect_demonstrations(pool, folder / "demos.zarr", steps=demos, seed=0)
        geometry = pool.task.geometry
        policy = clone_policy(DiffusionPolicy(geometry, proprio=4), ReplayCache.build(store), FitConfig(steps), seed=0)

        seen = draw_states(pool, "preferences", count=states, seed=0, warm_up=3)
        chunks = draw_candidates(policy, seen, n=8, seed=1, device=cpu)
        outcome = try_candidates(pool, seen, chunks)
        teacher = ScriptedTeacher(lambda item: outcome[item.start, [item.candidate]], Imperfection(equal=0.003))
        queries = candidate_queries("candidates", states, 8)
        target = gather_comparisons(queries, map(teacher.label, queries), states=states, candidates=8)

        reward = ImplicitReward(policy, CleanDraw())
        data = Comparisons.of_candidates(observe(seen, cpu), torch.as_tensor(chunks), target, geometry)
        train_reward(reward, data, lambda s, t: plackett_luce(s, t, top=2), FitConfig(steps, 3e-4, ema=0.99), seed=0)

        held_out = draw_states(pool, "evaluation", count=starts, seed=0, warm_up=3)
        chunks = draw_candidates(reward.reference, held_out, n=16, seed=2, device=cpu)
        chosen = rank(reward, observe(held_out, cpu), torch.as_tensor(chunks)).action.numpy()
        tried = try_candidates(pool, held_out, torch.as_tensor(chunks[:, :1]).numpy())[:, 0]
        return float((try_candidates(pool, held_out, chosen[:, None])[:, 0] - tried).mean())


if __name__ == "__main__":
    print(f"gain of selection: {100 * main(Path('runs/script')):.1f} cm")
