"""Words about rewards: `reward=<name>` adds one and goes by it, `rewards.<name>=null` leaves one out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

from robopref.cli.words import groups, key_of, parsed
from robopref.errors import ConfigError, unknown_name

GROUP, _SLOTS = "reward", "rewards"
USE, COMBINED = "use", "combined"
_PARTS = ("scorer", "objective", "fit")  # without which nothing is trained
_NAMES = re.compile(r"\w+|\[ *\w+ *(, *\w+ *)*\]")
_DERIVED = (COMBINED, "likelihood", "tuned likelihood")  # that follow from others, see `with_derived`


def with_slots(words: Iterable[str]) -> list[str]:
    """Words in which every reward has a name of its own: ``reward=cpl`` is ``reward@rewards.cpl=cpl use=cpl``.

    Args:
        words: As they were typed.

    Returns:
        The same, with the names under which rewards are trained and remembered, and ``use=`` before what is typed.

    Raises:
        ConfigError: ``reward=`` names none.
    """
    written, used = list[str](), list[str]()
    for word in words:
        name, equals, value = word.partition("=")
        slot = name.removeprefix(f"{_SLOTS}.")
        if key_of(word) == _SLOTS:
            raise ConfigError(
                f"{word} names no reward; reward=<name> adds one, rewards.<name>.<setting>= sets it, "
                "rewards.<name>=null leaves one out"
            )
        if name == GROUP and value in ("", "null"):
            raise ConfigError(f"{word} names no reward; reward=<name> adds one, rewards.<name>=null leaves one out")
        if name == GROUP and _NAMES.fullmatch(value):
            names = [one.strip() for one in value.strip("[]").split(",")]
            written += [f"{GROUP}@{_SLOTS}.{one}={one}" for one in names]
            used = [f"{USE}={names[-1]}"]
        elif slot != name and equals and value in ("", "null") and "." not in slot:
            written.append(f"{GROUP}@{_SLOTS}.{slot}=null")
        else:
            written.append(word)
    return written if any(key_of(word) == USE for word in written) else [*used, *written]


@cache
def shipped(name: str) -> tuple[tuple[str, ...], str, frozenset[str]]:
    """The rewards that every run has, unless they are left out.

    Args:
        name: Primary config.

    Returns:
        Their names, the one that is used unless ``use=`` names another, and those of which the primary config itself
        gives settings.
    """
    content = yaml.safe_load((resources.files("robopref.configs") / f"{name}.yaml").read_text(encoding="utf-8"))
    names, used, given = list[str](), str(content.get(USE, "")), {*content.get(_SLOTS, {})}
    for entry in content.get("defaults", ()):
        if isinstance(entry, dict):
            names += [slot for key in entry if (slot := _slot(key)) is not None]
        elif entry != "_self_":
            above, above_used, above_given = shipped(entry)
            names, used, given = [*names, *above], used or above_used, given | above_given
    return tuple(names), used, frozenset(given)


def added(words: Sequence[str], name: str) -> list[str]:
    """Words in which rewards that are not shipped are added, and those that are left out leave nothing behind.

    Args:
        words: As Hydra reads them, earlier ones first.
        name: Primary config.

    Returns:
        The words; without one that says which reward ranks, and without the one that ranks by default, by the first.
    """
    names, used, given = shipped(name)
    last = {key_of(word): word for word in words if _slot(word)}
    result: list[str] = []
    for word in words:
        slot = _slot(word)
        if slot is not None and last[key_of(word)] is not word:
            continue
        if slot is not None and slot not in names and not word.startswith("~"):
            if parsed(word).value() in (None, ""):
                continue
            result.append(f"+{word.lstrip('+')}")
        else:
            result.append(word)
    every = dict.fromkeys([*names, *filter(None, map(_slot, last.values()))])
    left = [slot for slot in every if _stays(slot, last)]
    result += [f"~{_SLOTS}.{slot}" for slot in every if slot in given and slot not in left]
    if left and used not in left and not any(key_of(word) == USE for word in words):
        result.append(f"{USE}={left[0]}")
    return result


def require_left_out(words: Iterable[str], earlier: Iterable[str], name: str) -> None:
    """Require that rewards which are left out are there to be left out.

    Args:
        words: As they were typed, with `with_slots`.
        earlier: What the run folder remembers.
        name: Primary config.

    Raises:
        ConfigError: One is not.
    """
    typed = list(words)
    there = {*shipped(name)[0], *(_slot(word) for word in earlier)}
    there |= {_slot(word) for word in typed if _slot(word) and parsed(word).value() not in (None, "")}
    for word in typed:
        slot = _slot(word)
        if slot is not None and slot not in there:
            raise unknown_name("reward", slot, [one for one in there if one])


def require_used(settings: Mapping[Any, Any]) -> None:
    """Require rewards that can be trained, and that what is used and ranks is one of them, or follows from them.

    Args:
        settings: All of a command.

    Raises:
        ConfigError: A reward lacks a part, or what is used is none.
    """
    rewards, deploy = settings.get(_SLOTS), settings.get("deploy")
    if not rewards:
        return
    for name, given in rewards.items():
        if isinstance(given, Mapping) and (lacking := [part for part in _PARTS if given.get(part) is None]):
            raise ConfigError(
                f"rewards.{name} has no {', '.join(lacking)}; a reward is chosen with reward@rewards.{name}=<choice>"
            )
    names = [*map(str, rewards), *(_DERIVED if deploy else ())]
    if (used := str(settings[USE])) not in names:
        if used in groups()[GROUP]:
            raise ConfigError(
                f"unknown {USE} {used!r}; expected one of {', '.join(sorted(names))}. {GROUP}={used} adds it to the "
                "run, to be trained"
            )
        raise unknown_name(USE, used, names)
    ranked = deploy.get(GROUP) if isinstance(deploy, Mapping) else None
    if ranked is not None and ranked not in names:
        raise unknown_name(f"deploy.{GROUP}", str(ranked), [*names, "null"])


def _stays(slot: str, last: Mapping[str, str]) -> bool:
    word = last.get(f"{GROUP}@{_SLOTS}.{slot}")
    return word is None or (not word.startswith("~") and parsed(word).value() not in (None, ""))


def _slot(word: str) -> str | None:
    """The reward that a word chooses."""
    group, at, slot = key_of(word).partition("@")
    found = slot.removeprefix(f"{_SLOTS}.")
    return found if group == GROUP and at and found not in ("", slot) and "." not in found else None
