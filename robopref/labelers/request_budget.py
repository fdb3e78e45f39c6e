"""How much may be asked, in requests and in money."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from robopref.errors import ConfigError, DataError, RoboprefError
from robopref.labelers.judge import Prices, Usage
from robopref.labelers.ledger import Ledger, Totals


class BudgetSpentError(RoboprefError):
    """Nothing more may be asked within the budget."""


@dataclass(frozen=True)
class RequestLimits:
    """Caps; None is no cap.

    Attributes:
        requests: HTTP requests, failed ones included.
        usd: US dollars that may be on a bill.
    """

    requests: int | None = None
    usd: float | None = None

    def __post_init__(self) -> None:
        for name, cap in (("requests", self.requests), ("usd", self.usd)):
            if cap is not None and not cap >= 0:
                raise ConfigError(f"labeler.budget.{name} must not be negative, got {cap}")


@dataclass(frozen=True)
class Guess:
    """What a request takes, until the first one shows it.

    Attributes:
        likely: Decides whether the first one may be made.
        most: What one counts for whose usage was not reported, as long as none was; None takes what is likely.
    """

    likely: Usage = field(default_factory=Usage)
    most: Usage | None = None


class RequestBudget:
    """Counts requests, tokens and money of all threads, and says when to stop.

    What counts is what may be on a bill. A request counts for what the server reports; if it reports nothing, be it
    that the connection broke or that it never does, for as much as the dearest one that was reported, and somewhat more
    while few were; or for the guess. Before each request as much is set aside as the dearest one took. As long as no
    usage was reported, requests that cost something are made one by one. So the cap in money is kept, but for the first
    request whose usage is reported, and for what a request costs more than any before it.

    Args:
        limits: The caps.
        prices: What tokens cost; None if that is not known.
        judge: Name of who is asked.
        ledger: Requests so far, which count as well; None starts with none and forgets them.
        guess: What a request takes.

    Raises:
        ConfigError: Money is capped, and prices are not known.
    """

    def __init__(
        self,
        limits: RequestLimits | None = None,
        prices: Prices | None = None,
        *,
        judge: str = "",
        ledger: Ledger | None = None,
        guess: Guess | None = None,
    ) -> None:
        self.limits, self.prices = limits or RequestLimits(), prices
        if self.limits.usd is not None and prices is None:
            raise ConfigError(
                "labeler.budget.usd cannot be kept, because no price is known for this model; set "
                "labeler.judge.input_price and output_price in USD a million tokens (0 for a model of your own)"
            )
        self.judge, self.guess = judge, guess or Guess()
        self._ledger = ledger or Ledger.in_memory()
        self._turn = threading.Condition()
        self._under_way = 0

    @property
    def totals(self) -> Totals:
        """Sums over all requests so far.

        Raises:
            DataError: They cannot be read.
        """
        with _stored():
            return self._ledger.totals(self.judge, self.prices)

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self.totals.requests

    @property
    def input_tokens(self) -> int:
        """Tokens read, as far as servers reported them."""
        return self.totals.used.input_tokens

    @property
    def output_tokens(self) -> int:
        """Tokens written, as far as servers reported them."""
        return self.totals.used.output_tokens

    @property
    def usd(self) -> float | None:
        """What may be on a bill so far, requests under way included; None if prices are not known."""
        return None if self.prices is None else self._spent(self.totals)

    def begin(self) -> int:
        """Count a request that is about to be made; waits for the one under way while no price was seen.

        Returns:
            Number of the request, for `end`.

        Raises:
            BudgetSpentError: It would exceed a cap.
            DataError: It cannot be written down.
        """
        with self._turn:
            while self._under_way and self._first_alone():
                self._turn.wait()
            with _stored(), self._ledger.turn():
                totals = self._ledger.totals(self.judge, self.prices)
                self._check(totals)
                number = self._ledger.open(self.judge)
            self._under_way += 1
            return number

    def end(self, number: int, usage: Usage | None, *, free: bool = False) -> None:
        """Count what a request took.

        Args:
            number: That `begin` gave.
            usage: What the server reported; None if it reported nothing.
            free: Whether nobody can have worked on it.

        Raises:
            DataError: It cannot be written down; it counts like one without a report.
        """
        with self._turn:
            self._under_way -= 1
            self._turn.notify_all()
            with _stored():
                usd = None
                if self.prices is not None:
                    one = self._one(self._ledger.totals(self.judge, self.prices))
                    usd = 0.0 if free else one if usage is None else self.prices.cost(usage)
                self._ledger.close(number, usage, usd, free=free)

    def _check(self, totals: Totals) -> None:
        if self.limits.requests is not None and totals.requests >= self.limits.requests:
            raise BudgetSpentError(f"the budget of {self.limits.requests:g} requests is spent")
        if self.limits.usd is None or self.prices is None:
            return
        spent = self._spent(totals)
        one = self.prices.cost(self.guess.likely) if totals.dearest is None else totals.dearest
        # Sums of small numbers are a little off; a cap is not to be missed by that.
        if spent + one > self.limits.usd * (1 + 1e-12):
            raise BudgetSpentError(
                f"the budget of {self.limits.usd:g} USD is spent: {spent:.4f} USD so far, about {one:.4f} USD "
                "the next request"
            )

    def _first_alone(self) -> bool:
        if self.limits.usd in (None, math.inf) or self.prices is None or self.prices == Prices(0.0, 0.0):
            return False
        return self.totals.dearest is None

    def _one(self, totals: Totals) -> float:
        """USD that a request without a report counts for; the dearest of a few may be below the dearest of all."""
        if self.prices is None:
            return 0.0
        if totals.dearest is None:
            return self.prices.cost(self.guess.most or self.guess.likely)
        return totals.dearest * (1 + 1 / (1 + totals.reports))

    def _spent(self, totals: Totals) -> float:
        one = self._one(totals)
        set_aside = one if totals.dearest is None else totals.dearest
        lost = totals.silent - self._under_way
        return totals.reported + totals.others + lost * one + self._under_way * set_aside


@contextmanager
def _stored() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DataError(
            f"requests cannot be counted on disk ({error}); free some space, or set labeler.cache"
        ) from error
