"""The files of a zarr array: which there have to be, how large, and what may have packed them.

A codec of numcodecs unpickles what it reads, and packages may bring others, so only those that are known are admitted,
by the metadata and before zarr sees them.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.claims import check_claim
from robopref.data.containment import inside
from robopref.errors import DataError
from robopref.files import read_json

CHUNK_BYTES = 1 << 18  # an append rewrites the last chunk of every array; much smaller means too many files
CHUNK_ROWS = 4096
_CODECS = {
    "blosc", "zstd", "zlib", "gzip", "bz2", "lzma", "lz4", "delta", "fixedscaleoffset", "quantize", "bitround",
    "shuffle", "packbits", "astype", "adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3", "zfpy", "pcodec",
    "bytes", "transpose", "sharding_indexed", "endian",
}  # fmt: skip
_PICTURES = "imagecodecs_"  # of the package imagecodecs, as diffusion_policy packs images
_MOST_ABSENT = 1 << 20
_DEEPEST = 16


def array_names(path: Path) -> list[str]:
    """Names of the arrays within the folder ``data`` of a store, those in groups with slashes.

    Args:
        path: The store.

    Raises:
        DataError: A folder lies elsewhere, or they are too deep.
    """
    found: list[str] = []
    waiting = [("data", 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth > _DEEPEST:
            raise DataError(f"{path}: groups at {place[:80]} are more than {_DEEPEST} deep")
        for entry in sorted(os.listdir(inside(path, place))):
            name = f"{place}/{entry}"
            if entry.startswith(".") or not inside(path, name).is_dir():
                continue
            if (path / name / ".zgroup").exists() or _node(path, name) == "group":
                waiting.append((name, depth + 1))
            else:
                found.append(name.removeprefix("data/"))
    return sorted(found)


def why_not_numbers(path: Path, name: str) -> str:
    """Why an array is none of numbers, empty if it is.

    Args:
        path: The store.
        name: Of the array, within the store.

    Raises:
        DataError: Its metadata are missing or damaged, or it is packed by a codec that is not admitted.
    """
    about = _metadata(path, name)
    given = about.get("dtype", about.get("data_type"))
    if given is None:
        raise DataError(f"{path / name}: has no valid metadata; restore it from a copy")
    named = given if isinstance(given, str) else "|O"
    texts = named.lstrip("<>|").startswith(("O", "S", "U", "V", "M", "m")) or named in ("string", "bytes")
    if texts or np.dtype(named).kind not in "biuf":
        return f"{name.removeprefix('data/')} is not read: it holds {str(given)[:80]}, not numbers"
    for codec in _codecs(about):
        if codec.removeprefix("numcodecs.") not in _CODECS and not codec.startswith(_PICTURES):
            raise DataError(
                f"{path}: {name} is packed by {codec[:80]!r}, which is not admitted; write it again with blosc, gzip "
                f"or zstd, or leave it out with drop=[{name.removeprefix('data/')}]"
            )
    return ""


def chunk_files(
    path: Path, name: str, array: Any, rows: int, absent: Callable[[], None] | None = None
) -> Iterator[tuple[str, os.stat_result]]:
    """Find the files of the first `rows` rows.

    Args:
        path: The store.
        name: Of the array, within the store.
        array: The zarr array.
        rows: How many.
        absent: Called for every chunk that is the array's fill value and has no file; robopref writes all of them, so
            that it can tell a lost one.

    Yields:
        Path within the store, and what the file system says about the file.

    Raises:
        DataError: A file that has to be there is missing, has another size, lies elsewhere or is no file.
    """
    sizes = array.shards or array.chunks
    plain = not (array.compressors or array.filters or array.shards)
    size = prod(sizes) * array.dtype.itemsize if plain and array.metadata.zarr_format == 2 else None
    counts = [-(-n // chunk) for n, chunk in zip((rows, *array.shape[1:]), sizes, strict=True)]
    complete = array.metadata.fill_value is None or (size is not None and sizes == own_chunks(array))
    if not complete and prod(counts) > _MOST_ABSENT:
        there = sum(len(found) for _, _, found in os.walk(path / name))
        if there < prod(counts) // 2:
            raise DataError(f"{path}: {name} would have {prod(counts):,} chunks, but has {there:,} files")
    folders: set[str] = set()
    held = 0
    for index in _indices(counts):
        file = f"{name}/{array.metadata.encode_chunk_key(index)}"
        folder = file.rpartition("/")[0]
        if folder not in folders:
            inside(path, folder)
            folders.add(folder)
        try:
            stat = os.lstat(f"{path}/{file}")
            if modes.S_ISLNK(stat.st_mode):
                stat = os.stat(inside(path, file))
        except FileNotFoundError as error:
            if not complete:
                if absent is not None:
                    absent()
                continue
            raise DataError(f"{path}: chunk file {file} is missing; restore the store from a copy") from error
        if not modes.S_ISREG(stat.st_mode):
            raise DataError(f"{path}: {file} is not a file")
        if size not in (None, stat.st_size):
            raise DataError(f"{path}: {file} has {stat.st_size} bytes, not {size}; restore the store from a copy")
        held += stat.st_size
        yield file, stat
    row = prod(array.shape[1:]) * array.dtype.itemsize
    check_claim(path, name, max(rows * row, prod(sizes) * array.dtype.itemsize if rows else 0), held)


def own_chunks(rows: Any) -> tuple[int, ...]:
    """Chunks of an array like `rows`, (T, ...), as robopref lays it out."""
    row_bytes = max(1, rows.dtype.itemsize * prod(rows.shape[1:]))
    return (max(1, min(CHUNK_BYTES // row_bytes, CHUNK_ROWS)), *(max(1, n) for n in rows.shape[1:]))


def _indices(counts: list[int]) -> Iterator[tuple[int, ...]]:
    """All places in a grid, which may be a large one; one at a time."""
    if not counts:
        yield ()
        return
    for first in range(counts[0]):
        for rest in _indices(counts[1:]):
            yield (first, *rest)


def _node(path: Path, name: str) -> str:
    file = inside(path, f"{name}/zarr.json")
    return str(read_json(file).get("node_type")) if file.exists() else ""


def _metadata(path: Path, name: str) -> dict[str, Any]:
    for file in (".zarray", "zarr.json"):
        if (place := inside(path, f"{name}/{file}")).exists():
            return read_json(place)
    raise DataError(f"{path / name}: missing, or has no valid .zarray; restore it from a copy")


def _codecs(about: dict[str, Any]) -> Iterator[str]:
    """Names of all codecs in the metadata of an array, at whatever depth."""
    waiting: list[Any] = [about.get("compressor"), about.get("filters"), about.get("codecs")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            if "id" in part or "name" in part:
                yield str(part.get("id", part.get("name")))
            waiting += [part.get("configuration"), part.get("codecs"), part.get("index_codecs")]
        elif isinstance(part, str):
            yield part
