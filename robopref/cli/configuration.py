"""Compose a command's settings from the shipped YAML, what the run folder remembers, and the command line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from robopref.cli.rules import TEXT, optional
from robopref.errors import ConfigError

_REMEMBERED = "overrides.yaml"
_SENTENCES = ("task",)
_LOOP = (
    "method, env, policy, labeler, selector, robot, safety, ranker, reward@rewards.explicit,\n"
    "reward@rewards.implicit, objective@rewards.explicit.objective, objective@rewards.implicit.objective"
)
_GROUPS = {
    "config": _LOOP,
    "demo": _LOOP,
    "offline": "learner, ranker, iql, recipe, labeler, selector,\n"
    "objective@reward_model.objective, encoder@reward_model.encoder, history@reward_model.history",
    "online": "agent, labeler, selector, objective@reward_model.objective,\n"
    "encoder@reward_model.encoder, history@reward_model.history",
}
# Given anew every time: what moves a robot is never done because it was done before.
_ONCE = {"deploy.send", "deploy.operator"}
# Short for settings that are given often.
_SHORT = {"budget.": "labeler.budget."}


def written_out(overrides: Sequence[str]) -> list[str]:
    """Words of the command line with the full names of settings: ``budget.usd=5`` is ``labeler.budget.usd=5``."""
    words = list(overrides)
    for short, full in _SHORT.items():
        words = [full + word.removeprefix(short) if word.startswith(short) else word for word in words]
    return words


def compose_config(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose settings; a run folder that was used before brings the settings it was used with.

    Args:
        name: Primary config, ``config``, ``demo``, ``offline`` or ``online``.
        overrides: ``group=choice`` and ``key=value`` words of the command line.

    Returns:
        The resolved settings.

    Raises:
        ConfigError: A word is not an override, or names something that does not exist.
    """
    config = compose_alone(name, overrides)
    # The folder that remembers settings has to be known before they are put together, and checked.
    config.run = TEXT.check("run", config.run)
    config.base = optional(TEXT).check("base", config.base)
    merged = _kept(_earlier(config), overrides) + list(overrides)
    return _compose(name, merged) if merged != list(overrides) else config


def compose_alone(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose settings from the shipped YAML and the command line only.

    Args:
        name: Primary config.
        overrides: ``key=value`` words of the command line.

    Returns:
        The resolved settings.

    Raises:
        ConfigError: A word is not an override, or names something that does not exist.
    """
    for word in overrides:
        if "=" not in word:
            raise ConfigError(f"cannot make sense of {word!r}; settings look like name=value, see --help")
    return _compose(name, overrides)


def remember(config: DictConfig, overrides: Sequence[str]) -> None:
    """Record settings in the run folder, for people and for the next command.

    Args:
        config: Resolved settings.
        overrides: What was asked for on the command line.
    """
    folder = Path(config.run)
    folder.mkdir(parents=True, exist_ok=True)
    words = _kept(_earlier(config), overrides) + [word for word in overrides if _key(word) not in _ONCE | {"run"}]
    _replace(folder / _REMEMBERED, OmegaConf.to_yaml(OmegaConf.create(words)) if words else "[]\n")
    _replace(folder / "config.yaml", OmegaConf.to_yaml(config, resolve=True))


def _compose(name: str, overrides: Sequence[str]) -> DictConfig:
    try:
        with initialize_config_module("robopref.configs", version_base="1.3"):
            config = compose(name, overrides=[_quoted(word) for word in overrides])
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_explained(str(error), name)) from error
    return config


def _explained(text: str, name: str) -> str:
    """Hydra's message in one line, with the nearest settings in place of advice to add a misspelt one."""
    line = " ".join(part.strip() for part in text.splitlines() if part.strip()).split(" Config search path")[0]
    misspelt = re.match(r"Could not override '([^']+)'", line)
    if misspelt is None:
        return line
    wanted = misspelt.group(1)
    with initialize_config_module("robopref.configs", version_base="1.3"):
        known = _settings(OmegaConf.to_container(compose(name)))
    near = difflib.get_close_matches(wanted, known, n=2)
    return f"no setting {wanted!r}{'; did you mean ' + ' or '.join(near) + '?' if near else ''} (all settings: --help)"


def _settings(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix.rstrip(".")]
    return [name for key, value in node.items() for name in _settings(value, f"{prefix}{key}.")]


def _remembered(folder: Path) -> list[str]:
    path = folder / _REMEMBERED
    if not path.exists():
        return []
    return [str(word) for word in OmegaConf.to_container(OmegaConf.load(path)) or []]


def _earlier(config: DictConfig) -> list[str]:
    """What the run folder was used with before, after what the run that it began with was used with."""
    own = _remembered(Path(config.run))
    if config.base is None:
        return own
    return _kept(_remembered(Path(config.base)), own) + own


def _kept(earlier: Sequence[str], words: Sequence[str]) -> list[str]:
    """What still holds of earlier words: not what is set anew, nor the settings of a part that is exchanged."""
    changed = {_key(word) for word in words}
    # A choice such as labeler=human or reward@rewards.explicit=cpl brings settings below its last name.
    exchanged = {_key(word).split("@")[-1] + "." for word in words if word not in earlier}
    return [word for word in earlier if _key(word) not in changed and not _key(word).startswith(tuple(exchanged))]


def _quoted(word: str) -> str:
    """A sentence is taken as it is, with commas, quotes and braces, which Hydra would take for lists and the like."""
    key, _, value = word.partition("=")
    if key not in _SENTENCES or value in ("", "null") or value[0] + value[-1] in ("''", '""'):
        return word
    escaped = value.replace("'", "\\'").replace("${", "\\${")
    return f"{key}='{escaped}'"


def _key(word: str) -> str:
    return word.split("=", 1)[0].lstrip("+~")


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def describe(command: str, name: str, overrides: Sequence[str], *, alone: bool = False) -> str:
    """Help text of a command: how it is called, and all its settings with their values.

    Args:
        command: The command.
        name: Its primary config.
        overrides: Words already given; the values shown include them.
        alone: Whether no run folder remembers settings for the command, and it has no groups.

    Returns:
        The text.
    """
    groups = ""
    if not alone:
        groups = f"For example: robopref {command} run=runs/mine seed=1\nGroups to choose from: {_GROUPS[name]}\n\n"
    config = (compose_alone if alone else compose_config)(name, overrides)
    settings = OmegaConf.to_yaml(config, resolve=True)
    return f"robopref {command} [name=value ...]\n\n{groups}Settings and their values:\n\n{settings}"
