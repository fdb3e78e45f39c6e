"""A real HTTP server on loopback stands in for a model, and fails in all the ways that servers and models fail."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.worlds.pixel_judge import FAULTS, JudgeServer, PixelJudge
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.labelers import vlm
from robopref.labelers.batch import AnswerTally, label_all
from robopref.labelers.judge import Judge, NotServedError, Prices, RejectedError, UnavailableError, Usage, read_answer
from robopref.labelers.ledger import Totals
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.prompts import PAIR_SCHEMA
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget
from robopref.labelers.served import ServedJudge
from robopref.labelers.showing import Showing
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.records import Abstain, Feedback, Preference
from tests.labelers.asking import GreyPictures, grey_pairs
from tests.labelers.hostile_server import HostileServer, chat
from tests.waiting import PATIENCE

QUERIES = 100
REASONS = {vlm.CANNOT_TELL, vlm.REFUSED, vlm.UNREADABLE, vlm.ERROR, vlm.ORDERS_DISAGREE}
ONE = np.full((16, 16, 3), 200, np.uint8)
TWO = np.full((16, 16, 3), 30, np.uint8)


def brightness(frames) -> float:
    return float(frames[-1].mean())


def ask_all(
    server: JudgeServer,
    folder: Path,
    queries,
    pictures: GreyPictures,
    manner: Manner,
    showing: Showing | None = None,
    timeout: float = PATIENCE,
) -> tuple[AnswerTally, list[Feedback], Totals, float]:
    judge = ServedJudge("simulated", base_url=server.url, timeout=timeout, input_price=1.0, output_price=4.0)
    with ReplyCache(folder / "replies.sqlite") as cache, FeedbackStore(folder / "labels.sqlite") as store:
        budget = RequestBudget(prices=judge.prices, judge=judge.name, ledger=cache.ledger)
        patient = PatientJudge(judge, cache, budget, Patience(attempts=8, wait=0.005, longest=0.05))
        labeler = VlmLabeler(patient, pictures, manner=manner, showing=showing)
        store.add_queries(queries)
        tally = label_all(labeler, store.unanswered("vlm"), store, workers=8)
        return tally, store.feedback(), budget.totals, budget.usd or 0.0


@pytest.mark.slow
def test_every_query_ends_in_an_answer_or_an_abstention_whatever_the_server_does(tmp_path: Path) -> None:
    pictures, queries = grey_pairs(QUERIES)
    faults = dict.fromkeys(FAULTS, 0.04) | {"429": 0.08, "500": 0.08, "timeout": 0.015}
    with JudgeServer(PixelJudge(brightness, error=0.2), faults, stall=12.0) as server:
        tally, given, totals, usd = ask_all(server, tmp_path, queries, pictures, Manner("one_stage"), timeout=10.0)
        assert set(server.injected) == set(FAULTS)
        # None is lost.
        assert tally.done == len(queries) == len(given)
        assert {one.query_id for one in given} == {query.id for query in queries}
        reasons = Counter(one.answer.reason for one in given if isinstance(one.answer, Abstain))
        assert set(reasons) <= REASONS
        assert {vlm.CANNOT_TELL, vlm.REFUSED} <= set(reasons)
        # None was answered twice, and the bill is that of the server.
        assert max(server.replied.values()) == 1
        assert totals.used == Usage(*server.usage)
        # 1 and 4 USD a million tokens.
        assert totals.reported == pytest.approx((server.usage[0] + 4 * server.usage[1]) / 1e6)
        # What failed reports nothing, and may be on a bill.
        assert usd > totals.reported
        assert totals.requests == sum(server.seen.values())
        # Every answer is what the pixels say, or the opposite where the simulator errs.
        for query, one in zip(
            queries, sorted(given, key=lambda one: [q.id for q in queries].index(one.query_id)), strict=True
        ):
            if isinstance(one.answer, Preference):
                frames = [list(pictures.frames(item)) for item in query.items]
                assert one.answer == Preference(float(server.judge.decide(*frames) == "first"))
        # Asked again after the labels were lost, it makes no request for anything that was ever replied to.
        (tmp_path / "labels.sqlite").unlink()
        before, errors = sum(server.seen.values()), reasons[vlm.ERROR]
        _, again, totals, _ = ask_all(server, tmp_path, queries, pictures, Manner("one_stage"))
        if not errors:
            assert sum(server.seen.values()) == before
        assert {one.query_id: one.answer for one in again} == {one.query_id: one.answer for one in given}
        assert totals.used == Usage(*server.usage)


@pytest.mark.parametrize("layout", ["images", "grid", "clip"])
def test_two_stages_and_every_layout_reach_the_same_labels(tmp_path: Path, layout) -> None:
    pictures, queries = grey_pairs(6)
    with JudgeServer(PixelJudge(brightness, error=0.0)) as server:
        tally, given, _, _ = ask_all(server, tmp_path, queries, pictures, Manner(), Showing(layout))
        assert sum(server.seen.values()) == 4 * len(queries)
    assert tally.answers == len(queries)
    truth = {query.id: float(query.items[0].start > query.items[1].start) for query in queries}
    assert {one.query_id: one.answer for one in given} == {key: Preference(p) for key, p in truth.items()}


@pytest.mark.parametrize("output", ["native", "prompted", "tool", "auto"])
def test_json_can_be_asked_for_in_three_ways(output) -> None:
    with JudgeServer(PixelJudge(brightness, error=0.0)) as server:
        judge = ServedJudge("simulated", base_url=server.url, output=output)
        assert isinstance(judge, Judge)
        reply = judge.ask(["one", ONE, "two", TWO, "which?"], PAIR_SCHEMA)
        assert read_answer(reply.text, PAIR_SCHEMA)["answer"] == "first"
        assert reply.usage is not None
        assert reply.usage.input_tokens > 170
        assert "Better by the goal: second" in judge.ask(["one", TWO, "two", ONE, "which?"]).text
        assert sum(server.seen.values()) == 2


def test_a_server_without_schemas_is_asked_by_prompt(tmp_path: Path) -> None:
    with JudgeServer(PixelJudge(brightness, error=0.0), schemas=False) as server:
        judge = ServedJudge("simulated", base_url=server.url)
        with ReplyCache(tmp_path / "replies.sqlite") as cache:
            patient = PatientJudge(judge, cache)
            for tail in ("which?", "which now?"):
                reply = patient.ask([ONE, TWO, tail], PAIR_SCHEMA)
                assert read_answer(reply.text, PAIR_SCHEMA)["answer"] == "first"
            # The first was asked twice.
            assert sum(server.seen.values()) == patient.budget.requests == 3
        strict = ServedJudge("simulated", base_url=server.url, output="native")
        with pytest.raises(RejectedError, match="response_format"):
            strict.ask([ONE, TWO, "which?"], PAIR_SCHEMA)


def test_an_address_where_nobody_listens_is_said_at_once_unless_somebody_did(tmp_path: Path) -> None:
    with HostileServer(lambda *_: chat("first")) as server:
        judge = ServedJudge("simulated", base_url=server.url)
        judge.ask(["?"])
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        never, waits = ServedJudge("simulated", base_url=server.url), list[float]()
        with pytest.raises(NotServedError, match=r"cannot connect to http://127.0.0.1:\d+/v1 .*; start the server"):
            PatientJudge(never, cache, sleep=waits.append).ask(["?"])
        assert waits == []
        with pytest.raises(UnavailableError):
            PatientJudge(judge, cache, sleep=waits.append).ask(["?"])
        assert len(waits) == 5


@pytest.mark.slow
def test_a_key_is_needed_only_when_asking_and_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider, key in (
        ("openai", "OPENAI_API_KEY"),
        ("google", "GOOGLE_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
    ):
        monkeypatch.delenv(key, raising=False)
        monkeypatch.delenv("GEMINI_API_KEY", raising=False)
        judge = ServedJudge("any", provider=provider)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=key):
            judge.ask(["?"])


def test_prices_are_given_or_looked_up_or_not_known() -> None:
    assert ServedJudge("m", input_price=1.0, output_price=2.0).prices == Prices(1.0, 2.0)
    listed = ServedJudge("gpt-4o-mini").prices
    assert listed is not None
    assert 0 < listed.input < listed.output
    assert ServedJudge("no-such-model-anywhere").prices is None
    # A server of one's own may call a model anything.
    assert ServedJudge("gpt-4o-mini", base_url="http://localhost:1/v1").prices is None


def test_settings_are_checked() -> None:
    for settings in ({"model": None}, {"model": "m", "provider": "gemini"}, {"model": "m", "output": "json"}):
        with pytest.raises(ConfigError):
            ServedJudge(**settings)
    with pytest.raises(ConfigError, match="timeout"):
        ServedJudge("m", timeout=0)
    assert ServedJudge("m", temperature=0.5).name != ServedJudge("m").name


class _Canned(BaseHTTPRequestHandler):
    """Replies in the protocols of Gemini and Anthropic, and keeps what it was sent."""

    requests: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, body))
        text = json.dumps({"reasoning": "r", "answer": "tie", "confidence": 1})
        if "busy" in json.dumps(body):
            status, reply = 429, {"error": {"message": "later", "type": "rate_limit_error", "code": 429}}
        elif "messages" in body:
            status, reply = 200, {
                "id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 31, "output_tokens": 7},
            }  # fmt: skip
        else:
            status, reply = 200, {
                "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": 31, "candidatesTokenCount": 7, "totalTokenCount": 38},
            }  # fmt: skip
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.mark.parametrize(("provider", "key"), [("google", "GOOGLE_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")])
def test_other_protocols_carry_pictures_schema_and_usage(provider, key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(key, "no-real-key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Canned)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        judge = ServedJudge("m", provider=provider, base_url=address, output="prompted")
        _Canned.requests.clear()
        reply = judge.ask(["first:", ONE, "second:", TWO, "which?"], PAIR_SCHEMA)
        assert read_answer(reply.text, PAIR_SCHEMA)["answer"] == "tie"
        assert reply.usage == Usage(31, 7)
        ((_, body),) = _Canned.requests
        sent = json.dumps(body)
        assert sent.count("image/png") == 2
        assert "cannot tell" in sent
        with pytest.raises(UnavailableError, match="later"):
            judge.ask(["busy?"])
        assert len(_Canned.requests) == 2  # it leaves asking again to those who count
    finally:
        server.shutdown()
        server.server_close()
