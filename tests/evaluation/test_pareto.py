"""Fronts of several objectives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.errors import ConfigError
from robopref.evaluation.pareto import hypervolume, pareto_flags

STAIRS = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])


def test_a_point_that_another_beats_is_not_on_the_front() -> None:
    # (2, 1) loses to (2, 2) in one objective alone, (1, 1) in both; equal points stay together.
    points = np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0], [3.0, 0.0]])
    assert pareto_flags(points).tolist() == [True, True, True, False, False, True]


def test_the_front_of_each_state_is_its_own() -> None:
    points = np.array([[[1.0, 1.0], [2.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]])
    assert pareto_flags(points).tolist() == [[False, True], [True, True]]


def test_the_hypervolume_of_three_points() -> None:
    # Above the origin: 1 * 3 + (2 - 1) * 2 + (3 - 2) * 1 = 6.
    assert hypervolume(STAIRS, np.zeros(2)) == pytest.approx(6)
    # Above (1, 1) only (2, 2) is better in both: 1 * 1.
    assert hypervolume(STAIRS, np.ones(2)) == pytest.approx(1)
    # A point that another beats, and one below the reference, add nothing.
    assert hypervolume(np.vstack([STAIRS, [[1.5, 1.5], [9, -1]]]), np.zeros(2)) == pytest.approx(6)


def test_the_hypervolume_of_three_objectives() -> None:
    # Boxes 2 * 2 * 1 = 4 and 1 * 1 * 3 = 3, which share 1 * 1 * 1 = 1: 6.
    assert hypervolume(np.array([[2.0, 2.0, 1.0], [1.0, 1.0, 3.0]]), np.zeros(3)) == pytest.approx(6)


def test_nothing_better_than_the_reference_has_no_volume() -> None:
    assert hypervolume(STAIRS, np.full(2, 5.0)) == 0
    assert hypervolume(np.zeros((0, 2)), np.zeros(2)) == 0


@pytest.mark.parametrize(("points", "reference"), [(np.zeros((2, 3)), np.zeros(2)), (np.zeros(3), np.zeros(3))])
def test_points_and_reference_of_other_objectives_are_refused(points: np.ndarray, reference: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"points \(N, M\) above a reference"):
        hypervolume(points, reference)


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ConfigError, match="finite"):
        hypervolume(np.array([[np.nan, 1.0]]), np.zeros(2))


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=6))
def test_the_hypervolume_counts_dominated_cells(points: list[tuple[int, int, int]]) -> None:
    cells = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    counted = sum(any(all(cell < point) for point in np.array(points)) for cell in cells)
    assert hypervolume(np.array(points, float), np.zeros(3)) == pytest.approx(counted)
