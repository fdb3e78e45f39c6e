"""Progress of the frames of a LeRobotDataset, by which LeRobot weighs cloning (RA-BC).

It lies beside the frames, in ``sarm_progress.parquet`` of the dataset's folder: a row a frame with ``index`` in the
whole dataset, ``episode_index``, ``frame_index``, and ``progress_sparse``, ``progress_dense`` or both, NaN where
nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.arrow import checked_parquet, pyarrow
from robopref.data.containment import inside
from robopref.data.episode_formats.dataset import Episode, reading
from robopref.data.episode_formats.naming import Choices, clash, refuse
from robopref.errors import DataError, unknown_name

PROGRESS = "progress"
PROGRESS_FILE = "sarm_progress.parquet"
WRITTEN_COLUMN = "progress_sparse"  # the one that LeRobot takes unless told otherwise
_PREFERRED = ("progress_dense", WRITTEN_COLUMN)
_COUNTED = ("index", "episode_index", "frame_index")
_KIND = "a file of progress"
_REMEDY = "compute it anew, or leave it out with drop=[progress]"


@dataclass(frozen=True)
class RecordedProgress:
    """Progress of every frame, in the order of the whole dataset.

    Attributes:
        path: The dataset.
        values: (F,) float32; None if it is not to be had.
        starts: Of each episode the row of its first frame, by its number.
        asked: Whether the user named the column.
        notes: Why there is none, for people.
    """

    path: Path
    values: NDArray[np.float32] | None = None
    starts: Mapping[int, int] = field(default_factory=dict[int, int])
    asked: bool = False
    notes: tuple[str, ...] = ()

    def joined(self, episode: Episode, number: int) -> Episode:
        """An episode with its progress; unless the user named it, an array of that name of the data is left.

        Args:
            episode: Its arrays, at least one.
            number: Of the episode.

        Raises:
            DataError: The user named it, and the data have an array of that name.
        """
        if self.values is None or (PROGRESS in episode and not self.asked):
            return episode
        if PROGRESS in episode:
            raise clash(self.path, PROGRESS)
        start, steps = self.starts[number], len(next(iter(episode.values())))
        return {**episode, PROGRESS: self.values[start : start + steps].copy()}


class ProgressFile:
    """The file of a dataset, which may be missing.

    Args:
        path: Folder of the dataset.
        choices: ``names.progress`` names a column, ``drop`` may leave the file unread.
        features: Those of the frames, by name; a name among them is none of the file.

    Attributes:
        names: What the choices say of the frames.
        derived: Names here of the arrays that are made of the file.

    Raises:
        ConfigError: The file has no such column.
        DataError: It is damaged, or lies elsewhere.
        DependencyError: pyarrow is not installed.
    """

    def __init__(self, path: Path, choices: Choices, features: Mapping[str, Any]) -> None:
        self.path, self.file = path, inside(path, PROGRESS_FILE)
        there = self.file.exists()
        self.derived = (PROGRESS,) if there else ()
        self._columns = self._measures() if there and PROGRESS not in choices.drop else []
        name = choices.names.get(PROGRESS)
        self._asked: str | None = None
        if self._columns and isinstance(name, str) and name not in features:
            if name in _PREFERRED and name not in self._columns:
                raise unknown_name(f"column of {self.file}", name, self._columns)
            self._asked = name if name in self._columns else None
        self.names = {ours: theirs for ours, theirs in choices.names.items() if ours != PROGRESS or not self._asked}

    def read(self, episodes: Sequence[Mapping[str, Any]]) -> RecordedProgress:
        """Read the progress of all frames: the column that the user named, else the first that says anything.

        Args:
            episodes: Rows of ``meta/episodes``.

        Returns:
            The progress. It has no values without a file, nor, unless the user named it, if some frames have none.

        Raises:
            DataError: The rows are not the frames of the dataset, or what the user named is not known of all frames.
        """
        none = RecordedProgress(self.path)
        wanted = [self._asked] if self._asked else [name for name in _PREFERRED if name in self._columns]
        if not wanted:
            return none
        counted, found = self._rows(wanted)
        index, number, frame = counted
        begin, lengths, numbers = (
            np.array([row[name] for row in episodes], np.int64)
            for name in ("dataset_from_index", "length", "episode_index")
        )
        starts = np.searchsorted(index, begin)
        held = np.searchsorted(index, begin + lengths) - starts
        if held.sum() != len(index) or (np.diff(index) == 0).any():
            raise DataError(f"{self.file}: its {len(index)} rows are not one for each frame of the dataset; {_REMEDY}")
        if (number != np.repeat(numbers, held)).any() or (frame != index - np.repeat(begin, held)).any():
            raise DataError(f"{self.file}: its episode_index or frame_index are not those of the dataset; {_REMEDY}")
        name = next((name for name in wanted if np.isfinite(found[name]).any()), wanted[0])
        known, frames = int(np.isfinite(found[name]).sum()), int(lengths.sum())
        if known == frames:
            places = dict(zip(numbers.tolist(), starts.tolist(), strict=True))
            return RecordedProgress(self.path, found[name], places, bool(self._asked))
        why = f"{name} of {PROGRESS_FILE} is known of {known} of {frames} frames only"
        if self._asked:
            raise DataError(f"{self.path}: {why}; {_REMEDY}")
        return replace(none, notes=(f"{why}, so progress is not read",))

    def _measures(self) -> list[str]:
        pa, pq = pyarrow()
        with reading(self.file, _KIND):
            schema = pq.read_schema(checked_parquet(self.file))
            held = [one.name for one in schema if one.name.startswith(PROGRESS) and pa.types.is_floating(one.type)]
            if missing := [name for name in _COUNTED if name not in schema.names]:
                raise DataError(f"{self.file} has no column {missing[0]}; {_REMEDY}")
            if not held:
                raise DataError(f"{self.file} has no column of progress_sparse or progress_dense; {_REMEDY}")
        return held

    def _rows(self, wanted: list[str]) -> tuple[list[NDArray[np.int64]], dict[str, NDArray[np.float32]]]:
        """Columns of counts and of progress, rows in the order of ``index``."""
        _, pq = pyarrow()
        with reading(self.file, _KIND):
            table = pq.read_table(self.file, columns=[*_COUNTED, *wanted])
            counted = [_whole(table[name], name, self.file) for name in _COUNTED]
            order = np.argsort(counted[0], kind="stable")
            found = {name: table[name].to_numpy().astype(np.float32)[order] for name in wanted}
        return [column[order] for column in counted], found


def progress_of(episode: Episode, name: str) -> NDArray[np.float32]:
    """An array of an episode as progress that can be written.

    Args:
        episode: Its arrays.
        name: Of the array, one finite number a step.

    Returns:
        (T,).

    Raises:
        ConfigError: There is no such array.
        DataError: It is something else.
    """
    if name not in episode:
        raise unknown_name("array to write as progress", name, episode)
    values = episode[name]
    if values.shape != (len(values),) or values.dtype.kind not in "biuf":
        raise refuse(f"progress={name}", name, values, "progress is one number a step")
    found = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise DataError(f"progress={name}: {name} holds NaN or infinity; name an array that is known of all steps")
    return found


def write_progress(path: Path, name: str, episodes: Sequence[NDArray[np.float32]]) -> None:
    """Write the file beside the frames.

    Args:
        path: Folder of the dataset.
        name: What the progress was made of.
        episodes: (T,) of each, in their order.

    Raises:
        DependencyError: pyarrow is not installed.
    """
    pa, pq = pyarrow()
    lengths = [len(progress) for progress in episodes]
    columns = {
        "index": np.arange(sum(lengths)),
        "episode_index": np.repeat(np.arange(len(lengths)), lengths),
        "frame_index": np.concatenate([np.arange(length) for length in lengths]),
        WRITTEN_COLUMN: np.concatenate(episodes),
    }
    table = pa.table(columns).replace_schema_metadata({"reward_model_path": f"robopref:{name}"})
    pq.write_table(table, path / PROGRESS_FILE)


def _whole(column: Any, name: str, file: Path) -> NDArray[np.int64]:
    values = column.to_numpy()
    if column.null_count or values.dtype.kind not in "iu":
        raise DataError(f"{file}: {name} must be whole numbers, got {str(column.type)[:40]}; {_REMEDY}")
    return values.astype(np.int64)
