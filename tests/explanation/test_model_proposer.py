"""A model proposes hypotheses; whatever it says, a line of the grammar comes out of it or a refusal."""

import json

import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.explanation.grammar import parse_named
from robopref.explanation.model_proposer import ModelProposer
from robopref.explanation.proposals import ExamplePair, OpenQuestion
from robopref.labelers.judge import NotServedError, RejectedError, Reply
from robopref.labelers.patience import Patience
from robopref.labelers.request_budget import BudgetSpentError, RequestLimits

ARRAYS = {"state": np.zeros((4, 3)), "action": np.ones((4, 2))}


class FakeJudge:
    """Says what it is told to, and remembers what it was asked."""

    name, prices = "fake", None

    def __init__(self, *said):
        self.said, self.asked = list(said), []

    def ask(self, parts, schema=None, *, sample=0):
        self.asked.append(parts)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(said)


def reply(*lines):
    return json.dumps({"reasoning": "because", "hypotheses": "\n".join(lines)})


def question(tmp_path, **known):
    frames = np.full((1, 9, 9, 3), 7, np.uint8)
    example = ExamplePair({"state": np.ones((4, 3))}, {"state": np.zeros((4, 3))}, (frames, frames))
    return OpenQuestion(
        ARRAYS, parse_named({"hand": "state[0:3]"}, ARRAYS), examples=(example,), folder=tmp_path, **known
    )


def proposed(tmp_path, *said, **settings):
    judge = FakeJudge(*said)
    found = ModelProposer(judge, patience=Patience(attempts=1), **settings).propose(question(tmp_path))
    return {one.feature.name: (one.direction, one.prior) for one in found.proposed}, dict(found.refused), judge


def test_what_is_said_in_both_orders_counts_in_full(tmp_path) -> None:
    one = reply("less mean(speed(action)) 0.8", "more last(norm(hand)) 0.6", "more mean(state[0]) 0.5")
    two = reply("- less mean( speed(action) ) 0.6", "more mean(state[1]) 0.4", "less mean(state[0]) 0.5")
    found, refused, judge = proposed(tmp_path, one, two)
    # (.8 + .6) / 2; what one order alone has is halved; what both have in opposite directions has none.
    assert found["mean(speed(action))"] == (-1, pytest.approx(0.7))
    assert found["last(norm(hand))"] == (1, pytest.approx(0.3))
    assert found["mean(state[1])"] == (1, pytest.approx(0.2))
    assert found["mean(state[0])"] == (0, pytest.approx(0.001))
    assert refused == {}
    assert len(judge.asked) == 2
    texts = [" ".join(part for part in asked if isinstance(part, str)) for asked in judge.asked]
    assert "The first item was preferred" in texts[0]
    assert "The second item was preferred" in texts[1]
    assert "first [1, 1, 1]" in texts[0]
    assert sum(not isinstance(part, str) for part in judge.asked[0]) == 2


@pytest.mark.parametrize(
    "line",
    [
        "__import__('os').system('touch /tmp/x')", "less mean(speed(action))", "less mean(speed(action)) 7",
        "less mean(speed(action)) -0.1", "mean(speed(action)) 0.5", "less open('/etc/passwd') 0.5",
        "less mean(secret) 0.5", "less mean(state[7]) 0.5", "more mean(state) 0.5", "less " + "x" * 300 + " 0.5",
        "more mean(extent(state)) 0.5", "<script>alert(1)</script>",
    ],
)  # fmt: skip
def test_a_line_that_is_no_hypothesis_is_refused(line, tmp_path) -> None:
    found, refused, _ = proposed(tmp_path, reply(line, "less mean(state[0]) 0.5"))
    assert list(found) == ["mean(state[0])"]
    assert list(refused) == [line[:80]]


CUT = Reply(reply("less mean(state[0]) 1"), cut=True)


@pytest.mark.parametrize("said", ["no idea", "{}", '{"hypotheses": 3, "reasoning": ""}', CUT, "[" * 9])
def test_a_reply_that_cannot_be_read_is_asked_for_again_and_then_none(said, tmp_path) -> None:
    found, refused, judge = proposed(tmp_path, said)
    assert found == {}
    assert list(refused) == ["a whole reply of model"]
    assert len(judge.asked) == 4  # two orders, each again


def test_a_request_that_is_rejected_is_no_reply(tmp_path) -> None:
    found, refused, _ = proposed(tmp_path, RejectedError("too long"), reply("less mean(state[0]) 0.6"))
    assert found["mean(state[0])"] == (-1, pytest.approx(0.3))
    assert "too long" in refused["a whole reply of model"]


def test_a_server_that_serves_nothing_and_a_spent_budget_are_said(tmp_path) -> None:
    with pytest.raises(NotServedError):
        proposed(tmp_path, NotServedError("no such model"))
    with pytest.raises(BudgetSpentError):
        proposed(tmp_path, reply("less mean(state[0]) 0.6"), budget=RequestLimits(requests=1))


def test_no_reply_is_paid_for_twice(tmp_path) -> None:
    first, _, _ = proposed(tmp_path, reply("less mean(state[0]) 0.6"))
    again, _, judge = proposed(tmp_path, reply("more mean(state[1]) 0.6"))
    assert again == first
    assert judge.asked == []


def test_more_than_the_most_is_refused(tmp_path) -> None:
    found, refused, _ = proposed(tmp_path, reply(*(f"less mean(state[{k}]) 0.5" for k in range(3))), most=2)
    assert list(found) == ["mean(state[0])", "mean(state[1])"]
    assert list(refused) == ["less mean(state[2]) 0.5"]


def test_the_grammar_may_be_tested_as_well(tmp_path) -> None:
    found, _, _ = proposed(tmp_path, reply("less mean(state[0]) 0.6"), grammar=True)
    assert "mean(jerk(action))" in found


def test_what_is_accepted_is_told(tmp_path) -> None:
    judge = FakeJudge(reply("less mean(state[0]) 0.6"))
    ModelProposer(judge).propose(question(tmp_path, accepted=("mean(state[1])",), task="Lift it"))
    assert "Known already, and not enough: mean(state[1])" in judge.asked[0][0]
    assert "They were told: Lift it" in judge.asked[0][0]


def test_what_people_wrote_is_shown_cut_and_changes_nothing_else(tmp_path) -> None:
    judge = FakeJudge(reply("more mean(state[0]) 0.5"))
    asked = question(tmp_path, written=tuple(f"{k} " + "long" * 200 for k in range(40)))
    ModelProposer(judge).propose(asked)
    told = judge.asked[0][-2]
    assert told.count("\n- ") == 30
    assert max(map(len, told.splitlines()[1:])) == 302
    ModelProposer(judge, cache=str(tmp_path / "other.sqlite")).propose(question(tmp_path))
    assert len(judge.asked[2]) == len(judge.asked[0]) - 1


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"proposer\.rounds"):
        ModelProposer(FakeJudge(""), rounds=0)
