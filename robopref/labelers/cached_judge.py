"""A model that is asked by way of the replies so far and within a budget."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from robopref.labelers.judge import Judge
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import Guess, RequestBudget, RequestLimits


class JudgeSettings(Protocol):
    """Which model is asked, and how."""

    @property
    def judge(self) -> Judge:
        """The model."""
        ...

    @property
    def patience(self) -> Patience:
        """What happens when it is busy."""
        ...

    @property
    def budget(self) -> RequestLimits:
        """How much may be spent."""
        ...


@contextmanager
def cached_judge(settings: JudgeSettings, path: Path, guess: Guess | None = None) -> Generator[PatientJudge]:
    """A model that no reply is paid for twice of, while its file of replies is open.

    Args:
        settings: Which model, and how it is asked.
        path: File of the replies.
        guess: What a request will take, where that is known.

    Raises:
        DataError: The file cannot be read.
    """
    judge = settings.judge
    with ReplyCache(path) as cache:
        budget = RequestBudget(settings.budget, judge.prices, judge=judge.name, ledger=cache.ledger, guess=guess)
        yield PatientJudge(judge, cache, budget, settings.patience)
