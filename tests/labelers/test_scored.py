"""Scores as expectations over tokens: worked out by hand, answered softly, of a real server, and missing."""

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from robopref.answers import Answers
from robopref.errors import ConfigError
from robopref.labelers.judge import Part, Reply
from robopref.labelers.patience import PatientJudge
from robopref.labelers.pivot_tournament import pivot_tournament
from robopref.labelers.readable_answer import CANNOT_TELL, ERROR, REFUSED, UNREADABLE
from robopref.labelers.recorded_replies import ReplayJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.reply_tokens import Token, plain_tokens, reported_tokens, stored_tokens
from robopref.labelers.score_tokens import UntoldError, expected_score
from robopref.labelers.scored import ScoredLabeler, ScoredManner
from robopref.labelers.scored_settings import ScoredSettings
from robopref.labelers.served import ServedJudge
from robopref.labelers.showing import Showing
from robopref.labelers.vlm import SAME_PICTURES
from robopref.protocols import Labeler
from robopref.reasons import read_chains
from robopref.records import Abstain, Item, Preference, Query, Ranking
from tests.labelers.asking import GreyPictures, ScriptedJudge, pair, pictures, rating
from tests.labelers.hostile_server import HostileServer, chat

GREY = GreyPictures([0, 50, 100, 150, 150, 250])
ONE = ScoredManner({"progress": "how bright"})
Share = Mapping[int, float]


def tokens_of(text: str, shares: Mapping[str, Share]) -> list[dict[str, Any]]:
    """``logprobs.content`` of a reply whose scores might have been others."""
    found: list[dict[str, Any]] = []
    for start, letter in enumerate(text):
        ends = [name for name in shares if text[:start].endswith(f'"{name}": ') and letter.isdigit()]
        others = {str(value): p for value, p in shares[ends[0]].items()} if ends else {}
        told = [{"token": one, "logprob": math.log(p)} for one, p in others.items()]
        found.append({"token": letter, "logprob": -0.1, "top_logprobs": told})
    return found


def said(first: int, second: int, answer: str = "scored") -> str:
    fields = {"progress_finding": "seen", "progress_first": first, "progress_second": second, "answer": answer}
    return json.dumps(fields)


def told(first: Share, second: Share) -> Reply:
    text = said(max(first, key=first.__getitem__), max(second, key=second.__getitem__))
    content = tokens_of(text, {"progress_first": first, "progress_second": second})
    return Reply(text, tokens=reported_tokens({"content": content}))


