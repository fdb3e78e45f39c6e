"""Whatever one reply holds, it becomes an answer that is the model's, an abstention, or a failure that is counted."""

import gzip
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from robopref.errors import ConfigError
from robopref.labelers import vlm
from robopref.labelers.http_exchange import reported_usage
from robopref.labelers.judge import RejectedError, UnavailableError, Usage
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget
from robopref.labelers.served import ServedJudge
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.records import Abstain, Preference
from tests.labelers.asking import GreyPictures, pair
from tests.labelers.hostile_server import DRAFT, GOOD, USAGE, HostileServer, chat

ONCE = Manner("one_stage", orders="given", repairs=0)


def asked(server: HostileServer, manner: Manner = ONCE) -> Any:
    """What becomes of a question."""
    judge = ServedJudge("m", base_url=server.url)
    return VlmLabeler(judge, GreyPictures([1, 2]), manner=manner).label(pair(0, 1))


def packed(data: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {"content-encoding": "gzip"}, data


REPLIES = {
    "thinking ended": (chat(f"I could say {DRAFT} but\n</think>\n{GOOD}"), Preference(1.0)),
    "thinking in tags": (chat(f"<think>{DRAFT}</think>{GOOD}"), Preference(1.0)),
    "thinking apart": (chat(GOOD, message={"reasoning_content": f"thinking {DRAFT}"}), Preference(1.0)),
    "still thinking": (chat(f"<think>maybe {DRAFT} or"), Abstain(vlm.UNREADABLE)),
    "still thinking, cut off": (chat(f"<think>maybe {DRAFT} or", "length"), Abstain(vlm.UNREADABLE)),
    "cut off after a draft": (chat(f"Perhaps {DRAFT}", "length"), Abstain(vlm.UNREADABLE)),
    "cut off in other words": (chat(DRAFT, "model_length"), Abstain(vlm.UNREADABLE)),
    "two that differ": (chat(f"{DRAFT}\n{GOOD}"), Abstain(vlm.UNREADABLE)),
    "called twice": (
        chat(None, "tool_calls", {"tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "answer", "arguments": text}} for text in (DRAFT, GOOD)
        ]}),
        Abstain(vlm.UNREADABLE),
    ),
    "nothing": (chat(None), Abstain(vlm.UNREADABLE)),
    "half a character": (chat(GOOD.replace("nearer", "\ud800 nearer\0")), Preference(1.0)),
    "no choice": (chat("") | {"choices": []}, Abstain(vlm.ERROR)),
    "two choices": (chat("") | {"choices": [*chat(DRAFT)["choices"], *chat(GOOD)["choices"]]}, Abstain(vlm.ERROR)),
    "null for choices": (chat("") | {"choices": None}, Abstain(vlm.ERROR)),
    "other choices": (chat("") | {"choices": [7]}, Abstain(vlm.ERROR)),
    "content of another kind": (chat({"a": 1}), Abstain(vlm.ERROR)),
    "error with status 200": ({"error": {"message": "upstream failed", "code": 502}}, Abstain(vlm.ERROR)),
    "a list": ((200, {}, b"[1]"), Abstain(vlm.ERROR)),
    "no JSON": ((200, {"content-type": "text/html"}, b"<html>gateway</html>"), Abstain(vlm.ERROR)),
    "nested deeply": ((200, {}, b'{"choices":' * 100_000), Abstain(vlm.ERROR)),
    "deeply nested content": (chat('{"a":' * 90_000), Abstain(vlm.UNREADABLE)),
    "damaged packing": (packed(b"no gzip"), Abstain(vlm.ERROR)),
    "unknown packing": ((200, {"content-encoding": "br"}, b"x"), Abstain(vlm.ERROR)),
    "good packing": (packed(gzip.compress(json.dumps(chat(GOOD)).encode())), Preference(1.0)),
    "fields of another kind": (chat(GOOD) | {"created": 1.5, "id": None, "object": "text"}, Preference(1.0)),
    "no role": (chat(GOOD) | {"choices": [{"message": {"content": GOOD}}]}, Preference(1.0)),
    "content filter": (chat("", "content_filter"), Abstain(vlm.REFUSED)),
    "wait for ever": ((429, {"retry-after": "nan"}, b"{}"), Abstain(vlm.ERROR)),
}  # fmt: skip


