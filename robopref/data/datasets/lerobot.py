"""LeRobotDataset folders, version 3 (Hugging Face LeRobot): reading, and what reading and writing agree on.

``meta/info.json`` names the features, ``meta/tasks.parquet`` the instructions and ``meta/episodes`` the stretch of
every episode; frames are rows of ``data/chunk-*/file-*.parquet``, images PNG files in them or frames of mp4 files.
``next.done`` says that an episode is over, not whether the task ended or was cut off: it is ``done`` here, never
``terminated``. What version 3 has no place for is in ``meta/robopref.json``, which LeRobot does not look at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.arrow import pyarrow
from robopref.data.datasets.dataset import Dataset, Episode, as_flags, reading, with_observations
from robopref.data.datasets.naming import Choices, Names
from robopref.data.datasets.pictures import Film, decode
from robopref.errors import DataError

KIND = "a LeRobotDataset"
VERSION = "v3.0"
OWN = "meta/robopref.json"
USUAL = {
    "proprio": "observation.state", "state": "observation.environment_state", "points": "observation.points",
    "reward": "next.reward", "success": "next.success", "terminated": "next.terminated",
    "truncated": "next.truncated", "done": "next.done", "time": "timestamp",
}  # fmt: skip
IMAGES = "observation.images."
_COUNTED = ("frame_index", "episode_index", "index")


def read(path: Path, choices: Choices) -> Dataset:
    """Read a folder.

    Args:
        path: The folder.
        choices: Names. The only camera is ``image``, several are ``image_<camera>``.

    Returns:
        The dataset; ``task_index`` is among its arrays if there are several instructions.

    Raises:
        DataError: The folder is missing, damaged, or of another version.
        DependencyError: pyarrow is not installed.
    """
    _, pq = pyarrow()
    with reading(path, KIND):
        info = json.loads((path / "meta/info.json").read_text())
        if info["codebase_version"] != VERSION:
            raise DataError(
                f"{path} is a LeRobotDataset {info['codebase_version']}, only {VERSION} can be read; convert it with "
                "lerobot's convert_dataset_v21_to_v30"
            )
        features: dict[str, Any] = info["features"]
        own = json.loads((path / OWN).read_text()) if (path / OWN).exists() else None
        tasks = _tasks(path, pq)
        episodes = _episodes(path, pq, [name for name, feature in features.items() if feature["dtype"] == "video"])
    names = Names({**USUAL, **_cameras(features)}, choices.names)
    names.check(features, path)
    kept = [name for name in features if name not in _COUNTED and (name != "task_index" or len(tasks) > 1)]
    kept = [name for name in kept if features[name]["dtype"] != "string"]
    # What robopref wrote comes back as it was, unless other names are asked for.
    exact: dict[str, Any] = own["arrays"] if own and not choices.names else {}
    if exact:
        kept = [column for column, _, _ in exact.values()]
    attrs = own["attrs"] if own else _attrs(info, tasks, names, kept)

    columns = [name for name in kept if features[name]["dtype"] != "video"]

    def load() -> Iterator[Episode]:
        films: dict[str, Film] = {}
        shard: _Shard | None = None
        for row in episodes:
            with reading(path, KIND):
                place = {part: row[f"data/{part}"] for part in ("chunk_index", "file_index")}
                file = path / info["data_path"].format(**place)
                if shard is None or shard.path != file:
                    shard = _Shard(file)
                table = shard.frames(row, columns)
                found = {name: _column(table[name], features[name], path) for name in columns}
                for name in kept:
                    if features[name]["dtype"] == "video":
                        found[name] = _filmed(path, info, row, name, films)
                shaped = {name: _shaped(found[name], features[name]) for name in kept}
                if exact:
                    episode = {
                        key: shaped[column].astype(kind, copy=False).reshape(row["length"], *shape)
                        for key, (column, kind, shape) in exact.items()
                    }
                else:
                    episode = names.inward(shaped, path)
            yield as_flags(episode, path)

    return Dataset(path, attrs, len(episodes), load)


def _tasks(path: Path, pq: Any) -> list[str]:
    table = pq.read_table(path / "meta/tasks.parquet").to_pydict()
    (column,) = [name for name in table if name != "task_index"]
    order = np.argsort(table["task_index"], kind="stable").tolist()
    return [str(table[column][i]) for i in order]


def _episodes(path: Path, pq: Any, videos: list[str]) -> list[dict[str, Any]]:
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index", "dataset_from_index"]
    columns += [f"videos/{name}/{part}" for name in videos for part in ("chunk_index", "file_index", "from_timestamp")]
    files = sorted((path / "meta/episodes").glob("*/*.parquet"))
    if not files:
        raise DataError(f"{path}: no meta/episodes/chunk-000/file-000.parquet")
    rows = [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]
    return sorted(rows, key=lambda row: row["episode_index"])


class _Shard:
    """A file of frames; only the row groups that hold an episode are read."""

    def __init__(self, path: Path) -> None:
        _, pq = pyarrow()
        self.path = path
        self._opened = pq.ParquetFile(path)
        about = self._opened.metadata
        names = [about.schema.column(i).path for i in range(about.num_columns)]
        at = names.index("episode_index")
        self._bounds = [about.row_group(group).column(at).statistics for group in range(about.num_row_groups)]

    def frames(self, row: Mapping[str, Any], columns: list[str]) -> Any:
        """The table of an episode."""
        number = row["episode_index"]
        groups = [
            group
            for group, bounds in enumerate(self._bounds)
            if bounds is None or not bounds.has_min_max or bounds.min <= number <= bounds.max
        ]
        table = self._opened.read_row_groups(groups, columns=[*columns, "episode_index"])
        mine = np.flatnonzero(table["episode_index"].to_numpy() == number)
        if len(mine) != row["length"]:
            raise DataError(f"{self.path}: episode {number} has {len(mine)} frames, meta/episodes says {row['length']}")
        return table.slice(int(mine[0]), len(mine))


def _column(column: Any, feature: Mapping[str, Any], path: Path) -> NDArray[Any]:
    if feature["dtype"] == "image":
        return np.stack([_picture(cell, path) for cell in column.to_pylist()])
    values = column.combine_chunks()
    while hasattr(values, "flatten") and str(values.type).startswith(("list", "fixed_size_list", "large_list")):
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False)).astype(feature["dtype"], copy=False)


def _picture(cell: Mapping[str, Any], path: Path) -> NDArray[np.uint8]:
    content = cell["bytes"] or (path / cell["path"]).read_bytes()
    return decode(content, path)


def _shaped(values: NDArray[Any], feature: Mapping[str, Any]) -> NDArray[Any]:
    if feature["dtype"] in ("image", "video"):
        return values
    shape = tuple(feature["shape"])
    return values.reshape(-1) if shape == (1,) else values.reshape(-1, *shape)


def _filmed(
    path: Path, info: Mapping[str, Any], row: Mapping[str, Any], name: str, films: dict[str, Film]
) -> NDArray[np.uint8]:
    place = {part: row[f"videos/{name}/{part}"] for part in ("chunk_index", "file_index")}
    file = path / info["video_path"].format(video_key=name, **place)
    if films.get(name, Film(Path())).path != file:
        films[name] = Film(file)
    return films[name].frames(round(row[f"videos/{name}/from_timestamp"] * info["fps"]), row["length"])


def _cameras(features: Mapping[str, Any]) -> dict[str, str]:
    cameras = [name for name, feature in features.items() if feature["dtype"] in ("image", "video")]
    if len(cameras) == 1:
        return {"image": cameras[0]}
    return {f"image_{name.rpartition('.')[2]}": name for name in cameras}


def _attrs(info: Mapping[str, Any], tasks: list[str], names: Names, kept: list[str]) -> dict[str, Any]:
    attrs: dict[str, Any] = {"fps": info["fps"]}
    if info.get("robot_type"):
        attrs["robot"] = info["robot_type"]
    attrs |= {"instruction": tasks[0]} if len(tasks) == 1 else {"instructions": tasks}
    known = {name: ours for ours, theirs in names.table.items() for name in theirs}
    seen = [known.get(name, name.replace(".", "_")) for name in kept if name.startswith("observation")]
    return with_observations(attrs, seen)
