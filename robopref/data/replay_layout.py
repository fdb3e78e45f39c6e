"""The replay layout on disk, as diffusion_policy and DP3 read it, and how it survives a writer that is killed.

``data/<key>`` holds one row per step of all episodes, end to end, and ``meta/episode_ends`` one past the last step of
each episode. The format is zarr 2, without compression: the size of every chunk file is then known, which is how a
truncated one is found.

Zarr replaces chunk files by rename, so a chunk shared with earlier episodes is the old one or the new one, never a
part of one. An episode exists once the shape of ``meta/episode_ends`` says so, which is replaced after all its rows
are in place. Rows that no episode owns are ignored, and cut off when the layout is next opened for writing. Nothing is
forced to the disk: this holds when a process dies, not when the power does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Generator, Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from robopref.errors import ConflictError, DataError

_CHUNK_BYTES = 1 << 18  # an append rewrites the last chunk of every array; much smaller means too many files
_CHUNK_ROWS = 4096
_ENDS_PER_CHUNK = 1024
_NAMES = "names"  # attribute of the ends: episodes by the name that their writer gave them
_FAILURES = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError)  # of damaged stores


class ReplayLayout:
    """One folder in the replay layout; knows files, rows and chunks, but not what makes a good episode.

    Attributes:
        path: The folder.
        attrs: JSON attributes of the folder.
        ends: (episodes,) int64, one past the last step of each episode.
        arrays: The zarr array of each key; none before the first episode.
    """

    def __init__(self, path: Path, *, writable: bool) -> None:
        """Open a folder.

        Args:
            path: The folder.
            writable: Whether to write to it, which first removes what a killed writer left behind.

        Raises:
            DataError: No readable replay layout there, or not one that can be written.
        """
        if not path.is_dir():
            raise DataError(f"{path} is not a folder; expected a replay store, such as `robopref collect` writes")
        self.path = path
        with _locked(path) if writable else contextlib.nullcontext():
            with reading(path):
                # Consolidated metadata is a copy that no append would keep up to date.
                root = zarr.open_group(path, mode="r+" if writable else "r", zarr_format=2, use_consolidated=False)
                self.attrs: dict[str, Any] = root.attrs.asdict()
                self.ends = self._load_ends(root, writable=writable)
                names = sorted(entry.name for entry in os.scandir(path / "data") if entry.is_dir())
                self.arrays = {name: _array(path, root, f"data/{name}") for name in names if len(self.ends)}
                for key, array in self.arrays.items():
                    if array.shape[0] < self.steps:
                        raise DataError(
                            f"{path}: meta/episode_ends counts {self.steps} steps, data/{key} has {array.shape[0]}; "
                            "restore the store from a copy"
                        )
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
        building = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        with _writing(path, "nothing was created"):
            try:
                building.mkdir(parents=True)
                root = zarr.open_group(building, mode="w", zarr_format=2, attributes=attrs)
                root.create_group("data")
                root.create_array(
                    "meta/episode_ends", shape=(0,), chunks=(_ENDS_PER_CHUNK,), dtype="<i8", compressors=None
                )
                building.rename(path)
            finally:
                shutil.rmtree(building, ignore_errors=True)

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
                    self.arrays[key].resize((end, *new.shape[1:]))
                    self.arrays[key][start:end] = new
                if name is not None:
                    told = json.dumps({_NAMES: names | {name: on_disk}})
                    _replace(self.path / "meta/episode_ends/.zattrs", told.encode())
                self._commit(np.append(self.ends, end))
            except Exception:
                with contextlib.suppress(*_FAILURES):  # the next writer would do it later
                    self._discard_unowned()
                raise
        return True

    def attach(self, key: str, blocks: Iterable[NDArray[Any]], attrs: dict[str, Any]) -> None:
        """Put another array beside those of the episodes: whole, or not at all.

        Args:
            key: Its name, which no array has yet.
            blocks: Its rows in order, one a step, in pieces that fit into memory.
            attrs: What to remember about it, in values that JSON has.

        Raises:
            DataError: The disk is full, the rows are not one a step, or another writer was here.
        """
        building = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.partial")
        with _writing(self.path, "the arrays already there are intact"):
            try:
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
            finally:
                shutil.rmtree(building, ignore_errors=True)
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
                path.with_suffix(".partial").write_text(json.dumps(attrs, allow_nan=False))
            except (TypeError, ValueError) as error:
                raise DataError(f"attributes of {key} must be JSON: {error}") from error
            path.with_suffix(".partial").replace(path)
        root = zarr.open_group(self.path, mode="r+", zarr_format=2, use_consolidated=False)
        self.arrays = {**self.arrays, key: _array(self.path, root, f"data/{key}")}

    def chunk_files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Find the files that hold the rows of episodes.

        Yields:
            Path within the folder, and what the file system says about the file.

        Raises:
            DataError: A file is missing or has the wrong size.
        """
        for key, array in self.arrays.items():
            yield from _chunk_files(self.path, f"data/{key}", array, self.steps)

    def _load_ends(self, root: zarr.Group, *, writable: bool) -> NDArray[np.int64]:
        name = "meta/episode_ends"
        array = _array(self.path, root, name)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise DataError(f"{self.path}: {name} must be (episodes,) of int64, got {array.shape} of {array.dtype}")
        if writable and (array.dtype.str != "<i8" or array.compressors or array.filters):
            raise DataError(f"{self.path}: {name} is not plain int64, so it can be read but not appended to")
        _exhaust(_chunk_files(self.path, name, array, array.shape[0]))
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
                f"data/{key}", shape=(0, *new.shape[1:]), chunks=_chunks(new), dtype=new.dtype, compressors=None
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
        _replace(folder / str(first // size), chunk.tobytes())
        _replace(folder / ".zarray", json.dumps({**metadata, "shape": [len(ends)]}, indent=4).encode())
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


def _chunks(rows: NDArray[Any]) -> tuple[int, ...]:
    row_bytes = max(1, rows.dtype.itemsize * prod(rows.shape[1:]))
    return (max(1, min(_CHUNK_BYTES // row_bytes, _CHUNK_ROWS)), *(max(1, n) for n in rows.shape[1:]))


def _new_array(building: Path, key: str, block: NDArray[Any], steps: int, attrs: dict[str, Any]) -> zarr.Array[Any]:
    """An array for all steps in a folder of its own, and its attributes."""
    with zarr.config.set({"array.write_empty_chunks": True}):
        root = zarr.open_group(building, mode="w", zarr_format=2)
        return root.create_array(
            key, shape=(steps, *block.shape[1:]), chunks=_chunks(block), dtype=block.dtype, compressors=None,
            attributes=attrs,
        )  # fmt: skip


def _array(path: Path, root: zarr.Group, name: str) -> zarr.Array[Any]:
    """Open an array; zarr would leave out chunks that are all zero, which could not be told from lost ones."""
    with reading(path / name), zarr.config.set({"array.write_empty_chunks": True}):
        found = root.get(name)
    if not isinstance(found, zarr.Array):
        raise DataError(f"{path / name}: missing, or has no valid .zarray; restore it from a copy")
    return found


def _chunk_files(path: Path, name: str, array: zarr.Array[Any], rows: int) -> Iterator[tuple[str, os.stat_result]]:
    """Find the files of the first `rows` rows; zarr would silently read a missing one as zeros."""
    size = None if array.compressors or array.filters else prod(array.chunks) * array.dtype.itemsize
    counts = [-(-n // chunk) for n, chunk in zip((rows, *array.shape[1:]), array.chunks, strict=True)]
    for index in np.ndindex(*counts):
        file = f"{name}/{array.metadata.encode_chunk_key(index)}"
        try:
            stat = os.stat(f"{path}/{file}")
        except FileNotFoundError as error:
            raise DataError(f"{path}: chunk file {file} is missing; restore the store from a copy") from error
        if size not in (None, stat.st_size):
            raise DataError(f"{path}: {file} has {stat.st_size} bytes, not {size}; restore the store from a copy")
        yield file, stat


def _exhaust(found: Iterable[object]) -> None:
    """Go through `found` for the errors it raises."""
    for _ in found:
        pass


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
    except _FAILURES as error:
        raise DataError(f"{path}: not readable as a replay store ({_cause(error)}); restore it from a copy") from error


@contextlib.contextmanager
def _writing(path: Path, kept: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot write ({_cause(error)}); {kept}") from error
    except _FAILURES as error:  # the last chunk is read before it is completed
        raise DataError(f"{path}: cannot write, as it is damaged ({_cause(error)}); restore it from a copy") from error


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().split("\n")[0] or type(error).__name__
