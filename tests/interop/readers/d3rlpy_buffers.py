"""d3rlpy reads a file of D4RL: `SOURCE TARGET`."""

import sys

import d3rlpy
import h5py
import numpy as np
from exchange import dump


def main(source, target):
    with h5py.File(source) as file:
        held = {name: file[name][()] for name in ("observations", "actions", "rewards", "terminals", "timeouts")}
    buffer = d3rlpy.dataset.MDPDataset(**held)
    episodes = [
        {
            "observations": np.asarray(episode.observations), "actions": np.asarray(episode.actions),
            "rewards": np.asarray(episode.rewards), "terminated": np.array(bool(episode.terminated)),
        }
        for episode in buffer.episodes
    ]  # fmt: skip
    dump(target, episodes)


if __name__ == "__main__":
    main(*sys.argv[1:])
