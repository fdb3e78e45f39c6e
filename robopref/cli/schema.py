"""Which settings there are and what each may be; everything is checked before a command begins."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.rules import MISSING, Rule
from robopref.cli.setting_rules import RULES
from robopref.errors import ConfigError

# Parts whose settings are known here; those of others are their own.
_OWN = ("robopref.", "envs.", "gymnasium.", "stable_baselines3.")
_OWN_TASKS = "envs:"
# What is left open in the shipped settings is asked for by the commands that need it.
_NEEDED = {
    "deploy": ("robot",), **dict.fromkeys(("collect", "label", "train reward", "evaluate", "demo"), ("env",)),
}  # fmt: skip


def check(config: DictConfig, name: str, command: str) -> None:
    """Check every setting of a command, and make whole numbers of numbers that are whole.

    Args:
        config: The resolved settings; changed in place.
        name: Their primary config.
        command: The command.

    Raises:
        ConfigError: A setting has the wrong type, is out of range or is missing.
    """
    plain = OmegaConf.to_container(config, resolve=True)
    if not isinstance(plain, dict):
        raise ConfigError("settings look like name=value, see --help")
    for path, value in checked(plain, name, _NEEDED.get(command, ())).items():
        OmegaConf.update(config, path, value, force_add=True)


def checked(settings: Mapping[Any, Any], name: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Check plain settings.

    Args:
        settings: All of a command.
        name: Their primary config.
        needed: Groups that may leave nothing open.

    Returns:
        Settings that are used as something else than what was given, by name.

    Raises:
        ConfigError: One has the wrong type, is out of range or is missing.
    """
    changed: dict[str, Any] = {}
    for path in _required(name):
        node: Any = settings
        for key in path.split("."):
            if not isinstance(node, Mapping):
                break  # said of the group by its own rule
            if key not in node:
                raise ConfigError(f"{path} is missing; leave it as it is shipped, or give it as {path}=<value>")
            node = node[key]
    _walk(settings, "", name, needed, changed)
    return changed


@functools.cache
def rule_of(name: str, path: str, target: str = "") -> Rule | None:
    """The rule of a setting.

    Args:
        name: Primary config.
        path: Full name of the setting.
        target: What the setting is of, if that is not always the same.

    Returns:
        The rule; None if the setting may be anything.
    """
    rules, keys = RULES[name], path.split(".")
    own = rules.get(f"{target.rpartition('.')[2]}:{keys[-1]}")
    if own is not None:
        return own
    for first in range(len(keys)):
        found = rules.get(".".join(keys[first:]))
        if found is None and first < len(keys) - 1:
            found = rules.get(".".join([*keys[first:-1], "*"]))
        if found is not None:
            return found
    return None


def _walk(node: Mapping[Any, Any], prefix: str, name: str, needed: tuple[str, ...], changed: dict[str, Any]) -> None:
    target = str(node.get("_target_", ""))
    for key, value in node.items():
        path = f"{prefix}{key}"
        rule = rule_of(name, path, target)
        if value == MISSING:
            if path.split(".", maxsplit=1)[0] in needed:
                wanted = "<module>.<name>" if key == "_target_" else "<value>" if rule is None else f"<{rule.said}>"
                raise ConfigError(f"{path} has to be given: {path}={wanted}")
            continue
        used = value if rule is None else rule.check(path, value)
        if isinstance(value, Mapping):
            if _known(key, value, node):
                _walk(value, f"{path}.", name, needed, changed)
        elif used != value or type(used) is not type(value):
            changed[path] = used


def _known(key: Any, value: Mapping[Any, Any], owner: Mapping[Any, Any]) -> bool:
    """Whether the settings of a group are described here: those of other people's parts and tasks are not."""
    target = value.get("_target_")
    if isinstance(target, str) and target != MISSING and not target.startswith(_OWN):
        return False
    return key != "options" or str(owner.get("id")).startswith(_OWN_TASKS)


@functools.cache
def _required(name: str) -> tuple[str, ...]:
    """Settings that commands count on: those that the primary config itself lists."""
    paths: list[str] = []
    with importlib.resources.as_file(importlib.resources.files("robopref.configs")) as folder:
        for one in ("config", "demo") if name == "demo" else (name,):
            path = folder / f"{one}.yaml"
            listed = OmegaConf.to_container(OmegaConf.load(path if path.exists() else folder / "alone" / path.name))
            paths += _leaves({key: value for key, value in dict(listed).items() if key != "defaults"})  # type: ignore[arg-type]
    return tuple(dict.fromkeys(paths))


def _leaves(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, Mapping):
        return [prefix.rstrip(".")]
    return [path for key, value in node.items() for path in _leaves(value, f"{prefix}{key}.")]
