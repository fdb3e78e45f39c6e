"""Episodes and what is told of them in one file of numpy, which both sides can read."""

import json

import numpy as np


def dump(path, episodes, **told):
    """Write episodes, a dictionary of arrays each, and whatever JSON can hold."""
    arrays = {f"{number}/{key}": array for number, episode in enumerate(episodes) for key, array in episode.items()}
    np.savez(path, told=np.array(json.dumps(told)), **arrays)


def load(path):
    """Read both."""
    with np.load(path) as file:
        told = json.loads(str(file["told"]))
        episodes = {}
        for name in file.files:
            number, _, key = name.partition("/")
            if key:
                episodes.setdefault(int(number), {})[key] = file[name]
    return [episodes[number] for number in sorted(episodes)], told
