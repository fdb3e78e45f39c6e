import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.querying.briefs import Brief, KnownFeature
from robopref.querying.question_value import QuestionValue, open_rewards
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.rewards.weight_belief import WeightBelief

FEATURES = NamedFeatures(("height", "gap"), np.zeros(2), np.ones(2), (None, "low"))
SECONDS = {"pair": 6.0, "feature": 4.0, "threshold": 7.0, "ranking": 15.0}
NOTHING = Brief()


def believed(brief=NOTHING, **settings):
    rng = np.random.default_rng(0)
    belief = WeightBelief.before(brief.prior(FEATURES), AnswerModel(), rng=rng)
    return QuestionValue(belief, brief, **{"seconds": SECONDS, **settings})


def about(kind, feature):
    return TypedQuestion(kind, np.zeros((0, 2)), feature)


def pair(one, two):
    return TypedQuestion("pair", np.array([one, two], dtype=float))


def values(of, *questions):
    return of.of(questions, np.random.default_rng(0))


def test_value_is_information_by_the_second():
    told = believed()
    question = about("feature", 0)
    information = told.belief.model.information(question, told.belief.rewards, np.random.default_rng(0))
    assert values(told, question)[0] == pytest.approx(information / 4)
    assert values(believed(seconds={"feature": 8.0}), question)[0] == pytest.approx(information / 8)


def test_pairs_at_once_are_worth_what_each_is():
    told, questions = believed(), [pair([0, 0], [1, 0]), pair([0.2, 0.9], [0.3, 0.1])]
    rng = np.random.default_rng(0)
    one_by_one = [told.belief.model.information(one, told.belief.rewards, rng) / 6 for one in questions]
    np.testing.assert_allclose(values(told, *questions), one_by_one)


def test_what_the_brief_says_or_was_asked_is_worth_nothing():
    brief = Brief(features={"height": KnownFeature(direction="less"), "gap": KnownFeature(limit=0.5)})
    questions = [about("feature", 0), about("feature", 1), about("threshold", 1)]
    assert (values(believed(), *questions) > 0).all()
    assert (values(believed(brief), *questions) > 0).tolist() == [False, True, False]
    asked = believed(asked=frozenset({("feature", 1)}))
    assert (values(asked, *questions) > 0).tolist() == [True, False, True]


def test_what_would_only_tell_more_of_what_is_known_is_worth_nothing():
    brief = Brief(features={"height": KnownFeature(effect=2.0)})
    told = believed(brief)
    height, gap = values(told, pair([0, 0], [1, 0]), pair([0, 0], [0, 1]))
    assert height == pytest.approx(0, abs=1e-12)
    assert gap > 0.01
    assert np.ptp(open_rewards(told.belief, brief).weights[:, 0]) == pytest.approx(0, abs=1e-12)
    assert np.ptp(told.belief.rewards.weights[:, 0]) > 0.1


def test_equal_items_tell_nothing():
    assert values(believed(), pair([0.5, 0.5], [0.5, 0.5]))[0] == pytest.approx(0, abs=1e-12)


def test_a_kind_without_a_time_is_refused():
    with pytest.raises(ConfigError, match="how long a similarity question takes"):
        values(believed(), TypedQuestion("similarity", np.eye(3)[:, :2]))
    with pytest.raises(ConfigError, match="time of a pair question must be positive"):
        believed(seconds={"pair": 0.0})
