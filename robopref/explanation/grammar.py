"""The grammar of features: what may be written, and nothing else.

    feature = summary "(" series ")" | "duration()" | "shown_first()"
    series  = name | name "[" i "]" | name "[" i ":" j "]" | measure "(" series { "," series } ")"

A name is that of an array of the items, such as ``state`` or ``after.points``, or of a quantity that settings name. It
is read by hand, not by Python: a feature may be the reply of a model, or come from somebody's settings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from robopref.errors import ConfigError, unknown_name
from robopref.explanation.measures import MEASURES, SUMMARIES

DURATION, SHOWN_FIRST = "duration()", "shown_first()"
_DIRECTIONS = {"more": 1, "less": -1}
_LONGEST, _DEEPEST, _DIGITS = 200, 6, 5
_TOKEN = re.compile(r"\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*|\d+|[()\[\]:,])")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Selected:
    """Some channels of an array of the items.

    Attributes:
        name: Of the array.
        start: First channel; None takes the array as it is.
        stop: One past the last.
    """

    name: str
    start: int | None = None
    stop: int | None = None

    def __str__(self) -> str:
        if self.start is None or self.stop is None:
            return self.name
        return f"{self.name}[{self.start}]" if self.stop == self.start + 1 else f"{self.name}[{self.start}:{self.stop}]"


@dataclass(frozen=True)
class Applied:
    """A measure or a summary of series.

    Attributes:
        function: Its name.
        inner: What it is applied to.
    """

    function: str
    inner: tuple[Series, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.inner))})"


@dataclass(frozen=True)
class Named:
    """A series that settings have a name for.

    Attributes:
        name: The name.
        series: What it stands for.
    """

    name: str
    series: Series

    def __str__(self) -> str:
        return self.name


Series = Selected | Applied | Named


@dataclass(frozen=True)
class Feature:
    """A number of an item.

    Attributes:
        name: As it is written, without spaces that mean nothing.
        summary: Of a series; None for those of how long an item is and which was shown first.
    """

    name: str
    summary: Applied | None

    @property
    def arrays(self) -> frozenset[str]:
        """Names of the arrays that it looks at."""
        return frozenset() if self.summary is None else _arrays(self.summary)

    @property
    def quantities(self) -> frozenset[str]:
        """Names of the arrays and of the quantities that it is written with."""
        return frozenset() if self.summary is None else _quantities(self.summary)

    @property
    def functions(self) -> frozenset[str]:
        """Names of the measures and the summary."""
        return frozenset() if self.summary is None else _functions(self.summary)


def parse_feature(text: str, arrays: Collection[str] | None, named: Mapping[str, Series] | None = None) -> Feature:
    """Read a feature.

    Args:
        text: As it is written.
        arrays: Names of the arrays that items have; None, as long as they are not known, takes any name for one.
        named: Quantities that settings name, see `parse_named`.

    Returns:
        The feature.

    Raises:
        ConfigError: It is none; the message says where it ends to be one, or the nearest names.
    """
    reader = _Reader(text, arrays, named or {})
    quantities = "" if arrays is None else f" (with quantities {_some(arrays, named)})"
    function = reader.name(f"summary of a feature{quantities}", [*SUMMARIES, *_ALONE])
    if function in _ALONE:
        reader.expect("(")
        reader.expect(")")
        reader.end()
        return Feature(f"{function}()", None)
    inner = reader.arguments(1)
    if len(inner) != 1:
        raise reader.wrong(f"{function} takes one series")
    reader.end()
    found = Applied(function, inner)
    return Feature(str(found), found)


def directed(text: str) -> tuple[int, str]:
    """A direction, 0 if there is none, and the expression that follows it."""
    first, _, rest = text.strip().partition(" ")
    return (_DIRECTIONS[first], rest.strip()) if first in _DIRECTIONS else (0, text.strip())


def parse_series(text: str, arrays: Collection[str] | None, named: Mapping[str, Series] | None = None) -> Series:
    """Read a series, see `parse_feature`."""
    reader = _Reader(text, arrays, named or {})
    found = reader.series(1)
    reader.end()
    return found


def parse_named(given: Mapping[str, str], arrays: Collection[str] | None) -> dict[str, Series]:
    """Read the quantities that settings name, each of which may use those before it.

    Args:
        given: Series by name.
        arrays: Names of the arrays that items have; None as long as they are not known.

    Raises:
        ConfigError: A name is none, or taken, or what it stands for is no series.
    """
    found: dict[str, Series] = {}
    taken = {*(arrays or ()), *MEASURES, *SUMMARIES, *_ALONE}
    for name, text in given.items():
        if not _NAME.fullmatch(name) or name in taken:
            why = "the name of an array or a measure already" if name in taken else "no name"
            raise ConfigError(f"explain.quantities: {name[:60]!r} is {why}; names are letters, digits and _")
        found[name] = Named(name, parse_series(text, arrays, found))
    return found


_ALONE = ("duration", "shown_first")


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, text: str, arrays: Collection[str] | None, named: Mapping[str, Series]) -> None:
        self._text, self._arrays, self._named = text, arrays, named
        if len(text) > _LONGEST:
            raise ConfigError(f"a feature has at most {_LONGEST} letters, got {len(text)}")
        self._tokens, at = list[str](), 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.wrong(f"{text[at:].strip()[:20]!r} belongs to no feature")
            self._tokens.append(found.group(1))
            at = found.end()
        self._at = 0

    def wrong(self, why: str) -> ConfigError:
        """The error that an expression is none."""
        example = "mean(speed(proprio[0:3])), last(distance(state[0:3], state[3:6])), change(state[2]) or duration()"
        return ConfigError(f"{self._text[:80]!r} is no feature: {why}; features look like {example}")

    def end(self) -> None:
        """Require that nothing follows."""
        if self._at < len(self._tokens):
            raise self.wrong(f"{self._tokens[self._at][:20]!r} follows what is one already")

    def expect(self, token: str) -> None:
        """Require a token and go past it."""
        if self._peek() != token:
            got = self._peek()[:20]
            raise self.wrong(f"expected {token!r}, got {got!r}" if got else f"{token!r} is missing")
        self._at += 1

    def name(self, kind: str, allowed: Collection[str]) -> str:
        """Require one of some names and go past it."""
        token = self._peek()
        if not _NAME.fullmatch(token):
            raise self.wrong(f"expected a name, got {token[:20]!r}" if token else "a name is missing")
        if token not in allowed:
            raise unknown_name(kind, token[:60], allowed)
        self._at += 1
        return token

    def arguments(self, depth: int) -> tuple[Series, ...]:
        """Series in brackets."""
        self.expect("(")
        found = [self.series(depth)]
        while self._peek() == ",":
            self._at += 1
            found.append(self.series(depth))
        self.expect(")")
        return tuple(found)

    def series(self, depth: int) -> Series:
        """A series."""
        if depth > _DEEPEST:
            raise self.wrong(f"it is nested more than {_DEEPEST} deep")
        applied = self._peek(1) == "("
        arrays = self._arrays if self._arrays is not None else () if applied else (self._peek(),)
        name = self.name("quantity or measure", [*arrays, *self._named, *MEASURES])
        if name in MEASURES and name not in arrays and name not in self._named:
            inner, wanted = self.arguments(depth + 1), MEASURES[name].arguments
            if len(inner) != wanted:
                raise self.wrong(f"{name} takes {wanted} series, got {len(inner)}")
            return Applied(name, inner)
        found = self._named.get(name, Selected(name))
        return self._channels(found) if self._peek() == "[" else found

    def _channels(self, found: Series) -> Series:
        self.expect("[")
        start = self._number()
        stop = start + 1
        if self._peek() == ":":
            self._at += 1
            stop = self._number()
        self.expect("]")
        if not isinstance(found, Selected) or found.start is not None:
            raise self.wrong("channels are those of an array")
        if stop <= start:
            raise self.wrong(f"channels [{start}:{stop}] are none")
        return Selected(found.name, start, stop)

    def _number(self) -> int:
        token = self._peek()
        if not token.isdecimal() or len(token) > _DIGITS:
            raise self.wrong(f"expected the number of a channel, got {token[:20]!r}")
        self._at += 1
        return int(token)

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""


def _some(arrays: Collection[str], named: Mapping[str, Series] | None) -> str:
    return ", ".join([*sorted(arrays), *(named or {})]) or "none"


def _arrays(series: Series) -> frozenset[str]:
    if isinstance(series, Selected):
        return frozenset({series.name})
    inner = (series.series,) if isinstance(series, Named) else series.inner
    return frozenset[str]().union(*map(_arrays, inner))


def _quantities(series: Series) -> frozenset[str]:
    if isinstance(series, Applied):
        return frozenset[str]().union(*map(_quantities, series.inner))
    return frozenset({series.name})


def _functions(series: Series) -> frozenset[str]:
    if isinstance(series, Selected):
        return frozenset()
    if isinstance(series, Named):
        return _functions(series.series)
    return frozenset({series.function}).union(*map(_functions, series.inner))
