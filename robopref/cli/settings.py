"""`robopref settings`: what a run folder remembers, and forgetting it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from robopref.cli.remembered import recall, write
from robopref.cli.words import key_of, shown
from robopref.errors import ConfigError
from robopref.folder_lock import locked

_USAGE = "robopref settings run=<folder> [forget=<name>]"


def run(words: Sequence[str]) -> None:
    """Print the remembered settings of a run folder, or forget one with those below it.

    Args:
        words: ``run=<folder>`` and perhaps ``forget=<name>``.

    Raises:
        ConfigError: The words say something else, or nothing of that name is remembered.
        DataError: What is remembered is damaged.
    """
    given = dict(word.split("=", 1) for word in words if "=" in word)
    wrong = [word for word in words if word.split("=", 1)[0] not in ("run", "forget") or "=" not in word]
    if wrong or not given.get("run"):
        what = f"cannot make sense of {wrong[0]!r}; " if wrong else ""
        raise ConfigError(f"{what}usage: {_USAGE}")
    folder = Path(given["run"])
    if not folder.is_dir():
        raise ConfigError(f"no folder {folder}; usage: {_USAGE}")
    if "forget" in given:
        _forget(folder, given["forget"])
        return
    for word in recall(folder) or [f"# {folder} remembers no settings"]:
        _say(shown(word))


def _forget(folder: Path, name: str) -> None:
    with locked(folder, "settings", "settings"):
        remembered = recall(folder)
        gone = [word for word in remembered if f"{key_of(word)}.".startswith((f"{name}.", f"{name}@"))]
        if not name or not gone:
            names = [key_of(word) for word in remembered]
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it remembers {', '.join(names) or 'nothing'}"
            raise ConfigError(f"{folder} remembers no setting {name!r}; {hint}")
        write(folder, [word for word in remembered if word not in gone])
    for word in gone:
        _say(f"forgotten: {shown(word)}")


def _say(text: str) -> None:
    sys.stdout.write("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text) + "\n")
