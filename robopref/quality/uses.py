"""What a dataset can be used for, and what to type where it lacks something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robopref.data.episode_formats.dataset import observed

# What to fill in, for a tool that moves by each action; the numbers are those of whoever recorded.
_GEOMETRY = "geometry={moves: [0, 1, 2], metres: <of an action of 1>, tool: [0, 1, 2], radius: <of the workspace>}"


def uses(attrs: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> list[tuple[str, str]]:
    """What a dataset can be used for.

    Args:
        attrs: What it says of itself.
        shapes: Of one step of each of its arrays, by name.

    Returns:
        For each use what it takes, or what is lacking and the words that add it.
    """
    seen = observed(shapes, attrs)
    return [
        ("train policy", _policy(attrs, shapes, seen)),
        ("label, by a scripted teacher", _teacher(shapes)),
        ("label, by people or a model", _shown(seen, shapes)),
        ("offline", _offline(shapes, seen)),
        ("geometry", _geometry(attrs, shapes)),
    ]


def _policy(attrs: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], seen: list[str]) -> str:
    if "action" not in shapes:
        return "lacks action; name it: read.names.action=<array>"
    if not seen:
        return "no array is said to be observed; name one, such as read.names.state=<array>"
    if attrs.get("geometry") is not None and {"points", "proprio"} <= set(seen):
        return "policy=diffusion, which goes by the geometry; or policy=observed"
    return f"policy=observed, of {', '.join(seen)}"


def _teacher(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if {"progress", "next_progress"} <= set(shapes):
        return "goes by progress"
    if "reward" in shapes:
        return "goes by reward"
    return "lacks reward; name a number of each step: label.truth=<array>"


def _shown(seen: list[str], shapes: Mapping[str, tuple[int, ...]]) -> str:
    there = [name for name in seen if name == "points" or (len(shapes[name]) == 3 and shapes[name][2] == 3)]
    return f"look at {', '.join(there)}" if there else "lacks points and pictures, so there is nothing to look at"


def _offline(shapes: Mapping[str, tuple[int, ...]], seen: list[str]) -> str:
    if missing := [name for name in ("reward", "terminated") if name not in shapes]:
        lines = "zeros, to be relabelled" if missing == ["reward"] else "from the ends of episodes"
        return f"lacks {', '.join(missing)}; read.fill=[{','.join(missing)}] adds {lines}"
    return f"observation=[{','.join(seen)}]" if seen else "name what is observed: observation=[<array>]"


def _geometry(attrs: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> str:
    if attrs.get("geometry") is not None:
        return "said by the data"
    if shapes.get("action", (0,))[0] < 3:
        return "not said, and actions of fewer than three numbers move no tool in space"
    return f"not said, and not needed by policy=observed; if actions move a tool, say how: '{_GEOMETRY}'"
