"""LeRobot reads or writes a dataset: `read|write SOURCE TARGET`."""

import sys

import numpy as np
import torchvision_operators  # noqa: F401 - before what imports torchvision
from exchange import dump, load
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def plain(value):
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def read(source, target):
    data = LeRobotDataset("local/data", root=source, video_backend="pyav")
    episodes = []
    for row in data.meta.episodes:
        items = [data[number] for number in range(row["dataset_from_index"], row["dataset_to_index"])]
        held = {key: np.stack([np.asarray(item[key]) for item in items]) for key in items[0] if key != "task"}
        episodes.append({**held, "task": np.array([item["task"] for item in items])})
    meta = data.meta
    dump(
        target, episodes, fps=meta.fps, robot=meta.robot_type, names=plain(meta.names), stats=plain(meta.stats),
        features={key: [held["dtype"], list(held["shape"])] for key, held in meta.features.items()},
        totals=[meta.total_episodes, meta.total_frames, meta.total_tasks], lengths=list(meta.episodes["length"]),
    )  # fmt: skip


def write(source, target):
    episodes, told = load(source)
    for feature in told["features"].values():
        feature["shape"] = tuple(feature["shape"])
    data = LeRobotDataset.create("local/data", root=target, **told)
    for episode in episodes:
        for step in range(len(episode["task"])):
            data.add_frame({**{key: held[step] for key, held in episode.items()}, "task": str(episode["task"][step])})
        data.save_episode()
    data.finalize()


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
