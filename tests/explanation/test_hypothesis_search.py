import json

import numpy as np
import pytest

from robopref.answers import Answers
from robopref.errors import ConfigError, DataError
from robopref.explanation.explainer import Inference
from robopref.explanation.hypothesis_search import Asked, search
from robopref.explanation.model_proposer import ModelProposer
from robopref.explanation.proposals import GrammarProposer
from robopref.explanation.rubric import listed_terms
from robopref.labelers.judge import Reply
from robopref.records import Feedback, Item, Preference, Query


class FakeJudge:
    name, prices = "fake", None

    def __init__(self, *rounds):
        self.rounds, self.asked = rounds, []

    def ask(self, parts, schema=None, *, sample=0):
        self.asked.append(parts)
        known = any(isinstance(part, str) and "Known already" in part for part in parts)
        return Reply(json.dumps({"reasoning": "", "hypotheses": self.rounds[known]}))


def asked(tmp_path, cue=0.0, **known):
    """People want the first channel large and the second small; and are led by the camera, if it is a cue."""
    rng = np.random.default_rng(0)
    states, camera = rng.normal(size=(800, 4, 6)), np.sign(rng.normal(size=(800, 1)))
    worth = 2 * (states[:, :, 0] - states[:, :, 1]).mean(1) + cue * camera[:, 0]
    items = [Item("run", 4 * k, 4 * k + 4) for k in range(800)]
    queries = [Query(str(k), "pair", (items[2 * k], items[2 * k + 1]), "Do it well") for k in range(400)]
    wrong = rng.random(400) < 0.1
    feedback = [
        Feedback(str(k), Preference(float((worth[2 * k] > worth[2 * k + 1]) ^ wrong[k])), ("ann", "bob")[k % 2])
        for k in range(400)
    ]

    def lookup(item):
        return {"state": states[item.start // 4], "camera": np.repeat(camera[item.start // 4], 4)}

    return Asked(Answers.of(queries, feedback), lookup, folder=tmp_path, **known)


def confirmed(found):
    return [one.hypothesis.feature for one in found.explanation.of("confirmed")]


def test_the_grammar_finds_what_people_go_by(tmp_path) -> None:
    found = search(asked(tmp_path), GrammarProposer(), Inference())
    assert set(confirmed(found)) == {"mean(state[0])", "mean(state[1])"}
    assert found.explanation.alarms == []
    assert [one.name for one in found.explanation.findings[0].followers] == ["ann", "bob"]
    assert found.explanation.findings[0].groups == ()  # all are of one kind, and by one instruction
    assert found.differences == ()
    assert "duration()" in dict(found.explanation.left_out)
    assert len(found.answers) == len(found.table.answers) == 400


def test_a_cue_raises_an_alarm_unless_the_rubric_wants_it(tmp_path) -> None:
    features = GrammarProposer(["mean(state[0])", "mean(state[1])"])
    found = search(asked(tmp_path, cue=1.0), features, Inference())
    assert [one.said for one in found.explanation.alarms] == ["more mean(camera)"]
    rubric = tuple(listed_terms(["more mean(camera)", "less mean(state[5])"], ["camera", "state"], {}))
    found = search(asked(tmp_path, cue=1.0, rubric=rubric), features, Inference())
    assert found.explanation.alarms == []
    assert [gap.status for gap in found.rubric.terms] == ["followed", "not followed"]
    assert {one.said for one in found.rubric.unnamed} == {"more mean(state[0])", "less mean(state[1])"}


def test_a_model_is_asked_again_about_what_is_not_explained(tmp_path) -> None:
    judge = FakeJudge("more mean(state[0]) 0.9\nmore mean(state[3]) 0.5\nrm -rf", "less mean(state[1]) 0.8")
    found = search(asked(tmp_path), ModelProposer(judge), Inference())
    assert confirmed(found) == ["mean(state[0])", "mean(state[1])"]
    assert len(judge.asked) == 4
    assert found.refused == (("rm -rf", "expected more or less, a feature, and a confidence between 0 and 1"),)
    priors = {one.hypothesis.feature: one.hypothesis.prior for one in found.explanation.findings}
    assert priors["mean(state[1])"] == pytest.approx(0.8)
    posteriors = {one.hypothesis.feature: one.posterior for one in found.explanation.findings}
    assert posteriors["mean(state[3])"] < 0.5 < posteriors["mean(state[1])"]


def test_a_model_never_sees_an_answer_that_is_held_out(tmp_path) -> None:
    judge = FakeJudge("more mean(state[0]) 0.9", "less mean(state[1]) 0.8")
    data = asked(tmp_path)
    search(data, ModelProposer(judge, examples=400), Inference())
    shown = {part for parts in judge.asked for part in parts if isinstance(part, str) and "first item, in" in part}
    assert {int(part.split()[1].rstrip(",")) for part in shown} == set(range(1, 281))


def test_a_model_reads_what_people_wrote_but_not_with_answers_that_are_held_out(tmp_path) -> None:
    judge = FakeJudge("more mean(state[0]) 0.8", "")
    words = {(str(k), ("ann", "bob")[k % 2]): f"word {k}." for k in range(400)}
    data = asked(tmp_path, written=words | {("0", "bob"): "of nobody", ("1", "bob"): "word 3."})
    held = Inference().parted(search(data, ModelProposer(judge, rounds=1), Inference()).table.answers)
    (told,) = [part for part in judge.asked[0] if isinstance(part, str) and "Some of them wrote" in part]
    seen = [line.removeprefix("- ") for line in told.splitlines() if line.startswith("- ")]
    kept = [data.written[str(k), ("ann", "bob")[k % 2]] for k in np.flatnonzero(~held)]
    assert seen == list(dict.fromkeys(kept))[-30:]


def test_nothing_to_explain_is_said(tmp_path) -> None:
    data = asked(tmp_path)
    with pytest.raises(DataError, match="no answer compares two items"):
        search(Asked(data.answers[np.zeros(0, int)], data.lookup), GrammarProposer(), Inference())


def test_an_unknown_feature_has_near_misses(tmp_path) -> None:
    with pytest.raises(ConfigError, match="Did you mean state"):
        search(asked(tmp_path), GrammarProposer(["mean(stat[0])"]), Inference())
    with pytest.raises(ConfigError, match=r"proposer\.prior"):
        GrammarProposer(prior=1.0)
