"""Models behind a server that speaks the protocol of OpenAI, Gemini or Anthropic; the only user of pydantic-ai."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from robopref.errors import ConfigError, DependencyError, unknown_name
from robopref.labelers.address import Address
from robopref.labelers.blanking import Blanking
from robopref.labelers.judge import (
    NotServedError,
    Part,
    Prices,
    RejectedError,
    Reply,
    Schema,
    UnavailableError,
    printable,
)

if TYPE_CHECKING:
    from robopref.labelers.http_exchange import Exchange

Provider = Literal["openai", "google", "anthropic"]
Output = Literal["auto", "native", "prompted", "tool"]
_KEYS: dict[Provider, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "anthropic": ("ANTHROPIC_API_KEY",),
}
# Where the client libraries look for a server if none is named.
_ADDRESSES: dict[Provider, str] = {
    "openai": "OPENAI_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
}
_NO_KEY = "none"
# A wrong key, an unknown model, no credit, a wrong address.
_HOPELESS = {301, 302, 303, 307, 308, 401, 402, 403, 404, 405}
# What the client libraries raise on replies that they did not expect.
_UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, AssertionError)
# Nothing a model writes; thinking is told apart from the answer where answers are read.
_NO_TAGS = ("\0think", "\0/think")
_OPENAI = ("openai.com", "azure.com")
_TOOL = "answer"
_TOP = 20  # alternatives to a token that OpenAI's protocol allows
_QUOTED, _LINE = 20_000, 300  # characters of an error that are looked at, and that are kept
_PROMPTED = "\n\nReply with one JSON object and nothing else. It has to follow this JSON schema:\n"


class ServedJudge:
    """A model behind an HTTP server.

    Keys come from the environment only: ``OPENAI_API_KEY``, ``GOOGLE_API_KEY`` or ``ANTHROPIC_API_KEY``; a server of
    one's own needs none. Nothing is imported, and no key is needed, before the first question. What a server says is
    kept without the keys that it was sent.

    Args:
        model: Name of the model, as the server knows it.
        provider: Whose protocol: ``openai`` (also vLLM, Ollama, llama.cpp and others, with `base_url`), ``google`` or
            ``anthropic``.
        base_url: Address of the server, such as ``http://localhost:8000/v1``; None is what the environment variable of
            the provider's library names (``OPENAI_BASE_URL`` and the like), or else the provider's own.
        output: How JSON is asked for: ``native`` hands the server a schema, ``prompted`` writes it into the prompt,
            ``tool`` lets the model call a function; ``auto`` is native until the server rejects that, then prompted.
        temperature: Of the sampling; None leaves it to the server, as some models demand.
        max_tokens: Of a reply.
        timeout: Seconds until a request is given up.
        input_price: USD a million tokens read; None looks the model up in the list of genai-prices.
        output_price: USD a million tokens written.
        top_logprobs: How many alternatives to each token are asked for, with their log-probabilities, of servers that
            speak OpenAI's protocol; 0 asks for none. A server that rejects that is asked without from then on.

    Raises:
        ConfigError: A setting cannot work.
    """

    def __init__(
        self,
        model: str | None,
        *,
        provider: Provider = "openai",
        base_url: str | None = None,
        output: Output = "auto",
        temperature: float | None = 0.0,
        max_tokens: int = 1024,
        timeout: float = 60.0,
        input_price: float | None = None,
        output_price: float | None = None,
        top_logprobs: int = 0,
    ) -> None:
        if not model:
            raise ConfigError("no model is named; set labeler.judge.model=<name as the server knows it>")
        if provider not in _KEYS:
            raise unknown_name("provider", provider, _KEYS)
        if output not in get_args(Output):
            raise unknown_name("kind of output", output, get_args(Output))
        if not (max_tokens > 0 and timeout > 0):
            raise ConfigError(f"max_tokens and timeout must be positive, got {max_tokens} and {timeout}")
        if not 0 <= top_logprobs <= _TOP:
            raise ConfigError(f"labeler.judge.top_logprobs must be from 0 to {_TOP}, got {top_logprobs}")
        named = base_url or os.environ.get(_ADDRESSES[provider], "").strip()
        self.model, self.address = model, Address.read(named) if named else None
        self.provider: Provider = provider
        self.output, self.temperature, self.max_tokens, self.timeout = output, temperature, max_tokens, timeout
        self.top_logprobs = top_logprobs
        self._telling = top_logprobs > 0 and provider == "openai"
        self._prices = Prices.given(input_price, output_price)
        self._mode: Output = "native" if output == "auto" else output
        self._opening = threading.Lock()
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._replied = False
        self._blanked = Blanking.of_environment()
        if named:
            self._blanked.add_address(named)

    @property
    def name(self) -> str:
        """Provider, model, server if it is not the provider's, and the settings that change what it says."""
        server = "" if self.address is None else f" {self.address.shown}"
        told = f" l={self.top_logprobs}" if self.top_logprobs else ""
        return f"{self.provider}:{self.model}{server} {self.output} t={self.temperature} n={self.max_tokens}{told}"

    @property
    def prices(self) -> Prices | None:
        """What was given; else what the list says, which a server of one's own is not in."""
        if self._prices is None and self.address is None:
            self._prices = _listed_prices(self.provider, self.model)
        return self._prices

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """Make exactly one HTTP request; see `robopref.labelers.judge.Judge`."""
        loop = self._opened()
        request = self._request(parts, schema, self._mode, sample)
        return asyncio.run_coroutine_threadsafe(request, loop).result()

    def _opened(self) -> asyncio.AbstractEventLoop:
        """Connect the client to an event loop of its own, in which all threads' requests run."""
        with self._opening:
            if self._loop is None:
                key = self._key()
                if key is not None:
                    self._blanked.add(key)
                self._client = _client(self.provider, self.model, self.address, key, self._blanked, self.timeout)
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="judge", daemon=True).start()
            return self._loop

    def _key(self) -> str | None:
        for name in _KEYS[self.provider]:
            key = os.environ.get(name, "").strip()
            if key and not (key.isascii() and key.isprintable() and " " not in key):
                raise ConfigError(f"{name} in the environment holds characters that no key has; copy the key anew")
            if key:
                return key
        return None if self.address is None else _NO_KEY

    async def _request(self, parts: Sequence[Part], schema: Schema | None, mode: Output, sample: int) -> Reply:
        from pydantic_ai import exceptions as problems
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import ModelRequest, UserPromptPart

        from robopref.labelers.http_exchange import CURRENT, Exchange

        texts = [part if isinstance(part, str) else _png(part) for part in parts]
        parameters, tail = _asking(schema, mode)
        request = ModelRequest(parts=[UserPromptPart([*texts, tail] if tail else texts)])
        settings: Any = {"max_tokens": self.max_tokens, "timeout": self.timeout, "max_retries": 0}
        if self.temperature is not None:
            settings["temperature"] = self.temperature
        if sample:
            settings["seed"] = sample
        telling = self._telling and schema is not None
        if telling:
            settings |= {"openai_logprobs": True, "openai_top_logprobs": self.top_logprobs}
        call: Coroutine[Any, Any, Any] = model_request(
            self._client, [request], model_settings=settings, model_request_parameters=parameters
        )  # type: ignore[arg-type]
        exchange = Exchange()
        CURRENT.set(exchange)
        try:
            response = await asyncio.wait_for(call, self.timeout)
        except TimeoutError as error:
            raise self._unavailable(f"no reply within {self.timeout:g} s", exchange) from error
        except (problems.AgentRunError, problems.UserError, *_UNEXPECTED) as error:
            if exchange.unreachable and not self._replied:
                where = self.provider if self.address is None else self.address.shown
                said = (
                    f"cannot connect to {where} ({self._line(error)}); start the server, or set labeler.judge.base_url"
                )
                raise NotServedError(said, free=True) from error
            if exchange.status in _HOPELESS and not self._replied:
                raise self._hopeless(error, exchange) from error
            if isinstance(error, problems.ModelRequestRejectedError) and exchange.status not in _HOPELESS:
                if telling and (not self._replied or "logprob" in str(error).lower()):
                    self._telling = False
                    said = f"asking without log-probabilities from now on: {self._line(error)}"
                    raise self._unavailable(said, exchange, 0.0) from error
                if schema is not None and self.output == "auto" and mode == "native":
                    self._mode = "prompted"
                    said = f"asking for JSON in the prompt from now on: {self._line(error)}"
                    raise self._unavailable(said, exchange, 0.0) from error
                raise RejectedError(self._line(error), usage=exchange.usage, free=exchange.free) from error
            # 429, 5xx, connection, a reply that is no reply
            said = self._blanked(printable(exchange.problem)) or self._line(error)
            raise self._unavailable(said, exchange, getattr(error, "retry_after", None)) from error
        self._replied = True
        refusal = (response.provider_details or {}).get("refusal")
        called = [part for part in response.tool_calls if part.tool_name == _TOOL]
        answers = "\n".join(_arguments(part.args) for part in called)
        finish = response.finish_reason
        return Reply(
            self._blanked(str(refusal or answers or response.text or "")),
            exchange.usage,
            refused=finish == "content_filter",
            cut=finish == "length",
            tokens=exchange.tokens if telling else None,
        )

    def _unavailable(self, said: str, exchange: Exchange, wait: float | None = None) -> UnavailableError:
        return UnavailableError(said, wait, usage=exchange.usage, free=exchange.free)

    def _hopeless(self, error: Exception, exchange: Exchange) -> NotServedError:
        said = (
            f"{self.name} redirects to another address (status {exchange.status}); set labeler.judge.base_url to the "
            "final one"
            if exchange.status < 400
            else f"{self.provider} does not serve {self.model}: {self._line(error)}; check the model and the key"
        )
        return NotServedError(said, usage=exchange.usage, free=exchange.free)

    def _line(self, error: Exception) -> str:
        """What an error says, in one line; it may quote the server."""
        text = " ".join(self._blanked(printable(str(error)[:_QUOTED])).split())
        return text if len(text) <= _LINE else f"{text[: _LINE - 3]}..."


