"""How a trained agent plans, in plain values beside its weights, so that its plans are kept as they were then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from robopref.policies.agreed_plans import AgreedPlans
from robopref.policies.plan_search import CenteredPlans, WidePlans
from robopref.policies.plan_value import LowerBound, SmallestCritic
from robopref.policies.world_planner import WorldPlanner

_LARGEST = 100_000  # of any number of a planner, since as much is drawn before anything else is looked at
_COUNTS = {"horizon", "elites", "samples", "iterations", "members"}
_NUMBERS = ("horizon", "elites", "temperature", "noise")
# Nothing else is ever made of what a file says.
_SEARCHES: dict[str, Any] = {kind.__name__: kind for kind in (AgreedPlans, CenteredPlans, WidePlans)}
_VALUES: dict[str, Any] = {kind.__name__: kind for kind in (LowerBound, SmallestCritic)}


def planner_state(planner: WorldPlanner) -> dict[str, Any] | None:
    """What a planner was made with, or None where a part of it is of a kind that is not known here."""
    search, value = _part(planner.search, _SEARCHES), _part(planner.value, _VALUES)
    if search is None or value is None:
        return None
    return {"search": search, "value": value, **{name: getattr(planner, name) for name in _NUMBERS}}


def planner_of(state: Mapping[str, Any]) -> WorldPlanner:
    """The planner of what `planner_state` said, which a file may have changed.

    Raises:
        AttributeError, ConfigError, KeyError, TypeError, ValueError: It is of another form, or a number out of range.
    """
    search, value = _made(state["search"], _SEARCHES), _made(state["value"], _VALUES)
    return WorldPlanner(search, value, **{name: _number(name, state[name]) for name in _NUMBERS})


def _part(part: Any, kinds: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = type(part).__name__
    return {"kind": kind, "settings": part.settings} if kinds.get(kind) is type(part) else None


def _made(state: Mapping[str, Any], kinds: Mapping[str, Any]) -> Any:
    kind = state["kind"]
    if kind not in kinds:
        raise ValueError(f"it plans by a {str(kind)[:40]!r}")
    return kinds[kind](**{str(name): _number(str(name), number) for name, number in state["settings"].items()})


def _number(name: str, number: Any) -> Any:
    kinds = (int,) if name in _COUNTS else (int, float)
    if type(number) not in kinds or not math.isfinite(number) or abs(number) > _LARGEST:
        raise ValueError(f"{name[:40]} of its planner is {str(number)[:40]}")
    return number
