"""What a model that looks at pictures is asked, what it replies, and how a reply is read."""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, RoboprefError
from robopref.labelers.framing import draft_frame, other_choice
from robopref.labelers.reply_tokens import Token

Picture = NDArray[np.uint8]
Part = str | Picture
Schema = Mapping[str, Any]

_LONGEST = 100_000  # characters of a reply; what is longer was cut off
_SHOWN = 60  # characters of a wrong value
_TOKENS = 10_000_000  # more than any model reads or writes at once

_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "integer": (int,)}
# How models say in prose that they will not; replies in other languages count as unreadable.
_REFUSAL = re.compile(
    r"\b(i['’]?m sorry|i apologi[sz]e|i (?:can(?:no|['’])t|am unable to|am not able to|won['’]t|must decline))\b", re.I
)


# What models and their templates put around what they think to themselves: any word of thinking in any such bracket.
_ANY = r"[\w .:\-=\"']{0,30}"
_WORD = rf"{_ANY}(?:think|thought|reason|reflect|analy[sz]|scratch|deliberat|monolog){_ANY}"
_FINAL = r"<\|channel\|>\s*final\b[^{]{0,40}?<\|message\|>"
_BEGUN = re.compile(
    rf"<\|?{_WORD}\|?>|◁{_WORD}▷|(?-i:\[THINK\])|<\|?channel\|?>\s*(?!final)|<\|im_start\|>\s*think"
    r"|(?-i:\A\s*analysis(?=[A-Z]))",
    re.I,
)
_ENDED = re.compile(
    rf"<\|?/{_WORD}\|?>|<\|end_?{_WORD}\|>|◁/{_WORD}▷|\[/{_WORD}\]|{_FINAL}|<channel\|>|assistantfinal"
    r"|<\|im_start\|>\s*answer",
    re.I,
)
# Letters that some tokenizers have in the place of those of tags.
_PLAIN = str.maketrans("＜＞｜▁", "<>|_")
# Braces in prose are followed by something else.
_OBJECT = re.compile(r"\{(?=\s*(?:[\"'“‘}]|\w{1,40}\s*:|\Z))")


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, as the server counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def reported(cls, read: object, written: object) -> Usage | None:
        """Usage from numbers of somebody else; None unless both are counts of tokens that a request can have taken.

        Args:
            read: Tokens of the question; no question has none.
            written: Tokens of the reply.
        """
        if type(read) is not int or type(written) is not int:
            return None
        return cls(read, written) if 0 < read <= _TOKENS and 0 <= written <= _TOKENS else None


@dataclass(frozen=True)
class Prices:
    """What tokens cost.

    Attributes:
        input: USD a million tokens.
        output: USD a million tokens.
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        if not (0 <= self.input < math.inf and 0 <= self.output < math.inf):
            raise ConfigError(f"prices must not be negative, got {self.input} and {self.output} USD a million tokens")

    @classmethod
    def given(cls, input_price: float | None, output_price: float | None) -> Prices | None:
        """Prices from two settings; None if neither is given.

        Raises:
            ConfigError: Only one of them is given.
        """
        if input_price is None and output_price is None:
            return None
        if input_price is None or output_price is None:
            raise ConfigError(f"give input_price and output_price, or neither; got {input_price} and {output_price}")
        return cls(input_price, output_price)

    def cost(self, usage: Usage) -> float:
        """USD for so many tokens; discounts for what a server has cached are not deducted."""
        return (self.input * usage.input_tokens + self.output * usage.output_tokens) / 1e6


@dataclass(frozen=True)
class Reply:
    """What came back from one request.

    Attributes:
        text: As it came, but for characters that no file or screen can hold; JSON if a schema was given and obeyed.
        usage: What it took; None if that was not reported.
        refused: Whether the server says that the model refused or a filter stepped in.
        cut: Whether the model was stopped before it had said all.
        tokens: What it was written in, where that was asked for and told; empty if what came cannot be read.
    """

    text: str
    usage: Usage | None = None
    refused: bool = False
    cut: bool = False
    tokens: tuple[Token, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            object.__setattr__(self, "cut", True)
        object.__setattr__(self, "text", printable(self.text[:_LONGEST]))


@runtime_checkable
class Judge(Protocol):
    """A model that looks at pictures.

    Attributes:
        name: Which model, with every setting that changes what it says.
        prices: What it costs; None if that is not known.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def prices(self) -> Prices | None:
        """See the class."""
        ...

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """Make one request. Several threads may ask at the same time.

        Args:
            parts: Texts and pictures (h, w, 3) in the order in which they are to be read.
            schema: JSON schema of the reply; None asks for free text.
            sample: Number of the sample, for models that draw their replies at random.

        Returns:
            The reply.

        Raises:
            UnavailableError: No reply now, but perhaps later.
            RejectedError: No reply to this, however often it is asked.
            ConfigError: No reply to anything: a wrong key, or an unknown model.
        """
        ...


class NoReplyError(RoboprefError):
    """No reply to a request.

    Args:
        message: What happened.
        usage: What the request took, if the server said so.
        free: Whether nobody can have worked on it, so that it will be on no bill.
    """

    def __init__(self, message: str, *, usage: Usage | None = None, free: bool = False) -> None:
        super().__init__(message)
        self.usage, self.free = usage, free


class UnavailableError(NoReplyError):
    """A judge that cannot reply now: too many requests, an error of the server, no connection.

    Args:
        message: What happened.
        wait: Seconds after which the server says it may be asked again, if it says so.
        usage: See `NoReplyError`.
        free: See `NoReplyError`.
    """

    def __init__(
        self, message: str, wait: float | None = None, *, usage: Usage | None = None, free: bool = False
    ) -> None:
        super().__init__(message, usage=usage, free=free)
        self.wait = wait


