"""Fronts of two objectives."""

import pytest

from benchmarks.rows.modpo import hypervolume


def test_the_hypervolume_by_hand() -> None:
    # 3 x 1 below (3, 1), then 2 x (2 - 1) and 1 x (3 - 2); (1, 1) is dominated.
    assert hypervolume([(1, 3), (3, 1), (2, 2), (1, 1)]) == pytest.approx(3 + 2 + 1)
