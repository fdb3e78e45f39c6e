"""A labeler of your own: whatever answers questions teaches; its answers stay, and asking goes on where it stopped."""

from pathlib import Path

import numpy as np

import robopref as rp

TASK = rp.TaskSpec("envs:robopref/DrawerOpen-v0", {"state": True}, max_steps=100)


class Unhurried:
    """Prefers the segment in which the hand moves less."""

    def __init__(self, store: rp.EpisodeStore) -> None:
        self.store, self.name = store, "unhurried"

    def label(self, query: rp.Query) -> rp.Feedback:
        first, second = (np.abs(self.store.array("action", item.start, item.stop)).mean() for item in query.items)
        return rp.Feedback(query.id, rp.Preference(float(first < second)), self.name)


def main(folder: Path, *, workers: int = 2, demos: int = 1000, pairs: int = 200, steps: int = 400) -> float:
    """Correlation of how much the hand moves and of the reward that was learnt from the labeler."""
    with rp.SimPool(TASK, workers) as pool:
        store = rp.collect_demonstrations(pool, folder / "demos.zarr", steps=demos, seed=0)
    segments, labeler = rp.Segments(store, length=10), Unhurried(store)
    with rp.FeedbackStore(folder / "labels.sqlite") as labels:
        labels.add_queries(segments.queries(pairs, instruction="Which one is less hurried?"))
        labels.add_all(map(labeler.label, labels.unanswered(labeler.name)))
        data = segments.comparisons(rp.Answers.of(labels.queries(), labels.feedback()))
    reward = rp.SegmentReward.for_items(data.items)
    rp.train_reward(reward, data, rp.objectives.bradley_terry, rp.FitConfig(steps), seed=0)
    store = rp.relabel(store.path, reward, "reward_unhurried", {"learnt from": labeler.name})
    return float(np.corrcoef(store.array("reward_unhurried"), np.abs(store.array("action")).mean(1))[0, 1])


if __name__ == "__main__":
    print(f"correlation of reward and motion: {main(Path('runs/labeler')):.2f}")
