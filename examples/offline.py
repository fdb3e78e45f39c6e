"""A dataset of another project -> preferences among its segments -> a learnt reward -> a policy, without a robot."""

import sys
from pathlib import Path

import torch

import robopref as rp


def main(
    file: Path, folder: Path, *, length: int = 25, pairs: int = 500, fit: int = 1000, steps: int = 20_000
) -> rp.ImplicitQLearning:
    """Learn from a file of robomimic, Minari, D4RL, LeRobot, npz, ... with state, action, reward and terminated."""
    rp.write_dataset(folder / "data.zarr", rp.open_dataset(file))
    store = rp.EpisodeStore.open(folder / "data.zarr")

    segments = rp.Segments(store, length)
    queries, teacher = segments.queries(pairs), rp.ScriptedTeacher(segments.rewards)
    data = segments.comparisons(rp.Answers.of(queries, map(teacher.label, queries)))
    reward = rp.SegmentReward.for_items(data.items, members=3)
    rp.train_reward(reward, data, rp.objectives.bradley_terry, rp.FitConfig(fit), seed=0)

    store = rp.relabel(store.path, reward, "reward_learnt", {"learnt from": f"{pairs} pairs"})
    transitions = rp.Transitions.load(store, reward="reward_learnt")
    learner = rp.ImplicitQLearning(transitions, rp.OfflineConfig(steps=steps))
    rp.train_offline(learner, folder=folder / "iql")
    return learner


if __name__ == "__main__":
    policy = main(Path(sys.argv[1]), Path("runs/offline")).policy()
    print(policy.act(rp.Observation(None, None, state=torch.zeros(1, policy.normalizer.size))))
