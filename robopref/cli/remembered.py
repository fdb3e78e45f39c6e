"""What a run folder remembers of the settings that it was used with, in `overrides.yaml`.

The file may be damaged, or come from somebody else: it is read as a plain list of short words, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from robopref.cli.ranking_words import SAYING, outranked
from robopref.cli.words import ONCE, in_quotes, key_of, parsed, renamed, shown, taken_literally, values_of
from robopref.errors import ConfigError, DataError, MismatchError, RoboprefError
from robopref.files import replacing, require_file
from robopref.folder_lock import locked
from robopref.plain_yaml import plain_yaml

FILE = "overrides.yaml"
# Commands that go by settings of another one; what they are given of these is for them alone.
_BORROWED = {"export": "deploy."}
_BRIEFLY = 30.0  # s to wait for what takes others a moment
# More than this is no list of settings, and takes long to read.
_BYTES, _WORDS, _LONGEST, _LONGEST_TEXT, _LETTERS = 32_000, 200, 1_000, 4_000, 8_000


def recall(folder: Path) -> list[str]:
    """Words that a run folder remembers.

    Args:
        folder: The run folder; there may be none.

    Returns:
        The words, as Hydra reads them, by the names that settings have by now.

    Raises:
        DataError: The file is damaged or no list of settings.
    """
    path = folder / FILE
    try:
        if not path.exists():
            return []
        require_file(path)
        if path.is_dir():
            raise DataError(f"{path} is a folder, where a file was expected; choose another run folder")
        if path.stat().st_size > _BYTES:
            raise _damaged(path, f"it is larger than {_BYTES // 1000} kB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)[:120]) from error
    try:
        content = plain_yaml(text)
    except DataError as error:
        raise _damaged(path, str(error)[:120]) from error
    words: Any = [] if content is None else content
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise _damaged(path, "it is no list of words")
    if _too_many(words) or any(len(word) > _limit(word) for word in words):
        raise _damaged(path, f"it has more than {_WORDS} words, or too long ones")
    if any("\ud800" <= letter <= "\udfff" for word in words for letter in word):
        raise _damaged(path, "a word is none that UTF-8 can hold")
    return [renamed(word) for word in words]


def recall_all(folder: Path, base: Path | None) -> list[str]:
    """What a run folder was used with before, after what the run that it begins with was used with.

    Args:
        folder: The run folder.
        base: Folder of the run that it begins with.

    Returns:
        The words, as Hydra reads them.

    Raises:
        DataError: A file is damaged or no list of settings.
    """
    # In run folders of before, sentences stand without quotes.
    own, others = (
        [word if key_of(word) != "task" else taken_literally([word])[0] for word in recall(path)] if path else []
        for path in (folder, base)
    )
    return [*kept(others, own), *own]


def kept(earlier: Sequence[str], words: Sequence[str]) -> list[str]:
    """What still holds of earlier words.

    Not what is set anew, nor the settings of a part that is exchanged, nor what ranks where that is said otherwise.
    """
    changed = {key_of(word) for word in words}
    # A choice such as labeler=human or reward@rewards.explicit=cpl brings settings below its last name.
    chosen = {key_of(word) for word in earlier}
    exchanged = {
        key_of(word).split("@")[-1] + "."
        for word in words
        if word not in earlier and (key_of(word) in chosen or not _is_shipped(word))
    }
    lost = outranked(values_of(earlier, SAYING), values_of(words, SAYING))
    changed, exchanged = changed | lost, exchanged | {f"{key}." for key in lost}
    held = [word for word in earlier if key_of(word) not in changed and not key_of(word).startswith(tuple(exchanged))]
    lists = [parsed(word).value() for word in words if key_of(word) == "filter"]
    if not lists or isinstance(lists[-1], dict):
        return held
    # The settings of a filter add it, so a list that is given again takes out those that are not in it.
    listed = lists[-1] if isinstance(lists[-1], list) else [lists[-1]]
    return [word for word in held if not key_of(word).startswith("filter.") or key_of(word).split(".")[1] in listed]


def _is_shipped(word: str) -> bool:
    """Whether a word chooses the reward that its slot is named after, as ``reward=explicit`` does to go by it."""
    key, _, choice = word.partition("=")
    return key.lstrip("+") == f"reward@rewards.{choice}"


class Memory:
    """Writes the words of one command into its run folder once they were accepted, and takes back what was not.

    Args:
        folder: The run folder.
        base: Folder of the run that it begins with.
        words: Words of the command line, as Hydra reads them.
        config: The resolved settings, as plain values.
        command: What they are given to.
    """

    def __init__(
        self, folder: Path, base: Path | None, words: Sequence[str], config: Mapping[str, Any], command: str = ""
    ) -> None:
        self.folder, self._base, self._config = folder, base, config
        borrowed = _BORROWED.get(command)
        self._words = [
            word
            for word in words
            if key_of(word) not in ONCE and not (borrowed is not None and key_of(word).startswith(borrowed))
        ]
        self._accepted, self._before = False, list[str]()

    def gives(self, key: str) -> bool:
        """Whether the command line gives a setting."""
        return any(key_of(word) == key for word in self._words)

    def word(self, key: str) -> str | None:
        """The newest word that gives a setting, on the command line or before."""
        held = [*kept(recall_all(self.folder, self._base), self._words), *self._words]
        return next((word for word in reversed(held) if key_of(word) == key), None)

    def accept(self) -> None:
        """Remember the words: what they ask for has begun.

        Raises:
            DataError: The folder cannot be written.
        """
        if not self._accepted:
            with locked(self.folder, "settings", "settings", wait=_BRIEFLY):
                self._before = recall_all(self.folder, self._base)
                write(self.folder, [*kept(self._before, self._words), *self._words])
                with replacing(self.folder / "config.yaml") as unfinished:
                    unfinished.write_text(_listed(self._config), encoding="utf-8")
            self._accepted = True

    def refuse(self, error: RoboprefError) -> str:
        """Forget those of the words that an error is about; what was done with the others stays done.

        Args:
            error: What the command ended with.

        Returns:
            Its message, and how to forget the remembered settings that it is about.
        """
        try:
            wrong = concerned(error, self._words)
            if isinstance(error, MismatchError):
                wrong = wrong or [word for word in self._words if word not in self._before]
            if self._accepted and wrong and isinstance(error, ConfigError | MismatchError):
                self._forget(wrong)
            earlier = kept(recall_all(self.folder, self._base), self._words)
        except DataError:
            return str(error)
        return explained(error, self.folder, earlier, self._words)

    def _forget(self, wrong: Sequence[str]) -> None:
        """Forget words, of which those that they replaced hold again."""
        with locked(self.folder, "settings", "settings", wait=_BRIEFLY):
            left = [word for word in recall(self.folder) if word not in wrong]
            without = kept(self._before, [word for word in self._words if word not in wrong])
            replaced = [word for word in without if word not in kept(self._before, self._words)]
            write(self.folder, [*replaced, *left])


def require_fit(words: Sequence[str]) -> None:
    """Require that words are few and short enough to be remembered.

    Raises:
        ConfigError: They are not.
    """
    for word in words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise ConfigError(f"{key_of(word)} must be text in UTF-8, got {shown(word).partition('=')[2]!r}; rename it")
        if len(word) > _limit(word):
            raise ConfigError(f"{key_of(word)} has {len(word)} letters; it may have {_limit(word)} at most")
    if _too_many(words) or len(_dumped(words).encode(errors="replace")) > _BYTES:
        raise ConfigError(
            f"these are more settings than a run folder remembers, {_WORDS} of {_BYTES // 1000} kB in all; see what it "
            "remembers with: robopref settings run=<folder>"
        )


def _too_many(words: Sequence[str]) -> bool:
    return len(words) > _WORDS or sum(len(word) for word in words if _limit(word) == _LONGEST) > _LETTERS


def _limit(word: str) -> int:
    """Letters that a word may have: reading a long list takes the square of its length, reading a text does not."""
    name, _, value = word.partition("=")
    return _LONGEST_TEXT if name == "task" or in_quotes(value) else _LONGEST


def _dumped(words: Sequence[str]) -> str:
    return yaml.safe_dump(list(words), allow_unicode=True, width=10_000, default_flow_style=False)


def _listed(settings: Mapping[str, Any]) -> str:
    return yaml.dump(settings, Dumper=_SettingsDumper, allow_unicode=True, sort_keys=False) if settings else ""


def write(folder: Path, words: Sequence[str]) -> None:
    """Let a run folder remember these words and no others.

    Args:
        folder: The run folder.
        words: As Hydra reads them.

    Raises:
        DataError: It cannot be written.
    """
    with replacing(folder / FILE) as unfinished:
        unfinished.write_text(_dumped(words), encoding="utf-8")


def explained(error: RoboprefError, folder: Path, earlier: Sequence[str], words: Sequence[str] = ()) -> str:
    """The message of an error, and how to forget the remembered settings that it is about.

    Args:
        error: What a command ended with.
        folder: The run folder.
        earlier: What it remembers and the command line does not set.
        words: What was typed. If the message names one of these, remembered ones matter where it names them, too.

    Returns:
        One line.
    """
    about, message = concerned(error, earlier, typed=False), str(error)
    unknown = re.match(r"no setting '([^']+)'", message)
    if unknown and any(key_of(word) == unknown[1] for word in earlier) and any(key_of(w) == "agent" for w in earlier):
        return f"{message.partition(' (all settings')[0]}: {_of_an_agent(folder)}"
    if any(_names_whole(message, word) for word in words):
        about = [word for word in about if _names_whole(message, word)]
    if unknown:
        about = about or [word for word in earlier if key_of(word) == unknown[1]]
    if not about:
        return message
    # Commands that learn in other ways have other settings, all of which would have to be forgotten one by one.
    elsewhere = ", or choose another run folder with run=" if message.startswith("no setting ") else ""
    return (
        f"{error} ({', '.join(shown(word) for word in about)} {'is' if len(about) == 1 else 'are'} remembered from an "
        f"earlier command; forget with: robopref settings run={folder} forget={key_of(about[0])}{elsewhere})"
    )


def _of_an_agent(folder: Path) -> str:
    """Where commands that know of no agents go instead."""
    planner = folder / "agent.pt"
    there = f" and, to use its agent there, policy=world_model policy.agent={planner}" if planner.exists() else ""
    return f"{folder} is a folder of robopref online; choose another run folder with run={there}"


def concerned(error: RoboprefError, words: Sequence[str], *, typed: bool = True) -> list[str]:
    """Those of some words that a message is about: it names the setting, and says its value or is about settings.

    Args:
        error: Has the message.
        words: As Hydra reads them.
        typed: Whether they were typed for this command; of others, a name may be a word of English by chance.
    """
    message = re.sub(r"(?i)did you mean [^?]*\?|expected one of [^.(;]*", "", str(error))
    asked = re.sub(r"\bwas [^,()]*, (?=is )", "", message)  # of a value that differs, the present one
    found, loosely = list[str](), dict[str, int]()
    for word in words:
        key, value = key_of(word), shown(word).partition("=")[2]
        parts = re.split(r"[.@]", key)
        said = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", asked) is not None if value else False
        last = _names(message, parts[-1]) if typed or said else _sets(message, parts[-1])
        if (_names(message, key) if len(parts) > 1 else last) or (value and f"{value!r}" in message):
            found.append(word)
        elif (
            _trains(message, key)
            and (said or isinstance(error, ConfigError))
            and (
                any(_names(message, ".".join(parts[first:])) for first in range(1, len(parts) - 1))
                or (last and len(parts) > 1)
            )
        ):
            loosely[word] = sum(re.search(rf"\b{re.escape(part)}\b", message) is not None for part in parts)
    # Of several settings with the same last name, those of which the message, such as a path in it, says more.
    nearest = max(loosely.values(), default=0)
    return [word for word in words if word in found or loosely.get(word, -1) == nearest]


def _sets(message: str, word: str) -> bool:
    """Whether a message speaks of a setting by this name, which may be a word of English as well."""
    return re.search(rf"(?<![\w/.]){re.escape(word)}(=| (must|has to|is missing)\b|: )", message) is not None


def _trains(message: str, key: str) -> bool:
    """Whether a setting is one of what a message is about; it is, unless that is the state of another training."""
    state = re.search(r"/(policy|rewards?/(\w+)(?:-\w+)?)(?:/round-\d+)?/state\.pt", message)
    if state is None:
        return True
    of = ("train.", "policy.") if state[2] is None else f"rewards.{state[2]}."
    return f"{key.rsplit('@', maxsplit=1)[-1]}.".startswith(of)


def _names_whole(message: str, word: str) -> bool:
    """Whether a message names what a word sets, by its whole name and not as the beginning of another's."""
    key = key_of(word)
    names = {key, key.rsplit("@", maxsplit=1)[-1]}
    return any(re.search(rf"(?<![\w/.@]){re.escape(name)}(?!\.?\w|/)", message) is not None for name in names)


def _names(message: str, name: str) -> bool:
    """Whether a message names a setting so, and not as the end of another one's name."""
    return re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w/])", message) is not None


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path} is damaged: {why}; expected a list of settings. Restore it, or remove it to go on without what the "
        "run folder remembers"
    )


class _SettingsDumper(yaml.CSafeDumper):
    """YAML of which OmegaConf reads every text as a text: it takes more of them for numbers than others do."""


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    style = "'" if _is_number(value) or value.lower() in ("y", "n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


_SettingsDumper.add_representer(str, _text)
