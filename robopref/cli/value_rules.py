"""What a setting may be: kinds of values with their ranges, said in the words of an error."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from robopref.errors import ConfigError

MISSING = "???"
_LARGEST = 1_000_000_000


class _TooLargeError(ValueError):
    """A number beyond all ranges."""


@dataclass(frozen=True)
class Rule:
    """What a setting may be.

    Attributes:
        said: What it must be, as the end of "must be ...".
        read: Makes the value that is used of what was given; raises ValueError for what does not fit.
        empty: Whether null may be given.
    """

    said: str
    read: Callable[[Any], Any]
    empty: bool = False

    def check(self, name: str, value: Any) -> Any:
        """The value that is used.

        Args:
            name: Full name of the setting.
            value: What was given.

        Raises:
            ConfigError: It does not fit.
        """
        if value is None and self.empty:
            return None
        try:
            return self.read(value)
        except (TypeError, ValueError, OverflowError) as error:
            large = ", no larger than 1e9" if isinstance(error, _TooLargeError) else ""
            wanted = f"{self.said}{large}{', or null' if self.empty else ''}"
            raise ConfigError(f"{name} must be {wanted}, got {_shown(value)}") from error


def optional(rule: Rule) -> Rule:
    """The same, or null."""
    return replace(rule, empty=True)


def whole(least: int, most: int = _LARGEST) -> Rule:
    """A whole number in a range; 1e3 is one."""
    said = f"a whole number of at least {least}" if most == _LARGEST else f"a whole number in {least} to {most}"

    def read(value: Any) -> int:
        number = _number(value)
        if number > _LARGEST == most:
            raise _TooLargeError
        if number != int(number) or not least <= number <= most:
            raise ValueError
        return int(number)

    return Rule(said, read)


def number(
    least: float = -math.inf, most: float = 1e9, *, above: bool = False, below: bool = False, endless: bool = False
) -> Rule:
    """A number in a range.

    Args:
        least: Its lower end.
        most: Its upper end.
        above: Whether the lower end is left out.
        below: Whether the upper end is left out.
        endless: Whether infinities of the range may be given.
    """

    def read(value: Any) -> float:
        number = _number(value)
        if endless and math.isinf(number) and (number >= least):
            return value
        if abs(number) > 1e9 and not math.isinf(number) and (most >= 1e9 if number > 0 else least < -1e9):
            raise _TooLargeError
        if number < least or number > most or (above and number == least) or (below and number == most):
            raise ValueError
        if math.isinf(number) or abs(number) > 1e9:
            raise ValueError
        return value

    return Rule(_range(least, most, above, below), read)


def _range(least: float, most: float, above: bool, below: bool) -> str:
    if most >= 1e9:
        if math.isinf(least):
            return "a number"
        if least == 0:
            return "a positive number" if above else "a number that is not negative"
        return f"a number {'above' if above else 'of at least'} {least:g}"
    return f"in {'(' if above else '['}{least:g}, {most:g}{')' if below else ']'}"


def choice(*allowed: Any) -> Rule:
    """One of a few values."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise ValueError
        return value

    *others, last = map(str, allowed)
    return Rule(f"{', '.join(others)} or {last}" if others else last, read)


def admitting(value: Any, rule: Rule) -> Rule:
    """The same, or a value of its own, such as an infinite default."""

    def read(given: Any) -> Any:
        return given if type(given) is type(value) and given == value else rule.read(given)

    return replace(rule, read=read, empty=rule.empty or value is None)


def either(rules: Sequence[Rule]) -> Rule:
    """What one of some rules admits; the first that does makes the value."""

    def read(value: Any) -> Any:
        for rule in rules[:-1]:
            with contextlib.suppress(TypeError, ValueError, OverflowError):
                return rule.read(value)
        return rules[-1].read(value)

    return Rule(" or ".join(dict.fromkeys(rule.said for rule in rules)), read, any(rule.empty for rule in rules))


def named(rule: Rule) -> Rule:
    """Values of a kind by name."""

    def read(value: Any) -> Any:
        for one in _mapping(value).values():
            if not (one is None and rule.empty):
                rule.read(one)
        return value

    return Rule(f"a group of settings, each {rule.said}{' or null' if rule.empty else ''}", read)


def listed(rule: Rule | None, said: str, least: int = 0, most: int | None = None) -> Rule:
    """A list of values of a kind.

    Args:
        rule: Of each value; None if they may be anything.
        said: What the list is.
        least: Fewest values.
        most: Most values; None has no limit.
    """

    def read(value: Any) -> list[Any]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError
        if len(value) < least or (most is not None and len(value) > most):
            raise ValueError
        return [one if rule is None or (one is None and rule.empty) else rule.read(one) for one in value]

    return Rule(said, read)


def shares(most: float | None) -> Rule:
    """Numbers by name, such as the shares of a mixture."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not value:
            raise TypeError
        for one in value.values():
            number = _number(one)
            if not (number >= 0 if most else number > 0) or not number <= (most or 1e9):
                raise ValueError
        return {str(key): one for key, one in value.items()}

    limits = f"shares in [0, {most:g}]" if most else "positive numbers"
    return Rule(f"{limits} by name, such as {{low: 0.1, high: 1.0}}", read)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: Any) -> str:
    # A name such as 2026 is read as a number before it comes here.
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    text = str(value)
    if not text.strip() or "\0" in text:
        raise ValueError
    return text


def _array(value: Any) -> str:
    text = _text(value)
    if re.fullmatch(r"[\w-]+", text, re.ASCII) is None:
        raise ValueError
    return text


def _mapping(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


def _geometry(value: Any) -> Any:
    if not isinstance(value, Mapping) or not value.keys() & {"moves", "reaches"}:
        raise TypeError
    return value


def _part(value: Any) -> Any:
    target = _mapping(value).get("_target_")
    if target != MISSING and not (isinstance(target, str) and all(map(str.isidentifier, target.split(".")))):
        raise ValueError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    found = _number(value)
    if found != int(found):
        raise ValueError
    return int(value)


def _finite(value: Any) -> float:
    if not math.isfinite(_number(value)):
        raise ValueError
    return value


def _shown(value: Any) -> str:
    text = "nothing" if value is None or value == "" else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


FLAG = Rule("true or false", _flag)
TEXT = Rule("text that is not empty", _text)
ARRAY = Rule("letters, digits, '_' and '-'", _array)
WORD = Rule("text", lambda value: value if value == "" else _text(value))
SECTION = Rule("a group of settings", _mapping)
GEOMETRY = Rule(
    "what actions mean in space, such as {moves: [0, 1, 2], metres: 0.05, tool: [0, 1, 2], radius: 0.5}",
    _geometry,
    True,
)
PART = Rule("a group of settings with a _target_=<module>.<name>", _part)
ANYTHING = Rule("anything", lambda value: value, empty=True)
WHOLE = Rule("a whole number", _whole)
FINITE = Rule("a number", _finite)
COUNT = whole(1)
INDEX = whole(0)
POSITIVE = number(0, above=True)
SHARE = number(0, 1)
NAMES = listed(TEXT, "a list of names, such as [one, two]")
NUMBERS = listed(number(), "a list of numbers", 1)
POINT = listed(number(), "a list of three numbers", 3, 3)
