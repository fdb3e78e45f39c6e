"""LeRobotDataset folders, version 3 (Hugging Face LeRobot): reading, and what reading and writing agree on.

``meta/info.json`` names the features, ``meta/tasks.parquet`` the instructions and ``meta/episodes`` the stretch of
every episode; frames are rows of ``data/chunk-*/file-*.parquet``, images PNG files in them or frames of mp4 files.
``next.done`` says that an episode is over, not whether the task ended or was cut off: it is ``done`` here, never
``terminated``. What version 3 has no place for is in ``meta/robopref.json``, which LeRobot does not look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.arrow import check_groups, checked_parquet, pyarrow
from robopref.data.containment import filled, inside
from robopref.data.episode_formats.coded_pictures import Film, decode, is_deep
from robopref.data.episode_formats.dataset import Dataset, Episode, as_flags, reading, with_observations
from robopref.data.episode_formats.lerobot_progress import ProgressFile
from robopref.data.episode_formats.naming import Choices, Names
from robopref.data.parquet_trial import try_parquet
from robopref.errors import DataError
from robopref.files import read_json

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
_CAMERA = ("image", "video")
_NUMBERS = {"bool", *(f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64))} - {"float8"}


def read(path: Path, choices: Choices) -> Dataset:
    """Read a folder.

    Args:
        path: The folder.
        choices: Names. The only camera is ``image``, several are ``image_<camera>``.

    Returns:
        The dataset; ``task_index`` is among its arrays if there are several instructions, ``progress`` if the folder
        has a file of it.

    Raises:
        DataError: The folder is missing, damaged, or of another version.
        DependencyError: pyarrow is not installed.
    """
    _, pq = pyarrow()
    with reading(path, KIND):
        info = read_json(inside(path, "meta/info.json"))
        version = str(info["codebase_version"])[:20]
        if not version.startswith("v3."):
            raise DataError(
                f"{path} is a LeRobotDataset {version}, only {VERSION} can be read; "
                + ("convert it with lerobot's convert_dataset_v21_to_v30" if version < "v3" else "it is newer")
            )
        features = {str(name): _feature(path, name, feature) for name, feature in dict(info["features"]).items()}
        own = read_json(inside(path, OWN)) if (path / OWN).exists() else None
        tasks = _tasks(path, pq)
        measure = ProgressFile(path, choices, features)
        names = Names({**USUAL, **_cameras(features)}, measure.names)
        wanted = names.choose({name: ("", name) for name in features}, path, choices.drop, measure.derived)
        kept = [name for name in features if name in wanted and name not in _COUNTED]
        kept = [name for name in kept if name != "task_index" or len(tasks) > 1 or "task_index" in names.chosen]
        left = [name for name in kept if features[name]["dtype"] not in (*_NUMBERS, *_CAMERA)]
        kept = [name for name in kept if name not in left]
        # What robopref wrote comes back as it was, unless other names are asked for.
        exact = _exact(own["arrays"], features) if own and not measure.names else {}
        if exact:
            exact = {key: told for key, told in exact.items() if key not in choices.drop}
            kept = [column for column, _, _ in exact.values()]
        attrs = dict(own["attrs"]) if own else _attrs(info, tasks, names, kept)
        for name in kept:
            _check_depth(path, name, features[name], names)
        episodes = _episodes(path, pq, [name for name in kept if features[name]["dtype"] == "video"])
        progress = measure.read(episodes)
    notes = progress.notes + tuple(
        f"{name} is not read: it holds {features[name]['dtype']}, not a row of numbers a step" for name in left
    )
    if version != VERSION:
        notes += (f"it is of version {version}, and read as {VERSION}",)
    if info.get("total_episodes", len(episodes)) != len(episodes):
        notes += (f"meta/info.json counts {str(info['total_episodes'])[:20]} episodes, meta/episodes {len(episodes)}",)
    columns = [name for name in kept if features[name]["dtype"] != "video"]

    def load() -> Iterator[Episode]:
        films: dict[str, Film] = {}
        shard: _Shard | None = None
        for row in episodes:
            with reading(path, KIND):
                place = {part: int(row[f"data/{part}"]) for part in ("chunk_index", "file_index")}
                file = filled(path, info["data_path"], **place)
                if shard is None or shard.path != file:
                    shard = _Shard(file)
                table = shard.frames(row, columns)
                found = {name: _column(table[name], name, features[name], path) for name in columns}
                for name in kept:
                    if features[name]["dtype"] == "video":
                        found[name] = _filmed(path, info, row, name, films)
                shaped = {name: _shaped(found[name], features[name]) for name in kept}
                if exact:
                    episode = {
                        key: _cast(shaped[column], kind, key, path).reshape(row["length"], *shape)
                        for key, (column, kind, shape) in exact.items()
                    }
                else:
                    episode = names.inward(shaped, path)
            yield as_flags(progress.joined(episode, row["episode_index"]), path)

    return Dataset(path, attrs, len(episodes), load, notes)


def _feature(path: Path, name: Any, feature: Any) -> dict[str, Any]:
    """What ``info.json`` says of a feature, its shape as whole numbers."""
    kind, shape = feature["dtype"], feature["shape"]
    if not isinstance(kind, str) or not all(type(size) is int and size >= 0 for size in shape):
        raise DataError(f"{path}: meta/info.json says of {name} that it is {str(kind)[:40]} of {str(shape)[:80]}")
    return {**feature, "shape": list(shape)}


def _exact(told: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, tuple[str, np.dtype[Any], list[int]]]:
    """Column, type and shape of each array that robopref wrote, by its name here."""
    found = {str(key): (str(column), np.dtype(kind), list(shape)) for key, (column, kind, shape) in told.items()}
    if any(column not in features or kind.kind not in "biuf" for column, kind, _ in found.values()):
        raise ValueError(f"{OWN} tells of other arrays")
    return found


def _check_depth(path: Path, name: str, feature: Mapping[str, Any], names: Names) -> None:
    """See that a film holds colours of 8 bits, which is what is read of one."""
    if feature["dtype"] != "video":
        return
    about = {**(feature.get("video_info") or {}), **(feature.get("info") or {})}
    if is_deep(str(about.get("video.pix_fmt", ""))) or about.get("video.is_depth_map") or about.get("is_depth_map"):
        raise DataError(
            f"{path}: {name} is a film of depth, of which only 8 bits could be read; leave it out with "
            f"drop=[{names.back(name)}]"
        )


def _tasks(path: Path, pq: Any) -> list[str]:
    table = pq.read_table(checked_parquet(inside(path, "meta/tasks.parquet"))).to_pydict()
    others = [name for name in table if name != "task_index"]
    (column,) = others if len(others) == 1 else [name for name in others if name in ("task", "__index_level_0__")]
    order = np.argsort(table["task_index"], kind="stable").tolist()
    return [str(table[column][i]) for i in order]


def _episodes(path: Path, pq: Any, videos: list[str]) -> list[dict[str, Any]]:
    columns = ["episode_index", "length", "data/chunk_index", "data/file_index", "dataset_from_index"]
    columns += [f"videos/{name}/{part}" for name in videos for part in ("chunk_index", "file_index", "from_timestamp")]
    folder = inside(path, "meta/episodes")
    chunks = [inside(path, chunk.relative_to(path)) for chunk in (folder.iterdir() if folder.exists() else ())]
    files = sorted(file for chunk in chunks if chunk.is_dir() for file in chunk.iterdir() if file.suffix == ".parquet")
    if not files:
        raise DataError(f"{path}: no meta/episodes/chunk-000/file-000.parquet")
    rows: list[dict[str, Any]] = []
    for file in files:
        found = checked_parquet(inside(path, file.relative_to(path)))
        rows += pq.read_table(found, columns=columns).to_pylist()
    counted = Counter(row["episode_index"] for row in rows)
    if twice := sorted(number for number, times in counted.items() if times > 1):
        raise DataError(
            f"{path}: meta/episodes tells of episode {twice[0]} twice; remove the file that is one too many"
        )
    return sorted(rows, key=lambda row: row["episode_index"])


class _Shard:
    """A file of frames; only the row groups that hold an episode are read."""

    def __init__(self, path: Path) -> None:
        _, pq = pyarrow()
        self.path = path
        if not path.is_file():
            raise FileNotFoundError(2, "no such file", str(path))
        try_parquet(path, None)
        self._tried = set[int]()
        self._opened = pq.ParquetFile(path)
        about = self._opened.metadata
        names = [about.schema.column(i).path for i in range(about.num_columns)]
        at = names.index("episode_index")
        self._names = set(self._opened.schema_arrow.names)
        self._counted = [name for name in names if name == "frame_index"]
        self._bounds = [about.row_group(group).column(at).statistics for group in range(about.num_row_groups)]

    def frames(self, row: Mapping[str, Any], columns: list[str]) -> Any:
        """The table of an episode, its frames in their order."""
        number = row["episode_index"]
        for name in columns:
            if name not in self._names:
                raise DataError(
                    f"{self.path} has no column {name}, which meta/info.json names; leave it out with drop=[…]"
                )
        groups = [
            group
            for group, bounds in enumerate(self._bounds)
            if bounds is None or not bounds.has_min_max or bounds.min <= number <= bounds.max
        ]
        check_groups(self.path, [self._opened.metadata.row_group(group) for group in groups])
        wanted = [*columns, "episode_index", *self._counted]
        if new := set(groups) - self._tried:  # all episodes are of the same columns
            try_parquet(self.path, sorted(new), wanted)
            self._tried |= new
        table = self._opened.read_row_groups(groups, columns=wanted)
        mine = np.flatnonzero(table["episode_index"].to_numpy() == number)
        if len(mine) != row["length"] or not len(mine):
            raise DataError(f"{self.path}: episode {number} has {len(mine)} frames, meta/episodes says {row['length']}")
        if self._counted:
            mine = mine[np.argsort(counted := table["frame_index"].to_numpy()[mine], kind="stable")]
            if not np.array_equal(np.sort(counted), np.arange(len(mine))):
                raise DataError(
                    f"{self.path}: frame_index of episode {number} does not count its {len(mine)} frames from 0"
                )
        return table.take(mine) if (np.diff(mine) != 1).any() else table.slice(int(mine[0]), len(mine))


def _column(column: Any, name: str, feature: Mapping[str, Any], path: Path) -> NDArray[Any]:
    if feature["dtype"] == "image":
        pictures = [_picture(cell, name, path) for cell in column.to_pylist()]
        kinds = {(picture.dtype, picture.shape) for picture in pictures}
        if len(kinds) > 1:
            raise DataError(f"{path}: pictures of {name} are of different types or sizes: {sorted(map(str, kinds))}")
        return np.stack(pictures)
    values, rows = column.combine_chunks(), len(column)
    while hasattr(values, "flatten") and str(values.type).startswith(("list", "fixed_size_list", "large_list")):
        lengths = set(values.value_lengths().to_pylist())
        if len(lengths) > 1 or values.null_count:
            raise DataError(f"{path}: rows of {name} are of different lengths; leave it out with drop=[…]")
        values = values.flatten()
    if values.null_count or len(values) != rows * prod(feature["shape"]):
        raise DataError(
            f"{path}: {name} has {len(values) - values.null_count} numbers in {rows} steps, not {feature['shape']} a "
            "step; leave it out with drop=[…]"
        )
    return _cast(np.asarray(values.to_numpy(zero_copy_only=False)), np.dtype(feature["dtype"]), name, path)


def _cast(values: NDArray[Any], kind: np.dtype[Any], name: str, path: Path) -> NDArray[Any]:
    """Values as another type, if it can hold them; floats may be rounded."""
    if values.dtype == kind or (values.dtype.kind == kind.kind == "f"):
        return values.astype(kind, copy=False)
    with np.errstate(invalid="ignore"):
        found = values.astype(kind)
    if not np.array_equal(found, values):
        raise DataError(f"{path}: {name} holds {values.dtype} numbers that are not {kind}, which it says they are")
    return found


def _picture(cell: Any, name: str, path: Path) -> NDArray[Any]:
    if isinstance(cell, bytes):
        return decode(cell, path)
    if not isinstance(cell, Mapping) or not (cell.get("bytes") or cell.get("path")):
        raise DataError(f"{path}: {name} has a step without a picture; leave it out with drop=[…]")
    return decode(cell.get("bytes") or inside(path, cell["path"]).read_bytes(), path)


def _shaped(values: NDArray[Any], feature: Mapping[str, Any]) -> NDArray[Any]:
    if feature["dtype"] in _CAMERA:
        return values
    shape = tuple(feature["shape"])
    return values.reshape(-1) if shape == (1,) else values.reshape(-1, *shape)


def _filmed(
    path: Path, info: Mapping[str, Any], row: Mapping[str, Any], name: str, films: dict[str, Film]
) -> NDArray[np.uint8]:
    place = {part: int(row[f"videos/{name}/{part}"]) for part in ("chunk_index", "file_index")}
    file = filled(path, info["video_path"], video_key=name, **place)
    if films.get(name, Film(Path())).path != file:
        films[name] = Film(file)
    return films[name].frames(round(row[f"videos/{name}/from_timestamp"] * info["fps"]), row["length"])


def _cameras(features: Mapping[str, Any]) -> dict[str, str]:
    cameras = [name for name, feature in features.items() if feature["dtype"] in _CAMERA]
    if len(cameras) == 1:
        return {"image": cameras[0]}
    return {f"image_{name.rpartition('.')[2]}": name for name in cameras}


def count_names(called: Any) -> int:
    """How many numbers, or axes, have a name: of a list, or of the one list in an object as older versions have it.

    Args:
        called: The ``names`` of a feature.

    Returns:
        The number; 0 for anything else.
    """
    if isinstance(called, Mapping) and len(called) == 1:  # type: ignore[reportUnknownArgumentType]
        called = next(iter(called.values()))  # type: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    fits = isinstance(called, list) and all(isinstance(name, str) for name in called)  # type: ignore[reportUnknownVariableType]
    return len(called) if fits else 0  # type: ignore[reportUnknownArgumentType]


def _called(features: Mapping[str, Any], names: Names, kept: list[str]) -> dict[str, Any]:
    """What the numbers of a step are called, by the names of arrays here; of joined ones those of all parts."""
    told = {name: features[name].get("names") for name in kept if features[name]["dtype"] not in _CAMERA}
    found: dict[str, Any] = {}
    for ours, theirs in names.table.items():
        lists = [told.get(name) for name in theirs]
        if len(theirs) > 1 and all(isinstance(called, list) and count_names(called) for called in lists):
            found[ours] = {"names": [one for called in lists for one in called]}  # type: ignore[union-attr]
    joined = {name for theirs in names.table.values() if len(theirs) > 1 for name in theirs}
    single = {name: called for name, called in told.items() if count_names(called) and name not in joined}
    return found | {names.back(name): {"names": called} for name, called in single.items()}


def _attrs(info: Mapping[str, Any], tasks: list[str], names: Names, kept: list[str]) -> dict[str, Any]:
    attrs: dict[str, Any] = {"fps": info["fps"]}
    if called := _called(info["features"], names, kept):
        attrs["arrays"] = called
    if info.get("robot_type"):
        attrs["robot"] = info["robot_type"]
    attrs |= {"instruction": tasks[0]} if len(tasks) == 1 else {"instructions": tasks}
    known = {name: ours for ours, theirs in names.table.items() for name in theirs}
    seen = [known.get(name, name.replace(".", "_")) for name in kept if name.startswith("observation")]
    return with_observations(attrs, seen)
