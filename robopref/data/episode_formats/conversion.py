"""Reading and writing datasets of any format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.containment import STORES
from robopref.data.episode_formats import (
    d4rl,
    hdf5,
    lerobot_reading,
    lerobot_writing,
    minari,
    npz,
    robomimic,
    zarr_replay,
)
from robopref.data.episode_formats.dataset import Dataset, Episode, reading
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.store import no_dataset
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.files import kind_of, likely

FILLABLE = ("reward", "terminated", "truncated")
_CLOUDS = ("points", "next_points")


@dataclass(frozen=True)
class Format:
    """How a format is read and written.

    Attributes:
        read: Makes a dataset of a path.
        write: Writes a dataset to a path that does not exist yet.
        suffixes: Endings of paths that can only be this format.
    """

    read: Callable[[Path, Choices], Dataset]
    write: Callable[[Path, Dataset, Choices], None]
    suffixes: tuple[str, ...] = ()


FORMATS: Mapping[str, Format] = {
    "zarr": Format(zarr_replay.read, zarr_replay.write, (".zarr",)),
    "diffusion_policy": Format(
        partial(zarr_replay.read, usual=zarr_replay.DIFFUSION_POLICY),
        partial(zarr_replay.write, usual=zarr_replay.DIFFUSION_POLICY),
    ),
    "dp3": Format(partial(zarr_replay.read, usual=zarr_replay.DP3), partial(zarr_replay.write, usual=zarr_replay.DP3)),
    "robomimic": Format(robomimic.read, robomimic.write),
    "minari": Format(minari.read, minari.write),
    "d4rl": Format(d4rl.read, d4rl.write),
    "lerobot": Format(lerobot_reading.read, lerobot_writing.write),
    "npz": Format(npz.read, npz.write, (".npz",)),
}


def open_dataset(path: Path, kind: str | None = None, choices: Choices | None = None) -> Dataset:
    """Read a dataset.

    Args:
        path: File or folder.
        kind: Name of the format; None looks at what is there.
        choices: What the files do not say.

    Returns:
        The dataset; episodes are read when it is iterated.

    Raises:
        ConfigError: There is no such format, or an array that was named.
        DataError: The files are missing, damaged or of no known format.
        DependencyError: The format needs a package that is not installed.
    """
    kind = detect(path) if kind is None else kind
    if kind not in FORMATS:
        raise unknown_name("format", kind, FORMATS)
    with reading(path, "a dataset"):
        if not path.exists():
            raise no_dataset(path)
    choices = choices or Choices()
    data = FORMATS[kind].read(path, choices).without(choices.drop)
    return data if choices.colours else data.mapped(_without_colours)


def write_dataset(path: Path, dataset: Dataset, kind: str | None = None, choices: Choices | None = None) -> None:
    """Write a dataset, as a whole or not at all.

    Args:
        path: File or folder that does not exist yet.
        dataset: What to write.
        kind: Name of the format; None goes by the ending of the path.
        choices: What the data do not say.

    Raises:
        ConfigError: There is no such format, the ending tells none, or it has no place for a measure of progress.
        DataError: The format cannot hold the data, or the files cannot be written.
        DependencyError: The format needs a package that is not installed.
    """
    if kind is None:
        by_ending = {suffix: name for name, one in FORMATS.items() for suffix in one.suffixes}
        if path.suffix not in by_ending:
            raise ConfigError(f"the ending of {path} tells no format; give format= one of {', '.join(FORMATS)}")
        kind = by_ending[path.suffix]
    if kind not in FORMATS:
        raise unknown_name("format", kind, FORMATS)
    choices = choices or Choices()
    if choices.progress is not None and kind != "lerobot":
        raise ConfigError(
            f"progress={choices.progress} is for format=lerobot; {kind} keeps the array as any other, so leave it out"
        )
    FORMATS[kind].write(path, dataset, choices)


def detect(path: Path) -> str:
    """Name the format of what is there.

    Args:
        path: File or folder.

    Returns:
        The name.

    Raises:
        DataError: There is nothing, or nothing that is known.
    """
    with reading(path, "a dataset"):
        if not path.exists():
            raise no_dataset(path)
        found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found in FORMATS:
        return found
    meant = likely(path, STORES) if path.is_dir() else []
    inside = f". Did you mean {' or '.join(map(str, meant))}?" if meant else ""
    raise DataError(f"{path} is of no known format: {found}. Formats: {', '.join(FORMATS)}{inside}")


def changed(dataset: Dataset, *, drop: Sequence[str] = (), fill: Sequence[str] = ()) -> Dataset:
    """A dataset without some arrays, and with some that it lacks.

    Args:
        dataset: The dataset.
        drop: Names of arrays to leave out.
        fill: Of ``reward``, zeros; ``terminated``, nowhere set; ``truncated``, set at the last step of every episode
            that did not terminate. What is there is left as it is, but for the last step of ``truncated``.

    Returns:
        The dataset.

    Raises:
        ConfigError: There is no array of such a name, or it cannot be filled in.
    """
    if not drop and not fill:
        return dataset
    first = dataset.first()
    for key in drop:
        if key not in first:
            raise unknown_name(f"array of {dataset.path}", key, first)
    for key in fill:
        if key not in FILLABLE:
            raise unknown_name("array to fill", key, FILLABLE)

    def change(episode: Episode) -> Episode:
        kept = {key: array for key, array in episode.items() if key not in drop}
        steps = len(next(iter(episode.values())))
        if "reward" in fill:
            kept.setdefault("reward", np.zeros(steps, dtype=np.float32))
        if "terminated" in fill:
            kept.setdefault("terminated", np.zeros(steps, dtype=np.bool_))
        if "truncated" in fill:
            cut = kept.get("truncated", np.zeros(steps, dtype=np.bool_)).copy()
            if "terminated" not in kept or not kept["terminated"][-1].any():
                cut[-1] = True
            kept["truncated"] = cut
        return kept

    return dataset.mapped(change)


def _without_colours(episode: Episode) -> Episode:
    """Clouds, (T, P, 3+C), as the positions of their points."""
    clouds = {key: array for key, array in episode.items() if key in _CLOUDS and array.ndim == 3}
    return {**episode, **{key: np.ascontiguousarray(array[:, :, :3]) for key, array in clouds.items()}}


def _of_folder(path: Path) -> str:
    if (path / "meta/info.json").exists():
        return "lerobot"
    if (minari.data_folder(path) / "metadata.json").exists():
        return "minari"
    if (path / "meta/episode_ends").exists():
        arrays = {entry.name for entry in (path / "data").iterdir()} if (path / "data").is_dir() else set[str]()
        if "point_cloud" in arrays:
            return "dp3"
        return "diffusion_policy" if "img" in arrays else "zarr"
    if (path / "meta/episodes.jsonl").exists():
        return "a LeRobotDataset older than version 3; convert it with lerobot's convert_dataset_v21_to_v30"
    held = sorted(entry.name for entry in path.iterdir())[:8]
    return f"a folder of {', '.join(held) or 'nothing'}"


def _of_file(path: Path) -> str:
    if (kind := kind_of(path)) != "a file":
        return kind
    with path.open("rb") as file:
        start = file.read(8)
    if start[:4] == b"PK\x03\x04":
        return "a zip file of a zarr store; unzip it first" if path.name.endswith(".zarr.zip") else "npz"
    if not start:
        return "an empty file"
    if start[:2] == b"\x1f\x8b":
        return "packed by gzip; unpack it first, such as with gunzip"
    if start == hdf5.SIGNATURE:
        with hdf5.opened(path, "r", "an HDF5 file") as file:
            return _of_hdf5(file)
    return f"a file that begins with {start!r}"


def _of_hdf5(file: Any) -> str:
    names = list(file)
    inner = hdf5.member(file, "data") if "data" in names else None
    if inner is not None and not hasattr(inner, "shape") and any(name.startswith("demo") for name in inner):
        return "robomimic"
    if "observations" in names and "actions" in names:
        return "d4rl"
    if any(name.startswith("episode_") for name in names):
        return "the HDF5 file within a Minari dataset; give the folder that has data/metadata.json"
    return f"an HDF5 file of {', '.join(names[:8]) or 'nothing'}"
