"""Cloning from recordings that would not fit into memory: peak of what is not backed by a file, and the rate.

GIGABYTES says how large the recordings are, LIMIT how many gigabytes of memory of its own the training process may
take: the system refuses it more. By default 6 against 2; 28 against 2 on a machine with 24 GB is the real thing, and
takes twice 28 GB of disk (DATA names a place). Pages of mapped files come and go as the system likes; they are not
counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.records import Record, write
from robopref.data.episodes.store import EpisodeStore

GIGABYTES, LIMIT = (float(os.environ.get(name, value)) for name, value in (("GIGABYTES", "6"), ("LIMIT", "2")))
SIDE, LENGTH, STEPS, BATCH = 96, 500, 60, 32

WORK = """
import resource, sys, threading, time
from pathlib import Path
limit = int(float(sys.argv[2]) * 1e9)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
import torch
from robopref.data.episodes.policy_spec import recorded_spec
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.clone import CloneBatches, clone_policy
from robopref.learning.fit import FitConfig
from robopref.policies.observed import ObservedPolicy
torch.set_num_threads(1)
peak, at = 0, []
def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1e6
def watch():
    global peak
    while True:
        peak = max(peak, anonymous())
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
store = EpisodeStore.open(sys.argv[1])
begun = time.monotonic()
torch.manual_seed(0)
policy = ObservedPolicy(recorded_spec(store))
clone_policy(policy, store, FitConfig(int(sys.argv[3])), seed=0, batches=CloneBatches(int(sys.argv[4])),
             progress=lambda step, _: at.append(time.monotonic()))
print(peak, (len(at) - 1) / (at[-1] - at[0]), at[0] - begun)
"""


def recorded(path: Path) -> EpisodeStore:
    """Pictures and readings of so many gigabytes."""
    rng = np.random.default_rng(0)
    store = EpisodeStore.create(path, {})
    noise = rng.integers(0, 256, (LENGTH, SIDE, SIDE, 3), np.uint8)
    for number in range(round(GIGABYTES * 1e9 / noise.nbytes)):
        readings = rng.normal(size=(LENGTH, 7)).astype(np.float32)
        pictures = np.roll(noise, number, axis=0)
        store.append({"image": pictures, "proprio": readings, "action": np.tanh(readings[:, :4])})
    return store


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("DATA")) as folder:
        store = recorded(Path(folder) / "pictures.zarr")
        words = [str(store.path), str(LIMIT), str(STEPS), str(BATCH)]
        done = subprocess.run([sys.executable, "-c", WORK, *words], check=True, capture_output=True, text=True)
        peak, rate, before = map(float, done.stdout.split())
        size = store.steps * SIDE * SIDE * 3 / 1e9
    about = f"{store.steps:,} pictures of {SIDE} x {SIDE}, {size:.3g} GB, {LIMIT:g} GB of own memory at most"
    write(Path(__file__).stem, [
        Record(f"peak of memory that no file backs, cloning from {about}", peak, peak, peak, f"<= {LIMIT:g}",
               peak <= LIMIT, "GB", 1),
        Record(f"steps a second at batch {BATCH}, one thread, {about}", rate, rate, rate, "", None, "1/s", 1),
        Record(f"seconds before the first step, most of it the copy that is mapped, {about}", before, before, before,
               "", None, "s", 1),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
