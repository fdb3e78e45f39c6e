"""How honest the physics of ropes and cloth is: edges that stretch and contacts that sink in, at every timestep.

``python -m benchmarks.physics ids=RopeShaping,Dressing episodes=200 demos=20`` takes parts of ids and counts, 0 for
none; without a word every deformable task, 200 random episodes and 20 of each demonstrator. Claims that are not
measured stay as they are. Episodes are kept in build/physics until envs or assets change, so that an interrupted run
goes on. Times include the watching; `benchmarks.envs` measures them without.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.envs import about, limit, make
from benchmarks.records import Record, earlier, write
from envs.extremes import Extremes
from envs.task import QUALITIES, Task

# Deepest contact between layers, mm. Cloth of 45 mm cells meets itself along single edges, where 5 mm is not kept;
# at 8 mm, twice the radius, the surfaces themselves would meet.
TASKS = {"RopeShaping": 5, "ClothFold": 8, "ClothUnfolding": 8, "Dressing": 5}
ROOT = Path(__file__).parent.parent


def main(words: Sequence[str] = ()) -> None:
    """Measure the tasks whose ids contain a given part, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    parts = given.get("ids", "").split(",")
    counts = dict.fromkeys(reversed(QUALITIES), int(given.get("demos", 20))) | {
        "random": int(given.get("episodes", 200))
    }
    for name in TASKS:
        if any(part in name for part in parts):
            for quality in (quality for quality, count in counts.items() if count):
                made = measure(name, quality, counts[quality])
                claims = {record.claim for record in made}
                kept = [record for record in earlier("physics", ()) if record["claim"] not in claims]
                print(f"result: {write('physics', made, kept=kept)}")


def measure(name: str, quality: str, count: int) -> list[Record]:
    """The worst of every timestep of some episodes, and the time of an action."""
    path = ROOT / "build" / "physics" / version() / f"{name}-{quality}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    task = make(f"robopref/{name}-v0")
    with path.open("a") as file:
        for number in range(len(done), count):
            done.append(episode(task, limit(f"robopref/{name}-v0"), quality, number))
            print(json.dumps(done[-1]), file=file, flush=True)
    task.close()
    done = done[:count]
    told = f"in episodes of the {quality} demonstrator"
    stretch, depth, layers = (max(one[key] for one in done) for key in ("stretch", "depth", "layers"))
    deep = sum(one["deep"] for one in done) / sum(one["timesteps"] for one in done)
    seconds = [one["seconds"] for one in done]
    found = [
        about(f"{name}: largest edge stretch {told}", [stretch], "<= 1.2", "ratio", n=count),
        about(f"{name}: deepest contact with something solid {told}", [1000 * depth], "<= 5", "mm", n=count),
        about(f"{name}: deepest contact with itself {told}", [1000 * layers], f"<= {TASKS[name]}", "mm", n=count),
        about(f"{name}: share of timesteps more than 5 mm deep in itself {told}", [deep], "", n=count),
        about(f"{name}: processor seconds an action, watched, {told}", seconds, "", "s"),
    ]
    for record in found:
        print(f"{record.value:10.4g} {record.unit:<6} {record.target:<8} {record.claim}", flush=True)
    return found


def episode(task: Task, actions: int, quality: str, number: int) -> dict[str, Any]:
    """The worst of one episode, depths in metres, and processor seconds of an action."""
    task.reset(seed=10_000 + number)
    worst, rng, seconds = Extremes(task.physics), np.random.default_rng(number), list[float]()
    with worst.watched():
        for _ in range(actions):
            begun = time.process_time()
            over = task.step(task.demonstrate(rng, quality))[2]
            seconds.append(time.process_time() - begun)
            if over:
                break
    return {
        "stretch": worst.stretch,
        "depth": worst.depth,
        "layers": max(worst.layers),
        "deep": sum(depth > 0.005 for depth in worst.layers),
        "timesteps": len(worst.layers),
        "seconds": float(np.mean(seconds)),
    }


def version() -> str:
    """Of the physics: the files of the tasks and of their scenes."""
    files = sorted([*ROOT.glob("envs/*.py"), *ROOT.glob("assets/*.xml")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


if __name__ == "__main__":
    main(sys.argv[1:])
