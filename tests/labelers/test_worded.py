"""From what a language model says about features to feedback, offline."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError, DataError
from robopref.labelers.judge import RejectedError, Reply
from robopref.labelers.recorded_replies import ReplayJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.worded import WordedLabeler, WordedSettings, question_in_words, read_said
from robopref.records import Abstain, Query
from tests.labelers.asking import ScriptedJudge, pair, texts

SAID = "Keep the cup low, and stay at least 30 cm away from me."
GAP = AskedFeature(
    "gap", "drawn", said="the distance to the person", unit="cm", scale=100.0, low=0.0, high=1.0, side="low"
)
HEIGHT = AskedFeature("height", "drawn", said="the cup's height")  # fmt: skip


def about(kind, feature):
    return Query(f"drawn/{kind}/{feature.name}", kind, (), feature=feature)


def reply(answer, **more):
    return json.dumps({"reasoning": "it says so", "answer": answer, "confidence": 0.8, **more})


def label(said, query, **settings):
    judge = ScriptedJudge(lambda _: said)
    return WordedLabeler(judge, SAID, **settings).label(query), judge


@pytest.mark.parametrize(
    ("answer", "direction"), [("more is better", 1), ("less is better", -1), ("does not matter", 0)]
)
def test_a_direction_is_read(answer, direction):
    given, judge = label(reply(answer), about("feature", HEIGHT))
    assert given.answer == FeatureRelevance(direction)
    assert (given.confidence, given.rationale, given.labeler) == (0.8, "it says so", "language")
    assert SAID in texts(judge.asked[0][0])
    assert "the cup's height" in texts(judge.asked[0][0])


def test_a_threshold_is_in_the_unit_that_is_shown():
    given, judge = label(reply("value", value=30), about("threshold", GAP))
    assert given.answer == Threshold(0.3)
    assert "100.0 cm" in texts(judge.asked[0][0])
    assert "too little" in texts(judge.asked[0][0])


def test_nothing_is_too_little_at_the_end_of_the_bad_side():
    given, _ = label(reply("nothing", value=50), about("threshold", GAP))
    assert given.answer == Threshold(0.0)


def test_what_the_words_do_not_say_stays_open():
    given, _ = label(reply("cannot tell"), about("feature", HEIGHT))
    assert given.answer == Abstain("cannot tell")


@pytest.mark.parametrize(
    ("said", "kind", "reason", "told"),
    [
        ("it matters a lot", "feature", "unreadable reply", "prose, not JSON"),
        (reply("yes"), "feature", "unreadable reply", "'answer' must be one of more is better"),
        (reply("value"), "threshold", "unreadable reply", "no 'value'"),
        (reply("value", value=300), "threshold", "unreadable reply", "'value' must be in [0.0, 100.0], got 300"),
        (reply("value", value="30"), "threshold", "unreadable reply", "must be a number"),
        (reply("more is better") + reply("less is better"), "feature", "unreadable reply", "2 answers that differ"),
        (Reply(reply("more is better"), cut=True), "feature", "unreadable reply", "cut off"),
        ("I'm sorry, I cannot help with that.", "feature", "refused", "sorry"),
        (RejectedError("too long"), "feature", "error", "too long"),
    ],
)
def test_what_is_no_answer_is_refused_with_its_reason(said, kind, reason, told):
    given, _ = label(said, about(kind, GAP))
    assert given.answer == Abstain(reason)
    assert told in given.rationale


def test_a_reply_that_cannot_be_read_is_asked_for_again():
    replies = iter(["hm", reply("less is better")])
    judge = ScriptedJudge(lambda _: next(replies))
    assert WordedLabeler(judge, SAID).label(about("feature", HEIGHT)).answer == FeatureRelevance(-1)
    assert "That could not be used: the reply is prose, not JSON" in texts(judge.asked[1][0])
    assert len(label("hm", about("feature", HEIGHT), repairs=0)[1].asked) == 1


def test_other_questions_and_no_text_are_refused():
    with pytest.raises(ConfigError, match="not a pair"):
        label(reply("more is better"), pair(0, 1))
    with pytest.raises(ConfigError, match="no text that a language model could go by"):
        WordedLabeler(ScriptedJudge(lambda _: ""), "  ")


def test_recorded_replies_answer_without_a_model(tmp_path: Path):
    queries = [about("feature", HEIGHT), about("threshold", GAP)]
    subject = SimpleNamespace(task=SAID, pool=queries, folder=tmp_path)
    judge = ScriptedJudge(
        lambda parts: reply("value", value=30) if "too little" in texts(parts) else reply("less is better"), "m"
    )
    with WordedSettings(judge)(subject) as labeler:
        live = [labeler.label(query).answer for query in queries]
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        cache.export(tmp_path / "replies.jsonl")
    replayed = WordedSettings(ReplayJudge(tmp_path / "replies.jsonl"), cache=str(tmp_path / "other.sqlite"))(subject)
    with replayed as labeler:
        assert [labeler.label(query).answer for query in queries] == live == [FeatureRelevance(-1), Threshold(0.3)]
        unknown = labeler.label(about("feature", GAP))
        assert unknown.answer == Abstain("error")
        assert "no recorded reply" in unknown.rationale
    with pytest.raises(ConfigError, match="with statement"):
        replayed.label(queries[0])


def test_the_text_may_be_in_a_file(tmp_path: Path):
    path = tmp_path / "said.txt"
    path.write_text(SAID)
    assert read_said(str(path)) == SAID
    assert read_said("low, please") == "low, please"
    assert read_said(None) == ""
    with pytest.raises(DataError, match=r"cannot read labeler\.said="):
        read_said(str(tmp_path / "none.txt"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is no text"):
        read_said(str(path))


def test_words_of_a_question_are_the_same_again():
    one, two = (question_in_words("threshold", GAP, SAID) for _ in range(2))
    assert one == two
    assert "the distance to the person" in one
