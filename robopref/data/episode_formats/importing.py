"""Datasets of any format as one episode store, which is what training, labelling and rewarding go by."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.episode_formats import combine, zarr_replay
from robopref.data.episode_formats.conversion import changed, detect, open_dataset
from robopref.data.episode_formats.dataset import Dataset, Episode, reading
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.geometry import described_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, RoboprefError
from robopref.protocols import Progress

# Of several datasets, the array that says which of them a step is from.
DATASET = "dataset"
IMPORT = "imported"  # attribute of a copy
_MOST_FILES = 1 << 20


@dataclass(frozen=True)
class Recordings:
    """Which recordings, and what is to be known of them that they do not say themselves.

    Attributes:
        paths: Files or folders, of any format; at least one.
        kind: Name of their format; None looks at what is there.
        choices: What arrays are called, and more.
        fill: Arrays to make up where they are missing, see `robopref.data.episode_formats.conversion.changed`.
        geometry: What actions mean in space, see `described_geometry`; None takes what the data say.
    """

    paths: Sequence[Path]
    kind: str | None = None
    choices: Choices = field(default_factory=Choices)
    fill: Sequence[str] = ()
    geometry: Mapping[str, Any] | None = None

    @classmethod
    def told(
        cls, paths: Sequence[Path], read: Mapping[str, Any], geometry: Mapping[str, Any] | None = None
    ) -> Recordings:
        """Recordings of which settings say how they are read.

        Args:
            paths: Files or folders.
            read: ``format``, ``names`` with null for those that are not given, ``drop``, ``fill``, ``colours``,
                ``mask`` and ``max_steps``, as in the settings of commands.
            geometry: What actions mean in space.

        Raises:
            ConfigError: A value is out of range.
        """
        names = {str(name): value for name, value in read["names"].items() if value is not None}
        drop = tuple(map(str, read["drop"]))
        choices = Choices(
            names, mask=str(read["mask"]), max_steps=read["max_steps"], drop=drop, colours=read["colours"]
        )
        return cls(paths, read["format"], choices, tuple(map(str, read["fill"])), geometry)

    @property
    def in_place(self) -> bool:
        """Whether they are one episode store that is used where it lies, and need not be imported.

        Raises:
            DataError: There is nothing, or nothing that is known.
        """
        asked = self.choices != Choices() or self.geometry is not None or self.fill
        if len(self.paths) > 1 or asked or self.kind not in (None, "zarr"):
            return False
        return detect(self.paths[0]) == "zarr"

    def dataset(self) -> Dataset:
        """All of them as one dataset; of several, ``dataset`` says for each step which one it is from.

        Of several, what not all have is left out, which a note says.

        Raises:
            DataError: They are missing, damaged, or unlike each other.
            ConfigError: An array that was named does not exist, or the geometry does not fit.
        """
        return self._joined(self._opened())

    @contextlib.contextmanager
    def glimpsed(self) -> Generator[EpisodeStore]:
        """A store of the first episode of each, to see what they have without reading all of them.

        Yields:
            The store, which is gone afterwards. What is raised of it names the recordings in its place.

        Raises:
            DataError: They are missing, damaged, or unlike each other.
            ConfigError: An array that was named does not exist, or the geometry does not fit.
        """
        # An iterator reads no further than it is asked to.
        firsts = [replace(one, count=1, load=partial(_first, one)) for one in self._opened()]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "first.zarr"
            try:
                zarr_replay.write(path, self._joined(firsts), Choices())
                yield EpisodeStore.open(path)
            except RoboprefError as error:
                raise type(error)(str(error).replace(str(path), ", ".join(map(str, self.paths)))) from error

    def _opened(self) -> list[Dataset]:
        return [changed(open_dataset(path, self.kind, self.choices), fill=self.fill) for path in self.paths]

    def _joined(self, opened: Sequence[Dataset]) -> Dataset:
        if len(opened) == 1:
            return self._meaning(opened[0])
        said = [one.attrs.get("geometry") for one in opened]
        if self.geometry is None and any(one != said[0] for one in said):
            raise DataError(
                f"{', '.join(str(one.path) for one in opened)} say different things of what their actions mean in "
                "space, so that nothing can be learnt from them together; geometry= says it for all"
            )
        firsts = [one.first() for one in opened]
        held = [set(first) for first in firsts]
        shared = set.intersection(*held)
        kinds = {key: np.result_type(*(first[key].dtype for first in firsts)) for key in shared}
        floats = {key: kind for key, kind in kinds.items() if all(first[key].dtype.kind == "f" for first in firsts)}
        alike = [
            changed(one, drop=sorted(names - shared)).mapped(_numbered(number, floats))
            for number, (one, names) in enumerate(zip(opened, held, strict=True))
        ]
        left = sorted(set.union(*held) - shared)
        notes = [note for one in opened for note in one.notes]
        notes += [f"not all of the recordings have {', '.join(left)}, which are left out"] if left else []
        return self._meaning(replace(combine.merge(alike, attributes="first", drop="read.drop"), notes=tuple(notes)))

    def _meaning(self, data: Dataset) -> Dataset:
        if self.geometry is None:
            return data
        first = data.first()
        sizes = {key: int(np.prod(first[key].shape[1:])) if key in first else 0 for key in ("action", "proprio")}
        geometry = described_geometry(self.geometry, sizes["action"], sizes["proprio"])
        return replace(data, attrs={**data.attrs, "geometry": geometry.to_dict()})

    @property
    def stamp(self) -> str:
        """Names what the files are and what is said of them; it changes when a file is written to."""
        # What is not said is left out, so that further settings do not tell apart what was copied without them; what is
        # said of writing does not change a copy.
        usual, given = Choices(), vars(self.choices).items()
        said = {name: value for name, value in given if value != getattr(usual, name) and name != "progress"}
        told = [self.kind, said, list(self.fill), self.geometry]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
        for path in self.paths:
            for name, size, time in _files(path):
                digest.update(f"{name} {size} {time}\n".encode())
        return digest.hexdigest()[:16]


def imported(
    recordings: Recordings,
    target: Path,
    stage: Callable[[str, str], AbstractContextManager[Progress]],
    *,
    disposable: bool = False,
    check: Callable[[EpisodeStore], None] | None = None,
) -> EpisodeStore:
    """Recordings as an episode store: as they lie there, or copied into one, which is done once.

    Args:
        recordings: Which ones.
        target: Where to copy them to, if they have to be.
        stage: Shows a bar while they are copied.
        disposable: Whether nothing was made of what was copied before, so that a copy of others may take its place.
        check: Raises what is wrong with a store of the first episodes, before all of them are copied.

    Returns:
        The store, with at least one episode.

    Raises:
        DataError: They are missing, damaged or empty, or other ones than those that were copied before.
        ConfigError: What is said of them does not fit.
    """
    there = all(path.exists() for path in recordings.paths)
    if target.exists():
        store = EpisodeStore.open(target)
        told = store.attrs.get(IMPORT)
        before = told.get("stamp") if isinstance(told, dict) else None
        if not there or before == recordings.stamp:
            return store  # a copy outlives what was copied
        if not (disposable and isinstance(told, dict)):
            raise DataError(
                f"{target} is a copy of {_said(told)}, which have changed since, or others or other settings are asked "
                "for now; choose another run folder, or remove it"
            )
        shutil.rmtree(target)
    if recordings.in_place:
        store = EpisodeStore.open(recordings.paths[0])
    else:
        data, stamp = recordings.dataset(), recordings.stamp
        if check is not None:
            with recordings.glimpsed() as first:
                check(first)
        told = {"from": [str(path) for path in recordings.paths], "stamp": stamp, "notes": list(data.notes)}
        attrs = {**data.attrs, IMPORT: told}
        with stage("Import the recordings", "episodes") as bar:
            zarr_replay.write(target, replace(data, attrs=attrs, load=lambda: _counted(data, bar)), Choices())
        store = EpisodeStore.open(target)
    if not len(store):
        raise DataError(f"{store.path} holds no episodes")
    return store


def _numbered(number: int, floats: Mapping[str, np.dtype[Any]]) -> Callable[[Episode], Episode]:
    """Says which dataset an episode is from, and makes numbers of several precisions those of the highest."""

    def change(episode: Episode) -> Episode:
        same = {key: array.astype(floats.get(key, array.dtype), copy=False) for key, array in episode.items()}
        return {**same, DATASET: np.full(len(episode["action"]), number, np.uint8)}

    return change


def _first(data: Dataset) -> Iterator[Episode]:
    return islice(iter(data), 1)


def _counted(data: Dataset, bar: Progress) -> Iterator[Episode]:
    for done, episode in enumerate(data.load()):
        yield episode
        bar(done + 1, data.count)


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    """Files of a dataset with size and time, in an order that does not depend on the disk."""
    with reading(path, "a dataset"):
        if not path.is_dir():
            stat = path.stat()
            yield path.name, stat.st_size, stat.st_mtime_ns
            return
        count = 0
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                stat = os.lstat(file)
                yield os.path.relpath(file, path), stat.st_size, stat.st_mtime_ns
                count += 1
                if count > _MOST_FILES:
                    raise DataError(f"{path} has more than {_MOST_FILES:,} files, which are no dataset")


def _said(told: Any) -> str:
    paths: Any = told.get("from") if isinstance(told, dict) else None
    return ", ".join(map(str, paths)) if isinstance(paths, list) else "other data"