def by_brightness(parts: list[Part]) -> Reply:
    """Half of the probability of a score is at the brightness, and half a point higher."""
    first, second = (1 + value // 50 for value in pictures(parts)[-2:])
    return told({first: 0.5, first + 1: 0.5}, {second: 0.5, second + 1: 0.5})


def label(reply: Any, query: Query, manner: ScoredManner = ONE) -> tuple[Any, ScriptedJudge]:
    judge = ScriptedJudge(reply)
    return ScoredLabeler(judge, GREY, manner=manner).label(query), judge


def ranking(*items: int) -> Query:
    return Query("q", "ranking", tuple(Item("grey", one, one + 1) for one in items), "Be bright.")


def test_a_score_is_the_mean_over_the_tokens_of_its_scale() -> None:
    reply = told({7: 0.5, 8: 0.3, 3: 0.1}, {4: 1.0})
    # (7 * 0.5 + 8 * 0.3 + 3 * 0.1) / 0.9
    assert expected_score(reply, "progress_first", 1, 9) == pytest.approx(6.2 / 0.9, abs=1e-5)
    assert expected_score(reply, "progress_second", 1, 9) == pytest.approx(4.0)
    # What is off the scale does not count, however many tokens write it.
    text = '{"s": 2}'
    numerals = ((2, math.log(0.25)), (2, math.log(0.25)), (4, math.log(0.2)), (0, math.log(0.1)), (12, math.log(0.1)))
    mixed = Reply(text, tokens=(Token('thought {"s": 9}</think>{"s": '), Token("2", numerals), Token("}<eos>")))
    assert expected_score(mixed, "s", 1, 9) == pytest.approx((2 * 0.5 + 4 * 0.2) / 0.7, abs=1e-5)


TEXT = '{"s": 2}'
NUMBER = Token("2", ((2, -0.1),))


@pytest.mark.parametrize(
    ("tokens", "why"),
    [
        (None, "the server gives no log-probabilities"),
        ((), "in another form"),
        ((Token('{"t": '), NUMBER, Token("}")), "not those of the reply"),
        ((Token(TEXT, ((3, -0.1),)),), "not of what was written"),
        ((Token('{"s": '), Token("2"), Token("}")), "not of what was written"),
        ((Token('{"s": '), Token("2", ((2, -0.1), (3, -0.1))), Token("}")), "add up to 1.81"),
        ((Token('{"s": '), Token("2", ((2, math.log(0.4)), (0, math.log(0.6)))), Token("}")), "only 0.4 is on the sca"),
    ],
)
def test_tokens_that_do_not_tell_say_why(tokens: Any, why: str) -> None:
    with pytest.raises(UntoldError, match=why):
        expected_score(Reply(TEXT, tokens=tokens), "s", 1, 9)


@pytest.mark.parametrize(
    "content",
    [
        "text", 7, [7], [{"token": 7}], [{"token": "7", "top_logprobs": 1}], [{"token": "7", "logprob": None}],
        [{"token": "7", "top_logprobs": ["7"]}], [{"token": "7", "top_logprobs": [{"token": "7", "logprob": 0.7}]}],
        [{"token": "7", "top_logprobs": [{"token": "7", "logprob": math.nan}]}], [{"token": "7" * 501}],
        [{"token": "7", "top_logprobs": [{"token": "7", "logprob": -1}] * 101}], [{"token": ""}] * 20_001,
        [{"token": "7", "top_logprobs": [{"token": "7", "logprob": True}]}],
    ],
)  # fmt: skip
def test_log_probabilities_of_another_form_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match=r"token|log-probability"):
        reported_tokens({"content": content})


def test_tokens_survive_being_stored_and_hold_nothing_but_numbers_besides_the_text() -> None:
    content = [
        {"token": "key ", "logprob": -1, "top_logprobs": [{"token": "secret", "logprob": -1}]},
        {"token": " 7", "logprob": -1, "top_logprobs": [{"token": " 7,", "logprob": -math.inf},
                                                        {"token": "x7", "logprob": -1}, {"token": "8", "logprob": 0}]},
    ]  # fmt: skip
    tokens = reported_tokens({"content": content})
    assert tokens == (Token("key "), Token(" 7", ((7, -1e4), (8, 0.0))))
    assert stored_tokens(json.loads(json.dumps(plain_tokens(tokens)))) == tokens
    assert reported_tokens(None) is None is stored_tokens(None)
    with pytest.raises(ValueError, match="token"):
        stored_tokens([["7", [["7", -1]]]])


def test_a_pivot_is_renewed_by_whoever_beats_it_and_strengths_add_up() -> None:
    asked: list[tuple[int, int]] = []
    worth = [0.0, 2.0, -1.0, 5.0, 3.0]

    def log_odds(one: int, pivot: int) -> float:
        asked.append((one, pivot))
        return 0.5 * (worth[one] - worth[pivot])

    # From item 2: 0 beats it, 1 beats 0, 4 beats 1, 3 beats 4; relative to the best, halves of the differences.
    assert pivot_tournament([2, 0, 1, 4, 3], log_odds) == pytest.approx((-2.5, -1.5, -3.0, 0.0, -1.0))
    assert asked == [(0, 2), (1, 0), (4, 1), (3, 4)]
    asked.clear()
    pivot_tournament([3, 0, 1, 2, 4], log_odds)
    assert asked == [(0, 3), (1, 3), (2, 3), (4, 3)]


