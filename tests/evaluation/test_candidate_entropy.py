"""The entropy of candidates, by hand and against distributions whose entropy is known."""

import math

import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.evaluation.candidate_entropy import candidate_entropy


def test_two_candidates_by_hand() -> None:
    # digamma(2) - digamma(1) = 1; the unit ball of one dimension is 2 long, and the nearest neighbour is 3 away.
    assert candidate_entropy([[[0.0], [3.0]]]) == pytest.approx(1 + math.log(2) + math.log(3))
    # Three candidates of two dimensions: 1 + 1/2, the disc pi, nearest neighbours 1, 1 and 4; a half for a dimension.
    got = candidate_entropy([[[0.0, 0.0], [0.0, 1.0], [0.0, 5.0]]])
    assert got == pytest.approx((1.5 + math.log(math.pi)) / 2 + math.log(4) / 3)


@pytest.mark.parametrize("dim", [1, 4])
def test_normal_noise_has_the_entropy_that_it_has(dim: int) -> None:
    chunks = np.random.default_rng(0).normal(0, 0.3, (20, 200, 1, dim))
    assert candidate_entropy(chunks) == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.09), abs=0.06)


def test_half_the_spread_is_log_two_less_and_states_do_not_count_as_spread() -> None:
    chunks = np.random.default_rng(1).normal(size=(6, 8, 2, 3))
    assert candidate_entropy(chunks / 2) == pytest.approx(candidate_entropy(chunks) - math.log(2))
    assert candidate_entropy(chunks + np.arange(6)[:, None, None, None]) == pytest.approx(candidate_entropy(chunks))


def test_candidates_that_are_the_same_have_a_finite_entropy() -> None:
    assert candidate_entropy(np.zeros((2, 4, 1, 4))) < -10
    with pytest.raises(ConfigError, match="at least 2 candidates"):
        candidate_entropy(np.zeros((2, 1, 1, 4)))
