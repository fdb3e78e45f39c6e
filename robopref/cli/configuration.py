"""Compose a command's settings from the shipped YAML, what the run folder remembers, and the command line."""

from __future__ import annotations

import difflib
import pickle
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_module
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from robopref.cli import filter_words, reward_words
from robopref.cli.building import literally
from robopref.cli.filter_words import with_filters
from robopref.cli.ranking_words import SAYING, require_one
from robopref.cli.remembered import Memory, explained, kept, recall_all, require_fit
from robopref.cli.reward_words import added, with_slots
from robopref.cli.suggestions import no_setting
from robopref.cli.trust import check_settings, check_words, outside
from robopref.cli.words import group_of, groups, is_setting, key_of, parsed, shown, taken_literally, values_of
from robopref.errors import ConfigError

_PRIMARY = ("config", "demo", "offline", "online")
_LOOP = ("config", "demo")
# Groups of which nothing is chosen by default, and those of which a choice may be left out.
_EMPTY, _OPTIONAL = ("method", "iql", "history", "recipe"), ("reward",)
# Groups of which several are chosen at once.
_SEVERAL = ("filter",)
# Groups whose choices set what is elsewhere, and where most of that is.
EVERYWHERE = {"method": "rewards", "iql": "learner"}
_ALONE = "robopref.configs.alone"
# Texts of commands that have no groups, so that a name such as `labeler` is free.
_TEXTS = {"labels": ("labeler",)}


