"""Asking a judge through a cache, within a budget, and again when it is busy."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robopref.errors import ConfigError, RoboprefError
from robopref.labelers.judge import (
    Judge,
    NoReplyError,
    Part,
    Prices,
    Reply,
    Schema,
    UnavailableError,
    Usage,
    request_key,
)
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget

_STRIPES = 1024


@dataclass(frozen=True)
class Patience:
    """How often and after how long a judge that is busy is asked again.

    Attributes:
        attempts: Requests at most.
        wait: Seconds before the second one; they double each time, and vary by a half either way, so that those who
            were turned away together do not come back together.
        longest: Seconds to wait at most, also if the server asks for more.
    """

    attempts: int = 6
    wait: float = 1.0
    longest: float = 60.0

    def __post_init__(self) -> None:
        if not (self.attempts >= 1 and self.wait >= 0 and self.longest >= 0):
            raise ConfigError(f"patience needs at least 1 attempt and no negative waits, got {self}")

    def delay(self, attempt: int, asked_for: float | None, chance: float) -> float:
        """Seconds to wait after a failed attempt.

        Args:
            attempt: Which one, from 0.
            asked_for: What the server asked for, if it did.
            chance: Uniform in [0, 1).
        """
        own = min(self.wait * 2.0 ** min(attempt, 64) * (0.5 + chance), self.longest)
        asked = asked_for is not None and math.isfinite(asked_for)
        return min(max(asked_for or 0.0, 0.0), self.longest) if asked else own


class PatientJudge:
    """A judge that replies from a cache where it can, stays within a budget, and waits when it has to.

    The same request is never made twice, not even by threads at the same time; when `ask` returns, the reply is on
    disk.

    Args:
        judge: Who is asked.
        cache: Replies so far.
        budget: What may be spent; None has no caps, and counts with the cache.
        patience: When to ask again.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        judge: Judge,
        cache: ReplyCache,
        budget: RequestBudget | None = None,
        patience: Patience | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.judge, self.cache = judge, cache
        self.budget = budget or RequestBudget(prices=judge.prices, judge=judge.name, ledger=cache.ledger)
        self.patience = patience or Patience()
        self._sleep = sleep
        # Waits only; what is learnt does not depend on them.
        self._chance = random.Random(0)
        self._turns = [threading.Lock() for _ in range(_STRIPES)]
        self._counting = threading.Lock()
        self.cached = 0

    @property
    def name(self) -> str:
        """That of the judge."""
        return self.judge.name

    @property
    def prices(self) -> Prices | None:
        """Those of the judge."""
        return self.judge.prices

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """Reply from the cache, or make requests until there is a reply.

        Raises:
            UnavailableError: The last attempt failed as well.
            BudgetSpentError: Nothing more may be asked.
            RejectedError, ConfigError: As for `Judge.ask`.
        """
        key = request_key(self.name, parts, schema, sample)
        with self._turns[int(key[:8], 16) % _STRIPES]:
            known = self.cache.get(key)
            if known is not None:
                with self._counting:
                    self.cached += 1
                return known
            return self.cache.put(key, self.name, self._request(parts, schema, sample))

    def _request(self, parts: Sequence[Part], schema: Schema | None, sample: int) -> Reply:
        for attempt in itertools.count():
            number = self.budget.begin()
            usage: Usage | None = None
            free = False
            try:
                reply = self.judge.ask(parts, schema, sample=sample)
                usage = reply.usage
            except UnavailableError as error:
                usage, free = error.usage, error.free
                if attempt + 1 == self.patience.attempts:
                    raise
                wait = self.patience.delay(attempt, error.wait, self._chance.random())
            except NoReplyError as error:
                usage, free = error.usage, error.free
                raise
            except RoboprefError:  # nothing was asked: a wrong key, a missing package
                free = True
                raise
            else:
                return reply
            finally:
                self.budget.end(number, usage, free=free)
            self._sleep(wait)
        raise NotImplementedError  # the loop has no end
