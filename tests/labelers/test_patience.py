"""Asking again, never twice, and within a budget."""

import threading
import time
from pathlib import Path

import pytest

from robopref.errors import ConfigError
from robopref.labelers.budget import Budget, BudgetSpentError, Limits
from robopref.labelers.judge import Prices, RejectedError, Reply, UnavailableError, Usage
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from tests.labelers.asking import ScriptedJudge


@pytest.fixture
def cache(tmp_path: Path):
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        yield cache


def failing(*errors: Exception) -> ScriptedJudge:
    """Raises these, then replies."""
    waiting = list(errors)
    return ScriptedJudge(lambda _: waiting.pop(0) if waiting else "said")


def test_a_busy_judge_is_asked_again_after_twice_the_time_or_what_it_asks_for(cache: ReplyCache) -> None:
    judge = failing(
        UnavailableError("500"), UnavailableError("500"), UnavailableError("429", 7.0), UnavailableError("?")
    )
    waits: list[float] = []
    patient = PatientJudge(judge, cache, patience=Patience(5, wait=1.0, longest=9.0), sleep=waits.append)
    assert patient.ask(["x"]).text == "said"
    assert 0.5 <= waits[0] < 1.5
    assert 1.0 <= waits[1] < 3.0
    assert waits[2] == 7.0
    assert 4.0 <= waits[3] <= 9.0
    assert patient.budget.requests == 5
    assert (patient.budget.input_tokens, patient.budget.output_tokens) == (100, 10)


def test_patience_ends(cache: ReplyCache) -> None:
    patient = PatientJudge(failing(*[UnavailableError("500")] * 3), cache, patience=Patience(3, wait=0.0))
    with pytest.raises(UnavailableError):
        patient.ask(["x"])
    # What failed was not kept, so that it can be asked later.
    assert patient.ask(["x"]).text == "said"


def test_what_is_rejected_is_not_asked_again(cache: ReplyCache) -> None:
    judge = failing(RejectedError("too long"))
    with pytest.raises(RejectedError):
        PatientJudge(judge, cache).ask(["x"])
    assert len(judge.asked) == 1


def test_nothing_is_asked_twice_also_not_at_the_same_time(cache: ReplyCache) -> None:
    def slow(_: object) -> str:
        time.sleep(0.05)
        return "said"

    judge = ScriptedJudge(slow)
    patient = PatientJudge(judge, cache)
    threads = [threading.Thread(target=patient.ask, args=(["x"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(judge.asked) == 1
    assert patient.cached == 7
    assert PatientJudge(judge, cache).ask(["x"]) == Reply("said", Usage(100, 10))
    assert len(judge.asked) == 1


def test_requests_are_capped_and_failed_ones_count(cache: ReplyCache) -> None:
    judge = failing(UnavailableError("500"))
    patient = PatientJudge(judge, cache, Budget(Limits(requests=3)), Patience(wait=0.0))
    patient.ask(["a"])  # fails once
    patient.ask(["b"])
    with pytest.raises(BudgetSpentError, match="3 requests"):
        patient.ask(["c"])
    assert patient.ask(["a"]).text == "said"  # what is known costs nothing
    assert len(judge.asked) == 3


def test_money_is_capped_before_it_is_spent() -> None:
    # A request costs (100 + 10) tokens * 1000 USD a million = 0.11 USD; three of them fit into 0.4 USD, four do not.
    budget = Budget(Limits(usd=0.4), Prices(1000.0, 1000.0))
    for _ in range(3):
        budget.begin()
        budget.end(Usage(100, 10))
    assert budget.usd == pytest.approx(0.33)
    with pytest.raises(BudgetSpentError, match=r"0\.3300 USD so far"):
        budget.begin()


def test_requests_under_way_are_set_aside_and_the_first_is_guessed() -> None:
    budget = Budget(Limits(usd=0.4), Prices(1000.0, 1000.0), guess=Usage(100, 10))
    for _ in range(3):
        budget.begin()
    with pytest.raises(BudgetSpentError):
        budget.begin()
    # They turn out to be cheaper: 3 * 0.011 USD are spent.
    for _ in range(3):
        budget.end(Usage(10, 1))
    budget.begin()


def test_what_was_spent_before_counts() -> None:
    budget = Budget(Limits(requests=3), spent=[Usage(5, 5), Usage(6, 6)])
    budget.begin()
    with pytest.raises(BudgetSpentError):
        budget.begin()
    assert budget.input_tokens == 11


def test_money_cannot_be_capped_without_prices() -> None:
    with pytest.raises(ConfigError, match=r"input_price and output_price"):
        Budget(Limits(usd=1.0))
    with pytest.raises(ConfigError, match=r"budget.usd"):
        Limits(usd=-1.0)
    assert Budget().usd is None
    with pytest.raises(ConfigError, match="attempt"):
        Patience(attempts=0)
