"""A judge that reasons: findings and scores first, and every reply that is none is an abstention."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.data.labels.feedback_records import from_json, to_json
from robopref.errors import ConfigError
from robopref.labelers import vlm
from robopref.labelers.judge import Part, Reply
from robopref.labelers.reasoned import DIMENSIONS, ReasonedManner
from robopref.labelers.served import ServedJudge
from robopref.labelers.vlm import VlmLabeler
from robopref.reasons import DimensionFinding, read_chains
from robopref.records import Abstain, Feedback, Preference, Query, Rating
from tests.labelers.asking import GreyPictures, ScriptedJudge, pair, pictures, rating, texts

GREY = GreyPictures([0, 50, 100, 100])
TWO = ReasonedManner({"progress": "how far", "contact": "what it touches", "smoothness": None})


def said(answer: str, *scores: tuple[int, int], **more: Any) -> str:
    found: dict[str, Any] = {}
    for name, (first, second) in zip(("progress", "contact"), scores or ((7, 3), (5, 5)), strict=True):
        found |= {f"{name}_finding": f"{name} seen", f"{name}_first": first, f"{name}_second": second}
    return json.dumps(found | {"answer": answer, "confidence": 0.8} | more)


def brighter(parts: list[Part]) -> str:
    one, two = pictures(parts)
    return said("first", (8, 2), (6, 5)) if one > two else said("second", (2, 8), (5, 6))


def label(reply: Any, query: Query, manner: ReasonedManner = TWO) -> Feedback:
    judge = reply if isinstance(reply, ScriptedJudge) else ScriptedJudge(lambda _: reply)
    return VlmLabeler(judge, GREY, manner=manner).label(query)


def test_findings_of_both_orders_are_kept_by_item() -> None:
    judge = ScriptedJudge(brighter)
    given = label(judge, pair(2, 1))
    assert (given.answer, given.confidence) == (Preference(1.0), pytest.approx(0.8))
    one, two = read_chains(given.rationale)
    assert (one.order, two.order) == ((0, 1), (1, 0))
    assert one.scores == two.scores == {"progress": (8.0, 2.0), "contact": (6.0, 5.0)}
    assert (one.verdict, two.verdict) == (1.0, 1.0)
    assert one.findings[0] == DimensionFinding("progress", (8.0, 2.0), "progress seen")
    asked, schema, _ = judge.asked[0]
    assert "- contact: what it touches" in texts(asked)
    assert "smoothness" not in texts(asked)
    assert list(schema["properties"])[:3] == ["progress_finding", "progress_first", "progress_second"]
    assert len(judge.asked) == TWO.requests("pair") == 2
    assert from_json(Feedback, to_json(given)) == given  # as every store and file keeps it


def test_orders_that_disagree_are_an_abstention_with_both_chains_or_a_soft_label() -> None:
    given = label(said("first"), pair(1, 2))
    assert given.answer == Abstain(vlm.ORDERS_DISAGREE)
    assert [chain.verdict for chain in read_chains(given.rationale)] == [1.0, 0.0]
    soft = ReasonedManner(TWO.dimensions, disagreement="soft")
    assert label(said("first"), pair(1, 2), soft).answer == Preference(0.5)


@pytest.mark.parametrize(
    ("reply", "reason", "told"),
    [
        (said("first", (11, 3), (5, 5)), vlm.UNREADABLE, "'progress_first' must be in [1, 10], got 11"),
        (said("first", contact_second="five"), vlm.UNREADABLE, "'contact_second' must be a integer"),
        (said("first", progress_first=7.5), vlm.UNREADABLE, "'progress_first' must be a integer"),
        (said("first", progress_first=True), vlm.UNREADABLE, "'progress_first' must be a integer"),
        (said("first", progress_finding=None), vlm.UNREADABLE, "'progress_finding' must be a string"),
        (json.dumps({"answer": "first", "confidence": 1}), vlm.UNREADABLE, "no 'progress_finding'"),
        (said("left"), vlm.UNREADABLE, "'answer' must be one of"),
        (said("first", confidence=80), vlm.UNREADABLE, "'confidence' must be in [0, 1]"),
        (said("second", (7, 3), (5, 5)), vlm.UNREADABLE, "no score is in favour of it"),
        (said("first")[:60], vlm.UNREADABLE, "broken or cut off"),
        (said("first") + said("second", (1, 2), (1, 2)), vlm.UNREADABLE, "2 answers that differ"),
        (said("first").replace("}", ', "answer": "tie"}'), vlm.UNREADABLE, "twice"),
        (Reply(said("first"), cut=True), vlm.UNREADABLE, "cut off"),
        ("<think>both look" + said("first"), vlm.UNREADABLE, "reasoning"),
        ("The first.", vlm.UNREADABLE, "prose"),
        ("", vlm.UNREADABLE, "empty"),
        (said("cannot tell"), vlm.CANNOT_TELL, "progress seen"),
        (Reply("No.", refused=True), vlm.REFUSED, "No."),
        ("I'm sorry, but I can't help with that.", vlm.REFUSED, "sorry"),
    ],
)  # fmt: skip
def test_a_malformed_reply_is_an_abstention_that_says_why(reply: Any, reason: str, told: str) -> None:
    given = label(reply, pair(1, 2))
    assert given.answer == Abstain(reason)
    assert told in given.rationale


def test_a_verdict_against_all_scores_is_asked_again() -> None:
    replies = iter([said("second"), said("first"), said("second", (3, 7), (5, 5))])
    judge = ScriptedJudge(lambda _: next(replies))
    assert label(judge, pair(1, 2)).answer == Preference(1.0)
    assert "no score is in favour of it" in texts(judge.asked[1][0])


def test_equal_scores_may_have_a_verdict_and_a_veto_may_outweigh_the_rest() -> None:
    for answer, scores in (("first", ((5, 5), (5, 5))), ("second", ((9, 2), (1, 8)))):
        one = ReasonedManner(TWO.dimensions, orders="given")
        assert label(said(answer, *scores), pair(1, 2), one).answer == Preference(float(answer == "first"))


def test_a_rating_has_a_score_of_each_dimension() -> None:
    reply = {"progress_finding": "half way", "progress_score": 5, "contact_finding": "", "contact_score": 9}
    given = label(json.dumps(reply | {"answer": "rated", "rating": 6, "confidence": 0.5}), rating(1))
    assert given.answer == Rating(0.6)
    (chain,) = read_chains(given.rationale)
    assert (chain.scores, chain.verdict) == ({"progress": (5.0,), "contact": (9.0,)}, 0.6)


def test_dimensions_are_checked_and_tell_answers_apart() -> None:
    for wrong in ({}, {"progress": None}, {"Bad name": "x"}, {"answer": "x"}, {"verdict": "x"}):
        with pytest.raises(ConfigError, match="dimension"):
            ReasonedManner(wrong)
    for wrong in ({"orders": "all"}, {"disagreement": "mean"}, {"samples": 0}, {"repairs": -1}):
        with pytest.raises(ConfigError):
            ReasonedManner(**wrong)  # type: ignore[arg-type]
    manners = (ReasonedManner(), ReasonedManner({**DIMENSIONS, "contact": None}), ReasonedManner(orders="given"))
    assert len({VlmLabeler(ScriptedJudge(str), GREY, manner=manner).version for manner in manners}) == 3
    with pytest.raises(ConfigError, match="pair, rating"):
        ReasonedManner().prompt("ranking")
    # Words of the meaning are no places to fill in.
    look = ReasonedManner({"tilt": "less than {30} degrees"}).prompt("pair").look
    assert "less than {30} degrees" in look.format(task="Pour.")


def test_it_asks_a_server_and_every_fault_ends_in_an_answer_or_an_abstention(tmp_path: Path) -> None:
    queries = [pair(one, two) for one in range(0, 200, 20) for two in (10, 130) if one != two]
    shown, reasons = GreyPictures(range(250)), set[str]()
    faults = {"cut": 0.15, "enum": 0.15, "prose": 0.1, "refusal": 0.1, "language": 0.1, "unsure": 0.1}
    with JudgeServer(PixelJudge(lambda frames: float(np.mean(frames)), error=0.0), faults) as server:
        judge = ServedJudge("simulated", base_url=server.url)
        labeler = VlmLabeler(judge, shown, manner=ReasonedManner())
        for query in queries:
            given, (one, two) = labeler.label(query), (item.start for item in query.items)
            if isinstance(given.answer, Abstain):
                reasons.add(given.answer.reason)
                continue
            assert given.answer == Preference(float(one > two))
            assert [set(chain.scores) for chain in read_chains(given.rationale)] == [set(DIMENSIONS)] * 2
    assert reasons == {vlm.UNREADABLE, vlm.REFUSED, vlm.CANNOT_TELL}
