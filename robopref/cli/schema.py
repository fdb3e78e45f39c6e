"""Which settings there are and what each may be; everything is checked before a command begins."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.listed_parts import LISTED
from robopref.cli.parameters import rule_of_parameter
from robopref.cli.reward_words import require_used
from robopref.cli.setting_rules import RULES
from robopref.cli.value_rules import MISSING, Rule
from robopref.errors import ConfigError

OURS = ("robopref.", "gymnasium.", "stable_baselines3.")
_OF_HYDRA = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")
# What is left open in the shipped settings is asked for by the commands that need it.
_ALWAYS = ("filter",)
# What is listed beside the settings of a command, and rewards, which may be left out.
_NOT_NEEDED = ("defaults", "rewards")
_NEEDED = {
    "deploy": ("robot",), **dict.fromkeys(("collect", "train reward", "evaluate"), ("env",)),
    **dict.fromkeys(("label", "demo"), ("env", "labeler")),
    **dict.fromkeys(("offline", "offline label", "online"), ("labeler",)),
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
    for path, value in checked(plain, name, (*_ALWAYS, *_NEEDED.get(command, ()))).items():
        OmegaConf.update(config, path, value, force_add=True)
    if "use" in config:
        require_used(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
        if "rewards" not in config:  # all are left out
            OmegaConf.update(config, "rewards", {}, force_add=True)


def checked(settings: dict[Any, Any], name: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
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
            if not isinstance(node, dict):
                break  # said of the group by its own rule
            if key not in node:
                raise ConfigError(f"{path} is missing; leave it as it is shipped, or give it as {path}=<value>")
            node = node[key]
    for path, value, rule in ruled(settings, name):
        if value == MISSING:
            if path.split(".", maxsplit=1)[0] in needed:
                last = path.rpartition(".")[2]
                wanted = "<module>.<name>" if last == "_target_" else f"<{rule.said}>" if rule else "<value>"
                raise ConfigError(f"{path} has to be given: {path}={wanted}")
            continue
        used = value if rule is None else rule.check(path, value)
        if not isinstance(value, dict) and (used != value or type(used) is not type(value)):
            changed[path] = used
    return changed


def ruled(settings: dict[Any, Any], name: str) -> Iterator[tuple[str, Any, Rule | None]]:
    """Every setting with what it may be.

    What a part takes that is not listed here may be what its annotations say; it is imported to find out.

    Args:
        settings: All of a command.
        name: Their primary config.

    Yields:
        Full name, value, and rule; None if it may be anything. A group comes before what is in it.
    """
    # By hand, as generators within generators pass every setting on through each.
    entered = [(iter(settings.items()), settings, "", "", True)]
    while entered:
        items, node, prefix, owner, ours = entered[-1]
        for key, value in items:
            path = f"{prefix}{key}"
            rule = _listed(name, path, owner) if ours else None
            if rule is None and owner and key not in _OF_HYDRA:
                rule = rule_of_parameter(owner, str(key))
            yield path, value, rule
            if isinstance(value, dict):
                inner, known = _owner(key, value, node, ours=ours)
                entered.append((iter(value.items()), value, f"{path}.", inner, known))
                break
        else:
            entered.pop()


@functools.cache
def _listed(name: str, path: str, owner: str) -> Rule | None:
    rules, keys = RULES[name], path.split(".")
    part = owner.split(".")
    for own in (".".join(part[-2:]), part[-1]):
        if (rule := rules.get(f"{own}:{keys[-1]}")) is not None:
            return rule
    for first in range(len(keys)):
        found = rules.get(".".join(keys[first:]))
        for last in (1, 2):  # of what has a name of its own, and of what is said of each of such
            if found is None and first < len(keys) - last:
                found = rules.get(".".join([*keys[first:-last], *["*"] * last]))
        if found is not None:
            return found
    return None


def _owner(key: Any, node: dict[Any, Any], within: dict[Any, Any], *, ours: bool) -> tuple[str, bool]:
    """The part or task that takes the settings of a group, and whether they are listed; of neither, as around it."""
    target, task = node.get("_target_"), within.get("id")
    if isinstance(target, str) and target != MISSING:
        return target, target.startswith(OURS) and ".".join(target.split(".")[-2:]) in LISTED
    if key == "options" and isinstance(task, str) and task != MISSING:
        return task, task in LISTED
    return "", ours


@functools.cache
def _required(name: str) -> tuple[str, ...]:
    """Settings that commands count on: those that the primary config itself lists."""
    paths: list[str] = []
    with importlib.resources.as_file(importlib.resources.files("robopref.configs")) as folder:
        for one in ("config", "demo") if name == "demo" else (name,):
            path = folder / f"{one}.yaml"
            listed = OmegaConf.to_container(OmegaConf.load(path if path.exists() else folder / "alone" / path.name))
            paths += _leaves({key: value for key, value in dict(listed).items() if key not in _NOT_NEEDED})  # type: ignore[arg-type]
    return tuple(dict.fromkeys(paths))


def _leaves(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix.rstrip(".")]
    return [path for key, value in node.items() for path in _leaves(value, f"{prefix}{key}.")]
