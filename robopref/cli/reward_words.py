"""Words about rewards: `reward=<name>` adds one and goes by it, `rewards.<name>=null` leaves one out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from robopref.cli.words import key_of, parsed

GROUP, _SLOTS = "reward", "rewards"
_USE = "use"
_NAMES = re.compile(r"\w+|\[ *\w+ *(, *\w+ *)*\]")
_SHIPPED = ("explicit", "implicit")  # that every run has, unless they are left out


def with_slots(words: Iterable[str]) -> list[str]:
    """Words in which every reward has a name of its own: ``reward=cpl`` is ``reward@rewards.cpl=cpl use=cpl``.

    Args:
        words: As they were typed.

    Returns:
        The same, with the names under which rewards are trained and remembered, and ``use=`` before what is typed.
    """
    written, used = list[str](), list[str]()
    for word in words:
        name, equals, value = word.partition("=")
        slot = name.removeprefix(f"{_SLOTS}.")
        if name == GROUP and _NAMES.fullmatch(value):
            names = [one.strip() for one in value.strip("[]").split(",")]
            written += [f"{GROUP}@{_SLOTS}.{one}={one}" for one in names]
            used = [f"{_USE}={names[-1]}"]
        elif slot != name and equals and value in ("", "null") and "." not in slot:
            written.append(f"{GROUP}@{_SLOTS}.{slot}=null")
        else:
            written.append(word)
    return written if any(key_of(word) == _USE for word in written) else [*used, *written]


def added(words: Sequence[str]) -> list[str]:
    """Words in which rewards that are not shipped are added, and those that are left out leave nothing behind.

    Args:
        words: As Hydra reads them, earlier ones first.
    """
    last = {key_of(word): word for word in words if _slot(word)}
    result: list[str] = []
    for word in words:
        slot = _slot(word)
        if slot is not None and last[key_of(word)] is not word:
            continue
        if slot is not None and slot not in _SHIPPED and not word.startswith("~"):
            if parsed(word).value() in (None, ""):
                continue
            result.append(f"+{word.lstrip('+')}")
        else:
            result.append(word)
    return result


def _slot(word: str) -> str | None:
    """The reward that a word chooses."""
    group, at, slot = key_of(word).partition("@")
    found = slot.removeprefix(f"{_SLOTS}.")
    return found if group == GROUP and at and found not in ("", slot) and "." not in found else None
