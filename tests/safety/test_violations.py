"""Violations are counted against bounds that demonstrations give."""

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.safety.violations import Bounds, ToolPath


def line(*x: float) -> np.ndarray:
    return np.stack([np.array(x), np.zeros(len(x)), np.zeros(len(x))], axis=1)


def test_motions_are_measured_between_readings() -> None:
    motion = ToolPath(line(0, 0.02, 0.05, 0.04))
    np.testing.assert_allclose(motion.speed, [0.02, 0.03, 0.01])
    # From rest to 0.02, then +0.01, then from +0.03 to -0.01.
    np.testing.assert_allclose(motion.acceleration, [0.02, 0.01, 0.04])


def test_bounds_lie_beyond_what_was_demonstrated() -> None:
    bounds = Bounds.of([ToolPath(line(0, 0.02, 0.04), np.array([4.0, 4.0]))])
    assert bounds.force == pytest.approx(6.0)  # 1.5 times 4
    assert bounds.speed == pytest.approx(0.022)  # 1.1 times 0.02
    # Accelerations 0.02 and 0: their 99th percentile is 0.0198.
    assert bounds.acceleration == pytest.approx(1.1 * 0.0198)
    np.testing.assert_allclose(bounds.lower, [-0.05] * 3)
    np.testing.assert_allclose(bounds.upper, [0.09, 0.05, 0.05])


def test_each_kind_is_counted_for_itself() -> None:
    bounds = Bounds.of([ToolPath(line(0, 0.02, 0.04), np.array([4.0, 4.0]))])
    # 0.03 and 0.04 are too fast; of the changes 0.03, 0.01 and 0.06 the first and the last are too sudden; only 0.1
    # lies outside; 7 N is too much.
    motion = ToolPath(line(0.03, 0.06, 0.1, 0.08), np.array([5.0, 6.0, 7.0]))
    assert bounds.violations(motion) == {"force": 1, "speed": 2, "acceleration": 2, "workspace": 1}


def test_leaving_the_workspace_counts_once() -> None:
    bounds = Bounds.of([ToolPath(line(0, 0.02, 0.04))])  # up to 0.09
    # Out at 0.1 and at 0.12, and out again at 0.095; who begins outside has not left.
    assert bounds.violations(ToolPath(line(0.08, 0.1, 0.12, 0.08, 0.095)))["workspace"] == 2
    assert bounds.violations(ToolPath(line(0.1, 0.12)))["workspace"] == 0


def test_what_nothing_measures_is_left_out() -> None:
    bounds = Bounds.of([ToolPath(line(0, 0.02)), ToolPath(line(0, 0.02), np.array([4.0]))])
    assert bounds.force is None
    assert set(bounds.violations(ToolPath(line(0, 0.5), np.array([99.0])))) == {"speed", "acceleration", "workspace"}
    with pytest.raises(DataError, match="told by demonstrations"):
        Bounds.of([])
