"""Choosing among candidates of DrawerOpen by a reward of actions that learnt from wrong answers.

In 150 states eight candidates, chunks of eight actions, are compared pair by pair, 4,200 in all, by how far each opens
the drawer; the rest is as `benchmarks.worlds.wrong_choices` has it. What is reported is the share of the gap between a
random candidate and the best of 16 that the choice closes, in 200 other states.
"""

from __future__ import annotations

from typing import Any

from benchmarks.records import Record
from benchmarks.worlds.wrong_choices import Choices, choice_records
from robopref.robots.sim import TaskSpec

WRONG = (0.0, 0.1, 0.3, 0.4)
DRAWER = Choices(TaskSpec("envs:robopref/DrawerOpen-v0", {"points": False, "state": True}, 60), horizon=8, warm_up=30)


def measure(seed: int) -> dict[str, Any]:
    """Shares of the gap of one seed, by share of wrong answers and way; and what was estimated."""
    return DRAWER.measured(WRONG, seed)


def records(found: list[dict[str, Any]]) -> list[Record]:
    return choice_records(found, WRONG)