@pytest.mark.parametrize("case", REPLIES)
def test_a_reply_is_an_answer_or_none_and_never_ends_the_run(case: str) -> None:
    reply, answer = REPLIES[case]
    with HostileServer(lambda *_: reply) as server:
        given = asked(server)
    assert given.answer == answer
    assert given.rationale or answer in (Abstain(vlm.REFUSED), Preference(1.0))
    given.rationale.encode()


@pytest.mark.parametrize(
    ("described", "answer"),
    [
        (f"<think>The answer is {DRAFT}</think>It is nearer.", Preference(1.0)),
        ("<think>It may be", Abstain(vlm.UNREADABLE)),
        ("long " * 15_000, Abstain(vlm.UNREADABLE)),
    ],
)
def test_a_description_is_what_follows_the_thinking(described: str, answer: object) -> None:
    with HostileServer(lambda body, _: chat(GOOD if "response_format" in body else described)) as server:
        given = asked(server, Manner("two_stage", orders="given"))
        assert given.answer == answer
        assert len(server.bodies) == (2 if answer == Preference(1.0) else 1)
        assert "draft" not in json.dumps(server.bodies[-1])


def test_a_small_reply_that_unpacks_to_a_large_one_takes_no_memory() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    assert len(bomb) < 200_000
    with HostileServer(lambda *_: packed(bomb)) as server:
        judge = ServedJudge("m", base_url=server.url)
        with pytest.raises(UnavailableError, match="unpacked"):
            judge.ask(["?"])
        tracemalloc.start()
        with pytest.raises(UnavailableError, match="unpacked"):
            judge.ask(["?"])
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()


@pytest.mark.parametrize(
    "usage",
    [
        None, {}, "ten", {"prompt_tokens": 10}, {"prompt_tokens": 0, "completion_tokens": 0},
        *({"prompt_tokens": count, "completion_tokens": 5} for count in (1e30, -1, True, "10", 10**30, [10])),
        {"prompt_tokens": 10, "completion_tokens": float("nan")},
    ],
)  # fmt: skip
def test_usage_that_cannot_be_is_none(usage: object, tmp_path: Path) -> None:
    with HostileServer(lambda *_: chat(GOOD, usage=usage)) as server, ReplyCache(tmp_path / "r.sqlite") as cache:
        patient = PatientJudge(ServedJudge("m", base_url=server.url), cache)
        assert patient.ask(["?"]).usage is None
        assert (patient.budget.totals.silent, patient.budget.input_tokens) == (1, 0)


