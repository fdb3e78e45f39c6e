"""How often steps are drawn, by their rewards; numbers are worked out by hand."""

from math import exp

import numpy as np
import pytest

from robopref.data.episodes.step_weights import ProgressWeighted, RewardWeighted, returns_to_go
from robopref.errors import ConfigError

# Two episodes, of 2 and of 3 steps.
REWARD, ENDS = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([2, 5])


def test_returns_to_go_by_hand() -> None:
    assert returns_to_go(REWARD, ENDS).tolist() == [3, 2, 9, 7, 4]
    # Discounted by a half: 1 + 1, 2; 2 + 1.5 + 1, 3 + 2, 4.
    assert returns_to_go(REWARD, ENDS, discount=0.5).tolist() == [2, 2, 4.5, 5, 4]
    # Of two steps: 2 + 3 and 3 + 4; of two that are discounted, 2 + 1.5 and 3 + 2.
    assert returns_to_go(REWARD, ENDS, 2).tolist() == [3, 2, 5, 7, 4]
    assert returns_to_go(REWARD, ENDS, 2, 0.5).tolist() == [2, 2, 3.5, 5, 4]
    assert returns_to_go(REWARD, ENDS, 1).tolist() == REWARD.tolist()


def test_weights_of_advantages_over_the_mean_at_the_same_step_by_hand() -> None:
    # Returns to go 3, 2 and 9, 7, 4; at step 0 the mean is 6, at step 1 4.5, at step 2 only 4 is there. Advantages are
    # -3, -2.5, 3, 2.5, 0, whose mean is 0 and whose variance is (9 + 6.25 + 9 + 6.25) / 5 = 6.1.
    spread = 6.1**0.5
    expected = [exp(-3 / spread), exp(-2.5 / spread), exp(3 / spread), exp(2.5 / spread), 1]
    assert RewardWeighted().weights(REWARD, ENDS) == pytest.approx(expected)
    assert RewardWeighted(temperature=0.5).weights(REWARD, ENDS) == pytest.approx([x * x for x in expected])
    assert RewardWeighted(clip=2.0).weights(REWARD, ENDS) == pytest.approx([*expected[:2], 2, 2, 1])


def test_weights_of_advantages_over_the_mean_of_all_steps_by_hand() -> None:
    # One reward a step: mean 2.4, variance (1.96 + 0.16 + 0.16 + 0.36 + 2.56) / 5 = 1.04.
    found = RewardWeighted(steps=1, baseline="all").weights(REWARD, ENDS)
    assert found == pytest.approx([exp((x - 2.4) / 1.04**0.5) for x in (1, 2, 2, 3, 4)])


def test_weights_do_not_depend_on_the_unit_of_rewards_and_equal_ones_weigh_alike() -> None:
    one = RewardWeighted(discount=0.9)
    np.testing.assert_allclose(one.weights(1000 * REWARD, ENDS), one.weights(REWARD, ENDS))
    assert one.weights(np.zeros(5), ENDS).tolist() == [1] * 5


def test_weights_by_progress_by_hand() -> None:
    progress = np.array([0.0, 0.5, 0.5, 0.2, 0.2, 0.205, 0.205])
    # Rises within one step are 0.5, 0, -0.3, 0 and, in the second episode of steps 4 to 6, 0.005, 0, 0.
    rise = np.array([0.5, 0.0, -0.3, 0.0, 0.005, 0.0, 0.0])
    mean, spread = 0.205 / 7, rise.std()
    between = [(x - mean + 2 * spread) / (4 * spread + 1e-6) for x in (0.0, 0.005)]
    found = ProgressWeighted(steps=1).weights(progress, np.array([4, 7]))
    assert found == pytest.approx([1, between[0], 0, between[0], between[1], between[0], between[0]])
    # Within three steps: 0.2, -0.3, -0.3, 0 and 0.005, 0, 0.
    assert (ProgressWeighted(steps=3).weights(progress, np.array([4, 7])) > 0).tolist() == [1, 0, 0, 1, 1, 1, 1]


def test_falling_progress_on_the_whole_counts_as_none() -> None:
    # Rises -1, -1, 0: the mean is taken to be 0, the deviation is (2/9)**0.5 = 0.4714: (0 + 2 d) / (4 d) = 1/2.
    found = ProgressWeighted(steps=1).weights(np.array([2.0, 1.0, 0.0]), np.array([3]))
    assert found == pytest.approx([0, 0, 0.5], abs=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"clip": 0.0}, {"discount": 1.5}, {"steps": 0}, {"baseline": "mean"}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RewardWeighted(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"kappa": -1.0}, {"steps": 0}])
def test_values_of_progress_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ProgressWeighted(**wrong)  # type: ignore[arg-type]
