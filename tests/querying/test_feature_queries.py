"""Questions about features: which items are shown beside them."""

import numpy as np
import pytest

from robopref.asked_features import AskedFeature
from robopref.errors import ConfigError, DataError
from robopref.querying.feature_queries import feature_queries, ranged
from robopref.records import Item

HEIGHT = AskedFeature("height", "rope", "the height", "cm", 100.0, 0.0, 1.0)
SPEED = AskedFeature("speed", "rope", "the speed", "m/s", 1.0, 0.0, 2.0, "low")
ITEMS = [Item("rope", start, start + 1) for start in range(6)]


def test_whether_a_feature_matters_is_shown_by_two_that_are_alike_otherwise() -> None:
    # Heights 0 and 1 are the ends of 12 items, three of either: of those, the ones with speeds 1.1 and 1.2 are nearest.
    height = np.r_[0.0, 0.0, 0.0, np.linspace(0.3, 0.7, 9), 1.0, 1.0, 1.0]
    speed = np.r_[0.0, 0.5, 1.1, np.full(9, 1.0), 1.2, 1.8, 2.0]
    items = [Item("rope", start, start + 1) for start in range(15)]
    (query, other) = feature_queries(
        [HEIGHT, SPEED], items, np.stack([height, speed], axis=1), kind="feature", instruction="Tidy."
    )
    assert query.items == (items[2], items[12])
    assert query.feature is not None
    assert query.feature.values == (0.0, 1.0)
    assert (query.id, query.instruction, query.source) == ("rope/feature/height", "Tidy.", "rope")
    assert other.id == "rope/feature/speed"


def test_examples_of_a_threshold_are_spread_over_its_scale() -> None:
    # Wanted are 0, 0.25, 0.5, 0.75 and 1; the nearest of these are 0.1, 0.2, 0.55, 0.9 and, outside of the scale, none.
    values = np.array([0.55, 0.1, 0.2, 0.9, 1.5, 0.12])[:, None]
    (query,) = feature_queries([HEIGHT], ITEMS, values, kind="threshold")
    assert query.feature is not None
    assert query.feature.values == (0.1, 0.2, 0.55, 0.9)
    assert query.items == tuple(ITEMS[row] for row in (1, 2, 0, 3))


@pytest.mark.parametrize("kind", ["feature", "threshold"])
def test_without_items_there_are_no_examples(kind) -> None:
    (query,) = feature_queries([HEIGHT], [], np.empty((0, 1)), kind=kind)
    assert query.items == ()


def test_what_is_no_question_about_a_feature_is_refused() -> None:
    with pytest.raises(ConfigError, match="kind of query about a feature"):
        feature_queries([HEIGHT], [], np.empty((0, 1)), kind="pair")
    with pytest.raises(DataError, match=r"expected values \(6, 1\), got \(5, 1\)"):
        feature_queries([HEIGHT], ITEMS, np.zeros((5, 1)), kind="feature")


def test_a_scale_goes_from_the_least_to_the_greatest_value() -> None:
    found = ranged(HEIGHT, np.array([0.5, -1.0, 3.0]))
    assert found is not None
    assert (found.low, found.high) == (-1.0, 3.0)
    assert ranged(HEIGHT, np.full(4, 0.3)) is None
    with pytest.raises(ConfigError, match="'height' is not finite"):
        ranged(HEIGHT, np.array([0.0, np.nan]))
