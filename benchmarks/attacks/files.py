"""Files that were made to do harm, opened by real processes; and writers of datasets that are killed at any moment."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, exactly
from benchmarks.worlds.hostile_files import attacks
from benchmarks.worlds.small_dataset import small
from robopref.data.episode_formats.combine import merge, split
from robopref.data.episode_formats.conversion import FORMATS, open_dataset, write_dataset
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.learning.relabel import relabel

KILLS = 208
LONGEST = 10.0  # seconds of a processor that opening a file may take, beside what starting robopref takes
MEMORY = 1 << 30  # bytes that it may take beside those
_EXPORT = """
import sys
from pathlib import Path
from robopref.errors import RoboprefError
from robopref.policies.exported import ExportedPolicy
try:
    ExportedPolicy(Path(sys.argv[1]))
except RoboprefError as error:
    sys.exit(str(error))
"""


@dataclass(frozen=True)
class _Ended:
    """How a process ended."""

    name: str
    status: int
    said: str
    seconds: float
    memory: int
    ran: bool


def measure(share: float) -> list[Record]:
    """Open all files, and kill writers.

    Args:
        share: Of the kills, and of the files.

    Returns:
        What was found.
    """
    return [*_opened(share), *_killed(max(len(FORMATS), round(share * KILLS)))]


def _opened(share: float) -> list[Record]:
    names = list(attacks())[:: max(1, round(1 / share))]
    with tempfile.TemporaryDirectory() as folder:
        idle = _run("nothing", [sys.executable, "-m", "robopref", "data", "inspect", folder], Path(folder) / "canary")
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda name: _attack(name, Path(folder)), names))
    for one in ended:
        if one.status == 0 or "Traceback" in one.said or one.ran:
            print(f"{one.name}: {one.status} {one.said[-500:]}", flush=True)
    taken = [one for one in ended if one.status == 0]
    slow = [one for one in ended if one.seconds > idle.seconds + LONGEST or one.status < 0]
    large = [one for one in ended if one.memory > idle.memory + MEMORY]
    count = len(ended)
    return [
        exactly("files: that ran code", sum(one.ran for one in ended), "files", count),
        exactly("files: that were not refused", len(taken), "files", count),
        exactly("files: that gave a traceback", sum("Traceback" in one.said for one in ended), "files", count),
        exactly(f"files: that took {LONGEST:.0f} s more than none, or ended the process", len(slow), "files", count),
        exactly(f"files: that took {MEMORY >> 30} GiB more than none", len(large), "files", count),
    ]


def _attack(name: str, folder: Path) -> _Ended:
    opener, make = attacks()[name]
    room = folder / hashlib.sha256(name.encode()).hexdigest()[:12]
    room.mkdir()
    path, canary = make(room, room / "canary"), room / "canary"
    robopref = [sys.executable, "-m", "robopref"]
    if opener == "export":
        return _run(name, [sys.executable, "-c", _EXPORT, str(path)], canary)
    if opener == "dataset":
        return _run(name, [*robopref, "data", "convert", str(path), str(room / "copy.npz")], canary)
    words = [f"run={room / 'run'}", f"path={path}", f"format={opener.split()[1]}", "source=x", "labeler=people"]
    return _run(name, [*robopref, "labels", "import", *words, "length=5"], canary)


def _run(name: str, command: Sequence[str], canary: Path) -> _Ended:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, "OMP_NUM_THREADS": "1"})
        limit = time.monotonic() + 300
        usage: Any = None
        while usage is None:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                usage = used
                break
            if time.monotonic() > limit:
                process.kill()
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        seconds = usage.ru_utime + usage.ru_stime
        return _Ended(name, process.returncode, said.read(), seconds, usage.ru_maxrss * 1024, canary.exists())


class _Linear:
    """A reward that needs no training."""

    keys = ("state",)

    def reward(self, arrays: dict[str, Any]) -> torch.Tensor:
        """The sum of the state."""
        return torch.as_tensor(arrays["state"]).sum(-1)


def _path(folder: Path, name: str, kind: str) -> Path:
    return folder / f"{name}{'.npz' if kind == 'npz' else ''}"


def _convert(folder: Path, kind: str) -> list[Path]:
    path = _path(folder, "converted", kind)
    write_dataset(path, open_dataset(folder / "a.zarr"), kind, Choices())
    return [path]


def _merge(folder: Path, kind: str) -> list[Path]:
    path = _path(folder, "merged", kind)
    write_dataset(path, merge([open_dataset(folder / name) for name in ("a.zarr", "b.zarr")]), kind, Choices())
    return [path]


def _split(folder: Path, kind: str) -> list[Path]:
    paths = [_path(folder, name, kind) for name in ("first", "second")]
    for path, part in zip(paths, split(open_dataset(folder / "a.zarr"), 0.5), strict=True):
        if not path.exists():
            write_dataset(path, part, kind, Choices())
    return paths


def _relabel(folder: Path, _: str) -> list[Path]:
    relabel(folder / "b.zarr", _Linear(), "learnt", {"by": "sum"}, workers=1)
    return []


def _cache(folder: Path, _: str) -> list[Path]:
    ReplayCache.build(EpisodeStore.open(folder / "a.zarr"))
    return []


_WRITERS: dict[str, Callable[[Path, str], list[Path]]] = {
    "convert": _convert, "merge": _merge, "split": _split, "relabel": _relabel, "cache": _cache,
}  # fmt: skip


def _child(writer: str, folder: str, kind: str) -> None:
    torch.set_num_threads(1)
    _WRITERS[writer](Path(folder), kind)


def _killed(kills: int) -> list[Record]:
    """Kill each writer of each format in turn, look at what is there, and let it run again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    jobs = [(writer, kind) for kind in FORMATS for writer in ("convert", "merge", "split")]
    jobs += [("relabel", ""), ("cache", "")] * 2
    rng, found, usual = random.Random(0), {"half": 0, "lost": 0, "left": 0, "failed": 0}, dict[str, float]()
    done = 0
    with tempfile.TemporaryDirectory() as base:
        number = 0
        while done < kills:
            writer, kind = jobs[number % len(jobs)]
            number += 1
            folder = Path(base) / str(number)
            _sources(folder)
            before = {name: _digest(folder / name) for name in ("a.zarr", "b.zarr")}
            key = f"{writer} {kind}"
            process = context.Process(target=_child, args=(writer, str(folder), kind))
            begun = time.monotonic()
            process.start()
            if key in usual:
                time.sleep(rng.uniform(0, usual[key]))
                process.kill()
            process.join()
            usual.setdefault(key, time.monotonic() - begun)
            done += process.exitcode == -9
            for name in ("converted", "merged", "first", "second"):
                path = _path(folder, name, kind)
                if path.exists() and not _whole(path, kind):
                    found["half"] += 1
            again = context.Process(target=_child, args=(writer, str(folder), kind))
            for name in ("converted", "merged"):
                _remove(_path(folder, name, kind))
            again.start()
            again.join()
            found["failed"] += again.exitcode != 0
            found["lost"] += any(_digest(folder / name) != held for name, held in before.items())
            left = [entry for entry in folder.rglob("*") if "partial" in entry.name or entry.name.endswith(".relabel")]
            found["left"] += bool([entry for entry in left if not entry.is_dir() or any(entry.iterdir())])
            shutil.rmtree(folder)
    return [
        exactly("files: half-written after a writer of datasets was killed", found["half"], "files", done),
        exactly("files: sources changed by a writer that was killed", found["lost"], "sources", done),
        exactly("files: unfinished ones that the next writer left", found["left"], "runs", done),
        exactly("files: writers that failed after one that was killed", found["failed"], "runs", done),
    ]


def _sources(folder: Path) -> None:
    folder.mkdir()
    for seed, name in enumerate(("a.zarr", "b.zarr")):
        write_dataset(folder / name, small(seed=seed, episodes=6, steps=50))


def _digest(path: Path) -> str:
    """Of what a store holds, without rewards that were put beside it."""
    digest = hashlib.sha256()
    for episode in open_dataset(path):
        for key, array in episode.items():
            if key != "learnt":
                digest.update(key.encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _whole(path: Path, kind: str) -> bool:
    data = open_dataset(path, kind)
    return len(list(data)) == data.count > 0 and bool(json.dumps(dict(data.attrs)))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
