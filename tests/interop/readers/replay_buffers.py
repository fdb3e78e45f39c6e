"""The ReplayBuffer of diffusion_policy or DP3, or zarr 2, reads or writes a store: `read|write SOURCE TARGET [FILE]`.

FILE is its `replay_buffer.py`, which is loaded by itself, without what the rest of the project needs.
"""

import importlib.util
import sys

import numpy as np
import zarr
from exchange import dump, load


def buffers(file):
    spec = importlib.util.spec_from_file_location("replay_buffer", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ReplayBuffer


def read(source, target, file=None):
    if file:
        buffer = buffers(file).copy_from_path(source)
        episodes = [buffer.get_episode(number) for number in range(buffer.n_episodes)]
    else:
        root = zarr.open(source, "r")
        ends = root["meta/episode_ends"][:]
        whole = {name: array[:] for name, array in root["data"].arrays()}
        starts = [0, *ends[:-1]]
        episodes = [
            {name: array[start:end] for name, array in whole.items()} for start, end in zip(starts, ends, strict=True)
        ]
    dump(target, [{name: np.asarray(array) for name, array in episode.items()} for episode in episodes])


def write(source, target, file=None):
    episodes, _ = load(source)
    if file:
        buffer = buffers(file).create_empty_zarr()
        for episode in episodes:
            buffer.add_episode(episode, compressors="disk")
        buffer.save_to_path(target)
    else:
        root = zarr.open(target, "w")
        for name in episodes[0]:
            root[f"data/{name}"] = np.concatenate([episode[name] for episode in episodes])
        root["meta/episode_ends"] = np.cumsum([len(episode["action"]) for episode in episodes])


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
