"""HTTP with a server whose replies are not trusted; imported when the first question is asked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from robopref.labelers.blanking import Blanking
from robopref.labelers.judge import Usage
from robopref.labelers.reply_tokens import Token, reported_tokens

_LARGEST = 2_000_000  # bytes of a reply, unpacked; one of a thousand tokens has some ten thousand
# What providers say they do not charge for. Others may be: a filter or an error after the work was done.
_FREE = {401, 402, 403, 404, 405, 413, 429}
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
# Headers of a request that hold no key; those of the client libraries begin with x-stainless.
_OPEN = {
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent",
    "anthropic-version", "anthropic-beta", "x-goog-api-client", "x-server-timeout", "transfer-encoding",
}  # fmt: skip
# Why a model ended by itself, in the words of several servers; some give no reason. Other reasons cut it off.
_FINISHED = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "tool_calls", "function_call")
_KEPT = {"content-type", "date", "retry-after", "retry-after-ms", "request-id", "x-request-id"}


@dataclass
class Exchange:
    """What is known of one request, also if no reply can be made of it.

    Attributes:
        status: Of HTTP; 0 if there was none.
        free: Whether nobody can have worked on it.
        unreachable: Whether nobody listens at the address, or it has no such name.
        usage: What the server reported.
        problem: Why the reply is none, if it is none.
        tokens: What the reply was written in, see `robopref.labelers.judge.Reply`.
    """

    status: int = 0
    free: bool = False
    unreachable: bool = False
    usage: Usage | None = None
    problem: str = ""
    tokens: tuple[Token, ...] | None = None


CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class CarefulClient(httpx2.AsyncClient):
    """Follows no redirect, which would take the key elsewhere, and reads no more than a reply can have.

    Whoever asks puts an `Exchange` into `CURRENT`, and finds there what happened.

    Args:
        blanking: Learns what is sent as a key.
        timeout: Seconds.
        auth: User and password, if the address of the server held them.
    """

    def __init__(self, blanking: Blanking, timeout: float, auth: tuple[str, str] | None = None) -> None:
        super().__init__(timeout=timeout, auth=auth, limits=httpx2.Limits(max_connections=1000))
        self._blanking = blanking

    async def send(
        self, request: httpx2.Request, *, auth: Any = httpx2.USE_CLIENT_DEFAULT, **_: Any
    ) -> httpx2.Response:
        """Send a request; the response has its body."""
        exchange = CURRENT.get() or Exchange()
        request.headers["accept-encoding"] = "identity"
        try:
            response = await super().send(request, auth=auth, follow_redirects=False, stream=True)
        except _NOT_SENT as error:
            exchange.free, exchange.unreachable = True, isinstance(error, httpx2.ConnectError)
            raise
        finally:
            self._learn(request)
        exchange.status, exchange.free = response.status_code, response.status_code in _FREE
        try:
            body = await _body(response)
        except ValueError as error:
            exchange.problem = str(error)
            raise httpx2.DecodingError(str(error), request=request) from error
        finally:
            await response.aclose()
        if response.status_code == 200:
            body = _checked(body, exchange, request)
        headers = {name: value for name, value in response.headers.items() if name.lower() in _KEPT}
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)

    def _learn(self, request: httpx2.Request) -> None:
        for name, value in request.headers.items():
            if name.lower() not in _OPEN and not name.lower().startswith("x-stainless"):
                self._blanking.add(value, *value.split())
        self._blanking.add_address(str(request.url))


async def _body(response: httpx2.Response) -> bytes:
    """What was sent, unpacked.

    Raises:
        ValueError: It is too much, or packed in a way that was not asked for.
    """
    raw = bytearray()
    async for part in response.aiter_raw():
        raw += part
        if len(raw) > _LARGEST:
            raise ValueError(f"the reply has more than {_LARGEST:,} bytes")
    packed = response.headers.get("content-encoding", "identity").strip().lower()
    if packed in ("", "identity"):
        return bytes(raw)
    if packed not in ("gzip", "x-gzip", "deflate"):
        raise ValueError("the reply is packed in a way that was not asked for")
    try:
        plain = zlib.decompressobj(47).decompress(raw, _LARGEST + 1)
    except zlib.error as error:
        raise ValueError(f"the reply is packed, and cannot be unpacked ({error})") from error
    if len(plain) > _LARGEST:
        raise ValueError(f"the reply has more than {_LARGEST:,} bytes, unpacked")
    return plain


def _checked(body: bytes, exchange: Exchange, request: httpx2.Request) -> bytes:
    """The body of a reply, after what it reports was noted; of OpenAI's protocol only what is known is left."""
    try:
        stored = json.loads(body)
        if not isinstance(stored, dict):
            raise TypeError("no object")  # noqa: TRY301
    except (ValueError, TypeError, RecursionError) as error:
        exchange.problem = f"the reply is no JSON object, or is nested too deeply ({type(error).__name__})"
        raise httpx2.DecodingError(exchange.problem, request=request) from error
    exchange.usage = reported_usage(stored)
    if not request.url.path.endswith("/chat/completions"):
        return body
    try:
        told = json.dumps(_completion(stored)).encode()
    except ValueError as error:
        exchange.problem = str(error)
        raise httpx2.DecodingError(exchange.problem, request=request) from error
    try:
        exchange.tokens = reported_tokens(stored["choices"][0].get("logprobs"))
    except ValueError:
        exchange.tokens = ()
    return told


