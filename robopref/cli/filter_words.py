"""Words about filters: `filter=[one,two]` chooses some that are shipped, `filter.<name>.<setting>=` chooses its own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from robopref.cli.words import groups, key_of, parsed, shown
from robopref.errors import ConfigError, unknown_name

GROUP = "filter"


def with_filters(words: Sequence[str]) -> list[str]:
    """Words in which every filter is chosen that a setting is given of.

    Args:
        words: As Hydra reads them.

    Returns:
        The others, one ``filter=`` word for the shipped ones, and the settings of all, which may be new.

    Raises:
        ConfigError: A word names a filter that there is not, or one twice.
    """
    chosen, terms, others = list[str](), list[str](), list[str]()
    for word in words:
        if key_of(word) == GROUP and not isinstance(parsed(word).value(), dict):
            chosen = _chosen(word)
        elif _is_setting(word):
            terms.append(word)
        else:
            others.append(word)
    # Those that are not shipped are somebody's own, and have to say where their code is.
    own = {_term(word) for word in terms if _gives_code(word)}
    for word in terms:
        name = _term(word)
        if name not in groups()[GROUP] and name not in own and parsed(word).value() is not None:
            near = difflib.get_close_matches(name, groups()[GROUP], n=1)
            hint = f"did you mean {near[0]}? (" if near else "("
            raise ConfigError(
                f"no filter {name!r}; {hint}there are {', '.join(sorted(groups()[GROUP]))}; one of your own is "
                f"filter.{name}._target_=<module>.<name>)"
            )
        if name in groups()[GROUP] and name not in (*chosen, *own) and not _drops(word):
            chosen.append(name)
    first = [f"{GROUP}=[{','.join(chosen)}]"] if chosen else []
    return [*first, *others, *(word if _term(word) in chosen and _within(word) else _anew(word) for word in terms)]


def require_left_out(words: Sequence[str], earlier: Sequence[str]) -> None:
    """Require that filters which are left out are there to be left out.

    Args:
        words: As they were typed.
        earlier: What the run folder remembers.

    Raises:
        ConfigError: One is neither shipped nor named by another word.
    """
    others = {_term(word) for word in [*words, *earlier] if _is_setting(word) and not _drops(word)}
    # What was left out before may be left out again.
    there = {*groups()[GROUP], *others, *(_term(word) for word in earlier if _is_setting(word))}
    for word in words:
        if _is_setting(word) and _drops(word) and _term(word) not in there:
            raise unknown_name(GROUP, _term(word), there)


def _is_setting(word: str) -> bool:
    return key_of(word).startswith(f"{GROUP}.") and not word.startswith("~")


def _chosen(word: str) -> list[str]:
    value: Any = parsed(word).value()
    names: list[Any] = [] if value in (None, "") else value if isinstance(value, list) else [value]
    known = groups()[GROUP]
    for name in names:
        if not isinstance(name, str) or name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"{shown(word)} is no choice of filter; expected a list of {', '.join(sorted(known))}{hint}"
            )
    if len(set(names)) < len(names):
        raise ConfigError(f"{shown(word)} chooses a filter twice; each is applied once, in this order")
    return names


def _term(word: str) -> str:
    return key_of(word).split(".")[1]


def _within(word: str) -> bool:
    """Whether a word sets one setting of a filter, which has to be there."""
    return key_of(word).count(".") > 1


def _anew(word: str) -> str:
    return f"++{word.lstrip('+')}"


def _drops(word: str) -> bool:
    return not _within(word) and parsed(word).value() is None


def _gives_code(word: str) -> bool:
    value = parsed(word).value()
    return key_of(word).split(".")[2:] == ["_target_"] or (isinstance(value, dict) and "_target_" in value)
