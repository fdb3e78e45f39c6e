"""How much may be asked, in requests and in money."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from robopref.errors import ConfigError, RoboprefError
from robopref.labelers.judge import Prices, Usage


class BudgetSpentError(RoboprefError):
    """Nothing more may be asked within the budget."""


@dataclass(frozen=True)
class Limits:
    """Caps; None is no cap.

    Attributes:
        requests: HTTP requests, failed ones included.
        usd: US dollars.
    """

    requests: int | None = None
    usd: float | None = None

    def __post_init__(self) -> None:
        for name, cap in (("requests", self.requests), ("usd", self.usd)):
            if cap is not None and not cap >= 0:
                raise ConfigError(f"labeler.budget.{name} must not be negative, got {cap}")


class Budget:
    """Counts requests, tokens and money of all threads, and says when to stop.

    Before each request so much is set aside as the dearest one has cost; so the cap in money is kept unless a request
    costs more than any before it.

    Args:
        limits: The caps.
        prices: What tokens cost; None if that is not known.
        spent: What was asked before and counts as well, one usage a request.
        guess: What a request takes, until the first one shows it.

    Raises:
        ConfigError: Money is capped, and prices are not known.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        prices: Prices | None = None,
        *,
        spent: Iterable[Usage] = (),
        guess: Usage | None = None,
    ) -> None:
        self.limits, self.prices = limits or Limits(), prices
        if self.limits.usd is not None and prices is None:
            raise ConfigError(
                "labeler.budget.usd cannot be kept, because no price is known for this model; set "
                "labeler.judge.input_price and output_price in USD a million tokens (0 for a model of your own)"
            )
        self._turn = threading.Lock()
        self._open = 0
        self.requests = self.input_tokens = self.output_tokens = 0
        self._dearest = Usage() if guess is None else guess
        self._seen = False
        for usage in spent:
            self.requests += 1
            self._add(usage)

    @property
    def usd(self) -> float | None:
        """Spent so far; None if prices are not known."""
        used = Usage(self.input_tokens, self.output_tokens)
        return None if self.prices is None else self.prices.cost(used)

    def begin(self) -> None:
        """Count a request that is about to be made.

        Raises:
            BudgetSpentError: It would exceed a cap.
        """
        with self._turn:
            if self.limits.requests is not None and self.requests >= self.limits.requests:
                raise BudgetSpentError(f"the budget of {self.limits.requests} requests is spent")
            if self.limits.usd is not None and self.prices is not None:
                one = self.prices.cost(self._dearest)
                spent = self.usd or 0.0
                if spent + (self._open + 1) * one > self.limits.usd:
                    raise BudgetSpentError(
                        f"the budget of {self.limits.usd:g} USD is spent: {spent:.4f} USD so far, about {one:.4f} USD "
                        "the next request"
                    )
            self.requests += 1
            self._open += 1

    def end(self, usage: Usage | None) -> None:
        """Count what a request took; None if it failed and the server reported nothing."""
        with self._turn:
            self._open -= 1
            if usage is not None:
                self._add(usage)

    def _add(self, usage: Usage) -> None:
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if not self._seen:
            self._dearest, self._seen = usage, True
        if self.prices is not None:
            self._dearest = max(self._dearest, usage, key=self.prices.cost)
