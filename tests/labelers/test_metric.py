"""Preferences from numbers, between items that are alike otherwise."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.labelers.metric import (
    GUARDED,
    NOT_ALIKE,
    Control,
    MetricGuard,
    MetricLabeler,
    duration,
    matched_pairs,
    path_length,
    share_equal,
)
from robopref.protocols import Labeler
from robopref.records import Abstain, Item, Preference, Query, Ranking, Rating


def item(k: int) -> Item:
    return Item("test", k, k + 1)


def labeler(
    value: list[float], size: list[float] | None = None, tolerance: float = 0.1, gap: float = 0.0
) -> MetricLabeler:
    """Item k has the k-th value and, as its control, the k-th size."""

    def lookup(of: Item) -> Mapping[str, NDArray[Any]]:
        return {"value": np.array([value[of.start]]), "size": np.array([(size or value)[of.start]])}

    controls = {} if size is None else {"size": Control(lambda arrays: arrays["size"][0], tolerance)}
    return MetricLabeler(lambda arrays: arrays["value"][0], lookup, gap=gap, controls=controls, version="value")


def pair(one: int, two: int) -> Query:
    return Query(f"{one}-{two}", "pair", (item(one), item(two)))


def test_the_larger_value_wins_and_values_within_the_gap_tie() -> None:
    measured = labeler([1.0, 2.0, 2.05], gap=0.1)
    assert isinstance(measured, Labeler)
    assert measured.label(pair(0, 1)).answer == Preference(0.0)
    assert measured.label(pair(1, 0)).answer == Preference(1.0)
    assert measured.label(pair(1, 2)).answer == Preference(0.5)
    assert measured.label(pair(0, 1)).rationale == "1, 2"
    # A gap of zero ties equal values only, and a difference of the gap is none.
    assert labeler([1.0, 1.0]).label(pair(0, 1)).answer == Preference(0.5)
    assert labeler([1.0, 1.5], gap=0.5).label(pair(0, 1)).answer == Preference(0.0)


def test_items_that_are_not_alike_are_not_compared() -> None:
    measured = labeler([1, 2, 3], size=[10, 11, 12], tolerance=0.1)
    assert measured.label(pair(0, 1)).answer == Preference(0.0)  # 11 is 10 % more than 10
    given = measured.label(pair(0, 2))
    assert given.answer == Abstain(NOT_ALIKE)
    assert given.rationale == "1, 3; differ in size"


def test_what_is_preferred_must_not_be_the_worse_by_a_guard() -> None:
    values, clear = [1.0, 2.0, 3.0], [0.5, 0.45, 0.1]
    guarded = MetricLabeler(
        lambda arrays: arrays["value"], lambda of: {"value": values[of.start], "clear": clear[of.start]},  # type: ignore[dict-item]
        guards={"clearance": MetricGuard(lambda arrays: float(arrays["clear"]), worse=0.1)},
    )  # fmt: skip
    assert guarded.label(pair(0, 1)).answer == Preference(0.0)  # 0.05 less clear, of 0.1 that it may be
    refused = guarded.label(pair(2, 0))
    assert refused.answer == Abstain(GUARDED)
    assert refused.rationale == "3, 1; worse in clearance"
    # From the extremes inwards the first pair that is allowed is of 2 and 1.
    (match,) = matched_pairs(guarded, [[item(0), item(1), item(2)]])
    assert {one.start for one in match.items} == {0, 1}
    with pytest.raises(ConfigError, match="worse of a guard must not be negative"):
        MetricGuard(path_length, -0.1)


def test_less_of_a_metric_may_be_better() -> None:
    def labeler(better: Any) -> MetricLabeler:
        arrays = [{"value": np.array([value])} for value in (0.25, 0.75)]
        return MetricLabeler(lambda one: float(one["value"][0]), lambda of: arrays[of.start], better=better)

    less = labeler("less")
    assert less.label(pair(0, 1)).answer == Preference(1.0)
    assert less.label(Query("r", "ranking", (item(0), item(1)))).answer == Ranking((0, 1))
    assert less.label(Query("q", "rating", (item(0),))).answer == Rating(0.75)
    assert less.version != labeler("more").version
    with pytest.raises(ConfigError, match="better"):
        labeler("most")


def test_rankings_and_ratings() -> None:
    measured = labeler([0.2, 0.9, 0.5, 0.52], gap=0.1)
    ranking = Query("r", "ranking", tuple(map(item, range(4))))
    # Descending 0.9, 0.52, 0.5, 0.2: the second and third are within the gap.
    assert measured.label(ranking).answer == Ranking((2, 0, 1, 1))
    assert measured.label(Query("q", "rating", (item(2),))).answer == Rating(0.5)
    with pytest.raises(ConfigError, match="in \\[0, 1\\]"):
        labeler([3.0]).label(Query("q", "rating", (item(0),)))
    with pytest.raises(ConfigError, match="similarity"):
        measured.label(Query("s", "similarity", tuple(map(item, range(3)))))


def test_matched_pairs_go_from_the_extremes_inwards_and_share_no_item() -> None:
    #            0   1   2   3   4   5
    measured = labeler([9, 1, 8, 2, 5, 5], size=[10, 10, 10, 10, 10, 30])
    (first, second) = matched_pairs(measured, [[item(k) for k in range(6)]], most=2)
    assert (first.items, second.items) == ((item(0), item(1)), (item(2), item(3)))
    assert len(matched_pairs(measured, [[item(k) for k in range(6)]], most=9)) == 2  # 4 and 5 are left, not alike


def test_the_best_partner_that_is_alike_is_taken() -> None:
    measured = labeler([9, 1, 2], size=[10, 20, 10])
    (only,) = matched_pairs(measured, [[item(0), item(1), item(2)]], most=3)
    assert only.items == (item(0), item(2))


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=2, max_size=8),
    st.integers(1, 3),
    st.sampled_from([0.0, 1.0, 4.0]),
)
def test_every_matched_pair_is_decided_alike_and_apart(rows: list[tuple[int, int]], most: int, gap: float) -> None:
    measured = labeler([float(v) for v, _ in rows], [float(s) for _, s in rows], tolerance=0.25, gap=gap)
    found = matched_pairs(measured, [[item(k) for k in range(len(rows))]], most=most)
    assert len(found) <= most
    used = [one for query in found for one in query.items]
    assert len(set(used)) == len(used)
    for query in found:
        assert measured.label(query).answer in (Preference(0.0), Preference(1.0))
        one, two = (rows[one.start] for one in query.items)
        assert abs(one[0] - two[0]) >= max(gap, 1)
        assert abs(one[1] - two[1]) <= 0.25 * min(one[1], two[1])


def test_groups_are_not_mixed() -> None:
    measured = labeler([0, 1, 10, 11])
    found = matched_pairs(measured, [[item(0), item(1)], [item(2), item(3)]], instruction="Higher.")
    assert [query.items for query in found] == [(item(0), item(1)), (item(2), item(3))]
    assert found[0].instruction == "Higher."


def test_a_path_is_as_long_as_the_way_between_its_anchors() -> None:
    # Pick at the origin and place 3 m along x, then pick 4 m along y from there: 3 + 4, then 0.
    path = np.array([[[0, 0, 0], [3, 0, 0]], [[3, 4, 0], [3, 4, 0]]], np.float32)
    assert path_length({"path": path}) == 7
    assert duration({"path": path}) == 2
    with pytest.raises(DataError, match="array path"):
        path_length({"action": path})


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        labeler([np.nan, 1.0]).label(pair(0, 1))
    with pytest.raises(ConfigError, match="gap"):
        labeler([1.0], gap=-1.0)
    with pytest.raises(ConfigError, match="tolerance"):
        Control(duration, -0.1)
    with pytest.raises(ConfigError, match="most"):
        matched_pairs(labeler([1.0]), [], most=0)


def test_the_version_tells_settings_apart() -> None:
    assert labeler([1.0]).version != labeler([1.0], gap=0.5).version
    assert labeler([1.0], [1.0]).version != labeler([1.0], [1.0], tolerance=0.2).version


def test_what_was_demonstrated_is_told_by_a_recorded_number() -> None:
    arrays = {"quality": np.array([[1], [1], [0], [1]]), "action": np.zeros((4, 2))}
    assert share_equal(arrays, array="quality", equals=1) == 0.75
    with pytest.raises(DataError, match=r"labeler\.metric\.array=who is not recorded; recorded are quality, action"):
        share_equal(arrays, array="who", equals=1)
    with pytest.raises(DataError, match=r"labeler\.metric\.array=action must have one number a step"):
        share_equal(arrays, array="action", equals=1)
