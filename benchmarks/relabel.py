"""Relabelling a million transitions: peak memory, rate, and that a killed run goes on; and a set of clouds.

TRANSITIONS and CLOUDS shorten a trial run. The data lie in a temporary folder (DATA names another place): a million
transitions of 39 numbers and 4 actions are 0.2 GB; 200,000 steps with 512 points are 1.2 GB. Every measurement is a
process of its own, whose peak memory is what the system says, less that of one that relabels a hundred steps.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.records import Record, write
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.stored_models import save_model
from robopref.nets.clouds import CloudEncoder
from robopref.rewards.segment import SegmentReward

TRANSITIONS = int(os.environ.get("TRANSITIONS", "1000000"))
CLOUDS = int(os.environ.get("CLOUDS", "200000"))
LENGTH, STATE, ACTION, POINTS = 1000, 39, 4, 512
TRIAL = bool({"TRANSITIONS", "CLOUDS"} & os.environ.keys())

WORK = """
import resource, sys, time
from pathlib import Path
from robopref.learning.relabel import relabel
from robopref.learning.stored_models import load_reward
begun = time.monotonic()
store = relabel(Path(sys.argv[1]), load_reward(Path(sys.argv[2])), sys.argv[3], {"benchmark": 1})
print(time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Measure both kinds of data and write the records."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("DATA")) as folder:
        records = [
            *measured(Path(folder), "transitions of states", TRANSITIONS, points=0),
            *measured(Path(folder), f"steps with {POINTS} points", CLOUDS, points=POINTS),
        ]
    for record in records:
        print(f"{record.claim}: {record.value:.4g} {record.unit} {record.holds}")
    if not TRIAL:
        print(f"result: {write('relabel', records)}")


def measured(folder: Path, what: str, steps: int, *, points: int) -> list[Record]:
    """Relabel one kind of data: memory, rate, and a run that is killed half-way."""
    path, reward = folder / f"{points}.zarr", folder / f"{points}.pt"
    keys = ["points", "proprio", "action"] if points else ["state", "action"]
    save_model(reward, model(keys, points))
    recorded(folder / f"{points}-small.zarr", 100, points)
    recorded(path, steps, points)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 2**20
    _, least = run(folder / f"{points}-small.zarr", reward, "r")
    seconds, peak = run(path, reward, "r")
    again = resumed(path, reward, seconds)
    cores = os.cpu_count() or 1
    target = max(256, 64 * cores)
    return [
        Record(f"{steps} {what} ({size:.0f} MB): memory beyond that of 100 steps, {cores} threads", peak - least,
               peak - least, peak - least, f"<= {target}", peak - least <= target, "MB", 1),
        Record(f"{steps} {what}: steps a second, {cores} threads", steps / seconds, steps / seconds, steps / seconds,
               "", None, "1/s", 1),
        Record(f"{steps} {what}: a killed run goes on and gives the same rewards", float(again), float(again),
               float(again), ">= 1", again, "yes", 1),
    ]  # fmt: skip


def run(path: Path, reward: Path, name: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one process."""
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(path), str(reward), name], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def resumed(path: Path, reward: Path, seconds: float) -> bool:
    """Whether a second array, whose process is killed half-way and started again, equals the first."""
    process = subprocess.Popen([sys.executable, "-c", WORK, str(path), str(reward), "again"])
    work = path.with_name(f"{path.name}.relabel") / "again"
    limit = time.monotonic() + 60 + 2 * seconds
    while time.monotonic() < limit and process.poll() is None and len(list(work.glob("*.npy"))) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    run(path, reward, "again")
    store = EpisodeStore.open(path)
    return bool(np.array_equal(store.array("r"), store.array("again")))


def model(keys: list[str], points: int) -> SegmentReward:
    """Three untrained networks; what they say does not matter here."""
    torch.manual_seed(0)
    channels = (1 if points else STATE) + ACTION
    return SegmentReward(keys, channels, members=3, encoder=CloudEncoder(3) if points else None)


def recorded(path: Path, steps: int, points: int) -> None:
    """Random episodes."""
    rng, store = np.random.default_rng(0), EpisodeStore.create(path, {})
    while store.steps < steps:
        length = min(LENGTH, steps - store.steps)
        episode = {"action": rng.uniform(-1, 1, (length, ACTION)).astype(np.float32)}
        if points:
            episode |= {"points": rng.standard_normal((length, points, 3), np.float32),
                        "proprio": rng.standard_normal((length, 1), np.float32)}  # fmt: skip
        else:
            episode["state"] = rng.standard_normal((length, STATE), np.float32)
        store.append(episode)


if __name__ == "__main__":
    main()