def _client(
    provider: Provider, model: str, address: Address | None, key: str | None, blanked: Blanking, timeout: float
) -> Any:
    """The client of a provider; the packages of the others are not imported, which takes seconds each."""
    profile: dict[str, Any] = {"thinking_tags": _NO_TAGS}
    try:
        from pydantic_ai.exceptions import UserError

        from robopref.labelers.http_exchange import CarefulClient

        if provider == "openai":
            from pydantic_ai.models.openai import OpenAIChatModel as Model
            from pydantic_ai.providers.openai import OpenAIProvider as Connection

            # Servers that are not OpenAI's know the name that this had before, and some no other.
            profile["openai_chat_supports_max_completion_tokens"] = address is None or address.is_of(*_OPENAI)
        elif provider == "google":
            from pydantic_ai.models.google import GoogleModel as Model
            from pydantic_ai.providers.google import GoogleProvider as Connection
        else:
            from pydantic_ai.models.anthropic import AnthropicModel as Model
            from pydantic_ai.providers.anthropic import AnthropicProvider as Connection
    except ImportError as error:
        raise DependencyError(
            f"served models need more packages ({error}); install them with: pip install 'robopref[vlm]'"
        ) from error
    http = CarefulClient(blanked, timeout, None if address is None else address.auth)
    try:
        connection: Any = Connection(api_key=key, base_url=None if address is None else address.bare, http_client=http)  # type: ignore[arg-type]
    except UserError as error:
        raise ConfigError(f"no key for {provider}; set {_KEYS[provider][0]} in the environment") from error
    return Model(model, provider=connection, profile=profile)  # type: ignore[arg-type]


