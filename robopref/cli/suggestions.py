"""What was meant by a setting that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

from robopref.cli.words import groups


def no_setting(wanted: str, settings: Any, mounted: Mapping[str, tuple[str, str]]) -> str:
    """One line about a setting that there is not: which choices have it, or which are near.

    Args:
        wanted: Its full name.
        settings: Those that there are with what was chosen, as plain values.
        mounted: Group and choice by where the settings of the choice are.
    """
    elsewhere: dict[str, list[str]] = {}
    for at, (group, chosen) in mounted.items():
        if at and wanted.startswith(f"{at}."):
            for choice in sorted(groups()[group] - {chosen}):
                for name in _of_choice(group, choice):
                    elsewhere.setdefault(f"{at}.{name}", []).append(choice)
    known = dict.fromkeys([*settings, *_names(settings)])
    if wanted in elsewhere:
        at = max((at for at in mounted if wanted.startswith(f"{at}.")), key=len)
        return f"no setting {wanted!r} with {_word(at, mounted)}={mounted[at][1]}; it is one of " + (
            f"{_word(at, mounted)}={' or '.join(elsewhere[wanted])} (all settings: --help)"
        )
    near = difflib.get_close_matches(wanted, dict.fromkeys([*known, *elsewhere]), n=2)
    told = [name if name in known else f"{name} of {_owner(name, mounted, elsewhere[name])}" for name in near]
    return f"no setting {wanted!r}{'; did you mean ' + ' or '.join(told) + '?' if told else ''} (all settings: --help)"


def _owner(name: str, mounted: Mapping[str, tuple[str, str]], choices: Sequence[str]) -> str:
    at = max((at for at in mounted if name.startswith(f"{at}.")), key=len)
    return f"{_word(at, mounted)}={choices[0]}"


def _word(at: str, mounted: Mapping[str, tuple[str, str]]) -> str:
    group = mounted[at][0]
    return group if at == group else f"{group}@{at}"


@cache
def _of_choice(group: str, choice: str) -> frozenset[str]:
    file = resources.files("robopref.configs") / group / f"{choice}.yaml"
    content: Any = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return frozenset(_names(content))


def _names(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix.rstrip(".")]
    return [name for key, value in node.items() for name in _names(value, f"{prefix}{key}.")]
