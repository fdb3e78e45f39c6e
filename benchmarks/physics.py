"""How honest the physics of ropes and cloth is: edges that stretch and contacts that sink in, at every timestep.

``python -m benchmarks.physics ids=RopeShaping,Dressing episodes=200 demos=20`` takes parts of ids and counts; without a
word every deformable task, 200 random episodes and 20 of each demonstrator. Claims that are not measured stay as they
are. Times include the watching; `benchmarks.envs` measures them without.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.envs import about, limit, make
from benchmarks.records import Record, earlier, write
from envs.extremes import Extremes
from envs.task import QUALITIES

TASKS = ("RopeShaping", "ClothFold", "ClothUnfolding", "Dressing")


def main(words: Sequence[str] = ()) -> None:
    """Measure the tasks whose ids contain a given part, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    parts = given.get("ids", "").split(",")
    for name in TASKS:
        if any(part in name for part in parts):
            made = [
                record
                for quality in reversed(QUALITIES)
                for record in measure(name, quality, int(given.get("episodes" if quality == "random" else "demos", 0)))
            ]
            claims = {record.claim for record in made}
            kept = [record for record in earlier("physics", ()) if record["claim"] not in claims]
            print(f"result: {write('physics', made, kept=kept)}")


def measure(name: str, quality: str, episodes: int) -> list[Record]:
    """The worst of every timestep of some episodes, and the time of an action."""
    episodes = episodes or (200 if quality == "random" else 20)
    task, seconds = make(f"robopref/{name}-v0"), list[float]()
    worst = Extremes(task.physics)
    for episode in range(episodes):
        task.reset(seed=10_000 + episode)
        rng = np.random.default_rng(episode)
        with worst.watched():
            for _ in range(limit(f"robopref/{name}-v0")):
                begun = time.process_time()
                over = task.step(task.demonstrate(rng, quality))[2]
                seconds.append(time.process_time() - begun)
                if over:
                    break
    task.close()
    told = f"in episodes of the {quality} demonstrator"
    found = [
        about(f"{name}: largest edge stretch {told}", [worst.stretch], "<= 1.2", "ratio", n=episodes),
        about(f"{name}: deepest contact {told}", [1000 * worst.depth], "<= 5", "mm", n=episodes),
        about(f"{name}: processor seconds an action, watched, {told}", seconds, "", "s"),
    ]
    for record in found:
        print(f"{record.value:10.4g} {record.unit:<6} {record.target:<8} {record.claim}", flush=True)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
