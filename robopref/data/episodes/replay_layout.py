"""The replay layout on disk, as diffusion_policy and DP3 read it, and how it survives a writer that is killed.

``data/<key>`` holds one row per step of all episodes, end to end, and ``meta/episode_ends`` one past the last step of
each episode. The format is zarr 2, without compression: the size of every chunk file is then known, which is how a
truncated one is found. Stores of other writers, zarr 3 among them, can be read; a chunk that they leave out stands for
the fill value.

Chunk files are replaced by rename, so a chunk shared with earlier episodes is the old one or the new one, never a
part of one. An episode exists once the shape of ``meta/episode_ends`` says so, which is replaced after all its rows
are in place. Rows that no episode owns are ignored, and cut off when the layout is next opened for writing. Nothing is
forced to the disk: this holds when a process dies, not when the power does.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Collection, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.sync import sync

from robopref.data.containment import inside
from robopref.data.damage import DAMAGE, cause, unreadable
from robopref.data.episodes.chunk_files import array_names, chunk_files, own_chunks, why_not_numbers
from robopref.data.episodes.plain_rows import plain_metadata, put_rows, replace_file
from robopref.errors import ConflictError, DataError, RoboprefError
from robopref.files import replacing, scratch

_ENDS_PER_CHUNK = 1024
_NAMES = "names"  # attribute of the ends: episodes by the name that their writer gave them


class ReplayLayout:
    """One folder in the replay layout; knows files, rows and chunks, but not what makes a good episode.

    Attributes:
        path: The folder.
        attrs: JSON attributes of the folder.
        ends: (episodes,) int64, one past the last step of each episode.
        arrays: The zarr array of each key; none before the first episode.
        left: Lines on arrays that are none of numbers, by name.
        filled: How many chunks of arrays have no file and stand for the fill value, by name.
    """

    def __init__(self, path: Path, *, writable: bool, leave_out: Collection[str] = ()) -> None:
        """Open a folder.

        Args:
            path: The folder.
            writable: Whether to write to it, which first removes what a killed writer left behind.
            leave_out: Names of arrays that are not looked at.

        Raises:
            DataError: No readable replay layout there, or not one that can be written.
        """
        if not path.is_dir():
            raise DataError(f"{path} is not a folder; expected a replay store, such as `robopref collect` writes")
        self.path = path
        self.left: dict[str, str] = {}
        self.filled: dict[str, int] = {}
        newer = (path / "zarr.json").exists() and not (path / ".zgroup").exists()
        if writable and newer:
            raise DataError(f"{path} is of zarr format 3, which can be read but not appended to; convert it first")
        with _locked(path) if writable else contextlib.nullcontext():
            with reading(path):
                for name in (".zgroup", ".zattrs", ".zarray", "zarr.json", "meta", "data"):
                    inside(path, name)
                # Consolidated metadata is a copy that no append would keep up to date.
                root = zarr.open_group(
                    path, mode="r+" if writable else "r", zarr_format=3 if newer else 2, use_consolidated=False
                )
                self.attrs: dict[str, Any] = root.attrs.asdict()
                self.ends = self._load_ends(root, writable=writable)
                self.arrays = dict(self._open_arrays(root, leave_out))
                if writable and self.left:
                    raise DataError(f"{path}: {next(iter(self.left.values()))}; so it can be read but not appended to")
                _exhaust(self.chunk_files())
            if writable:
                with _writing(path, "it can still be read with mode 'r'"):
                    self._discard_unowned()

    @classmethod
    def create(cls, path: Path, attrs: dict[str, Any]) -> None:
        """Make a folder without episodes, all at once.

        Raises:
            DataError: It cannot be written.
        """
        with _writing(path, "nothing was created"), replacing(path) as building, _settled():
            root = zarr.open_group(building, mode="w", zarr_format=2, attributes=attrs)
            root.create_group("data")
            root.create_array("meta/episode_ends", shape=(0,), chunks=(_ENDS_PER_CHUNK,), dtype="<i8", compressors=None)

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def extend(self, rows: dict[str, NDArray[Any]], name: str | None = None) -> bool:
        """Add one episode.

        Args:
            rows: (T, ...) for each key, T >= 1, known to fit.
            name: Of the episode; one that is there already is not added again.

        Returns:
            Whether it was added.

        Raises:
            ConflictError: Another writer was here.
            DataError: The disk is full, or a file is damaged. The episodes before are then as they were.
        """
        kept = f"the {len(self.ends)} episodes already there are intact, and appending can be tried again"
        with _locked(self.path), _writing(self.path, kept):
            on_disk = json.loads((self.path / "meta/episode_ends/.zarray").read_bytes())["shape"][0]
            # An index that is not there yet is that of an attempt that was not completed.
            names = {name: index for name, index in self._names().items() if index < on_disk}
            if name in names:
                return False
            if on_disk != len(self.ends):
                raise ConflictError(
                    f"{self.path} was changed elsewhere, to {on_disk} episodes; open it again to append"
                )
            start, end = self.steps, self.steps + len(next(iter(rows.values())))
            try:
                if not len(self.ends):
                    self._lay_out(rows)
                for key, new in rows.items():
                    self._put(key, start, new)
                if name is not None:
                    told = json.dumps({_NAMES: names | {name: on_disk}})
                    replace_file(self.path / "meta/episode_ends/.zattrs", told.encode())
                self._commit(np.append(self.ends, end))
            except Exception:
                with contextlib.suppress(*DAMAGE):  # the next writer would do it later
                    self._discard_unowned()
                raise
        return True

    def _put(self, key: str, start: int, rows: NDArray[Any]) -> None:
        array, folder, shape = self.arrays[key], self.path / "data" / key, (start + len(rows), *rows.shape[1:])
        told = plain_metadata(folder)
        if told is None:
            array.resize(shape)
            array[start:] = rows
            return
        replace_file(folder / ".zarray", json.dumps({**told, "shape": shape}, indent=4).encode())
        metadata, config = array.metadata.update_shape(shape), array.async_array.config
        resized: Any = zarr.AsyncArray(metadata, array.store_path, config)
        self.arrays[key] = zarr.Array(resized)
        put_rows(folder, told, start, rows, array.fill_value)

    def attach(self, key: str, blocks: Iterable[NDArray[Any]], attrs: dict[str, Any]) -> None:
        """Put another array beside those of the episodes: whole, or not at all.

        Args:
            key: Its name, which no array has yet.
            blocks: Its rows in order, one a step, in pieces that fit into memory.
            attrs: What to remember about it, in values that JSON has.

        Raises:
            DataError: The disk is full, the rows are not one a step, or another writer was here.
        """
        kept = "the arrays already there are intact"
        room = self.path.with_name(f"{self.path.name}.{key}")
        with _writing(self.path, kept), scratch(room) as building, _settled():
            written, array = 0, None
            for block in blocks:
                if array is None:
                    array = _new_array(building, key, block, self.steps, attrs)
                array[written : written + len(block)] = block
                written += len(block)
            if written != self.steps:
                raise DataError(f"{self.path}: {key} has {written} rows, the episodes have {self.steps} steps")
            with _locked(self.path):
                on_disk = json.loads((self.path / "meta/episode_ends/.zarray").read_bytes())["shape"][0]
                if on_disk != len(self.ends) or (self.path / "data" / key).exists():
                    raise DataError(f"{self.path} was changed elsewhere; open it again and add {key} once more")
                (building / key).rename(self.path / "data" / key)
                (self.path / ".zmetadata").unlink(missing_ok=True)
        root = zarr.open_group(self.path, mode="r", zarr_format=2, use_consolidated=False)
        self.arrays = dict(sorted({**self.arrays, key: _array(self.path, root, f"data/{key}")}.items()))

    def describe(self, key: str, attrs: dict[str, Any]) -> None:
        """Replace the attributes of an array.

        Raises:
            DataError: They are not JSON, or cannot be written.
        """
        path = self.path / "data" / key / ".zattrs"
        with _writing(self.path, "its arrays are intact"):
            try:
                content = json.dumps(attrs, allow_nan=False).encode()
            except (TypeError, ValueError) as error:
                raise DataError(f"attributes of {key} must be JSON: {error}") from error
            replace_file(path, content)
        root = zarr.open_group(self.path, mode="r+", zarr_format=2, use_consolidated=False)
        self.arrays = {**self.arrays, key: _array(self.path, root, f"data/{key}")}

    def chunk_files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Find the files that hold the rows of episodes.

        Yields:
            Path within the folder, and what the file system says about the file.

        Raises:
            DataError: A file is missing or has the wrong size.
        """
        self.filled.clear()
        for key, array in self.arrays.items():

            def absent(key: str = key) -> None:
                self.filled[key] = self.filled.get(key, 0) + 1

            yield from chunk_files(self.path, f"data/{key}", array, self.steps, absent)

    def _open_arrays(self, root: zarr.Group, leave_out: Collection[str]) -> Iterator[tuple[str, zarr.Array[Any]]]:
        for name in array_names(self.path) if len(self.ends) else ():
            if name in leave_out:
                continue
            if why := why_not_numbers(self.path, f"data/{name}"):
                self.left[name] = why
                continue
            try:
                array = _array(self.path, root, f"data/{name}")
            except DataError as error:
                raise DataError(f"{error} (drop=[{name}] leaves it out)") from error
            if not array.shape or array.shape[0] < self.steps:
                raise DataError(
                    f"{self.path}: meta/episode_ends counts {self.steps} steps, data/{name} has {array.shape[:1]}; "
                    f"restore the store from a copy, or leave the array out with drop=[{name}]"
                )
            yield name, array

    def _load_ends(self, root: zarr.Group, *, writable: bool) -> NDArray[np.int64]:
        name = "meta/episode_ends"
        if why := why_not_numbers(self.path, name):
            raise DataError(f"{self.path}: {why}")
        array = _array(self.path, root, name)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(f"{self.path}: {name} must be (episodes,) of int64, got {array.shape} of {array.dtype}")
        if writable and (array.dtype.str != "<i8" or array.compressors or array.filters):
            raise DataError(f"{self.path}: {name} is not plain int64, so it can be read but not appended to")
        _exhaust(chunk_files(self.path, name, array, array.shape[0]))
        ends = np.asarray(array[:]).astype(np.int64)
        if (np.diff(ends, prepend=0) <= 0).any():
            raise DataError(f"{self.path}: {name} must increase from above 0; restore the store from a copy")
        return ends

    def _names(self) -> dict[str, int]:
        """The index of each episode that was given a name."""
        try:
            found = json.loads((self.path / "meta/episode_ends/.zattrs").read_bytes())[_NAMES]
            return {str(name): int(index) for name, index in found.items()}
        except (FileNotFoundError, KeyError):
            return {}

    def _lay_out(self, rows: dict[str, NDArray[Any]]) -> None:
        """Make empty arrays that fit the first episode."""
        self._discard_unowned()
        root = zarr.open_group(self.path, mode="r+", zarr_format=2, use_consolidated=False)
        for key, new in rows.items():
            root.create_array(
                f"data/{key}", shape=(0, *new.shape[1:]), chunks=own_chunks(new), dtype=new.dtype, compressors=None
            )
            self.arrays[key] = _array(self.path, root, f"data/{key}")

    def _commit(self, ends: NDArray[np.int64]) -> None:
        """Make the last of `ends` an episode: first its number, then the shape that includes it."""
        folder = self.path / "meta/episode_ends"
        metadata = json.loads((folder / ".zarray").read_bytes())
        size = metadata["chunks"][0]
        first = (len(ends) - 1) // size * size
        chunk = np.zeros(size, dtype="<i8")
        chunk[: len(ends) - first] = ends[first:]
        replace_file(folder / str(first // size), chunk.tobytes())
        replace_file(folder / ".zarray", json.dumps({**metadata, "shape": [len(ends)]}, indent=4).encode())
        self.ends = ends

    def _discard_unowned(self) -> None:
        """Remove rows, arrays and unfinished files that belong to no episode, and metadata that appending outdates."""
        _remove([*self.path.glob("**/*.partial"), self.path / ".zmetadata"])
        if not len(self.ends):
            self.arrays = {}
            for entry in (self.path / "data").iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
        for array in self.arrays.values():
            if array.shape[0] != self.steps:
                array.resize((self.steps, *array.shape[1:]))


def _new_array(building: Path, key: str, block: NDArray[Any], steps: int, attrs: dict[str, Any]) -> zarr.Array[Any]:
    """An array for all steps in a folder of its own, and its attributes."""
    with zarr.config.set({"array.write_empty_chunks": True}):
        root = zarr.open_group(building, mode="w", zarr_format=2)
        return root.create_array(
            key, shape=(steps, *block.shape[1:]), chunks=own_chunks(block), dtype=block.dtype, compressors=None,
            attributes=attrs,
        )  # fmt: skip


def _array(path: Path, root: zarr.Group, name: str) -> zarr.Array[Any]:
    """Open an array; zarr would leave out chunks that are all zero, which could not be told from lost ones."""
    with reading(path / name), zarr.config.set({"array.write_empty_chunks": True}):
        found = root.get(name)
    if not isinstance(found, zarr.Array):
        raise DataError(f"{path / name}: missing, or has no valid .zarray; restore it from a copy")
    return found


def _exhaust(found: Iterable[object]) -> None:
    """Go through `found` for the errors it raises."""
    for _ in found:
        pass


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    """Keep other writers out of a folder for as long as one append takes."""
    with contextlib.ExitStack() as stack:
        with _writing(path, "it has to be a folder that can be locked"):
            folder = os.open(path, os.O_RDONLY)
            stack.callback(os.close, folder)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def reading(path: Path) -> Generator[None]:
    """Turn what a damaged store at `path` makes zarr raise into a `DataError`."""
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, RoboprefError):
            raise
        raise unreadable(path, "a replay store", error) from error


@contextlib.contextmanager
def _settled() -> Generator[None]:
    """Wait for what zarr writes at once: it raises at the first failure, while its threads go on with the rest."""
    try:
        yield
    except BaseException:
        sync(_others())
        raise


async def _others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _writing(path: Path, kept: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot write ({cause(error)}); {kept}") from error
    except DAMAGE as error:  # the last chunk is read before it is completed
        if isinstance(error, RoboprefError):
            raise
        raise DataError(f"{path}: cannot write, as it is damaged ({cause(error)}); restore it from a copy") from error
