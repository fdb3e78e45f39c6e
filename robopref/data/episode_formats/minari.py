"""Folders of Minari (Farama Foundation): ``data/metadata.json`` and ``data/main_data.hdf5``, a group an episode.

Minari has one observation more than actions, the one that the last action led to. It is here the last row of
``next_<name>``, which follows ``<name>`` by one step.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.containment import inside
from robopref.data.episode_formats import hdf5
from robopref.data.episode_formats.coded_pictures import decode
from robopref.data.episode_formats.dataset import (
    Dataset,
    Episode,
    as_flags,
    observed,
    reading,
    replacing,
    with_observations,
)
from robopref.data.episode_formats.naming import Choices, Names, clash, need
from robopref.errors import DataError
from robopref.files import read_json

_KIND = "a Minari dataset"
_USUAL = {
    "state": "observation", "action": "actions", "reward": "rewards", "terminated": "terminations",
    "truncated": "truncations",
}  # fmt: skip
_NEEDED = ("action", "reward", "terminated", "truncated")
_VERSION = "0.5.4"
# What is told of a dataset as a whole, and goes from one folder to the next.
_TOLD = (
    "dataset_id", "description", "env_spec", "eval_env_spec", "algorithm_name", "author", "author_email",
    "code_permalink", "requirements", "ref_min_score", "ref_max_score", "num_episodes_average_score",
)  # fmt: skip


def data_folder(path: Path) -> Path:
    """The folder with the metadata, be it given itself or by the dataset that it is the data of."""
    return path / "data" if (path / "data" / "metadata.json").exists() else path


def read(path: Path, choices: Choices) -> Dataset:
    """Read a folder.

    Observations that are vectors bring ``next_<name>``; of clouds and images the last one is left out, except from
    folders that robopref wrote with it.

    Args:
        path: The folder of the dataset, or its ``data``.
        choices: Names, without ``observations`` and ``infos``.

    Returns:
        The dataset.

    Raises:
        DataError: The folder is missing or damaged, or of a kind that only minari itself can read.
        DependencyError: h5py is not installed.
    """
    folder, names = data_folder(path), Names(_USUAL, choices.names)
    with reading(path, _KIND):
        about = read_json(inside(path, (folder / "metadata.json").relative_to(path)))
        count = int(about["total_episodes"])
        if count != float(about["total_episodes"]) or count < 0:
            raise DataError(f"{path}: total_episodes of metadata.json must be a whole number, got {count}")
        own = about.get("robopref")
        attrs = dict(own["attrs"]) if own else _attrs(about)
        following = None if own is None else set(own["next"])
    if about.get("data_format", "hdf5") != "hdf5":
        raise DataError(
            f"{path} is of Minari's {about['data_format']} storage, not hdf5; write it again with minari's "
            "DataCollector(data_format='hdf5')"
        )
    file = inside(path, (folder / "main_data.hdf5").relative_to(path))
    with hdf5.opened(file, "r", _KIND) as opened:
        there = sum(name.startswith("episode_") for name in opened)
        if there < count:
            raise DataError(f"{file}: no episode_{there}; metadata.json counts {count} episodes")
        first = dict(hdf5.arrays(hdf5.member(opened, "episode_0"))) if count else {}
        seen = [name for name in first if _is_seen(name)]
        known = {name: ours for ours, theirs in names.table.items() for name in theirs}
        derived = [f"next_{names.back(_short(name))}" for name in seen]
        wanted = names.choose({name: ("", _short(name)) for name in first}, path, choices.drop, derived)
        left = {
            name: held
            for name, held in first.items()
            if name in wanted and not hdf5.numbers(held) and not (_is_seen(name) and held.dtype.kind == "O")
        }
        unread = (set(first) - wanted) | set(left)
        notes = hdf5.notes(left)
    if not own:
        attrs = with_observations(attrs, [known.get(_short(name), _short(name)) for name in seen])
    if there > count:
        notes += (f"{there - count} of {there} episodes are not read: metadata.json counts {count}",)

    def load() -> Iterator[Episode]:
        for number in range(count):
            with hdf5.opened(file, "r", _KIND) as opened:
                episode = _episode(hdf5.member(opened, f"episode_{number}"), unread, names, path, following)
            yield as_flags(episode, path)

    return Dataset(path, attrs, count, load, notes)


def write(path: Path, dataset: Dataset, choices: Choices) -> None:
    """Write a folder.

    Args:
        path: Folder that does not exist yet; under ``~/.minari/datasets`` minari finds it by its name.
        dataset: What to write, with ``next_<name>`` for each observation.
        choices: Names.

    Raises:
        DataError: An array is missing, or ``next_<name>`` does not follow ``<name>``.
        DependencyError: h5py is not installed.
    """
    names, first = Names(_USUAL, choices.names), dataset.first()
    seen = observed(first, dataset.attrs)
    for key in _NEEDED:
        if key not in first:
            raise need("minari", key, first, _USUAL[key])
    if not seen:
        raise need("minari", "an observation", first, "observation")
    repeated = [key for key in seen if f"next_{key}" not in first]
    if repeated and choices.final != "repeat":
        raise DataError(
            f"minari holds the observation after the last action, but {dataset.path} has no next_{repeated[0]}; "
            f"final=repeat repeats the last observation in its place, drop=[{repeated[0]}] leaves it out"
        )
    with replacing(path) as building:
        folder, total = building / "data", 0
        folder.mkdir(parents=True)
        with hdf5.opened(folder / "main_data.hdf5", "w", _KIND) as file:
            for number, episode in enumerate(dataset):
                steps = len(episode["action"])
                group = file.create_group(f"episode_{number}")
                group.attrs.update({"id": number, "total_steps": steps})
                for key, array in _laid_out(episode, seen, names, number):
                    group[key] = array
                total += steps
                hdf5.confirm(file)
        about = _about(first, seen, names)
        about |= {name: dataset.attrs[name] for name in _TOLD if dataset.attrs.get(name) is not None}
        about["dataset_id"] = _dataset_id(path, dataset.attrs.get("dataset_id"))
        about["description"] = str(dataset.attrs.get("instruction") or dataset.attrs.get("description", ""))
        about["robopref"] = {"attrs": dict(dataset.attrs), "next": [key for key in seen if key not in repeated]}
        size = round((folder / "main_data.hdf5").stat().st_size / 1e6, 1)
        about |= {"total_episodes": dataset.count, "total_steps": total, "dataset_size": size}
        (folder / "metadata.json").write_text(json.dumps(about))


def _laid_out(episode: Episode, seen: list[str], names: Names, number: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays by their places in the group of an episode."""
    for key, array in episode.items():
        if key in seen:
            after = episode.get(f"next_{key}", np.concatenate([array[1:], array[-1:]]))
            if not np.array_equal(after[:-1], array[1:], equal_nan=array.dtype.kind == "f"):
                raise DataError(
                    f"minari holds one observation between two actions, but next_{key} of episode {number} is not "
                    f"{key} of the next step; drop=[next_{key}] and final=repeat leave it out"
                )
            yield _place(key, seen, names), np.concatenate([array, after[-1:]])
        elif key in _NEEDED:
            yield _USUAL[key], array
        elif not (key.startswith("next_") and key.removeprefix("next_") in seen):
            yield f"infos/{names.outward(key)}", array