def compose_config(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose settings; a run folder that was used before brings the settings it was used with.

    Args:
        name: Primary config, ``config``, ``demo``, ``offline`` or ``online``.
        overrides: ``group=choice`` and ``key=value`` words of the command line.

    Returns:
        The resolved settings.

    Raises:
        ConfigError: A word is not an override, or names something that does not exist; or what the run folder
            remembers names code that is not robopref's and was not typed.
        DataError: What the run folder remembers is damaged.
    """
    return composed(name, overrides)[0]


def composed(name: str, overrides: Sequence[str]) -> tuple[DictConfig, dict[str, tuple[str, str]]]:
    """Compose settings as `compose_config` does, and say what was chosen.

    Args:
        name: Primary config.
        overrides: ``group=choice`` and ``key=value`` words of the command line.

    Returns:
        The resolved settings; and group and choice by where the settings of the choice are.

    Raises:
        ConfigError: As by `compose_config`.
        DataError: What the run folder remembers is damaged.
    """
    words = taken_literally(_slots(name, overrides))
    if name in _LOOP:
        require_one(values_of(words, SAYING))
    folder = run_folder(name, words)
    remembered = recall_all(folder, _base(words))
    reward_words.require_left_out(words, remembered, name)
    filter_words.require_left_out(words, remembered)
    earlier = kept(remembered, words)
    check_words(earlier, folder)
    require_fit([*earlier, *words])
    try:
        fitting = _fitting([*earlier, *words], (folder, _base(words))) if name in _LOOP else []
        chosen = _chosen([*fitting, *earlier, *words], name)
        config = _compose("robopref.configs", name, chosen)
    except ConfigError as error:
        raise ConfigError(explained(error, folder, earlier, words)) from error
    if earlier:
        check_settings(_plain(config), words, earlier, folder)
    return config, _mounted("robopref.configs", name, chosen)


def compose_alone(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose settings from the shipped YAML and the command line only.

    Args:
        name: Primary config; those of ``configs/alone`` have no groups.
        overrides: ``key=value`` words of the command line.

    Returns:
        The resolved settings.

    Raises:
        ConfigError: A word is not an override, or names something that does not exist.
    """
    words = taken_literally(_slots(name, overrides), texts=_TEXTS.get(name, ()))
    if name not in _PRIMARY:
        return _compose(_ALONE, name, words)
    return _compose("robopref.configs", name, _chosen(words, name))


def paths_among(name: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the words of a command on files into paths and settings.

    A word with a ``=`` is a path if its beginning is no setting, and it, or the folder it lies in, exists.

    Args:
        name: Primary config.
        words: Words of the command line.

    Returns:
        Paths, and the other words.
    """
    content = (resources.files(_ALONE) / f"{name}.yaml").read_text(encoding="utf-8")
    known, paths, others = set(yaml.safe_load(content)), list[str](), list[str]()
    for word in words:
        path = Path(word)
        if is_setting(word):
            known_setting = re.split(r"[.@]", key_of(word))[0] in known or word[0] in "+~"
            folder = path.parent != Path() and path.parent.is_dir()
            belongs = not known_setting and (path.exists() or folder)
        else:
            belongs = "=" in word or not word.startswith(("-", "~")) or path.exists()
        (paths if belongs else others).append(word)
    return paths, others


def run_folder(name: str, words: Sequence[str]) -> Path:
    """The run folder of a command.

    Args:
        name: Primary config.
        words: Words of the command line, as Hydra reads them.

    Raises:
        ConfigError: It is empty.
    """
    if not any(key_of(word) == "run" for word in words):
        return _usual_folder(name)
    folder = _value("run", words)
    if not folder:
        raise ConfigError(
            "run must be text that is not empty; name the folder that the run is to live in: run=runs/mine"
        )
    return Path(folder)


@lru_cache
def _usual_folder(name: str) -> Path:
    content = (resources.files("robopref.configs") / f"{name}.yaml").read_text(encoding="utf-8")
    return Path(yaml.safe_load(content)["run"])


def memory(config: DictConfig, overrides: Sequence[str], command: str = "") -> Memory:
    """What writes the words of a command into its run folder.

    Args:
        config: Resolved settings.
        overrides: What was asked for on the command line.
        command: Of what.
    """
    words = taken_literally(with_slots(overrides))
    return Memory(Path(config.run), _base(words), words, _plain(config), command)


def names_own_code(config: DictConfig) -> bool:
    """Whether settings name code that is not robopref's."""
    return any(found.kind == "code" for found in outside(_plain(config)))


def _slots(name: str, words: Sequence[str]) -> Sequence[str]:
    return with_slots(words) if name in _PRIMARY else words


def _fitting(words: Sequence[str], folders: Sequence[Path | None]) -> list[str]:
    """The policy that goes by what recordings have, where none is chosen and they do not say what actions mean."""
    said = any(key_of(word).split(".")[0] == "geometry" or key_of(word) == "policy" for word in words)
    data = [parsed(word).value() for word in words if key_of(word) == "data"]
    known = [folder for folder in folders if folder is not None]
    collected = any((folder / "demos.zarr").exists() for folder in known)  # of which the policy is cloned
    if said or collected or not data or data[-1] is None:
        return []
    from robopref.cli.recordings import says_geometry  # what reads them takes a moment to import

    return [] if says_geometry(data[-1], known) else ["policy=observed"]


def _base(words: Sequence[str]) -> Path | None:
    base = _value("base", words)
    if base == "":
        raise ConfigError("base must be text that is not empty, or null; name the folder of the run to begin with")
    return Path(base) if base else None


def _value(key: str, words: Sequence[str]) -> str | None:
    found = [parsed(word).value() for word in words if key_of(word) == key]
    return None if not found or found[-1] is None else str(OmegaConf.create({"value": str(found[-1])}).value)


def _compose(module: str, name: str, words: Sequence[str]) -> DictConfig:
    try:
        config = _assigned(module, name, words) or _copied(module, name, tuple(words))
        # Not OmegaConf.resolve, which leaves texts that would be taken for references when they are read.
        _resolve(config, literally(_plain(config)))
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(_in_one_line(str(error), module, name, words)) from error
    except RecursionError as error:
        raise ConfigError("settings are nested too deeply, or refer to each other in a circle") from error
    OmegaConf.set_struct(config, True)
    return config


@lru_cache(maxsize=256)
def _composed(module: str, name: str, words: tuple[str, ...]) -> tuple[DictConfig, dict[str, Any]]:
    """What Hydra composes, and chooses; it takes a tenth of a second, and is not to be changed."""
    with initialize_config_module(module, version_base="1.3"):
        config = compose(name, overrides=list(words), return_hydra_config=True)
    choices: dict[str, Any] = dict(config.hydra.runtime.choices)
    with read_write(config), open_dict(config):
        del config["hydra"]
    return config, choices


@lru_cache(maxsize=256)
def _packed(module: str, name: str, words: tuple[str, ...]) -> bytes:
    return pickle.dumps(_composed(module, name, words)[0], pickle.HIGHEST_PROTOCOL)


def _copied(module: str, name: str, words: tuple[str, ...]) -> DictConfig:
    """What Hydra composes, to be changed; unpacking takes a sixth of what copying does."""
    return pickle.loads(_packed(module, name, words))


def _resolve(node: Any, plain: Any) -> None:
    """Put what references refer to in their place.

    Args:
        node: Settings; changed in place.
        plain: Their values.
    """
    for key in range(len(node)) if OmegaConf.is_list(node) else list(node.keys()):
        inner = node._get_node(key)
        if inner._is_interpolation():
            node[key] = plain[key]
        elif OmegaConf.is_config(inner) and not inner._is_none():
            _resolve(inner, plain[key])


def _mounted(module: str, name: str, words: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Group and choice by where in the settings the choice is; of several at one place, the last one."""
    chosen = tuple(word for word in words if group_of(word) is not None and not isinstance(parsed(word).value(), dict))
    config, choices = _composed(module, name, chosen)
    found: dict[str, tuple[str, str]] = {}
    for key, choice in choices.items():
        group, _, at = str(key).partition("@")
        if choice is not None and group in groups():
            place = "" if group in EVERYWHERE else at or group
            found[place] = group, str(choice)
    for group in _SEVERAL:
        for one in config.get(group) or ():
            if one in groups()[group]:
                found[group] = group, str(one)
    return found


def _assigned(module: str, name: str, words: Sequence[str]) -> DictConfig | None:
    """What Hydra composes of the choices among some words, with the other words assigned as it assigns them.

    Returns:
        The settings; None if the words are of other kinds, too, or are wrong, of which Hydra has to tell.
    """
    chosen = tuple(word for word in words if not _assigns(word))
    if any(group_of(word) is None or isinstance(parsed(word).value(), dict) for word in chosen):
        return None
    config = _copied(module, name, chosen)
    try:
        for word in filter(_assigns, words):
            key, value, adds = key_of(word), parsed(word).value(), word.startswith("+")
            known = adds and OmegaConf.select(config, key, throw_on_missing=False) is not None
            if known and parsed(word).is_add() and not isinstance(value, dict | list):
                return None
            OmegaConf.update(config, key, value, merge=True, force_add=adds)
    except OmegaConfBaseException:
        return None
    return config


def _assigns(word: str) -> bool:
    """Whether a word does no more than to set what there is already, or adds a setting."""
    key = word.partition("=")[0].lstrip("+")
    plain = re.fullmatch(r"\+{0,2}[A-Za-z_][\w.]*=.*", word, re.DOTALL) is not None and key.split(".")[0] != "hydra"
    return plain and key not in groups() and not parsed(word).is_sweep_override()


def _chosen(words: Sequence[str], primary: str) -> list[str]:
    """Words of which those that choose from a group name one of its choices, or leave out what may be left out."""
    result: list[str] = []
    for word in added(with_filters(words), primary):
        group, value = group_of(word), parsed(word).value()
        if group is None or group in _SEVERAL or isinstance(value, dict):
            result.append(word)
        elif value in (None, "") and group not in _EMPTY:
            if group not in _OPTIONAL:
                raise ConfigError(f"{shown(word)} leaves out what cannot be done without; {_expected(group)}")
            result.append(f"~{key_of(word)}")
        elif value not in (None, ""):
            if not isinstance(value, str) or value not in groups()[group]:
                near = difflib.get_close_matches(str(value), groups()[group], n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(f"{shown(word).lstrip('+')} is no choice of {group}; {_expected(group)}{hint}")
            result.append(word)
    return result


def _expected(group: str) -> str:
    return f"expected {group}= one of {', '.join(sorted(groups()[group]))}"


def _in_one_line(text: str, module: str, name: str, words: Sequence[str]) -> str:
    """Hydra's message in one line, with the nearest settings in place of advice to add a misspelt one."""
    line = " ".join(part.strip() for part in text.splitlines() if part.strip()).split(" Config search path")[0]
    if several := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '([^'=]+)=(.*)' (1\. |requires)", line):
        key, value, kind = several.groups()
        other = f", a list {key}=[{value}], or a text {key}=\"'{value}'\"" if kind == "1. " else ""
        return f"{key}={value} names several values; give one{other}"
    if merged := re.match(r"Error merging override \+*([^=]+)=(.*)$", line):
        key, value = merged.groups()
        held = OmegaConf.select(_composed(module, name, ())[0], key, throw_on_missing=False)
        kind = "a list, such as [one, two]" if OmegaConf.is_list(held) else "of another kind"
        return f"{key} must be {kind}, got {value}"
    misspelt = re.match(r"Could not override '([^']+)'", line)
    if misspelt is None:
        return line
    chosen = tuple(word for word in words if group_of(word) is not None)
    try:
        mounted, known = _mounted(module, name, chosen), _composed(module, name, chosen)[0]
    except (HydraException, OmegaConfBaseException):  # of another word, which is said once this one is mended
        mounted, known = {}, _composed(module, name, ())[0]
    return no_setting(misspelt.group(1), OmegaConf.to_container(known), mounted)


def _plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True)