def test_a_pair_is_softly_answered_by_scores_in_both_orders() -> None:
    replies = iter([told({7: 0.5, 8: 0.5}, {6: 1.0}), told({6: 0.5, 5: 0.5}, {7: 1.0})])
    given, judge = label(lambda _: next(replies), pair(5, 1))
    # 7.5 against 6, and swapped 7 against 5.5: the mean differs by 1.5 points, which is the log-odds.
    assert given.answer.p == pytest.approx(1 / (1 + math.exp(-1.5)), abs=1e-6)
    assert [pictures(parts) for parts, _, _ in judge.asked] == [[250, 50], [50, 250]]
    chains = read_chains(given.rationale)
    assert [chain.scores["progress"] for chain in chains] == [(7.5, 6.0), (7.0, 5.5)]
    assert [chain.order for chain in chains] == [(0, 1), (1, 0)]
    softer, _ = label(by_brightness, pair(5, 1), ScoredManner({"progress": "how bright"}, "given", sharpness=0.25))
    assert softer.answer.p == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-6)
    assert softer.order == (0, 1)
    assert label(by_brightness, pair(3, 4))[0].answer == Abstain(SAME_PICTURES)


def test_criteria_and_repeats_are_averaged() -> None:
    manner = ScoredManner({"progress": "a", "contact": "b"}, "given", samples=2)

    def reply(parts: list[Part]) -> str:
        del parts
        fields = {f"{name}_finding": "" for name in ("progress", "contact")}
        scores = {"progress_first": 9, "progress_second": 5, "contact_first": 1, "contact_second": 3}
        return json.dumps({**fields, **scores, "answer": "scored"})

    given, judge = label(reply, pair(5, 1), manner)
    # (9 + 1) / 2 against (5 + 3) / 2
    assert given.answer.p == pytest.approx(1 / (1 + math.exp(-1)))
    assert [sample for _, _, sample in judge.asked] == [0, 1]


def test_a_ranking_takes_one_comparison_less_than_items_and_keeps_how_sure_it_is() -> None:
    given, judge = label(by_brightness, ranking(1, 5, 0, 2, 3, 4))
    assert len(judge.asked) in (8, 10), "five comparisons in two orders, or four where two equal pictures meet"
    assert given.answer.ranks == (3, 0, 4, 2, 1, 1)
    assert given.answer.strengths == pytest.approx((-4, 0, -5, -3, -2, -2), abs=1e-5)
    rows = Answers.of([ranking(1, 5, 0, 2, 3, 4)], [given])
    # The first two items: sigmoid(-4).
    assert rows.p[0] == pytest.approx(1 / (1 + math.exp(4)), abs=1e-6)
    assert rows.p[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("strengths", [(1.0,), (0.0, 1.0), (1.0, 1.0), (math.inf, 0.0), (math.nan, 0.0)])
def test_strengths_that_are_not_those_of_the_ranks_are_refused(strengths: tuple[float, ...]) -> None:
    assert Ranking((0, 1), (3.0, 1.0)).strengths == (3.0, 1.0)
    with pytest.raises(ConfigError, match="strengths"):
        Ranking((0, 1), strengths)


def test_without_log_probabilities_the_written_scores_count_which_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    judge = ScriptedJudge(lambda _: said(7, 6))
    labeler = ScoredLabeler(judge, GREY, manner=ScoredManner({"progress": "how bright"}, "given"))
    with caplog.at_level(logging.WARNING):
        answers = [labeler.label(pair(5, item)) for item in (1, 2)]
    assert [one.answer for one in answers] == [Preference(0.5 + 0.5 * math.tanh(0.5))] * 2
    assert all("scores as written: the server gives no log-probabilities" in one.rationale for one in answers)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("query", [pair(5, 1), ranking(1, 5, 0)])
@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (said(7, 6, "cannot tell"), CANNOT_TELL),
        (said(0, 6), UNREADABLE),
        (said(10, 6), UNREADABLE),
        ("The first is a 7.", UNREADABLE),
        (Reply(said(7, 6), cut=True), UNREADABLE),
        (Reply("no", refused=True), REFUSED),
    ],
)
def test_what_is_no_score_is_an_abstention_with_its_reason(reply: Any, reason: str, query: Query) -> None:
    assert label(lambda _: reply, query)[0].answer == Abstain(reason)


