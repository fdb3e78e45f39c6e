"""Features that people are asked about: what is one, and what can be answered."""

import math
from typing import Any

import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError
from robopref.records import Item, Query

HEIGHT = AskedFeature("mean(height(points))", "rope", "the gripper's height", "cm", 100.0, 0.02, 0.3, "low", (0.1, 0.2))


def items(count: int) -> tuple[Item, ...]:
    return tuple(Item("rope", 3 * start, 3 * start + 3) for start in range(count))


@pytest.mark.parametrize(
    ("scale", "high", "value", "unit", "text"),
    [
        (100.0, 0.3, 0.1234, "cm", "12.3 cm"),  # 30 cm long, and 0.1 cm is a third of a hundredth
        (1.0, 1.0, 0.25, "", "0.250"),
        (1.0, 5000.0, 1234.5, "N", "1234 N"),
        (1.0, 1e9, 123456789.0, "", "1.235e+08"),
    ],
)
def test_values_are_shown_in_their_unit(scale: float, high: float, value: float, unit: str, text: str) -> None:
    assert AskedFeature("f", "rope", unit=unit, scale=scale, high=high).shown(value) == text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "name of a feature"),
        ({"source": "  "}, "source of a feature"),
        ({"said": "a\x00b"}, "said of a feature must be 1 to 200 printable letters"),
        ({"unit": "m" * 21}, "unit of a feature must be 1 to 20"),
        ({"side": "lower"}, "side of a feature"),
        ({"scale": 0.0}, "scale of feature 'f' must be positive"),
        ({"scale": math.nan}, "scale of feature 'f' must be positive"),
        ({"scale": 1e300, "high": 1e300}, "scale of feature 'f'"),
        ({"low": 1.0}, "from low to a greater high, got 1.0 to 1.0"),
        ({"high": math.inf}, "scale of feature 'f'"),
        ({"low": -1e308, "high": 1e308}, "from low to a greater high"),
        ({"values": (math.nan,)}, "values of feature 'f' must be finite"),
    ],
)
def test_what_is_no_feature_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AskedFeature(**({"name": "f", "source": "rope"} | wrong))


@pytest.mark.parametrize("kind", ["feature", "threshold"])
def test_questions_about_a_feature_show_examples_or_none(kind: Any) -> None:
    assert Query("q", kind, items(2), feature=HEIGHT).source == "rope"
    assert Query("q", kind, (), feature=AskedFeature("f", "cloth")).source == "cloth"
    with pytest.raises(ConfigError, match="a value of each of 3 examples, got 2"):
        Query("q", kind, items(3), feature=HEIGHT)


def test_a_feature_belongs_to_questions_about_one() -> None:
    with pytest.raises(ConfigError, match="a feature query needs a feature"):
        Query("q", "feature", items(2))
    with pytest.raises(ConfigError, match="a pair query needs no feature"):
        Query("q", "pair", items(2), feature=HEIGHT)


@pytest.mark.parametrize("direction", [-2, 2])
def test_a_feature_matters_one_way_or_the_other_or_not(direction: int) -> None:
    with pytest.raises(ConfigError, match=f"must be 1, 0 or -1, got {direction}"):
        FeatureRelevance(direction)


def test_a_threshold_is_finite() -> None:
    with pytest.raises(ConfigError, match="threshold must be finite"):
        Threshold(math.inf)
