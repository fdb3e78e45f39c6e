"""What a model that looks at pictures is asked, what it replies, and how a reply is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, RoboprefError

Picture = NDArray[np.uint8]
Part = str | Picture
Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "integer": (int,)}
# How models say in prose that they will not; replies in other languages count as unreadable.
_REFUSAL = re.compile(
    r"\b(i['’]?m sorry|i apologi[sz]e|i (?:can(?:no|['’])t|am unable to|am not able to|won['’]t|must decline))\b", re.I
)


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, as the server counted them."""

    input_tokens: int = 0
    output_tokens: int = 0


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
        if not (self.input >= 0 and self.output >= 0):
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
        text: As it came; JSON if a schema was given and obeyed.
        usage: What it took.
        refused: Whether the server says that the model refused or a filter stepped in.
    """

    text: str
    usage: Usage = Usage()
    refused: bool = False


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


class UnavailableError(RoboprefError):
    """A judge that cannot reply now: too many requests, an error of the server, no connection.

    Args:
        message: What happened.
        wait: Seconds after which the server says it may be asked again, if it says so.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class RejectedError(RoboprefError):
    """A request that a judge will never reply to, such as one that is too long for it."""


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


def read_answer(text: str, schema: Schema) -> dict[str, Any]:
    """Read a reply as the JSON object that was asked for; nothing is guessed.

    Args:
        text: The reply; what stands around one JSON object, such as a code fence, is left out.
        schema: Object of strings, numbers and whole numbers, all required, with `enum`, or `minimum` and `maximum`.

    Returns:
        The fields of the schema.

    Raises:
        UnreadableReplyError: It says something else.
    """
    stored = _first_object(text)
    for name, field in schema["properties"].items():
        if name not in stored:
            raise UnreadableReplyError(f"no {name!r} in the reply")
        value = stored[name]
        if isinstance(value, bool) or not isinstance(value, _TYPES[field["type"]]):
            raise UnreadableReplyError(f"{name!r} must be a {field['type']}, got {value!r}")
        if "enum" in field and value not in field["enum"]:
            raise UnreadableReplyError(f"{name!r} must be one of {', '.join(field['enum'])}, got {value!r}")
        low, high = field.get("minimum"), field.get("maximum")
        if low is not None and not low <= value <= high:
            raise UnreadableReplyError(f"{name!r} must be in [{low}, {high}], got {value!r}")
    return {name: stored[name] for name in schema["properties"]}


def sounds_like_refusal(text: str) -> bool:
    """Whether prose says, in English, that the model will not answer."""
    return _REFUSAL.search(text[:200]) is not None


def _first_object(text: str) -> dict[str, Any]:
    """The first JSON object in a text."""
    start = text.find("{")
    if start < 0:
        raise UnreadableReplyError("the reply is prose, not JSON" if text.strip() else "the reply is empty")
    try:
        stored, _ = json.JSONDecoder().raw_decode(text, start)
    except ValueError as error:
        raise UnreadableReplyError(f"the JSON of the reply is broken or cut off ({error})") from error
    return stored