def reported_usage(stored: Mapping[str, Any]) -> Usage | None:
    """Tokens that a reply reports, in the words of any of the three protocols; None if it reports nothing credible."""
    given = stored.get("usage") or stored.get("usageMetadata")
    if not isinstance(given, dict):
        return None
    if "usage" not in stored or stored["usage"] is not given:
        names = ("promptTokenCount", "toolUsePromptTokenCount"), ("candidatesTokenCount", "thoughtsTokenCount")
        total = given.get("totalTokenCount")
    elif "prompt_tokens" in given:
        names, total = (("prompt_tokens",), ("completion_tokens",)), given.get("total_tokens")
    else:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"), ("output_tokens",)
        total = None
    counts = [[given[name] for name in some if given.get(name) is not None] for some in names]
    if any(type(count) is not int or count < 0 for some in counts for count in some) or not all(counts):
        return None
    read, written = (sum(some) for some in counts)
    # Some count what the model thinks in the total only.
    return Usage.reported(read, max(written, total - read) if type(total) is int else written)


def _completion(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A completion with nothing but what is read of it.

    Raises:
        ValueError: It is none.
    """
    choices = stored.get("choices")
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None  # one is asked for
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        said = stored.get("error")
        told = said.get("message") if isinstance(said, dict) else said
        problem = "the reply does not hold one message" + (f": {told[:200]}" if isinstance(told, str) else "")
        raise ValueError(problem)  # noqa: TRY004
    calls = [call for call in _listed(message.get("tool_calls")) if isinstance(call.get("function"), dict)]
    finish = choice.get("finish_reason")
    if finish is not None and finish not in _FINISHED:
        finish = "content_filter" if finish == "content_filter" else "length"
    return {
        "id": "reply",
        "object": "chat.completion",
        "created": 0,
        "model": "model",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish if finish in ("length", "content_filter") else "stop",
                "message": {
                    "role": "assistant",
                    "content": _text(message.get("content")),
                    "refusal": _text(message.get("refusal")),
                    **({"tool_calls": [_call(call["function"]) for call in calls]} if calls else {}),
                },
            }
        ],
    }


def _listed(stored: Any) -> list[Any]:
    return [one for one in stored if isinstance(one, dict)] if isinstance(stored, list) else []


def _call(function: Mapping[str, Any]) -> dict[str, Any]:
    given = function.get("arguments")
    told = given if isinstance(given, str) else json.dumps(given)
    return {"id": "call", "type": "function", "function": {"name": str(function.get("name")), "arguments": told}}


def _text(content: Any) -> str | None:
    """Content that is a text, or parts that are."""
    if isinstance(content, list):
        parts = [part.get("text") for part in _listed(content) if part.get("type") in ("text", "output_text")]
        content = "".join(part for part in parts if isinstance(part, str))
    if content is None or isinstance(content, str):
        return content
    raise ValueError(f"the reply holds a {type(content).__name__} in place of a text")