def test_questions_and_settings_that_cannot_be_are_refused() -> None:
    assert isinstance(ScoredLabeler(ScriptedJudge(by_brightness), GREY), Labeler)
    with pytest.raises(ConfigError, match="pairs and rankings"):
        label(by_brightness, rating(1))
    with pytest.raises(ConfigError, match="does not say what to judge by"):
        label(by_brightness, pair(1, 2, ""))
    for wrong in ({"samples": 0}, {"sharpness": 0.0}, {"sharpness": math.nan}, {"orders": "all"}, {"dimensions": {}}):
        with pytest.raises(ConfigError):
            ScoredManner(**wrong)
    with pytest.raises(ConfigError, match="top_logprobs"):
        ServedJudge("m", top_logprobs=21)
    settings = ScoredSettings(ScriptedJudge(by_brightness), manner=ONE)
    asked = ranking(0, 1, 2, 3)
    frames = [list(GREY.frames(item)) for item in asked.items]
    assert settings.estimate(asked, frames, "task").requests == 6, "3 comparisons in 2 orders"


def test_a_served_model_is_asked_for_tokens_and_a_recording_replays_them(tmp_path: Path) -> None:
    def reply(body: dict[str, Any], _: Any) -> Any:
        assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
        text = said(7, 4)
        shares = {"progress_first": {7: 0.6, 9: 0.4}, "progress_second": {4: 1.0}}
        completion = chat(text)
        completion["choices"][0]["logprobs"] = {"content": tokens_of(text, shares), "refusal": None}
        return completion

    manner, recorded = ScoredManner({"progress": "how bright"}, "given"), tmp_path / "replies.jsonl"
    with HostileServer(reply) as server, ReplyCache(tmp_path / "replies.sqlite") as cache:
        judge = ServedJudge("m", base_url=server.url, top_logprobs=5)
        given = ScoredLabeler(PatientJudge(judge, cache), GREY, manner=manner).label(pair(5, 1))
        # 7.8 against 4
        assert given.answer.p == pytest.approx(1 / (1 + math.exp(-3.8)), abs=1e-5)
        assert ScoredLabeler(PatientJudge(judge, cache), GREY, manner=manner).label(pair(5, 1)).answer == given.answer
        assert len(server.bodies) == 1
        assert cache.export(recorded) == 1
    assert ScoredLabeler(ReplayJudge(recorded), GREY, manner=manner).label(pair(5, 1)).answer == given.answer


@pytest.mark.parametrize("spoilt", [[{"token": 3}], "no", {"content": [{"token": "7", "top_logprobs": "7"}]}])
def test_malformed_log_probabilities_of_a_server_leave_the_written_scores(spoilt: Any) -> None:
    def reply(*_: Any) -> Any:
        completion = chat(said(7, 6))
        completion["choices"][0]["logprobs"] = spoilt if isinstance(spoilt, dict) else {"content": spoilt}
        return completion

    with HostileServer(reply) as server:
        judge = ServedJudge("m", base_url=server.url, top_logprobs=5)
        given = ScoredLabeler(judge, GREY, manner=ScoredManner({"progress": "how bright"}, "given")).label(pair(5, 1))
    assert given.answer.p == pytest.approx(1 / (1 + math.exp(-1)))
    assert "scores as written: log-probabilities in another form" in given.rationale


def test_a_server_that_rejects_log_probabilities_is_asked_without(tmp_path: Path) -> None:
    def reply(body: dict[str, Any], _: Any) -> Any:
        if "logprobs" in body:
            return 400, {}, json.dumps({"error": {"message": "logprobs are not supported"}}).encode()
        return chat(said(7, 6))

    with HostileServer(reply) as server, ReplyCache(tmp_path / "replies.sqlite") as cache:
        judge = PatientJudge(ServedJudge("m", base_url=server.url, top_logprobs=5), cache)
        given = ScoredLabeler(judge, GREY, manner=ONE, showing=Showing()).label(pair(5, 1))
        assert isinstance(given.answer, Preference)
        assert [("logprobs" in body) for body in server.bodies] == [True, False, False]
        assert all("response_format" in body for body in server.bodies)


def test_a_server_that_fails_is_an_error() -> None:
    with HostileServer(lambda *_: (500, {}, b"{}")) as server:
        judge = ServedJudge("m", base_url=server.url, top_logprobs=5)
        assert ScoredLabeler(judge, GREY, manner=ONE).label(pair(5, 1)).answer == Abstain(ERROR)