class RejectedError(NoReplyError):
    """A request that a judge will never reply to, such as one that is too long for it."""


class NotServedError(NoReplyError, ConfigError):
    """A server that will reply to nothing: a wrong key, an unknown model, another address."""


class UnreadableReplyError(RoboprefError):
    """A reply that is not what was asked for."""


def request_key(name: str, parts: Sequence[Part], schema: Schema | None, sample: int) -> str:
    """Name a request by its content: the same key if and only if the same is asked.

    The parts hold the words of the prompt and the decoded pixels in the order in which they are shown.

    Args:
        name: Of the judge.
        parts: As for `Judge.ask`.
        schema: As for `Judge.ask`.
        sample: As for `Judge.ask`.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for field in (name, json.dumps(schema), str(sample)):
        digest.update(f"{len(field)}:{field}".encode())
    for part in parts:
        if isinstance(part, str):
            digest.update(f"text {len(part)}:{part}".encode())
        else:
            digest.update(f"picture {part.shape}:".encode() + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def printable(text: str) -> str:
    """A text without what a file, a database or a screen cannot hold: halves of characters, and controls."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    whole = lines.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(letter if letter in "\n\t" or unicodedata.category(letter) != "Cc" else "\ufffd" for letter in whole)


def marks_thinking(token: str) -> bool:
    """Whether a token is one by which a model begins or ends to think to itself."""
    plain = token.translate(_PLAIN)
    return bool(_BEGUN.search(plain) or _ENDED.search(plain)) or "channel" in token or token == "<|message|>"


def concluded(text: str) -> str:
    """What a model says when it has done thinking.

    Args:
        text: A reply; what it thinks to itself may stand in front, in ``<think>`` or what other models have for that.

    Returns:
        What follows the last end of thinking; all if there is no thinking.

    Raises:
        UnreadableReplyError: It was still thinking when the reply ended.
    """
    plain = text.translate(_PLAIN)  # of the same length
    ends = [found.end() for found in _ENDED.finditer(plain)]
    said = text[ends[-1] :] if ends else text
    if _BEGUN.search(said.translate(_PLAIN)):
        raise UnreadableReplyError("the reply ends in the middle of the model's reasoning")
    return said


def read_answer(text: str, schema: Schema) -> dict[str, Any]:
    """Read a reply as the JSON object that was asked for; nothing is guessed.

    Args:
        text: The reply. What a model thinks to itself before it answers does not count; what stands around one JSON
            object, such as a code fence, is left out.
        schema: Object of strings, numbers and whole numbers, all required, with `enum`, or `minimum` and `maximum`.

    Returns:
        The fields of the schema.

    Raises:
        UnreadableReplyError: It says something else, or more than one thing.
    """
    fields = schema["properties"]
    said = concluded(text)
    stored, after = _the_object(said, fields)
    for name, field in fields.items():
        if name not in stored:
            raise UnreadableReplyError(f"no {name!r} in the reply")
        value = stored[name]
        if isinstance(value, bool) or not isinstance(value, _TYPES[field["type"]]):
            raise UnreadableReplyError(f"{name!r} must be a {field['type']}, got {_short(value)}")
        if "enum" in field and value not in field["enum"]:
            raise UnreadableReplyError(f"{name!r} must be one of {', '.join(field['enum'])}, got {_short(value)}")
        low, high = field.get("minimum"), field.get("maximum")
        if low is not None and not low <= value <= high:
            raise UnreadableReplyError(f"{name!r} must be in [{low}, {high}], got {_short(value)}")
    answer = {name: stored[name] for name in fields}
    other = other_choice(after, answer, fields)
    if other is not None:
        raise UnreadableReplyError(f"the reply names {other!r} after its answer; only the JSON object is wanted")
    return answer


def sounds_like_refusal(text: str) -> bool:
    """Whether prose says, in English, that the model will not answer."""
    return _REFUSAL.search(text[:200]) is not None


def _the_object(text: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The one JSON object in a text that has any of the fields, and what follows; others do not count."""
    if "{" not in text:
        raise UnreadableReplyError("the reply is prose, not JSON" if text.strip() else "the reply is empty")
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    found: list[dict[str, Any]] = []
    end = last = 0
    while start := _OBJECT.search(text, end):
        try:
            stored, end = decoder.raw_decode(text, start.start())
        except RecursionError as error:
            raise UnreadableReplyError("the JSON of the reply is nested too deeply") from error
        except ValueError as error:  # it may be the answer, or take another one back
            raise UnreadableReplyError(f"the JSON of the reply is broken or cut off ({error})") from error
        answers = _answers(stored, fields)
        frame = draft_frame(text[: start.start()].translate(_PLAIN)) if answers else None
        if frame is not None:
            raise UnreadableReplyError(f"the answer stands in {frame}; only the JSON object is wanted")
        if answers:
            last = end
        found += answers
    if not found:
        raise UnreadableReplyError(f"no {next(iter(fields))!r} in the reply")
    if any(other != found[0] for other in found):
        raise UnreadableReplyError(f"the reply holds {len(found)} answers that differ")
    return found[0], text[last:]


def _answers(stored: Any, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Objects with plain values in fields of the schema, from the outside to the inside."""
    if isinstance(stored, list):
        inner: Sequence[Any] = stored
    elif isinstance(stored, dict):
        if any(name in stored and not isinstance(stored[name], dict) for name in fields):
            return [stored]
        inner = list(stored.values())
    else:
        return []
    return [one for value in inner for one in _answers(value, fields)]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    stored = dict(pairs)
    if len(stored) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return stored


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
