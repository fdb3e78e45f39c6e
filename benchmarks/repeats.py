"""The same seed gives the same weights, whatever else the machine does; and training beside other work stays fast.

`make bench-repeats` takes about ten minutes on two cores: a small policy is trained twenty times in processes of their
own, beside nothing and beside two, four and six processes that compute without end.
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

from benchmarks.records import Record, exactly, write

REPEATS, STEPS, LOADS = 20, 50, (0, 2, 4, 6)
_BUSY = "while True: sum(range(100000))"
_TRAINING = """
import sys
from robopref.__main__ import main
sys.exit(main(["train", "policy", f"run={sys.argv[1]}", f"train.fit.steps={sys.argv[2]}"]))
"""


def main() -> None:
    """Measure and write the result."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        subprocess.run(
            [sys.executable, "-m", "robopref", "collect", f"run={base}"], check=True, stdout=subprocess.DEVNULL
        )
        found = list[str]()
        for repeat in range(REPEATS):
            load = LOADS[repeat % len(LOADS)]
            with busy(load):
                weights, seconds = trained(base, Path(folder) / str(repeat))
            found.append(weights)
            print(f"{repeat + 1} of {REPEATS}, beside {load} processes: {weights} in {seconds:.1f} s", flush=True)
        ratios = {load: spinning(base, Path(folder), load) for load in (0, LOADS[-1])}
    records = [
        exactly(f"different weights after {STEPS} steps of policy training with one seed, in {REPEATS} processes "
                f"beside {', '.join(map(str, LOADS))} busy ones", len(set(found)), "results", REPEATS, wanted=1),
        *(Record(f"time of {STEPS} steps with threads that spin as the library has it, over ours, beside {load} busy "
                 f"processes", round(statistics.median(times), 2), round(min(times), 2), round(max(times), 2),
                 ">= 2" if load else ">= 0.95", statistics.median(times) >= (2 if load else 0.95), "ratio", len(times))
          for load, times in ratios.items()),
    ]  # fmt: skip
    for record in records:
        print(f"{record.value:10.4g} {record.unit}, target {record.target}: {record.claim}")
    print(f"result: {write('repeats', records)}")


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
