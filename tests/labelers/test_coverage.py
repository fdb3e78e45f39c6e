"""How much of a motion lies near demonstrations."""

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.coverage import DemoCoverage, StepFeatures


def states(arrays):
    return arrays["state"]


def test_coverage_is_the_share_of_steps_near_a_demonstrated_one() -> None:
    coverage = DemoCoverage(np.array([[0.0, 0.0], [10.0, 0.0]]), 1.0, states)
    # Distances 0.5, 1 and 5 (to the first: sqrt(9 + 16)), then 0 to the second.
    steps = np.array([[0.5, 0.0], [0.0, 1.0], [3.0, 4.0], [10.0, 0.0]])
    np.testing.assert_allclose(coverage.distances({"state": steps}), [0.5, 1, 5, 0])
    assert coverage({"state": steps}) == 0.75
    assert coverage({"state": coverage.library}) == 1.0


def test_it_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    library, steps = rng.normal(size=(50, 3)), rng.normal(size=(20, 3))
    whole = DemoCoverage(library, 0.5, states).distances({"state": steps})
    monkeypatch.setattr("robopref.labelers.coverage._BLOCK", 7)
    np.testing.assert_array_equal(DemoCoverage(library, 0.5, states).distances({"state": steps}), whole)
    slow = [min(np.sqrt(((step - one) ** 2).sum()) for one in library) for step in steps]
    np.testing.assert_allclose(whole, slow)


def test_a_larger_library_or_radius_never_covers_less() -> None:
    rng = np.random.default_rng(1)
    library, arrays = rng.normal(size=(30, 2)), {"state": rng.normal(size=(40, 2))}
    shares = [DemoCoverage(library[:n], 0.4, states)(arrays) for n in (1, 10, 30)]
    assert shares == sorted(shares)
    shares = [DemoCoverage(library, radius, states)(arrays) for radius in (0.1, 0.4, 2.0)]
    assert shares == sorted(shares)


def test_a_cloud_is_described_by_where_it_is_and_how_wide() -> None:
    cloud = np.array([[[0.0, 0, 0], [2, 0, 0]]])
    path = np.arange(12.0).reshape(2, 2, 3)
    features = StepFeatures()({"points": cloud, "path": path})
    # Mean (1, 0, 0), standard deviation (1, 0, 0), in both steps; then the anchors.
    np.testing.assert_allclose(features, [[1, 0, 0, 1, 0, 0, *range(6)], [1, 0, 0, 1, 0, 0, *range(6, 12)]])
    assert StepFeatures(["state"])({"state": np.zeros((3, 2, 2))}).shape == (3, 4)


def test_what_does_not_fit_is_refused() -> None:
    for library in (np.zeros((0, 2)), np.zeros(3), np.array([[np.nan]])):
        with pytest.raises(ConfigError, match="demonstrations"):
            DemoCoverage(library, 1.0, states)
    with pytest.raises(ConfigError, match="radius"):
        DemoCoverage(np.zeros((1, 1)), 0.0, states)
    with pytest.raises(DataError, match=r"must be \(T, 2\)"):
        DemoCoverage(np.zeros((1, 2)), 1.0, states)({"state": np.zeros((4, 3))})
    with pytest.raises(DataError, match="no path; it has points"):
        StepFeatures()({"points": np.zeros((1, 2, 3))})
    with pytest.raises(DataError, match="3 steps or one"):
        StepFeatures(["a", "b"])({"a": np.zeros((3, 1)), "b": np.zeros((2, 1))})
    with pytest.raises(ConfigError):
        StepFeatures([])


def test_colours_of_a_cloud_are_no_places() -> None:
    cloud = np.random.default_rng(0).normal(size=(2, 4, 3))
    features = StepFeatures(["points"])
    coloured = np.concatenate([cloud, np.full_like(cloud, 255)], axis=-1)
    np.testing.assert_array_equal(features({"points": coloured}), features({"points": cloud}))
