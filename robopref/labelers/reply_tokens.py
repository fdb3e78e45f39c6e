"""Tokens of a reply, with what might have stood in the place of numbers, and how probable that was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MOST, _OTHERS = 20_000, 100  # tokens of a reply, and alternatives to one
_LETTERS = 500  # of a token
_LEAST = -1e4  # log-probability of what is as good as impossible; OpenAI says -9999
_ROUNDING = 0.01  # above which a log-probability is none
_NUMERAL = re.compile(r"[\s:\"]*(\d{1,3})[\s\",}\]]*")


@dataclass(frozen=True)
class Token:
    """One token of a reply.

    Attributes:
        text: As it was written.
        numerals: What whole numbers might have stood there, each with its log-probability; several tokens may write
            the same one. Empty for tokens that are no number, of which nothing is kept.
    """

    text: str
    numerals: tuple[tuple[int, float], ...] = ()


def reported_tokens(logprobs: object) -> tuple[Token, ...] | None:
    """Tokens from the ``logprobs`` of a choice in OpenAI's protocol.

    Args:
        logprobs: Of somebody else.

    Returns:
        The tokens; None if the server gave none.

    Raises:
        ValueError: They have another form.
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else logprobs
    if content is None:
        return None
    return tuple(_reported(one) for one in _listed(content, _MOST))


def stored_tokens(stored: object) -> tuple[Token, ...] | None:
    """Inverse of `plain_tokens`.

    Raises:
        ValueError: Something else is stored.
    """
    if stored is None:
        return None
    found: list[Token] = []
    for one in _listed(stored, _MOST):
        text, numerals = one if isinstance(one, list) and len(one) == 2 else (one, [])
        pairs = [pair for pair in _listed(numerals, _OTHERS) if isinstance(pair, list) and len(pair) == 2]
        if not all(type(value) is int and 0 <= value < 1000 for value, _ in pairs) or len(pairs) < len(numerals):
            raise ValueError("numbers in the place of a token must come with log-probabilities")
        found.append(Token(_text(text), tuple((value, _log_probability(said)) for value, said in pairs)))
    return tuple(found)


def plain_tokens(tokens: Sequence[Token] | None) -> list[Any] | None:
    """Tokens in plain values: a text each, or a text and its numerals."""
    if tokens is None:
        return None
    return [[one.text, [list(pair) for pair in one.numerals]] if one.numerals else one.text for one in tokens]


def _reported(stored: object) -> Token:
    if not isinstance(stored, Mapping):
        raise ValueError("a token must be an object")  # noqa: TRY004
    text = _text(stored.get("token"))
    if not any(letter.isdecimal() for letter in text):
        return Token(text)
    numerals: list[tuple[int, float]] = []
    for one in _listed(stored.get("top_logprobs") or [stored], _OTHERS):
        if not isinstance(one, Mapping):
            raise ValueError("an alternative to a token must be an object")  # noqa: TRY004
        matched = _NUMERAL.fullmatch(_text(one.get("token")))
        if matched is not None:
            numerals.append((int(matched[1]), _log_probability(one.get("logprob"))))
    return Token(text, tuple(numerals))


def _listed(stored: object, most: int) -> list[Any]:
    if not isinstance(stored, list) or len(stored) > most:
        raise ValueError(f"tokens must be a list of {most:,} at most")
    return stored


def _text(stored: object) -> str:
    if not isinstance(stored, str) or len(stored) > _LETTERS:
        raise ValueError(f"the text of a token must have {_LETTERS} letters at most")
    return stored


def _log_probability(stored: object) -> float:
    if isinstance(stored, bool) or not isinstance(stored, int | float) or not stored <= _ROUNDING:
        raise ValueError("a log-probability must be a number that is not positive")
    return round(max(min(float(stored), 0.0), _LEAST), 6)
