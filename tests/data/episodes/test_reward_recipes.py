import numpy as np
import pytest

from robopref.data.episodes.reward_recipes import (
    by_return_range,
    costs,
    episode_returns,
    gains,
    minus_one,
    spread_from_least,
    standard,
    unchanged,
)
from robopref.errors import ConfigError, DataError

# Two episodes of 2 and 3 steps that return 3 and 9.
REWARD, ENDS = np.array([1, 2, 2, 3, 4], np.float32), np.array([2, 5])


def test_returns_by_hand():
    assert episode_returns(REWARD, ENDS).tolist() == [3, 9]


def test_locomotion_by_hand():
    # 1000 / (9 - 3) a unit of reward.
    assert by_return_range(REWARD, ENDS, scale=1000.0).tolist() == pytest.approx((REWARD * 1000 / 6).tolist())
    # The longest episode has 3 steps: 3 / 6 a unit, then 0.5 more.
    assert by_return_range(REWARD, ENDS, shift=0.5).tolist() == [1.0, 1.5, 1.5, 2.0, 2.5]


def test_antmaze_by_hand():
    assert minus_one(np.array([0, 1], np.float32), np.array([2])).tolist() == [-1, 0]


def test_costs_and_gains_by_hand():
    # Less 4, the episodes return -5 and -3; 3 steps over the range 2. Less 1, they return 1 and 6; over the range 5.
    assert costs(REWARD, ENDS, tail=0).tolist() == pytest.approx([-4.5, -3, -3, -1.5, 0])
    assert gains(REWARD, ENDS, scale=10.0, tail=0).tolist() == [0, 2, 2, 4, 6]


def test_few_extreme_rewards_do_not_decide_what_a_step_costs_or_earns():
    # Of five steps a quarter is one: 4 is cut to 3, the episodes return -3 and -1; 3 steps over the range 2.
    assert costs(REWARD, ENDS, tail=0.25).tolist() == pytest.approx([-3, -1.5, -1.5, 0, 0])
    # 1 is cut to 2, the episodes return 0 and 3; 10 over the range 3.
    assert gains(REWARD, ENDS, scale=10.0, tail=0.25).tolist() == pytest.approx([0, 0, 0, 10 / 3, 20 / 3])
    far = np.append(REWARD, [1e3]).astype(np.float32)
    ends = np.array([2, 6])
    assert costs(far, ends, tail=0.2).tolist() == pytest.approx(costs(np.append(REWARD, 4), ends, tail=0.0).tolist())


def test_learnt_antmaze_by_hand():
    # The least return, 3, spread over 2 steps is 1.5 a step, over 3 steps 1; then times 1000 / 6, then less 1.
    expected = [(x - y) * 1000 / 6 - 1 for x, y in zip(REWARD, [1.5, 1.5, 1, 1, 1], strict=True)]
    assert spread_from_least(REWARD, ENDS, scale=1000.0).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_range_of_returns_becomes_the_scale():
    returns = episode_returns(by_return_range(REWARD, ENDS, scale=50.0), ENDS)
    assert np.ptp(returns) == pytest.approx(50, rel=1e-5)


def test_standard_and_unchanged():
    scaled = standard(REWARD, ENDS)
    assert scaled.mean() == pytest.approx(0, abs=1e-6)
    assert scaled.std() == pytest.approx(1, rel=1e-5)
    assert np.array_equal(unchanged(REWARD, ENDS), REWARD)


@pytest.mark.parametrize("recipe", [by_return_range, spread_from_least])
def test_equal_returns_cannot_be_scaled(recipe):
    with pytest.raises(DataError, match="all 2 episodes return 2"):
        recipe(np.array([1, 1, 2], np.float32), np.array([2, 3]))


def test_equal_rewards_cannot_be_standardised():
    with pytest.raises(DataError, match="cannot be scaled"):
        standard(np.ones(4, np.float32), np.array([4]))


@pytest.mark.parametrize("recipe", [costs, gains])
def test_a_tail_that_is_no_share_is_refused(recipe):
    with pytest.raises(ConfigError, match=r"tail must be in \[0, 1\), got 2"):
        recipe(REWARD, ENDS, tail=2)
