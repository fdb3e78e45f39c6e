import math

import numpy as np
import pytest

from robopref.explanation.differing import chi_squared, differing
from robopref.explanation.explainer import Inference, explain
from robopref.explanation.findings import Hypothesis
from robopref.explanation.score_test import PairedAnswers


def opposed(turn):
    """Two people, of whom the second wants of the first feature what `turn` says."""
    rng = np.random.default_rng(0)
    rows, who = rng.normal(size=(400, 4)), np.arange(400) % 2
    worth = rows[:, 0] * np.where(who == 1, turn, 1) + rows[:, 1]
    p = (worth > 0) ^ (rng.random(400) < 0.1)
    names = np.array(["ann", "bob"], dtype=object)[who]
    return PairedAnswers(rows, p.astype(float), np.ones(400), np.arange(400)), names


def test_opposite_wishes_are_found_where_all_together_have_none() -> None:
    answers, names = opposed(-1)
    pooled = explain(answers, [Hypothesis(f"f{k}", 0.1) for k in range(4)], Inference())
    assert [one.hypothesis.feature for one in pooled.of("confirmed")] == ["f1"]
    (found,) = differing(answers, names, ["f0", "f1", "f2", "f3"], [1], Inference())
    assert found.feature == "f0"
    ann, bob = found.followers
    assert ann.share.low > 0.5 > bob.share.high
    assert max(found.chance, found.held_out) < 1e-3


def test_people_who_want_the_same_differ_in_nothing() -> None:
    answers, names = opposed(1)
    assert differing(answers, names, ["f0", "f1", "f2", "f3"], [0, 1], Inference()) == []


def test_one_person_differs_from_nobody() -> None:
    answers, names = opposed(-1)
    few = np.where(np.arange(400) < 30, names, "ann").astype(object)
    assert differing(answers, few, ["f0", "f1", "f2", "f3"], [], Inference()) == []


def test_chi_squared() -> None:
    # With two degrees of freedom the chance is exp(-x / 2).
    assert chi_squared(3.0, 2) == pytest.approx(math.exp(-1.5))
    assert chi_squared(3.8414588, 1) == pytest.approx(0.05, rel=1e-5)
