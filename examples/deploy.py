"""A cloned policy and a score on a robot, here a simulated one, behind the safety filter."""

from contextlib import closing
from pathlib import Path

import torch

import robopref as rp

TASK = rp.TaskSpec("envs:robopref/RopeShaping-v0", {"target": "straight"}, max_steps=6)


class Gentle:
    """Likes actions that do little; any trained reward has its place."""

    def score(self, observation: rp.Observation, actions: torch.Tensor, *, draw: object = None) -> rp.Scores:
        return rp.Scores(-actions.square().mean((2, 3)))


def main(folder: Path, *, workers: int = 2, demos: int = 200, steps: int = 1200, commands: int = 6) -> str:
    """What came of one episode."""
    with rp.SimPool(TASK, workers) as pool:
        store = rp.collect_demonstrations(pool, folder / "demos.zarr", steps=demos, seed=0)
    policy = rp.clone_policy(rp.DiffusionPolicy.for_store(store), store, rp.FitConfig(steps), seed=0)
    with closing(rp.Guard(rp.TaskRobot(TASK), rp.Limits())) as guard:  # a real robot takes limits, and its own class
        runtime = rp.Runtime(guard, rp.Planner(policy, Gentle()))
        guard.arm("the operator's name")
        tally = runtime.run(seed=0, commands=commands)
    return f"{tally.commands} commands, {tally.refused} plans refused; it ended by: {tally.cause}"


if __name__ == "__main__":
    print(main(Path("runs/deploy")))
