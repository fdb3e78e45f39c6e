"""imitation saves a preference dataset of what a file holds: `SOURCE TARGET`."""

import sys

import numpy as np
from exchange import load
from imitation.algorithms.preference_comparisons import PreferenceDataset
from imitation.data.types import TrajectoryWithRew


def main(source, target):
    episodes, told = load(source)
    fragments = [
        TrajectoryWithRew(
            obs=episode["obs"], acts=episode["acts"], rews=episode["rews"], terminal=False,
            infos=np.array([{"step": step, "TimeLimit.truncated": False} for step in range(len(episode["acts"]))]),
        )
        for episode in episodes
    ]  # fmt: skip
    pairs = list(zip(fragments[::2], fragments[1::2], strict=True))
    data = PreferenceDataset()
    data.push(pairs, np.array(told["preferences"], np.float32))
    data.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
