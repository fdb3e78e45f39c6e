"""HDF5 files of robomimic (Mandlekar et al. 2021): a group ``data/demo_<i>`` an episode.

Observations are in ``obs``, those that follow an action in ``next_obs``. ``dones`` is 1 where an action should end the
episode, which is ``terminated`` here. Arrays that robomimic does not know lie beside them and do not disturb it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robopref.data.datasets import hdf5
from robopref.data.datasets.dataset import Dataset, Episode, as_flags, observed, replacing, with_observations
from robopref.data.datasets.naming import Choices, Names, clash, need
from robopref.errors import DataError

_KIND = "a robomimic file"
_USUAL = {
    "state": "object",
    "image": "agentview_image",
    "action": "actions",
    "reward": "rewards",
    "terminated": "dones",
}
_GYM = 2  # robomimic's number of environments of gym


def read(path: Path, choices: Choices) -> Dataset:
    """Read a file.

    Args:
        path: The file.
        choices: Names, without ``obs``, and a filter key.

    Returns:
        The dataset, demonstrations in the order of their numbers.

    Raises:
        DataError: The file is missing or damaged, or has no such filter key.
        DependencyError: h5py is not installed.
    """
    names = Names(_USUAL, choices.names)
    with hdf5.opened(path, "r", _KIND) as file:
        if "data" not in file or not len(file["data"]):
            raise DataError(f"{path}: no demonstrations data/demo_<i>; expected {_KIND}, got {', '.join(file)}")
        demos = sorted(file["data"], key=_number)
        if mask := choices.mask:
            if f"mask/{mask}" not in file:
                has = ", ".join(file["mask"]) if "mask" in file else "none"
                raise DataError(f"{path}: no filter key {mask!r}; it has {has}")
            chosen = {name.decode() if isinstance(name, bytes) else str(name) for name in file[f"mask/{mask}"][()]}
            demos = [demo for demo in demos if demo in chosen]
        first = file["data"][demos[0]] if demos else {}
        names.check((_short(name) for name, _ in hdf5.arrays(first)), path)
        attrs = _attrs(file, names, first)

    def load() -> Iterator[Episode]:
        for demo in demos:
            with hdf5.opened(path, "r", _KIND) as file:
                yield as_flags(_episode(file["data"][demo], names, path), path)

    return Dataset(path, attrs, len(demos), load)


def write(path: Path, dataset: Dataset, choices: Choices) -> None:
    """Write a file.

    Args:
        path: File that does not exist yet.
        dataset: What to write.
        choices: Names.

    Raises:
        DataError: There are no actions or no observations.
        DependencyError: h5py is not installed.
    """
    names = Names(_USUAL, choices.names)
    with replacing(path) as building, hdf5.opened(building, "w", _KIND) as file:
        data, total = file.create_group("data"), 0
        for number, episode in enumerate(dataset):
            seen = observed(episode, dataset.attrs)
            if "action" not in episode:
                raise need("robomimic", "action", episode, "actions")
            if not seen:
                raise need("robomimic", "an observation", episode, "object")
            demo = data.create_group(f"demo_{number}")
            steps = len(episode["action"])
            for key, array in episode.items():
                after = key.removeprefix("next_")
                if key in seen:
                    place = f"obs/{names.outward(key)}"
                elif after != key and after in seen:
                    place = f"next_obs/{names.outward(after)}"
                else:
                    place = names.outward(key)
                demo.create_dataset(place, data=array)
            demo.attrs["num_samples"] = steps
            total += steps
        if not total:
            raise DataError(f"{dataset.path} holds no episodes")
        data.attrs["total"] = total
        data.attrs["env_args"] = json.dumps(
            {
                "env_name": str(dataset.attrs.get("task", "")),
                "type": _GYM,
                "env_kwargs": dataset.attrs.get("options", {}),
            }
        )
        file.attrs["robopref"] = json.dumps(dict(dataset.attrs))


def _episode(demo: Any, names: Names, path: Path) -> Episode:
    groups: dict[str, Episode] = {"obs": {}, "next_obs": {}, "": {}}
    for name, held in hdf5.arrays(demo):
        group, _, short = name.partition("/")
        if group not in ("obs", "next_obs"):
            group, short = "", name
        # Files without simulator states keep an empty or dummy array in their place.
        if held.shape and held.dtype.kind in "biuf" and (len(held) or short != "states"):
            groups[group][short] = hdf5.load(held, path)
    episode = names.inward(groups["obs"], path)
    others = {f"next_{key}": array for key, array in names.inward(groups["next_obs"], path).items()}
    for part in (others, names.inward(groups[""], path)):
        both = sorted(set(episode) & set(part))
        if both:
            raise clash(path, both[0])
        episode.update(part)
    return episode


def _attrs(file: Any, names: Names, first: Any) -> dict[str, Any]:
    if "robopref" in file.attrs:
        return json.loads(file.attrs["robopref"])
    described = json.loads(file["data"].attrs.get("env_args", "{}"))
    attrs: dict[str, Any] = {"env_args": described} if described else {}
    if described.get("env_name"):
        attrs["task"] = described["env_name"]
    if described.get("env_lang"):
        attrs["instruction"] = described["env_lang"]
    held = [str(name) for name in first["obs"]] if "obs" in first else []
    known = {name: ours for ours, theirs in names.table.items() for name in theirs}
    return with_observations(attrs, [known.get(name, name) for name in held])


def _number(demo: str) -> tuple[int, str]:
    digits = demo.rpartition("_")[2]
    return (int(digits) if digits.isdigit() else -1, demo)


def _short(name: str) -> str:
    return name.removeprefix("obs/").removeprefix("next_obs/")
