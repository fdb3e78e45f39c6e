"""Words of the command line, `name=value`; paths and sentences among them are taken as they are."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from robopref.addresses import without_secrets
from robopref.errors import ConfigError

# Given anew every time: what moves a robot is never done because it was done before, nor an old policy taken for the
# present one, nor a reward for the answers.
ONCE = ("run", "checkpoint", "deploy.send", "deploy.operator", "explain.reward")
# Short for settings that are given often.
_SHORT = {"budget.": "labeler.budget."}
# Settings by the names that they had before.
_FORMER = {"labeler.browser": "labeler.open", "label.segments.dataset": "data"}
# Those of groups that are elsewhere, by what their names began with; of several, the first holds.
_MOVED = {
    "reward_model.observation": "rewards.segment.observes",
    **{f"reward_model.{name}": f"rewards.segment.scorer.{name}" for name in ("members", "width", "encoder", "history")},
    "reward_model": "rewards.segment",
}
# Choices of groups by the names that they had before; what came of an action is an outcome.
_FORMER_CHOICES = {("method", "outcome"): "implicit_prm", ("objective", "outcome"): "success"}
# Parts of robopref by the modules and names that they had before.
_FORMER_PARTS = {
    "robopref.data.operators": "robopref.data.labels.target_operators",
    "robopref.data.reward_recipes": "robopref.data.episodes.reward_recipes",
    "robopref.labelers.budget.Limits": "robopref.labelers.request_budget.RequestLimits",
    "robopref.labelers.replay": "robopref.labelers.recorded_replies",
    "robopref.labelling.settings": "robopref.labelers.people.label_settings",
    "robopref.nets.history": "robopref.nets.causal_transformer",
    "robopref.objectives.classification.outcome_cross_entropy": (
        "robopref.objectives.classification.success_cross_entropy"
    ),
    "robopref.objectives.draws": "robopref.objectives.outside_draws",
    "robopref.querying.candidates": "robopref.querying.candidate_queries",
    "robopref.robots.task": "robopref.robots.task_robot",
}
_FORMER_PART = re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, _FORMER_PARTS))})(?![\w])")
# Settings whose value is a path, an address, a name or a sentence: commas, brackets, quotes and the like belong to it.
_TEXTS = re.compile(
    r"run|base|checkpoint|task|principle|person|data|model|environment|reward_key|database|source|known|report|write|forget"
    r"|(read\.)?(names\.\w+|mask)|rename\.\w+|relabel\.(name|model)|evaluate\.env|label\.truth"
    r"|deploy\.operator|robot\.topics\.\w+"
    r"|labeler\.(name|annotator)|labeler\.judge\.model|(env|make)\.id|env\.options\.name"
    r"|(\w+\.)*(path|tokens|database|demonstrations|cache|base_url|host)"
)
# Those of them that name an environment, whose module is imported, or a server or database.
_NAMES = re.compile(r"environment|evaluate\.env|(env|make)\.id|env\.options\.name|(\w+\.)*(base_url|database)")
# Settings that hold several of these.
_SEVERAL = re.compile(
    r"clouds|data|person|(read\.)?(drop|fill|names\.\w+)|labelers|(\w+\.)*observation|rename\.\w+|labeler\.(annotators|features)"
    r"|filter\.by_labeler\.names"
    r"|robot\.(calibrations|joints|joint_names)|robot\.topics\.clouds"
)
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]*")
_SETTING = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@:-]*")


def written_out(words: Sequence[str]) -> list[str]:
    """Words of the command line with the full names of settings: ``budget.usd=5`` is ``labeler.budget.usd=5``."""
    full = list(words)
    for short, name in _SHORT.items():
        full = [name + word.removeprefix(short) if word.startswith(short) else word for word in full]
    for word in full:
        if (new := _choice(word)) is not None:
            raise ConfigError(f"{word}: this choice is called {new}")
        if (place := _MOVED.get(key_of(word))) is not None and isinstance(parsed(word).value(), dict):
            raise ConfigError(f"{word}: this is called {place}; give its settings one by one: {place}.<name>=<value>")
    return [renamed(word) for word in full]


def renamed(word: str) -> str:
    """A word by the names that its setting, its choice and the parts in it have."""
    if "_target_" in word:
        word = _FORMER_PART.sub(lambda found: _FORMER_PARTS[found[1]], word)
    former, new = key_of(word), _choice(word)
    if new is not None:
        word = f"{word.partition('=')[0]}={new}"
    group, at, path = former.rpartition("@")
    for start, place in _MOVED.items():
        if f"{path}.".startswith(f"{start}."):
            return word.replace(former, f"{group}{at}{place}{path.removeprefix(start)}", 1)
    return word.replace(former, _FORMER[former], 1) if former in _FORMER else word


def _choice(word: str) -> str | None:
    """The name of a choice that had another one."""
    setting, _, value = word.partition("=")
    return _FORMER_CHOICES.get((setting.partition("@")[0], value))


def taken_literally(words: Iterable[str], *, texts: Iterable[str] = ()) -> list[str]:
    """Words in the grammar of Hydra, with texts in quotes.

    Args:
        words: As they were typed.
        texts: More settings whose values are texts.

    Returns:
        Words that mean the same to Hydra.

    Raises:
        ConfigError: A word is no setting.
    """
    more, result = frozenset(texts), list[str]()
    for word in words:
        if not (is_setting(word) or word.startswith("~")):
            raise ConfigError(f"cannot make sense of {word!r}; settings look like name=value, see --help")
        result.append(_literal(word, more))
    return result


def is_setting(word: str) -> bool:
    """Whether a word looks like ``name=value``."""
    name, equals, _ = word.partition("=")
    return bool(equals) and _SETTING.fullmatch(name) is not None


def key_of(word: str) -> str:
    """The name in a word, without prefixes."""
    return word.split("=", 1)[0].lstrip("+~")


def values_of(words: Iterable[str], starts: tuple[str, ...]) -> dict[str, Any]:
    """Values of settings whose names begin with some text, by name; of several the last, and None where it is empty."""
    found = {key_of(word): parsed(word).value() for word in words if key_of(word).startswith(starts)}
    return {key: None if isinstance(value, str) and not value else value for key, value in found.items()}


@lru_cache(maxsize=1000)
def parsed(word: str) -> Override:
    """A word as Hydra understands it; not to be changed.

    Raises:
        ConfigError: It does not.
    """
    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, RecursionError) as error:
        line = " ".join((str(error).splitlines() or ["it is nested too deeply"])[:1])
        raise ConfigError(f"cannot make sense of {shown(word)!r}: {line}") from error


def strings_in(value: Any) -> Iterable[str]:
    """Every string in a value of words or settings, keys included."""
    if isinstance(value, str):
        yield str(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings_in(key)
            yield from strings_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings_in(inner)


def typed_names(words: Iterable[str]) -> set[str]:
    """Strings in words of the command line that may name code or a server: paths and sentences are none.

    Args:
        words: As Hydra reads them.
    """
    found: set[str] = set()
    for word in words:
        key = key_of(word)
        if _NAMES.fullmatch(key) or not _TEXTS.fullmatch(key):
            found.update(strings_in(parsed(word).value()))
    return found


def shown(word: str) -> str:
    """A word as it would be typed: without the quotes that `taken_literally` put around a text, and the passwords."""
    name, equals, value = word.partition("=")
    if not equals:
        return word
    if _TEXTS.fullmatch(name.lstrip("+~")) is not None and value[:1] == "'":
        with contextlib.suppress(HydraException):
            value = _unescaped(str(OverridesParser.create().parse_override(word).value()))
    return f"{name}={without_secrets(value)}"


@cache
def groups() -> dict[str, frozenset[str]]:
    """The groups of settings and the choices of each."""
    found: dict[str, frozenset[str]] = {}
    for folder in resources.files("robopref.configs").iterdir():
        names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set[str]()
        if names and "__init__.py" not in names:
            found[folder.name] = frozenset(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))
    return {name: choices for name, choices in found.items() if choices}


def group_of(word: str) -> str | None:
    """The group that a word chooses from, if it does."""
    name = key_of(word).split("@")[0]
    return name if name in groups() else None


def text(value: str, *, references: bool = False) -> str:
    """A text in quotes, which Hydra takes as it is.

    Args:
        value: The text.
        references: Whether ``${run}`` in it stands for the run folder.

    Returns:
        What Hydra reads as that text.
    """

    def escape(found: re.Match[str]) -> str:
        if references and not found[1] and value.startswith("${run}", found.start()):
            return found[0]
        return f"{found[1] * 2}\\${{"

    escaped = re.sub(r"(\\*)\$\{", escape, value)
    escaped = re.sub(r"(\\*)'", lambda found: f"{found[1] * 2}\\'", escaped)
    doubled = re.sub(r"(\\+)\Z", r"\1\1", escaped)
    return f"'{doubled}'"


def _literal(word: str, more: frozenset[str]) -> str:
    name, equals, value = word.partition("=")
    key = name.lstrip("+~")
    if not equals or value in ("", "null", "''", '""'):
        return word
    if _SEVERAL.fullmatch(key) and value[0] + value[-1] == "[]" and "{" not in value:
        return f"{name}=[{','.join(_element(part) for part in _split(value[1:-1]))}]"
    if (key in ("task", "principle") and in_quotes(value)) or (key == "person" and value[0] == "{"):
        return word
    if _TEXTS.fullmatch(key) or key in more:
        return f"{name}={text(value, references=key not in ('run', 'task', 'principle'))}"
    if not value.isascii() and not set(value) & set("[]{}()'\",$\\"):
        return f"{name}={text(value)}"
    return word


def _split(inside: str) -> list[str]:
    """Elements of a list, apart by commas that are not in the quotes of a whole element."""
    quoted = r"\s*(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*(?=,|$)"
    return re.findall(rf"{quoted}|[^,]+", inside)


def _element(part: str) -> str:
    stripped = part.strip()
    return stripped if _PLAIN.fullmatch(stripped) or in_quotes(stripped) else text(stripped, references=True)


def in_quotes(value: str) -> bool:
    """Whether a value is one text in quotes."""
    return re.fullmatch(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", value, re.DOTALL) is not None


def _unescaped(value: str) -> str:
    """The text of a value of Hydra, in which a ``${`` that is no reference stands behind a backslash."""
    return re.sub(r"(\\+)\$\{", lambda found: "\\" * (len(found[1]) // 2) + "${", value)
