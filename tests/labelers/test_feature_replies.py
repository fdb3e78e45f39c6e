"""A model that looks at examples of a feature, behind a server on loopback."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError
from robopref.labelers.judge import Reply
from robopref.labelers.patience import Patience
from robopref.labelers.reasoned import ReasonedManner
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import BudgetSpentError, RequestBudget, RequestLimits
from robopref.labelers.served import ServedJudge
from robopref.labelers.showing import Showing
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.labelers.vlm_settings import VlmSettings, estimate
from robopref.records import Abstain, Item, Query
from tests.labelers.asking import GreyPictures, ScriptedJudge, pair, pictures, texts
from tests.labelers.hostile_server import HostileServer, chat

TASK = "Keep away from people."
GAP = AskedFeature("gap", "grey", said="the distance to the person", unit="cm", scale=100.0, side="low")
GREY = GreyPictures([10, 60, 110, 160, 210])


def about(kind, *values, feature=GAP):
    items = tuple(Item("grey", place, place + 1) for place in range(len(values)))
    return Query(f"grey/{kind}/{feature.name}", kind, items, TASK, replace(feature, values=values))


def reply(answer, **more):
    return json.dumps({"reasoning": "the second is farther", "answer": answer, "confidence": 0.8, **more})


def labelled(replies, query, **settings):
    told = iter(replies)
    judge = ScriptedJudge(lambda _: next(told))
    return VlmLabeler(judge, GREY, **settings).label(query), judge


def test_a_model_sees_the_examples_with_their_values_and_is_asked_once():
    given, judge = labelled([reply("more is better")], about("feature", 0.2, 0.9))
    assert given.answer == FeatureRelevance(1)
    assert (given.confidence, given.rationale, given.labeler) == (0.8, "the second is farther", "vlm")
    ((parts, schema, _),) = judge.asked
    assert pictures(parts) == [10, 60]
    told = texts(parts)
    assert "Example, the distance to the person 20.0 cm, one picture:" in told
    assert "90.0 cm" in told
    assert TASK in told
    assert schema["properties"]["answer"]["enum"] == [
        "more is better",
        "less is better",
        "does not matter",
        "cannot tell",
    ]


def test_a_limit_is_in_the_unit_that_is_shown_and_a_grid_is_one_picture():
    query = about("threshold", 0.1, 0.5, 0.9)
    given, judge = labelled([reply("value", value=30)], query, showing=Showing("grid"))
    assert given.answer == Threshold(0.3)
    parts = judge.asked[0][0]
    assert len(pictures(parts)) == 1
    assert "10.0 cm; the distance to the person 50.0 cm" in texts(parts)


def test_without_examples_it_goes_by_the_goal():
    given, judge = labelled([reply("cannot tell")], about("feature"))
    assert given.answer == Abstain("cannot tell")
    assert "if the goal does not say it" in texts(judge.asked[0][0])


@pytest.mark.parametrize(
    ("kind", "replies", "answer"),
    [
        ("feature", ["less is better"] * 3, FeatureRelevance(-1)),
        ("feature", ["less is better", "does not matter", "less is better"], Abstain("samples disagree")),
        ("feature", ["less is better", "cannot tell"], Abstain("cannot tell")),
        ("threshold", [20, 60, 30], Threshold(0.3)),
    ],
)
def test_samples_are_of_one_mind_or_no_answer(kind, replies, answer):
    told = [reply(one) if isinstance(one, str) else reply("value", value=one) for one in replies]
    assert labelled(told, about(kind), manner=Manner(samples=3))[0].answer == answer


def test_a_judge_that_reasons_is_asked_about_features_as_well():
    given, _ = labelled([reply("does not matter")], about("feature", 0.2, 0.9), manner=ReasonedManner())
    assert given.answer == FeatureRelevance(0)


def test_what_there_is_to_judge_by_is_required():
    with pytest.raises(ConfigError, match="does not say what to judge by"):
        labelled([], replace(about("feature"), instruction=""))


def test_answers_about_pairs_stay_valid_beside_those_about_features():
    judge = ScriptedJudge(lambda _: "")
    assert VlmLabeler(judge, GREY, task=TASK).version == "scripted 592fb696"


def test_an_estimate_counts_one_request_a_sample_and_every_example():
    settings, frames = VlmSettings(ScriptedJudge(str)), [list(GREY.frames(Item("grey", k, k + 1))) for k in range(5)]
    query = about("threshold", 0.1, 0.3, 0.5, 0.7, 0.9)
    told = estimate(settings, query, frames, TASK)
    assert (told.requests, told.usage) == (1, told.one)
    assert told.most.input_tokens > 5 * 9000
    three = replace(settings, manner=Manner(samples=3))
    assert estimate(three, query, frames, TASK).usage.output_tokens == 3 * told.usage.output_tokens


@pytest.mark.parametrize(
    ("served", "kind", "reason", "told"),
    [
        (chat("The distance matters a lot."), "feature", "unreadable reply", "prose, not JSON"),
        (chat(reply("yes")), "feature", "unreadable reply", "'answer' must be one of"),
        (chat(reply("value")), "threshold", "unreadable reply", "no 'value'"),
        (chat(reply("value", value=101)), "threshold", "unreadable reply", "must be in [0.0, 100.0], got 101"),
        (chat('{"reasoning": "", "answer": "value", "value": NaN, "confidence": 1}'), "threshold", "unreadable reply",
         "got nan"),
        (chat(reply("more is better") + reply("less is better")), "feature", "unreadable reply",
         "2 answers that differ"),
        (chat(reply("more is better"), "length"), "feature", "unreadable reply", "cut off"),
        (chat("I'm sorry, I cannot help with that."), "feature", "refused", "sorry"),
        ((500, {}, b"{}"), "feature", "error", "500"),
    ],
)  # fmt: skip
def test_what_a_server_replies_that_is_no_answer_is_an_abstention_with_its_reason(
    tmp_path: Path, served: Any, kind: str, reason: str, told: str
):
    with HostileServer(lambda *_: served) as server:
        given, totals = asked(server, tmp_path, about(kind, 0.2, 0.9))
        assert given.answer == Abstain(reason)
        assert told in given.rationale
        # A repair, or a second attempt; who refuses is not asked again.
        assert totals.requests == len(server.bodies) == (1 if reason == "refused" else 2)


def test_what_is_asked_of_a_server_is_counted_and_kept(tmp_path: Path):
    with HostileServer(lambda *_: chat(reply("more is better"))) as server:
        given, totals = asked(server, tmp_path, about("feature", 0.2, 0.9))
        assert given.answer == FeatureRelevance(1)
        (body,) = server.bodies
        content = [part["type"] for part in body["messages"][-1]["content"]]
        assert content.count("image_url") == 2
        assert (totals.requests, totals.used.input_tokens, totals.used.output_tokens) == (1, 10, 5)
        assert asked(server, tmp_path, about("feature", 0.2, 0.9))[1].requests == 1  # kept
        with pytest.raises(BudgetSpentError):
            asked(server, tmp_path, about("threshold", 0.2, 0.9), requests=1)
        assert len(server.bodies) == 1


def asked(server: HostileServer, folder: Path, query: Query, requests: int | None = None):
    """The answer to a question and what is counted, by way of the settings of a command."""
    judge = ServedJudge("m", base_url=server.url, input_price=1.0, output_price=4.0)
    settings = VlmSettings(
        judge, patience=Patience(attempts=2, wait=0), budget=RequestLimits(requests), errors=1, workers=1
    )
    subject = SimpleNamespace(
        task=TASK, pool=[pair(0, 1), query], folder=folder, seed=0, after=None, pictures=lambda: GREY
    )
    with settings(subject) as labeler:
        given = labeler.label(query)
    with ReplyCache(folder / "replies.sqlite") as cache:
        return given, RequestBudget(ledger=cache.ledger).totals


def test_a_reply_that_was_cut_is_none():
    cut = Reply(reply("more is better"), cut=True)
    given, judge = labelled([cut, reply("less is better")], about("feature"))
    assert given.answer == FeatureRelevance(-1)
    assert "cut off" in texts(judge.asked[1][0])
    assert np.all([one[2] == 0 for one in judge.asked])
