"""Every setting that is shipped, of every command, with every choice of every group."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from robopref.cli.configuration import compose_alone

CONFIGS = Path(__file__).parents[2] / "configs"
PRIMARY = ("config", "demo", "offline", "online", "data", "labels", "cameras", "instruct")
# Groups by where their settings are.
_LOOP = {
    "env": "env", "policy": "policy", "labeler": "labeler", "filter": "filter", "selector": "selector",
    "robot": "robot", "safety": "safety", "ranker": "ranker", "": "method", "recipe": "recipe",
    "rewards.explicit": "reward",
    "rewards.implicit": "reward", "rewards.explicit.objective": "objective", "rewards.implicit.objective": "objective",
}  # fmt: skip
_STEPS = {
    "labeler": "labeler", "filter": "filter", "selector": "selector",
    "rewards.segment.objective": "objective", "rewards.segment.scorer.encoder": "encoder",
    "rewards.segment.scorer.history": "history",
}  # fmt: skip
_GROUPS = {
    "config": _LOOP, "demo": _LOOP, "online": {**_STEPS, "agent": "agent"},
    "offline": {**_STEPS, "learner": "learner", "ranker": "ranker", "": "iql", "recipe": "recipe"},
}  # fmt: skip
_FREE = ("env.options", "filter")  # of a task without any, and when nothing is filtered


class Setting(NamedTuple):
    """One setting.

    Attributes:
        config: Primary config.
        choice: Word that chooses the group's choice which has it; empty for what is shipped.
        path: Its full name.
        value: What is shipped.
    """

    config: str
    choice: str
    path: str
    value: Any


@functools.cache
def shipped(name: str) -> dict[str, dict[str, Any]]:
    """Settings of a primary config by the word that chooses them: as shipped, and with every choice of every group."""
    plain: Any = OmegaConf.to_container(compose_alone(name, []))
    found = {"": plain}
    for path, group in _GROUPS.get(name, {}).items():
        for file in sorted((CONFIGS / group).glob("*.yaml")):
            given = _given(file)
            if path:
                objective = {"objective": _at(plain, path)["objective"]} if group == "reward" else {}
                merged = put(plain, path, {**given, **objective})
            else:
                merged: Any = OmegaConf.to_container(OmegaConf.merge(plain, given))
            known = {"${seed}": 0, "${run}/demos.zarr": "runs/demos.zarr"}
            known |= {f"${{{one}}}": plain.get(one) for one in ("env", "read", "geometry")}
            word = group if path in ("", group) else f"{group}@{path}"
            found[f"{word}={file.stem}"] = _resolved(merged, known)
    return found


def leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings and their values, but for what names code."""
    for key, value in node.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}.")
        elif key not in ("_target_", "_partial_") and path not in _FREE:
            yield path, value


def every_setting() -> list[Setting]:
    """Each setting of each config once for every type that it is shipped with."""
    found: dict[tuple[str, str, str], Setting] = {}
    for name in PRIMARY:
        for choice, settings in shipped(name).items():
            for path, value in leaves(settings):
                found.setdefault((name, path, type(value).__name__), Setting(name, choice, path, value))
    return list(found.values())


def put(settings: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path."""
    first, _, rest = path.partition(".")
    return {**settings, first: put(settings[first], rest, value) if rest else value}


def _given(file: Path) -> dict[str, Any]:
    """What a choice sets, over what another one of its group sets if it begins with that."""
    own: Any = OmegaConf.load(file)
    for one in own.pop("defaults", ()):
        if isinstance(one, str) and one != "_self_":
            own = OmegaConf.merge(_given(file.with_name(f"{one}.yaml")), own)
    settings: Any = OmegaConf.to_container(own)
    return settings


def _at(settings: Any, path: str) -> Any:
    for key in path.split("."):
        settings = settings[key]
    return settings


def _resolved(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: _resolved(value, values) for key, value in node.items()}
    return values.get(node, node) if isinstance(node, str) else node
