"""HDF5 files of robomimic (Mandlekar et al. 2021): a group ``data/demo_<i>`` an episode.

Observations are in ``obs``, those that follow an action in ``next_obs``. ``dones`` is 1 where an action should end the
episode, which is ``terminated`` here. Arrays that robomimic does not know lie beside them and do not disturb it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.episode_formats import hdf5
from robopref.data.episode_formats.dataset import Dataset, Episode, as_flags, observed, replacing, with_observations
from robopref.data.episode_formats.episode_attrs import telling, told
from robopref.data.episode_formats.naming import Choices, Names, clash, need
from robopref.errors import DataError

_KIND = "a robomimic file"
_USUAL = {
    "state": "object",
    "image": "agentview_image",
    "action": "actions",
    "reward": "rewards",
    "terminated": "dones",
}
_MASKS = "mask"
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
        if "data" not in file or not len(hdf5.member(file, "data")):
            raise DataError(f"{path}: no demonstrations data/demo_<i>; expected {_KIND}, got {', '.join(file)}")
        if hasattr(file["data"], "shape"):
            raise DataError(f"{path}: data must be a group of demonstrations, it is an array itself; expected {_KIND}")
        notes = ()
        demos = sorted(file["data"], key=_number)
        if mask := choices.mask:
            if f"mask/{mask}" not in file:
                has = ", ".join(file["mask"]) if "mask" in file else "none"
                raise DataError(f"{path}: no filter key {mask!r}; it has {has}")
            listed = hdf5.member(file, f"mask/{mask}")
            if not hasattr(listed, "shape"):
                raise DataError(f"{path}: the filter key {mask!r} must be an array of names, it is a group")
            hdf5.check([listed], path)
            chosen = {name.decode() if isinstance(name, bytes) else str(name) for name in listed[()]}
            if absent := sorted(chosen - set(demos)):
                notes = (f"of the filter key {mask} {len(absent)} are no demonstrations: {', '.join(absent)[:80]}",)
            demos = [demo for demo in demos if demo in chosen]
        first = dict(hdf5.arrays(hdf5.member(file, f"data/{demos[0]}"))) if demos else {}
        wanted = names.choose({name: _parts(name) for name in first}, path, choices.drop)
        left = {name: held for name, held in first.items() if name in wanted and not hdf5.numbers(held)}
        unread = (set(first) - wanted) | set(left)
        attributes = [dict(hdf5.member(file, f"data/{demo}").attrs) for demo in demos]
        attrs = telling(_attrs(file, names, first), _told(file, demos, attributes, path))
        strange = {name for held in attributes for name, value in held.items() if hdf5.plain(value) is None}
        notes += tuple(f"the attribute {name} of demonstrations is not read" for name in sorted(strange))
        notes = (*hdf5.notes(left), *notes)

    def load() -> Iterator[Episode]:
        for demo in demos:
            with hdf5.opened(path, "r", _KIND) as file:
                episode = _episode(hdf5.member(file, f"data/{demo}"), unread, names, path)
            yield as_flags(episode, path)

    return Dataset(path, attrs, len(demos), load, notes)


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
        data, total, masks = file.create_group("data"), 0, dict[str, list[str]]()
        episodes = told(dataset.attrs, dataset.count)
        for number, episode in enumerate(dataset):
            name = f"demo_{number}"
            demo, attributes = data.create_group(name), dict(episodes[number])
            _write_arrays(demo, episode, names, observed(episode, dataset.attrs))
            for key in attributes.pop(_MASKS, ()):
                masks.setdefault(str(key), []).append(name)
            demo.attrs.update({**attributes, "num_samples": len(episode["action"])})
            total += len(episode["action"])
            hdf5.confirm(file)
        if not total:
            raise DataError(f"{dataset.path} holds no episodes")
        data.attrs["total"] = total
        for key, chosen in masks.items():
            file[f"mask/{key}"] = np.array(chosen, dtype="S")
        data.attrs["env_args"] = json.dumps(_env_args(dataset.attrs))
        file.attrs["robopref"] = json.dumps(telling(dataset.attrs, []))


def _write_arrays(demo: Any, episode: Episode, names: Names, seen: Sequence[str]) -> None:
    if "action" not in episode:
        raise need("robomimic", "action", episode, "actions")
    if not seen:
        raise need("robomimic", "an observation", episode, "object")
    for key, array in episode.items():
        after = key.removeprefix("next_")
        if key in seen:
            place = f"obs/{names.outward(key)}"
        elif after != key and after in seen:
            place = f"next_obs/{names.outward(after)}"
        else:
            place = names.outward(key)
        demo.create_dataset(place, data=array)


def _env_args(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """What robomimic makes the environment of: as it was there, or a gymnasium environment of the task."""
    held = attrs.get("env_args")
    if isinstance(held, Mapping) and held.get("env_name") == attrs.get("task"):
        return dict(held)  # type: ignore[reportUnknownArgumentType]
    return {"env_name": str(attrs.get("task", "")), "type": _GYM, "env_kwargs": attrs.get("options", {})}


def _told(file: Any, demos: Sequence[str], attributes: Sequence[Mapping[str, Any]], path: Path) -> list[dict[str, Any]]:
    """Attributes of each demonstration, such as the ``model_file`` of its simulation, and the filter keys it is in."""
    of: dict[str, dict[str, Any]] = {}
    for demo, held in zip(demos, attributes, strict=True):
        values = {name: hdf5.plain(value) for name, value in held.items() if name not in ("num_samples", _MASKS)}
        of[demo] = {name: value for name, value in values.items() if value is not None}
    masks = dict(hdf5.arrays(hdf5.member(file, _MASKS))) if _MASKS in file else {}
    hdf5.check(list(masks.values()), path)
    for key, listed in masks.items():
        for name in map(hdf5.plain, np.atleast_1d(listed[()])):
            if name in of:
                of[name].setdefault(_MASKS, []).append(key)
    return list(of.values())


def _episode(demo: Any, unread: set[str], names: Names, path: Path) -> Episode:
    # Files without simulator states keep an empty or dummy array in their place.
    held = {
        name: one
        for name, one in hdf5.arrays(demo)
        if name not in unread and (name != "states" or (one.shape and len(one)))
    }
    groups: dict[str, Episode] = {"": {}, "next_": {}, "obs": {}}
    for name, array in hdf5.load(held, path).items():
        before, short = _parts(name)
        groups["obs" if name.startswith("obs/") else before][short] = array
    episode = names.inward(groups["obs"], path)
    others = {f"next_{key}": array for key, array in names.inward(groups["next_"], path).items()}
    for part in (others, names.inward(groups[""], path)):
        both = sorted(set(episode) & set(part))
        if both:
            raise clash(path, both[0])
        episode.update(part)
    return episode


def _attrs(file: Any, names: Names, first: Iterable[str]) -> dict[str, Any]:
    if "robopref" in file.attrs:
        return hdf5.told(file, "robopref")
    described = hdf5.told(file["data"], "env_args")
    attrs: dict[str, Any] = {"env_args": described} if described else {}
    if described.get("env_name"):
        attrs["task"] = described["env_name"]
    if described.get("env_lang"):
        attrs["instruction"] = described["env_lang"]
    held = [name.removeprefix("obs/") for name in first if name.startswith("obs/")]
    known = {name: ours for ours, theirs in names.table.items() for name in theirs}
    return with_observations(attrs, [known.get(name, name) for name in held])


def _number(demo: str) -> tuple[int, str]:
    digits = demo.rpartition("_")[2]
    return (int(digits) if digits.isdigit() else -1, demo)


def _parts(name: str) -> tuple[str, str]:
    """What a name here begins with, and the name within its group."""
    group, _, short = name.partition("/")
    return {"obs": ("", short), "next_obs": ("next_", short)}.get(group, ("", name))
