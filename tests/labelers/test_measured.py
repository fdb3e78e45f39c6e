"""Preferences by what a simulated task reports."""

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.measured import MeasuredLabeler, MeasuredSettings, reduced
from robopref.records import Item, Preference, Query, Ranking

FORCES = np.array([[1.0, 3.0, 3.1], [0.0, 0.0, 5.0]])


def item(state: int, candidate: int) -> Item:
    return Item("candidates", state, state + 1, candidate)


def pair(state: int, one: int, two: int) -> Query:
    return Query("q", "pair", (item(state, one), item(state, two)))


def labeler(**settings: object) -> MeasuredLabeler:
    return MeasuredLabeler(FORCES, MeasuredSettings("contact_force", **settings))  # type: ignore[arg-type]


def test_less_is_better_unless_more_is() -> None:
    assert labeler().label(pair(0, 0, 1)).answer == Preference(1.0)
    assert labeler(better="more").label(pair(0, 0, 1)).answer == Preference(0.0)
    assert labeler().label(pair(1, 0, 1)).answer == Preference(0.5)
    assert labeler(gap=0.2).label(pair(0, 1, 2)).answer == Preference(0.5)


def test_with_a_scale_differences_are_log_odds() -> None:
    # 2 N less over 4 N: 1 / (1 + e^-0.5) = 0.622459.
    answer = labeler(scale=4.0).label(pair(0, 0, 1)).answer
    assert isinstance(answer, Preference)
    assert answer.p == pytest.approx(0.622459, abs=1e-6)


def test_rankings_begin_with_the_best() -> None:
    query = Query("q", "ranking", tuple(item(0, candidate) for candidate in (2, 0, 1)))
    assert labeler().label(query).answer == Ranking((2, 0, 1))
    with pytest.raises(ConfigError, match="kind of query for a measure"):
        labeler(scale=1.0).label(query)


def test_what_counts_of_a_chunk() -> None:
    # The second episode is over after two actions.
    values = np.array([[1.0, 4.0, 1.0], [3.0, 5.0, np.nan]])
    assert reduced(values, "mean").tolist() == [2, 4]
    assert reduced(values, "max").tolist() == [4, 5]
    assert reduced(values, "last").tolist() == [1, 5]
    assert reduced(values, "sum").tolist() == [6, 8]
    with pytest.raises(DataError, match="reports nothing"):
        reduced(np.full((1, 2), np.nan), "mean")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"measure": None}, "labeler.measure has to be given"),
        ({"over": "most"}, "unknown labeler.over 'most'"),
        ({"better": "none"}, "unknown labeler.better"),
        ({"scale": 0.0}, "labeler.scale positive"),
        ({"gap": -1.0}, "gap must not be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        MeasuredSettings(**({"measure": "contact_force"} | settings))  # type: ignore[arg-type]


def test_items_of_elsewhere_are_refused() -> None:
    with pytest.raises(DataError, match="none of the 3 candidates of 2 states"):
        labeler().label(pair(2, 0, 1))
