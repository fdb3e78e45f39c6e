import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.explanation.explainer import Inference, explain
from robopref.explanation.feature_table import FeatureTable
from robopref.explanation.findings import Hypothesis
from robopref.explanation.grammar import directed, parse_feature
from robopref.explanation.rubric import beside_rubric, correlation, listed_terms, spoken_terms
from robopref.explanation.score_test import PairedAnswers

ARRAYS = ["force", "action", "noise", "twin"]
FEATURES = [parse_feature(f"mean({text})", ARRAYS) for text in ("force", "speed(action)", "noise", "twin")]
FORCE, SPEED, NOISE, TWIN = (feature.name for feature in FEATURES)


def found():
    """People want less force and less speed, whatever they were told; the twin is much like the force."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 4))
    rows[:, 3] = 0.9 * rows[:, 0] + 0.44 * rows[:, 3]
    p = (rows[:, 0] + rows[:, 1] < 0) ^ (rng.random(400) < 0.1)
    answers = PairedAnswers(rows, p.astype(float), np.ones(400), np.arange(400))
    priors = (0.5, 0.1, 0.5, 0.1)
    hypotheses = [Hypothesis(one.name, prior) for one, prior in zip(FEATURES, priors, strict=True)]
    return explain(answers, hypotheses, Inference()), FeatureTable(tuple(FEATURES), answers, (), {"mean(old)": FORCE})


def terms(*texts):
    return [term for term, _ in listed_terms(texts, ARRAYS, {})]


def test_gaps_between_rubric_and_answers_are_named() -> None:
    explanation, table = found()
    given = terms("less mean(force)", "more mean(speed(action))", "mean(noise)", "mean(twin)")
    report = beside_rubric(explanation, table, given)
    assert [gap.status for gap in report.terms] == ["followed", "the other way round", "not followed", "not told apart"]
    assert report.terms[3].instead == FORCE
    assert report.unnamed == ()
    report = beside_rubric(explanation, table, terms("less mean(force)"))
    assert [one.said for one in report.unnamed] == [f"less {SPEED}"]
    # The rubric names the force alone, whose prior is high as that of the noise is: 1 1 0 0 of which the first.
    assert report.prior == pytest.approx(np.corrcoef([0.5, 0.1, 0.5, 0.1], [1, 0, 0, 0])[0, 1])
    assert report.posterior is not None
    assert report.posterior > 0.5


def test_a_feature_that_another_stands_for_is_that_one() -> None:
    explanation, table = found()
    (term,) = terms("less mean(force)")
    report = beside_rubric(explanation, table, [type(term)("old", frozenset({"mean(old)"}), -1)])
    assert report.terms[0].status == "followed"


def test_a_term_of_which_nothing_was_tested_is_not_followed() -> None:
    explanation, table = found()
    (term,) = terms("mean(force)")
    (gap,) = beside_rubric(explanation, table, [type(term)("gone", frozenset({"mean(gone)"}))]).terms
    assert (gap.status, gap.finding) == ("not followed", None)


def test_a_sentence_speaks_of_measures_and_of_quantities() -> None:
    spoken = spoken_terms("Be quick, and use little force!", FEATURES)
    assert {term.said: term.features for term in spoken} == {
        "speed (“quick”)": {SPEED}, "force (by name)": {FORCE},
    }  # fmt: skip
    assert spoken_terms("Do it well.", FEATURES) == []


def test_directions_and_unknown_features() -> None:
    assert directed(" less  mean(x)") == (-1, "mean(x)")
    assert directed("mean(x)") == (0, "mean(x)")
    with pytest.raises(ConfigError, match=r"Did you mean force"):
        terms("more mean(forse)")


def test_a_correlation_with_what_does_not_vary_is_none() -> None:
    assert correlation(np.ones(3), np.arange(3.0)) is None
    assert correlation(np.arange(3.0), 2 * np.arange(3.0)) == pytest.approx(1)
