"""LeRobotDataset folders, version 3: writing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.arrow import pyarrow
from robopref.data.episode_formats.coded_pictures import encode, film_writer
from robopref.data.episode_formats.dataset import Dataset, Episode, replacing
from robopref.data.episode_formats.lerobot_progress import progress_of, write_progress
from robopref.data.episode_formats.lerobot_reading import IMAGES, OWN, USUAL, VERSION, count_names
from robopref.data.episode_formats.naming import Choices, Names, need, refuse
from robopref.errors import ConfigError, DataError

_FILE_BYTES = 100 << 20  # LeRobot's limit of a file
_FILES_PER_CHUNK = 1000
_PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
_COUNTED = ("timestamp", "frame_index", "episode_index", "index", "task_index")
_KINDS = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")


def write(path: Path, dataset: Dataset, choices: Choices) -> None:
    """Write a folder.

    Args:
        path: Folder that does not exist yet.
        dataset: What to write.
        choices: Names, steps a second, whether images become PNG files or videos, which lose a little, and of which
            array LeRobot's file of progress is made.

    Raises:
        ConfigError: Steps a second are not known, or there is no array to make progress of.
        DataError: There is no action, or an array cannot be held.
        DependencyError: pyarrow is not installed.
    """
    fps = choices.fps or dataset.attrs.get("fps")
    if not isinstance(fps, int):
        raise ConfigError(f"LeRobot tells the time, but {dataset.path} does not; give steps a second as fps=<number>")
    first = dataset.first()
    names = Names(USUAL, choices.names)
    features = _features(first, names, choices.pictures, dataset.attrs.get("arrays"))
    if "action" not in first:
        raise need("lerobot", "action", first, "action")
    measure = choices.progress
    progress: list[NDArray[np.float32]] = []
    if measure is not None:
        progress_of(first, measure)  # refused before long work
    with replacing(path) as building:
        writer = _Writer(building, features, fps, _tasks(dataset, first))
        with contextlib.closing(writer):
            for episode in dataset:
                writer.add({_outward(key, names): array for key, array in episode.items()})
                if measure is not None:
                    progress.append(progress_of(episode, measure))
        own = {key: [_outward(key, names), array.dtype.str, array.shape[1:]] for key, array in first.items()}
        writer.finish(dataset, own)
        if measure is not None:
            write_progress(building, measure, progress)


class _Writer:
    """A folder that episodes are added to."""

    def __init__(self, path: Path, features: dict[str, Any], fps: int, tasks: list[str]) -> None:
        self.path, self.features, self.fps, self.tasks = path, features, fps, tasks
        self.pa, self.pq = pyarrow()
        self.rows: list[dict[str, Any]] = []
        self.stats: dict[str, list[dict[str, Any]]] = {}
        self.frames = 0
        self._file, self._bytes, self._in_file = -1, 0, 0
        self._table: Any = None
        self._films: dict[str, Any] = {}

    def add(self, episode: Episode) -> None:
        """Write an episode, as one row group."""
        steps = len(next(iter(episode.values())))
        if self._table is None or self._bytes > _FILE_BYTES:
            self._begin()
        number = len(self.rows)
        task = episode.get("task_index", np.zeros(steps, dtype=np.int64))
        counted = {
            "timestamp": (np.arange(steps) / self.fps).astype(np.float32), "frame_index": np.arange(steps),
            "episode_index": np.full(steps, number), "index": self.frames + np.arange(steps),
            "task_index": task.astype(np.int64),
        }  # fmt: skip
        columns = {**episode, **counted}
        stored = {
            name: self._cells(columns[name], feature)
            for name, feature in self.features.items()
            if feature["dtype"] != "video"
        }
        table = self.pa.table(stored)
        if self._table is None:
            self._table = self.pq.ParquetWriter(self.path / f"data/{self._place()}.parquet", table.schema)
        self._table.write_table(table)
        self._bytes += table.nbytes
        row = {
            "episode_index": number, "tasks": [self.tasks[i] for i in np.unique(task).tolist()], "length": steps,
            **{f"data/{name}": value for name, value in self._indices().items()},
            **{f"meta/episodes/{name}": 0 for name in self._indices()},
            "dataset_from_index": self.frames, "dataset_to_index": self.frames + steps,
        }  # fmt: skip
        for name, feature in self.features.items():
            if feature["dtype"] == "video":
                row |= self._film(name, episode[name])
            if feature["dtype"] in ("video", "image") or len(feature["shape"]) == 1:
                found = _statistics(columns[name], feature)
                self.stats.setdefault(name, []).append(found)
                row |= {f"stats/{name}/{part}": value.tolist() for part, value in found.items()}
        self.rows.append(row)
        self.frames += steps
        self._in_file += steps

    def finish(self, dataset: Dataset, arrays: Mapping[str, Any]) -> None:
        """Write what is about the whole."""
        meta = self.path / "meta"
        (meta / "episodes/chunk-000").mkdir(parents=True)
        self.pq.write_table(self.pa.Table.from_pylist(self.rows), meta / "episodes/chunk-000/file-000.parquet")
        self.pq.write_table(self._task_table(), meta / "tasks.parquet")
        pooled = {name: _pooled(parts) for name, parts in self.stats.items()}
        films = any(feature["dtype"] == "video" for feature in self.features.values())
        info = {
            "codebase_version": VERSION, "fps": self.fps, "features": self.features,
            "total_episodes": len(self.rows), "total_frames": self.frames, "total_tasks": len(self.tasks),
            "chunks_size": _FILES_PER_CHUNK, "data_files_size_in_mb": 100, "video_files_size_in_mb": 200,
            "data_path": f"data/{_PLACE}.parquet",
            "video_path": f"videos/{{video_key}}/{_PLACE}.mp4" if films else None,
            "robot_type": dataset.attrs.get("robot"), "splits": {"train": f"0:{len(self.rows)}"},
        }  # fmt: skip
        own = {"attrs": dict(dataset.attrs), "arrays": arrays}
        for name, content in (("info.json", info), ("stats.json", pooled), (Path(OWN).name, own)):
            (meta / name).write_text(json.dumps(content, indent=4))

    def close(self) -> None:
        """End the files that are being written."""
        for opened in (self._table, *self._films.values()):
            if opened is not None:
                opened.close()
        self._table, self._films = None, {}

    def _begin(self) -> None:
        self.close()
        self._file, self._bytes, self._in_file = self._file + 1, 0, 0
        (self.path / f"data/{self._place()}").parent.mkdir(parents=True, exist_ok=True)

    def _indices(self) -> dict[str, int]:
        return {"chunk_index": self._file // _FILES_PER_CHUNK, "file_index": self._file % _FILES_PER_CHUNK}

    def _place(self) -> str:
        return _PLACE.format(**self._indices())

    def _film(self, name: str, pictures: NDArray[Any]) -> dict[str, Any]:
        if name not in self._films:
            file = self.path / f"videos/{name}/{self._place()}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            self._films[name] = film_writer(file, self.fps)
        for picture in pictures:
            self._films[name].append_data(picture)
        begun, ended = self._in_file / self.fps, (self._in_file + len(pictures)) / self.fps
        row = {**self._indices(), "from_timestamp": begun, "to_timestamp": ended}
        return {f"videos/{name}/{part}": value for part, value in row.items()}

    def _cells(self, values: NDArray[Any], feature: Mapping[str, Any]) -> Any:
        if feature["dtype"] == "image":
            kind = self.pa.struct({"bytes": self.pa.binary(), "path": self.pa.string()})
            return self.pa.array([{"bytes": encode(picture), "path": None} for picture in values], kind)
        cells = self.pa.array(np.ascontiguousarray(values).reshape(-1))
        shape = feature["shape"]
        if shape == [1]:
            return cells
        if len(shape) == 1:
            return self.pa.FixedSizeListArray.from_arrays(cells, shape[0])
        # Clouds are what Hugging Face's Array2D is stored as: lists of lists.
        for depth in range(len(shape) - 1, -1, -1):
            size = shape[depth]
            offsets = np.arange(0, len(cells) + 1, size, dtype=np.int32)
            cells = self.pa.ListArray.from_arrays(self.pa.array(offsets), cells)
        return cells

    def _task_table(self) -> Any:
        """Tasks as pandas would write a frame with their names as its index, which is how LeRobot reads them."""
        table = self.pa.table({"task_index": np.arange(len(self.tasks)), "task": self.tasks})
        columns = [
            {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": stored, "metadata": None}
            for name, kind, stored in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
        ]
        about = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
        return table.replace_schema_metadata({"pandas": json.dumps(about)})


def _features(first: Episode, names: Names, pictures: str, told: Any) -> dict[str, Any]:
    features: dict[str, Any] = {}
    for key, array in first.items():
        name = _outward(key, names)
        if "/" in name or name in features:
            raise DataError(
                f"lerobot cannot call two arrays {name}, nor have / in a name; rename with rename.{key}=<name>"
            )
        shape = list(array.shape[1:]) or [1]
        if key.removeprefix("next_").startswith("image"):
            if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
                raise refuse("lerobot", key, array, "images are uint8 of shape (T, h, w, 3)")
            if pictures == "video" and (array.shape[1] % 2 or array.shape[2] % 2):
                raise refuse("lerobot", key, array, "videos have even sides; pictures=png holds any")
            kind = "video" if pictures == "video" else "image"
            features[name] = {"dtype": kind, "shape": shape, "names": ["height", "width", "channels"]}
            continue
        if array.dtype.name not in _KINDS:
            raise refuse("lerobot", key, array, f"numbers are of {', '.join(_KINDS)}")
        if len(shape) > 4:
            raise refuse("lerobot", key, array, "it holds up to four dimensions a step")
        if 0 in shape:
            raise refuse("lerobot", key, array, "it holds no empty arrays")
        features[name] = {"dtype": array.dtype.name, "shape": shape, "names": _called(told, key, shape)}
    for name in _COUNTED:
        kind = "float32" if name == "timestamp" else "int64"
        features[name] = {"dtype": kind, "shape": [1], "names": None}
    return features


def _called(told: Any, key: str, shape: list[int]) -> Any:
    """What the numbers of a step are called, such as the joints of an arm, if that is remembered and fits."""
    held = told.get(key) if isinstance(told, Mapping) else None  # type: ignore[reportUnknownMemberType]
    called = held.get("names") if isinstance(held, Mapping) else None  # type: ignore[reportUnknownMemberType]
    axes = len(shape) if len(shape) > 1 else shape[0]
    return called if count_names(called) in (shape[0], axes) else None


def _outward(key: str, names: Names) -> str:
    if key == "time" and "time" not in names.chosen:
        return "time"  # LeRobot's timestamps are those of frames at equal distances
    if key == "image" or key.startswith("image_"):
        usual = IMAGES + (key.removeprefix("image_") if key != "image" else "main")
        return names.outward(key) if key in names.chosen else usual
    return names.outward(key)


def _tasks(dataset: Dataset, first: Episode) -> list[str]:
    if "task_index" in first and "instructions" in dataset.attrs:
        return [str(task) for task in dataset.attrs["instructions"]]
    return [str(dataset.attrs.get("instruction") or dataset.attrs.get("task") or "unknown")]


def _statistics(values: NDArray[Any], feature: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Least, greatest, mean, deviation and count of an episode; of images a channel, between 0 and 1."""
    rows = values.astype(np.float64).reshape(len(values), -1)
    shape = (-1,)
    if feature["dtype"] in ("image", "video"):
        rows, shape = rows.reshape(-1, values.shape[-1]) / 255, (-1, 1, 1)
    return {
        "min": rows.min(0).reshape(shape), "max": rows.max(0).reshape(shape), "mean": rows.mean(0).reshape(shape),
        "std": rows.std(0).reshape(shape), "count": np.array([len(values)]),
    }  # fmt: skip


def _pooled(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The same of all episodes, from those of each."""
    weight = np.stack([part["count"] for part in parts]).astype(np.float64)
    weight = (weight / weight.sum()).reshape(-1, *[1] * parts[0]["mean"].ndim)
    means = np.stack([part["mean"] for part in parts])
    mean = (weight * means).sum(0)
    square = (weight * (np.stack([part["std"] for part in parts]) ** 2 + (means - mean) ** 2)).sum(0)
    return {
        "min": np.min([part["min"] for part in parts], axis=0).tolist(),
        "max": np.max([part["max"] for part in parts], axis=0).tolist(),
        "mean": mean.tolist(), "std": np.sqrt(square).tolist(),
        "count": [int(sum(part["count"][0] for part in parts))],
    }  # fmt: skip
