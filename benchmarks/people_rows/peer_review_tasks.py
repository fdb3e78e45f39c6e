"""The same as `peer_review_choice`, on other tasks, with 10 and 30 % of the answers wrong.

``TASKS=PlanarPush,rope`` names some. On PlanarPush candidates are chunks of four actions, judged by how near puck and
tool come to where they are to be. On rope a candidate is one action, which is simulated for the better part of a tenth
of a second: five processor minutes a seed. What is measured of a seed and task is kept in ``runs/bench-people``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks.records import Record, keep
from benchmarks.worlds.wrong_choices import Choices, choice_records
from robopref.errors import unknown_name
from robopref.robots.sim import TaskSpec

WRONG = (0.1, 0.3)
KEPT = Path("runs/bench-people/peer_review_tasks")
_STATE = {"points": False, "state": True}
SETTINGS = {
    "PlanarPush": Choices(TaskSpec("envs:robopref/PlanarPush-v0", _STATE, 60), horizon=4, warm_up=25),
    "rope": Choices(TaskSpec("envs:robopref/RopeShaping-v0", _STATE, 8), horizon=1, warm_up=4),
}
TASKS = [name for name in os.environ.get("TASKS", "PlanarPush").split(",") if name]
for _name in TASKS:
    if _name not in SETTINGS:
        raise unknown_name("TASKS", _name, SETTINGS)


def measure(seed: int) -> dict[str, Any]:
    """Of every task, what `Choices.measured` finds."""
    return {
        task: keep(KEPT / f"{task}-{seed}.json", lambda t=task: SETTINGS[t].measured(WRONG, seed)) for task in TASKS
    }


def records(found: list[dict[str, Any]]) -> list[Record]:
    return [
        record for task in TASKS for record in choice_records([one[task] for one in found], WRONG, task)
    ]  # fmt: skip
