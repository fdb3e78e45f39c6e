import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.rewards.named_features import LinearRewards, NamedFeatures

HEIGHT_AND_GAP = NamedFeatures(("height", "gap"), np.array([0.0, 0.1]), np.array([2.0, 0.6]), ("high", "low"))


def rewards(weights, limits, features=HEIGHT_AND_GAP):
    return LinearRewards(features, np.array(weights, dtype=float), np.array(limits, dtype=float))


def test_values_are_put_on_their_scales():
    np.testing.assert_allclose(HEIGHT_AND_GAP.scaled(np.array([[1.0, 0.35], [2.0, 0.1]])), [[0.5, 0.5], [1.0, 0.0]])


def test_a_feature_counts_beyond_its_limit_only():
    # Too high above 0.25: 0.5 - 0.25. Too near below 0.6: 0.5 - 0.6, but 0.9 is far enough.
    one = rewards([[-2, 3]], [[0.25, 0.6]])
    np.testing.assert_allclose(one.counted(np.array([[0.5, 0.5], [0.2, 0.9]])), [[[0.25, -0.1], [0, 0]]])
    # -2 * 0.25 + 3 * -0.1
    np.testing.assert_allclose(one.score(np.array([[0.5, 0.5], [0.2, 0.9]])), [[-0.8, 0]])


def test_without_a_limit_a_reward_is_linear():
    plain = NamedFeatures.standard(["one", "two"])
    found = rewards([[1, 2], [0, -1]], np.zeros((2, 2)), plain).score(np.array([[1.0, 1.0], [3.0, 0.5]]))
    np.testing.assert_allclose(found, [[3, 4], [-1, -0.5]])


def test_a_limit_at_the_good_end_leaves_differences_linear():
    items = np.array([[0.2, 0.3], [0.7, 0.8]])
    limited, linear = rewards([[-2, 3]], [[0, 1]]).score(items), items @ np.array([-2, 3])
    assert limited[0, 1] - limited[0, 0] == pytest.approx(linear[1] - linear[0])


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="scale of 'height' must go"):
        NamedFeatures(("height",), np.array([1.0]), np.array([1.0]), (None,))
    with pytest.raises(ConfigError, match="two features are called 'a'"):
        NamedFeatures.standard(["a", "a"])
    with pytest.raises(ConfigError, match="there is no feature"):
        NamedFeatures.standard([])
    with pytest.raises(ConfigError, match="Did you mean height"):
        HEIGHT_AND_GAP.place("hight")
    with pytest.raises(DataError, match="values of 2 features"):
        HEIGHT_AND_GAP.scaled(np.zeros((4, 3)))
