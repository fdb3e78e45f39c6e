"""What is taken of an environment that says nothing of itself, and of one that does."""

from types import SimpleNamespace

import numpy as np

from robopref.protocols import lacking
from robopref.records import Goal
from robopref.robots.env_abilities import (
    DemonstratedEnv,
    FilmedEnv,
    RewindableEnv,
    goal_of,
    instruction_of,
    outline_of,
    qualities_of,
    tool_of,
)

NOTHING, PROPRIO = SimpleNamespace(), np.array([1, 2, 3, 4], np.float32)


def test_an_environment_that_says_nothing_is_reported_plainly() -> None:
    assert (goal_of(NOTHING), qualities_of(NOTHING), instruction_of(NOTHING)) == (Goal(), (), "")
    assert outline_of(NOTHING) is None
    assert tool_of(NOTHING, PROPRIO).tolist() == [1, 2, 3]
    assert not isinstance(NOTHING, DemonstratedEnv | FilmedEnv)
    assert lacking(NOTHING, RewindableEnv) == ["snapshot", "restore", "progress", "geometry"]


def test_what_an_environment_says_is_taken() -> None:
    goal, line = Goal(best=2.0), np.zeros((2, 2))
    said = SimpleNamespace(goal=goal, qualities=("good",), instruction="Push.", outline=line, tool=np.ones(3))
    assert (goal_of(said), qualities_of(said), instruction_of(said)) == (goal, ("good",), "Push.")
    assert outline_of(said) is line
    assert tool_of(said, PROPRIO).tolist() == [1, 1, 1]
