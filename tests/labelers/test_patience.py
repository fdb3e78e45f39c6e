"""Asking again, never twice, and within a budget."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.judge import Prices, RejectedError, Reply, UnavailableError, Usage
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import BudgetSpentError, Guess, RequestBudget, RequestLimits
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
    patient = PatientJudge(judge, cache, RequestBudget(RequestLimits(requests=3)), Patience(wait=0.0))
    patient.ask(["a"])  # fails once
    patient.ask(["b"])
    with pytest.raises(BudgetSpentError, match="3 requests"):
        patient.ask(["c"])
    assert patient.ask(["a"]).text == "said"  # what is known costs nothing
    assert len(judge.asked) == 3


def test_money_is_capped_before_it_is_spent() -> None:
    # A request costs (100 + 10) tokens * 1000 USD a million = 0.11 USD; three of them fit into 0.4 USD, four do not.
    budget = RequestBudget(RequestLimits(usd=0.4), Prices(1000.0, 1000.0))
    for _ in range(3):
        budget.end(budget.begin(), Usage(100, 10))
    assert budget.usd == pytest.approx(0.33)
    with pytest.raises(BudgetSpentError, match=r"0\.3300 USD so far"):
        budget.begin()


def test_requests_under_way_are_set_aside() -> None:
    budget = RequestBudget(RequestLimits(usd=0.45), Prices(1000.0, 1000.0))
    budget.end(budget.begin(), Usage(100, 10))
    under_way = [budget.begin() for _ in range(3)]
    with pytest.raises(BudgetSpentError):
        budget.begin()
    # They turn out to be cheaper: 0.11 + 3 * 0.011 USD are spent.
    for number in under_way:
        budget.end(number, Usage(10, 1))
    budget.begin()


@pytest.mark.parametrize("prices", [Prices(1000.0, 1000.0), Prices(0.0, 0.0)])
def test_one_request_goes_first_while_no_price_was_seen(prices: Prices) -> None:
    # The guess is ten times too low; eight workers that believed it would spend 0.88 USD.
    budget = RequestBudget(RequestLimits(usd=0.1), prices, guess=Guess(Usage(10, 1)))
    first, more = budget.begin(), []
    threads = [threading.Thread(target=lambda: more.append(tried(budget))) for _ in range(8)]
    for thread in threads:
        thread.start()
    if prices.input:
        assert not more
        budget.end(first, Usage(100, 10))
    for thread in threads:
        thread.join()
    # What costs nothing need not wait.
    assert more == ["spent" if prices.input else "begun"] * 8
    assert budget.requests == (1 if prices.input else 9)


def tried(budget: RequestBudget) -> str:
    try:
        budget.begin()
    except BudgetSpentError:
        return "spent"
    return "begun"


def test_what_is_not_reported_counts_as_the_dearest_or_the_guess() -> None:
    budget = RequestBudget(RequestLimits(usd=1.0), Prices(1000.0, 1000.0), guess=Guess(Usage(10, 0), Usage(40, 10)))
    budget.end(budget.begin(), None)
    assert budget.usd == pytest.approx(0.05)  # at most what one can take
    budget.end(budget.begin(), Usage(100, 0))
    budget.end(budget.begin(), Usage(50, 0))
    # The lost one as the dearest, and a third more, because only two were reported.
    assert budget.usd == pytest.approx(0.1 * 4 / 3 + 0.1 + 0.05)
    budget.end(budget.begin(), None, free=True)
    assert budget.usd == pytest.approx(0.1 * 4 / 3 + 0.15)
    budget.begin()
    assert budget.usd == pytest.approx(0.1 * 4 / 3 + 0.15 + 0.1)
    assert (budget.requests, budget.input_tokens) == (5, 150)


def test_a_server_that_never_reports_usage_is_stopped(cache: ReplyCache) -> None:
    judge = ScriptedJudge(lambda _: Reply("said"), prices=Prices(1000.0, 1000.0))
    budget = RequestBudget(RequestLimits(usd=1.0), judge.prices, ledger=cache.ledger, guess=Guess(Usage(90, 10)))
    patient = PatientJudge(judge, cache, budget)
    for k in range(10):
        patient.ask([str(k)])
    with pytest.raises(BudgetSpentError, match="1 USD is spent"):
        patient.ask(["more"])


def test_timeouts_and_kills_are_remembered(tmp_path: Path) -> None:
    prices, limits, guess = Prices(1000.0, 1000.0), RequestLimits(usd=0.25), Guess(Usage(90, 10))
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        lost = ScriptedJudge(lambda _: UnavailableError("no reply within 60 s"), prices=prices)
        budget = RequestBudget(limits, prices, judge="scripted", ledger=cache.ledger, guess=guess)
        with pytest.raises(UnavailableError):
            PatientJudge(lost, cache, budget, Patience(1)).ask(["x"])
        budget.begin()  # and the process is killed
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        budget = RequestBudget(limits, prices, judge="scripted", ledger=cache.ledger, guess=guess)
        assert budget.usd == pytest.approx(0.2)
        with pytest.raises(BudgetSpentError):
            budget.begin()
        assert RequestBudget(RequestLimits(requests=2), ledger=cache.ledger).requests == 2


def test_what_another_model_took_counts_at_its_own_price(cache: ReplyCache) -> None:
    dear = RequestBudget(prices=Prices(1000.0, 0.0), judge="dear", ledger=cache.ledger)
    dear.end(dear.begin(), Usage(100, 10))
    dear.end(dear.begin(), None)
    cheap = RequestBudget(RequestLimits(usd=0.2), Prices(1.0, 0.0), judge="cheap", ledger=cache.ledger)
    assert cheap.usd == pytest.approx(0.25)


def test_requests_of_several_threads_stay_below_the_cap() -> None:
    budget = RequestBudget(RequestLimits(usd=1.0), Prices(1000.0, 1000.0), guess=Guess(Usage(1, 0)))
    cost: list[float] = []

    def work() -> None:
        while True:
            try:
                number = budget.begin()
            except BudgetSpentError:
                return
            cost.append(0.03)
            budget.end(number, Usage(30, 0))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.97 < sum(cost) <= 1.0


def test_files_of_earlier_versions_count(tmp_path: Path) -> None:
    file = sqlite3.connect(tmp_path / "replies.sqlite")
    file.execute(
        "CREATE TABLE replies (key TEXT PRIMARY KEY, judge TEXT NOT NULL, text TEXT NOT NULL, refused INTEGER NOT NULL,"
        " input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, time REAL NOT NULL)"
    )
    file.execute("INSERT INTO replies VALUES ('k', 'scripted', 'said', 0, 5, 6, 1.0)")
    file.commit()
    file.close()
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") == Reply("said", Usage(5, 6))
        cache.put("l", "scripted", Reply("more", cut=True))
        assert cache.get("l") == Reply("more", cut=True)
        budget = RequestBudget(RequestLimits(requests=2), ledger=cache.ledger)
        budget.begin()
        with pytest.raises(BudgetSpentError):
            budget.begin()
        assert budget.input_tokens == 5
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert RequestBudget(ledger=cache.ledger).requests == 2


@pytest.mark.parametrize("asked_for", [float("nan"), float("inf"), -3.0, 1e300])
def test_no_server_makes_it_wait_longer_than_is_set(asked_for: float) -> None:
    assert 0 <= Patience(wait=1.0, longest=9.0).delay(4, asked_for, 0.5) <= 9.0


def test_money_cannot_be_capped_without_prices() -> None:
    with pytest.raises(ConfigError, match=r"input_price and output_price"):
        RequestBudget(RequestLimits(usd=1.0))
    with pytest.raises(ConfigError, match=r"budget.usd"):
        RequestLimits(usd=-1.0)
    assert RequestBudget().usd is None
    with pytest.raises(ConfigError, match="attempt"):
        Patience(attempts=0)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t AFTER INSERT ON requests BEGIN DELETE FROM requests WHERE number < new.number; END",
        "CREATE TABLE more (x UNIQUE ON CONFLICT REPLACE)",
        "CREATE TABLE more (x UNIQUE ON/**/CONFLICT REPLACE)",
        "CREATE VIRTUAL TABLE more USING fts5(x)",
    ],
)
def test_a_cache_of_others_that_forgets_requests_is_refused(tmp_path: Path, change: str) -> None:
    ReplyCache(tmp_path / "replies.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "replies.sqlite")) as file:
        file.execute(change)
    with pytest.raises(DataError, match=r"may (change|replace)"):
        ReplyCache(tmp_path / "replies.sqlite")


@pytest.mark.parametrize(
    "row", ["'j', 'reported', -1000000000, 0, -5", "'k', 'reported', 0, 0, -5", "'k', 'open', 0, 0, -5",
            "'j', 'reported', '-1e9', 0, 'x'", "'k', 'reported', -9e999, 9, NULL"]
)  # fmt: skip
def test_requests_that_cost_less_than_nothing_make_no_room_for_more(cache: ReplyCache, row: str) -> None:
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as file:
        file.execute(f"INSERT INTO requests (judge, state, input_tokens, output_tokens, usd, time) VALUES ({row}, 0)")
    budget = RequestBudget(RequestLimits(usd=0.001), Prices(1, 1), judge="j", ledger=cache.ledger)
    for _ in range(4):
        budget.end(budget.begin(), Usage(100, 100))
    assert [tried(budget) for _ in range(2)][-1] == "spent"
