"""The same seed gives the same weights, whatever else the machine does; and training beside other work stays fast.

`make bench-repeats` takes about half an hour on two cores: a small policy is trained twenty times in processes of
their own, beside nothing and beside two, four and six processes that compute without end; and with threads that wait
as the library has it. ``python -m benchmarks.repeats waiting`` runs one part and keeps the record of the other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.records import Record, earlier, exactly, write

REPEATS, STEPS, LOADS, BESIDE = 20, 50, (0, 2, 4, 6), (0, 2)
_BUSY = "while True: sum(range(100000))"
_TRAINING = """
import sys
from robopref.__main__ import main
sys.exit(main(["train", "policy", f"run={sys.argv[1]}", f"train.fit.steps={sys.argv[2]}"]))
"""


def main() -> None:
    """Measure the parts that are named, or all, and write each when it is done."""
    parts = {"weights": weights, "waiting": waiting}
    wanted = sys.argv[1:] or list(parts)
    if unknown := set(wanted) - set(parts):
        sys.exit(f"no part {', '.join(sorted(unknown))}; expected some of {', '.join(parts)}")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        subprocess.run(
            [sys.executable, "-m", "robopref", "collect", f"run={base}"], check=True, stdout=subprocess.DEVNULL
        )
        for part in wanted:
            records = parts[part](base, Path(folder))
            for record in records:
                print(f"{record.value:10.4g} {record.unit}, target {record.target}: {record.claim}")
            print(f"result: {write('repeats', records, earlier('repeats', [part]))}", flush=True)


def weights(base: Path, folder: Path) -> list[Record]:
    """How many different weights come of one seed, whatever else the machine does."""
    found = list[str]()
    for repeat in range(REPEATS):
        load = LOADS[repeat % len(LOADS)]
        with busy(load):
            digest, seconds = trained(base, folder / str(repeat))
        found.append(digest)
        print(f"{repeat + 1} of {REPEATS}, beside {load} processes: {digest} in {seconds:.1f} s", flush=True)
    claim = (
        f"weights: different ones after {STEPS} steps of policy training with one seed, in {REPEATS} processes beside "
        f"{', '.join(map(str, LOADS))} busy ones"
    )
    return [exactly(claim, len(set(found)), "results", REPEATS, wanted=1)]


def waiting(base: Path, folder: Path) -> list[Record]:
    """How much longer training takes if its threads wait as the library has it, alone and beside others."""
    records = list[Record]()
    for load in BESIDE:
        times = spinning(base, folder, load)
        least = 2.0 if load else 0.95
        claim = (
            f"waiting: time of {STEPS} steps with threads that wait as the library has it, over ours, beside {load} "
            "busy processes"
        )
        found = (round(value, 2) for value in (statistics.median(times), min(times), max(times)))
        records.append(Record(claim, *found, f">= {least:g}", statistics.median(times) >= least, "ratio", len(times)))
    return records


@contextmanager
def busy(count: int) -> Generator[None]:
    """Processes that compute without end, beside what is measured."""
    processes = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def trained(base: Path, run: Path, **environment: str) -> tuple[str, float]:
    """Train in a new process; a fingerprint of the weights, and seconds with start and end of the process."""
    shutil.copytree(base, run)
    begun = time.monotonic()
    command = [sys.executable, "-c", _TRAINING, run, str(STEPS)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment})
    seconds = time.monotonic() - begun
    import torch

    state = torch.load(run / "policy" / "weights.pt", weights_only=True)
    digest = hashlib.sha256()
    for tensor in state["module"].values():
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12], seconds


def spinning(base: Path, folder: Path, load: int, rounds: int = 3) -> list[float]:
    """Time with the library's own waiting, 300,000 turns for two threads on two cores, over ours; interleaved."""
    ratios = list[float]()
    with busy(load):
        for index in range(rounds):
            theirs = trained(base, folder / f"theirs-{load}-{index}", GOMP_SPINCOUNT="300000")[1]
            ours = trained(base, folder / f"ours-{load}-{index}")[1]
            ratios.append(theirs / ours)
    return ratios


if __name__ == "__main__":
    main()
