"""Demonstrations -> diffusion policy -> preferences -> implicit reward -> better actions, as a script."""

from functools import partial
from pathlib import Path

import robopref as rp

TASK = rp.TaskSpec("envs:robopref/RopeShaping-v0", {"target": "straight"}, max_steps=6)


def main(
    folder: Path, *, workers: int = 2, demos: int = 200, states: int = 100, starts: int = 50, steps: int = 1200
) -> float:
    """By how many metres the reward's choice of an action beats the policy's own, on starts nothing was trained on."""
    with rp.SimPool(TASK, workers) as pool:
        store = rp.collect_demonstrations(pool, folder / "demos.zarr", steps=demos, seed=0)
        policy = rp.clone_policy(rp.DiffusionPolicy.for_store(store), store, rp.FitConfig(steps), seed=0)
        seen = rp.Candidates.draw(policy, pool, "preferences", count=states, n=8, seed=0)
        fresh = rp.Candidates.draw(policy, pool, "evaluation", count=starts, n=16, seed=0)

        queries, teacher = seen.queries("ranking"), rp.ScriptedTeacher(seen.rewards)
        data = seen.comparisons(rp.Answers.of(queries, map(teacher.label, queries)))
        reward = rp.ImplicitReward(policy, rp.CleanDraw())  # tunes the policy, and keeps what it was as a reference
        objective = partial(rp.objectives.plackett_luce, top=2)
        rp.train_reward(reward, data, objective, rp.FitConfig(steps, 3e-4, ema=0.99), seed=0)

        best = rp.rank(reward, fresh.observation, fresh.actions).index
        return float((fresh.tried(best) - fresh.tried(0)).mean())


if __name__ == "__main__":
    print(f"gain of selection: {100 * main(Path('runs/script')):.1f} cm")
