import numpy as np
import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError
from robopref.querying.briefs import Brief, KnownFeature
from robopref.querying.question_seconds import PRIOR_SECONDS
from robopref.querying.selectors.typed import Inquiry, TypedSelector
from robopref.querying.typed_inquiry import answer_in_numbers, matching, named_features, typed_inquiry, typed_question
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet
from robopref.rewards.answer_likelihood import AnswerModel

HEIGHT = AskedFeature("height", "drawn", said="the cup's height", low=0.0, high=2.0)
GAP = AskedFeature("gap", "drawn", low=0.1, high=0.6, side="low")
FEATURES = named_features([HEIGHT, GAP], ["gap"])


def measured(item):
    return np.array([0.1 * item.start, 0.1 + 0.05 * item.start])


def about(kind, feature):
    return Query(f"drawn/{kind}/{feature.name}", kind, (), feature=feature)


def items(*starts):
    return tuple(Item("drawn", start, start + 1) for start in starts)


def inquiry(brief=None, given=()):
    queries = {query.id: query for query, _ in given}
    feedback = [Feedback(query.id, answer, "ann") for query, answer in given]
    return typed_inquiry(FEATURES, measured, brief or Brief(), (queries, feedback), PRIOR_SECONDS)


def numbers(kind, answer, feature=None, starts=()):
    query = about(kind, feature) if feature else Query("q", kind, items(*starts))
    found = answer_in_numbers(
        typed_question(query, FEATURES, measured), Feedback("q", answer, "ann", confidence=0.7), FEATURES, AnswerModel()
    )
    return None if found is None else found.answer.tolist()


def test_only_what_is_asked_for_a_limit_has_one():
    assert FEATURES.sides == (None, "low")
    assert FEATURES.high.tolist() == [2.0, 0.6]


def test_items_are_measured_on_the_scales():
    question = typed_question(Query("q", "pair", items(0, 10)), FEATURES, measured)
    np.testing.assert_allclose(question.items, [[0, 0], [0.5, 1]])


def test_every_kind_of_answer_in_numbers():
    assert numbers("pair", Preference(0.75), starts=(0, 1)) == [0.75, 0.25]
    assert numbers("ranking", Ranking((1, 0, 1)), starts=(0, 1, 2)) == [1, 0, 1]
    assert numbers("similarity", SimilarityTriplet(2), starts=(0, 1, 2)) == [0, 0, 1]
    assert numbers("rating", Rating(0.75), starts=(0,)) == [0, 0, 0, 1, 0]
    assert numbers("feature", FeatureRelevance(-1), HEIGHT) == [1, 0, 0]
    # (0.225 - 0.1) / 0.5 is a quarter of the scale: mark 5 of 21.
    assert np.argmax(numbers("threshold", Threshold(0.225), GAP)) == 5
    assert numbers("feature", Abstain("skipped"), HEIGHT) is None
    assert numbers("threshold", Threshold(0.5), HEIGHT) is None


def test_answers_are_believed_and_not_asked_again():
    given = [(about("feature", HEIGHT), FeatureRelevance(-1)), (about("threshold", GAP), Abstain("skipped"))]
    known = inquiry(given=given)
    assert isinstance(known, Inquiry)
    assert known.value.asked == {("feature", 0), ("threshold", 1)}
    assert (known.value.belief.rewards.weights[:, 0] < 0).mean() > 0.9
    pool = [about("feature", HEIGHT), about("feature", GAP), about("threshold", GAP), Query("p", "pair", items(0, 9))]
    assert {query.id for query in TypedSelector(known).select(pool, 9)} == {"drawn/feature/gap", "p"}


def test_a_brief_is_believed_and_not_asked():
    known = inquiry(Brief(features={"height": KnownFeature(direction="more"), "gap": KnownFeature(limit=0.35)}))
    assert (known.value.belief.rewards.weights[:, 0] > 0).mean() > 0.9
    np.testing.assert_allclose(known.value.belief.rewards.limits[:, 1], 0.5)
    pool = [about("feature", HEIGHT), about("feature", GAP), about("threshold", GAP)]
    assert [query.id for query in TypedSelector(known).select(pool, 9)] == ["drawn/feature/gap"]


def test_answers_about_features_of_before_are_left_out():
    other = AskedFeature("speed", "drawn")
    assert inquiry(given=[(about("feature", other), FeatureRelevance(1))]).value.belief.answers == ()
    with pytest.raises(ConfigError, match="unknown feature 'speed'"):
        inquiry().question(about("feature", other))


def test_a_brief_may_call_a_feature_as_people_are_told():
    brief = Brief(features={"the cup's height": KnownFeature(matters=False)})
    assert matching(brief, [HEIGHT, GAP]).features == {"height": KnownFeature(matters=False)}
    twice = Brief(features={**brief.features, "height": KnownFeature()})
    with pytest.raises(ConfigError, match="twice"):
        matching(twice, [HEIGHT, GAP])
