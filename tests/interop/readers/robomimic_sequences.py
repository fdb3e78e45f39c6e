# ruff: noqa: E402
"""robomimic reads a file, or adds a filter key to one: `read SOURCE TARGET [FILTER]` or `mark SOURCE DEMOS...`."""

import sys
import types

import torchvision_operators  # noqa: F401 - before what imports torchvision

# Version 0.5.0 downloads a model of language when this is imported; only the name of what it would make is asked for.
sys.modules["robomimic.utils.lang_utils"] = types.SimpleNamespace(LANG_EMB_OBS_KEY="lang_emb")

import numpy as np
import robomimic.utils.file_utils as files
import robomimic.utils.obs_utils as observations
from exchange import dump
from robomimic.utils.dataset import SequenceDataset


def read(source, target, mask=None):
    seen = {"low_dim": ["proprio", "object"], "rgb": ["agentview_image"]}
    observations.initialize_obs_utils_with_obs_specs([{"obs": seen}])
    data = SequenceDataset(
        source, obs_keys=[*seen["low_dim"], *seen["rgb"]], action_keys=["actions"],
        dataset_keys=["actions", "rewards", "dones"], action_config={"actions": {"normalization": None}},
        filter_by_attribute=mask, hdf5_cache_mode=None, load_next_obs=True,
    )  # fmt: skip
    episodes = []
    for number in range(data.n_demos):
        held = data.get_trajectory_at_index(number)
        arrays = {key: np.asarray(held[key]) for key in ("actions", "rewards", "dones")}
        for part in ("obs", "next_obs"):
            arrays |= {f"{part}/{key}": np.asarray(array) for key, array in held[part].items()}
        episodes.append(arrays)
    shapes = files.get_shape_metadata_from_dataset({"path": source}, ["actions"], ["proprio", "object"])
    windows = SequenceDataset(
        source, obs_keys=["proprio"], action_keys=["actions"], dataset_keys=["actions"], frame_stack=2, seq_length=3,
        action_config={"actions": {"normalization": None}}, filter_by_attribute=mask, hdf5_cache_mode="all",
    )  # fmt: skip
    dump(
        target, episodes, env=files.get_env_metadata_from_dataset(source), windows=len(windows),
        last=np.asarray(windows[len(windows) - 1]["actions"]).tolist(), demos=data.demos,
        actions=int(shapes["ac_dim"]), shapes={key: list(shape) for key, shape in shapes["all_shapes"].items()},
    )  # fmt: skip


def mark(source, *demos):
    files.create_hdf5_filter_key(source, list(demos), "valid")


if __name__ == "__main__":
    {"read": read, "mark": mark}[sys.argv[1]](*sys.argv[2:])