def test_usage_is_read_in_three_protocols() -> None:
    assert reported_usage({"usage": USAGE}) == Usage(10, 5)
    assert reported_usage({"usage": USAGE | {"total_tokens": 95}}) == Usage(10, 85)  # it thought
    cached = {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": None, "output_tokens": 7}
    assert reported_usage({"usage": cached}) == Usage(7, 7)
    gemini = {"promptTokenCount": 31, "candidatesTokenCount": 7, "thoughtsTokenCount": 9, "totalTokenCount": 47}
    assert reported_usage({"usageMetadata": gemini}) == Usage(31, 16)
    assert reported_usage({"usageMetadata": gemini | {"promptTokenCount": None}}) is None


@pytest.mark.parametrize(
    ("reply", "silent", "billed"),
    [
        ((429, {}, b"{}"), 0, 0),
        ((401, {}, b"{}"), 0, 0),
        ((307, {"location": "http://127.0.0.1:9/"}, b""), 1, 1),
        ((500, {}, b"{}"), 1, 1),
        ((400, {}, b"{}"), 1, 1),  # a filter may have looked at it
        (chat("") | {"choices": []}, 0, 1),  # what is no reply is on the bill all the same
    ],
)
def test_failures_count_for_what_may_be_on_the_bill(reply: Any, silent: int, billed: int, tmp_path: Path) -> None:
    with HostileServer(lambda *_: reply) as server, ReplyCache(tmp_path / "r.sqlite") as cache:
        judge = ServedJudge("m", base_url=server.url, output="native")
        patient = PatientJudge(judge, cache, RequestBudget(ledger=cache.ledger), Patience(1))
        with pytest.raises((UnavailableError, RejectedError, ConfigError)):
            patient.ask(["?"])
        totals = patient.budget.totals
        assert (totals.requests, totals.silent, totals.billed) == (1, silent, billed)


def test_nobody_there_is_on_no_bill(tmp_path: Path) -> None:
    with HostileServer(lambda *_: chat(GOOD)) as server:
        address = server.url
    with ReplyCache(tmp_path / "r.sqlite") as cache:
        patient = PatientJudge(ServedJudge("m", base_url=address), cache, patience=Patience(2, wait=0.0))
        with pytest.raises(ConfigError, match=r"cannot connect to .*; start the server"):
            patient.ask(["?"])
        assert (patient.budget.totals.requests, patient.budget.totals.billed) == (1, 0)


def test_a_wrong_address_ends_it_at_once_and_a_single_such_reply_later_does_not() -> None:
    replies: list[Any] = [
        (404, {}, b'{"error": {"message": "no such model"}}'),
        chat(GOOD),
        (404, {}, b"{}"),
        (401, {}, b"{}"),
    ]
    with HostileServer(lambda *_: replies.pop(0)) as server:
        judge = ServedJudge("m", base_url=server.url)
        with pytest.raises(ConfigError, match="no such model"):
            judge.ask(["?"])
        assert judge.ask(["?"]).text == GOOD
        for _ in range(2):
            with pytest.raises(UnavailableError):
                judge.ask(["?"])


def test_no_redirect_is_followed() -> None:
    with (
        HostileServer(lambda *_: chat(GOOD)) as other,
        HostileServer(lambda *_: (307, {"location": f"{other.url}/chat/completions"}, b"")) as server,
    ):
        with pytest.raises(ConfigError, match="redirects to another address"):
            ServedJudge("m", base_url=server.url).ask(["?"])
        assert not other.bodies


def test_own_servers_are_told_the_length_in_the_name_that_they_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")  # empty is none
    with HostileServer(lambda *_: chat(GOOD)) as server:
        ServedJudge("m", base_url=server.url, max_tokens=77).ask(["?"])
        (body,) = server.bodies
        assert body["max_tokens"] == 77
        assert "max_completion_tokens" not in body


def test_replies_of_one_server_are_not_those_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def name(address: str | None) -> str:
        return ServedJudge("m", base_url=address).name

    assert name("http://a:1/v1") == name("http://A:1/v1/") != name("http://b:1/v1")
    assert name("http://a:1/v1") != name("http://a:1/v2")
    assert "secret" not in name("http://user:secret@a:1/v1?key=secret")
    provider = name(None)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://c:1/v1")  # the client library goes there
    assert name(None) == name("http://c:1/v1") != provider


@pytest.mark.parametrize("address", ["robot:8000/v1", "ftp://a/v1", "http:///pw", "http://a:x/v1", "http://a:1/\nv1"])
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ConfigError, match=r"such as http://localhost") as refused:
        ServedJudge("m", base_url=address)
    assert address not in str(refused.value)


def test_a_key_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u2026abc")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY in the environment holds") as refused:
        ServedJudge("m").ask(["?"])
    assert "abc" not in str(refused.value)
