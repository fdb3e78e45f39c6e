"""What environments of simulated tasks can do, and what is taken of those that cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.records import ActionGeometry, Goal

Values = NDArray[Any]


@runtime_checkable
class RewindableEnv(Protocol):
    """Can be put into any of its states, which trying out candidate actions needs."""

    def snapshot(self) -> Values:
        """The full state."""
        ...

    def restore(self, snapshot: Values) -> None:
        """Go back to a state."""
        ...

    @property
    def progress(self) -> float:
        """How good the state is, larger is better."""
        ...

    @property
    def geometry(self) -> ActionGeometry:
        """How its actions relate to points."""
        ...


@runtime_checkable
class DemonstratedEnv(Protocol):
    """Has a scripted demonstrator."""

    def demonstrate(self, rng: np.random.Generator, quality: str) -> Values:
        """An action (A,) of it."""
        ...


@runtime_checkable
class FilmedEnv(Protocol):
    """Shows on the way how an action is executed."""

    def film(self, action: Values) -> Sequence[NDArray[np.uint8]]:
        """Execute an action; pictures (h, w, 3)."""
        ...


@runtime_checkable
class _GoalEnv(Protocol):
    @property
    def goal(self) -> Goal: ...


@runtime_checkable
class _GradedEnv(Protocol):
    @property
    def qualities(self) -> Sequence[str]: ...


@runtime_checkable
class _InstructedEnv(Protocol):
    @property
    def instruction(self) -> str: ...


@runtime_checkable
class _OutlinedEnv(Protocol):
    @property
    def outline(self) -> Values | None: ...


@runtime_checkable
class _KnowingEnv(Protocol):
    @property
    def facts(self) -> Mapping[str, Any]: ...


@runtime_checkable
class _ToolEnv(Protocol):
    @property
    def tool(self) -> Values: ...


def goal_of(env: object) -> Goal:
    """In what terms a task is reported."""
    return env.goal if isinstance(env, _GoalEnv) else Goal()


def qualities_of(env: object) -> Sequence[str]:
    """How well its demonstrator can act; nothing if it has one manner only."""
    return env.qualities if isinstance(env, _GradedEnv) else ()


def instruction_of(env: object) -> str:
    """What is to be done, in a sentence; empty if it does not say."""
    return env.instruction if isinstance(env, _InstructedEnv) else ""


def facts_of(env: object) -> Mapping[str, Any]:
    """What it knows of the present state by the names of `robopref.checklists.trace`; nothing if it does not say."""
    return env.facts if isinstance(env, _KnowingEnv) else {}


def outline_of(env: object) -> Values | None:
    """The target shape, (V, 2) in the plane or (V, 3), m; None if it has none."""
    return env.outline if isinstance(env, _OutlinedEnv) else None


def tool_of(env: object, proprio: Values) -> NDArray[np.float64]:
    """Where its tool is (3,), m; proprioception begins with that if it does not say."""
    return np.asarray(env.tool if isinstance(env, _ToolEnv) else proprio[:3], np.float64)