def _asking(schema: Schema | None, mode: Output) -> tuple[Any, str]:
    """Parameters of a request, and what has to be added to its prompt."""
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.tools import ToolDefinition

    if schema is None:
        return ModelRequestParameters(), ""
    plain = dict(schema)
    if mode == "native":
        return ModelRequestParameters(
            output_mode="native", output_object=OutputObjectDefinition(json_schema=plain, name=_TOOL)
        ), ""
    if mode == "tool":
        tool = ToolDefinition(name=_TOOL, parameters_json_schema=plain, description="Give the answer.", kind="output")
        return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False), ""
    return ModelRequestParameters(), _PROMPTED + json.dumps(plain)


def _listed_prices(provider: Provider, model: str) -> Prices | None:
    """What a model costs according to genai-prices, for short requests; None if the list does not have it."""
    try:
        from genai_prices import Usage as Tokens
        from genai_prices import calc_price
    except ModuleNotFoundError:
        return None
    try:
        thousand = [
            calc_price(Tokens(**{kind: 1000}), model, provider_id=provider).total_price
            for kind in ("input_tokens", "output_tokens")
        ]
    except LookupError:
        return None
    return Prices(*(float(usd) * 1000 for usd in thousand))


def _arguments(args: Any) -> str:
    """Arguments of a called function as they came, which may be no JSON."""
    return args if isinstance(args, str) else json.dumps(args)


def _png(picture: Any) -> Any:
    import imageio.v3 as imageio
    from pydantic_ai.messages import BinaryContent

    file = io.BytesIO()
    imageio.imwrite(file, picture, extension=".png")
    return BinaryContent(file.getvalue(), media_type="image/png")
