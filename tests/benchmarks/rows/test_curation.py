"""The exact recursion of curation."""

import numpy as np
import pytest

from benchmarks.rows.curation import WORLD, curated, recursion


def test_equal_rewards_leave_the_masses() -> None:
    np.testing.assert_allclose(curated(np.array([0.4, 0.3, 0.2, 0.1]), np.full(4, 2.0)), [0.4, 0.3, 0.2, 0.1])


def test_two_modes_by_hand() -> None:
    # Of four proposals n are of the good mode, binomial(4, 1/2), whose weight is 3: the pick is good with probability
    # 3 n / (2 n + 4), that is 0, 3/6, 6/8, 9/10, 1 with chances 1, 4, 6, 4, 1 of 16.
    masses = curated(np.array([0.5, 0.5, 0.0, 0.0]), np.log([3.0, 1.0, 1.0, 1.0]))
    expected = (4 * 1 / 2 + 6 * 3 / 4 + 4 * 9 / 10 + 1) / 16
    assert masses[0] == pytest.approx(expected)
    assert masses[1] == pytest.approx(1 - expected)


def test_real_data_keep_the_recursion_from_collapsing() -> None:
    alone, mixed = (recursion(np.array(WORLD.rewards), real, 60)[-1] for real in (0.0, 0.5))
    assert alone[3] > 0.999
    assert mixed.min() > 0.1