def _place(key: str, seen: list[str], names: Names) -> str:
    """A single vector of state is the observation itself, anything else a part of it."""
    if len(seen) == 1 and names.outward(key) == "observation":
        return "observations"
    return f"observations/{names.outward(key)}"


def _dataset_id(path: Path, before: Any) -> str:
    """The name by which minari finds a dataset, which is where it lies in minari's folder.

    Elsewhere it is the name of the folder, in the namespace that the data had if they are of that name.
    """
    root = Path(os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari/datasets").resolve()
    whole = path.resolve()
    parts = list(whole.relative_to(root).parts) if whole.is_relative_to(root) and whole != root else [path.name]
    parts = [re.sub(r"[^\w-]", "-", part, flags=re.ASCII) for part in parts]
    parts[-1] += "" if re.search(r"-v\d+$", parts[-1]) else "-v0"
    if len(parts) == 1 and isinstance(before, str) and before.rpartition("/")[2] == parts[0]:
        return before
    return "/".join(parts)


def _about(first: Episode, seen: list[str], names: Names) -> dict[str, Any]:
    spaces = {_place(key, seen, names).rpartition("/")[2]: _box(first[key]) for key in seen}
    space = spaces.get("observations") or {"type": "Dict", "subspaces": spaces}
    action = _box(first["action"])
    return {
        "minari_version": _VERSION, "data_format": "hdf5", "jpeg_encoding": False,
        "observation_space": json.dumps(space), "action_space": json.dumps(action),
    }  # fmt: skip


def _box(example: NDArray[Any]) -> dict[str, Any]:
    """A gymnasium box that holds every value of the type, in the words of Minari."""
    shape = example.shape[1:]
    if example.dtype.kind == "f":
        low, high = -np.inf, np.inf
    elif example.dtype.kind == "b":
        low, high = 0, 1
    else:
        low, high = np.iinfo(example.dtype).min, np.iinfo(example.dtype).max
    kind = "int8" if example.dtype.kind == "b" else str(example.dtype)
    bounds = (np.full(shape, value).tolist() for value in (low, high))
    return {"type": "Box", "dtype": kind, "shape": list(shape), **dict(zip(("low", "high"), bounds, strict=True))}


def _episode(group: Any, unread: set[str], names: Names, path: Path, following: set[str] | None) -> Episode:
    found = {name: held for name, held in hdf5.arrays(group) if name not in unread}
    steps = next((len(held) for name, held in found.items() if name.split("/")[0] == "actions"), None)
    if steps is None:
        steps = len(hdf5.member(group, "rewards"))
    pictures = {name: held for name, held in found.items() if _is_seen(name) and _has_pictures(held)}
    loaded = hdf5.load({name: held for name, held in found.items() if name not in pictures}, path)
    seen = {_short(name): array for name, array in loaded.items() if _is_seen(name)}
    seen |= {_short(name): _decoded(held, path) for name, held in pictures.items()}
    others = {_short(name): array for name, array in loaded.items() if not _is_seen(name)}
    episode: Episode = {}
    after: Episode = {}
    for part, is_seen in ((names.inward(seen, path), True), (names.inward(others, path), False)):
        for key, array in part.items():
            wanted = array.ndim <= 2 if following is None else key in following
            longer = len(array) == steps + 1
            if is_seen and wanted and longer:
                after[f"next_{key}"] = array[1:]
            if key in episode:
                raise clash(path, key)
            # What is told of a step comes with its result, what is observed before it.
            episode[key] = array if not longer else array[:steps] if is_seen else array[1:]
    return after | episode


def _is_seen(name: str) -> bool:
    return name.split("/", maxsplit=1)[0] == "observations"


def _has_pictures(held: Any) -> bool:
    return held.dtype.kind == "O" or (held.ndim == 2 and held.dtype == np.uint8 and len(held) > 0 and _is_jpeg(held))


def _decoded(held: Any, path: Path) -> NDArray[Any]:
    """The pictures of an array of JPEG files."""
    hdf5.check([held], path)
    return np.stack([decode(np.asarray(row, dtype=np.uint8).tobytes(), path) for row in held[()]])


def _is_jpeg(held: Any) -> bool:
    return held.shape[1] > 3 and bytes(np.asarray(held[0, :3])) == b"\xff\xd8\xff"


def _attrs(about: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: about[name] for name in _TOLD if about.get(name) is not None}
    try:
        described: Any = json.loads(about.get("env_spec") or "{}")
    except (TypeError, ValueError):
        described = None  # nothing else depends on it
    if isinstance(described, dict) and described.get("id"):
        kept |= {"task": described["id"], "options": described.get("kwargs") or {}}
    return kept


def _short(name: str) -> str:
    if name == "observations":
        return "observation"
    return name.removeprefix("observations/").removeprefix("infos/")
