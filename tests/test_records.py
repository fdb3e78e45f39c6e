"""Records refuse what cannot be, and survive being stored."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.records import ActionGeometry, Feedback, Item, Preference, Query, Rating, SimilarityTriplet
from robopref.scores import PairTarget, SuccessTarget


def geometry(**changes: Any) -> ActionGeometry:
    """Two anchors of a planar pick and place, and one mirroring."""
    matrix = np.zeros((2, 3, 4), np.float32)
    matrix[0, :2, :2] = matrix[1, :2, 2:] = 0.4 * np.eye(2)
    fields: dict[str, Any] = {
        "matrix": matrix,
        "offset": np.full((2, 3), 0.1, np.float32),
        "symmetry_points": np.stack([np.eye(3), np.diag([-1, 1, 1])]).astype(np.float32),
        "symmetry_actions": np.stack([np.eye(4), np.diag([-1, 1, -1, 1])]).astype(np.float32),
        "radius": 0.4,
        "labels": ("pick", "place"),
    }
    return ActionGeometry(**{**fields, **changes})


def item(start: int = 0) -> Item:
    return Item("demos", start, start + 1)


def test_geometry_survives_json() -> None:
    before = geometry()
    after = ActionGeometry.from_dict(json.loads(json.dumps(before.to_dict())))
    assert (after.radius, after.labels) == (before.radius, before.labels)
    assert after.origin is after.symmetry_proprio is None
    for name in ("matrix", "offset", "symmetry_points", "symmetry_actions"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
        assert getattr(after, name).dtype == np.float32


def test_geometry_of_displacements_survives_json() -> None:
    parts = {"origin": np.ones((2, 3, 5), np.float32), "symmetry_proprio": np.stack([np.eye(5, dtype=np.float32)] * 2)}
    after = ActionGeometry.from_dict(json.loads(json.dumps(geometry(**parts).to_dict())))
    for name, part in parts.items():
        np.testing.assert_array_equal(getattr(after, name), part)
        assert getattr(after, name).dtype == np.float32


def test_geometry_stored_before_displacements_is_read() -> None:
    stored = geometry().to_dict()
    del stored["origin"], stored["symmetry_proprio"]
    assert ActionGeometry.from_dict(stored).origin is None


def test_anchors_of_actions_that_name_points() -> None:
    chunk = np.array([[0.5, -1, 0, 0], [0, 0, 1, 0.25]], np.float32)
    # 0.4 m a unit, plus the offset of 0.1 m, whatever went before.
    expected = [[[0.3, -0.3, 0.1], [0.1, 0.1, 0.1]], [[0.1, 0.1, 0.1], [0.5, 0.2, 0.1]]]
    np.testing.assert_allclose(geometry().anchors(chunk), expected, atol=1e-7)
    np.testing.assert_allclose(geometry().anchors(np.stack([chunk] * 3))[2], expected, atol=1e-7)


def test_anchors_of_actions_that_move_on_add_up() -> None:
    origin = np.zeros((2, 3, 1), np.float32)
    origin[:, 2] = 1
    relative, chunk = geometry(origin=origin), np.array([[0.5, 0, 0, 0], [0.5, 0, 0, 1]], np.float32)
    # The reading of 0.7 m is a height; 0.1 + 0.4 * 0.5 = 0.3, and another 0.2 with the second step.
    expected = [[[0.3, 0.1, 0.8], [0.1, 0.1, 0.8]], [[0.5, 0.1, 0.8], [0.1, 0.5, 0.8]]]
    np.testing.assert_allclose(relative.anchors(chunk, np.array([0.7], np.float32)), expected, atol=1e-6)
    with pytest.raises(ConfigError, match="give proprio"):
        relative.anchors(chunk)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"matrix": np.zeros((2, 2, 4), np.float32)}, "matrix"),
        ({"offset": np.zeros((1, 3), np.float32)}, "offset"),
        ({"symmetry_points": np.zeros((2, 2, 2), np.float32)}, "symmetry_points"),
        ({"symmetry_actions": np.zeros((1, 4, 4), np.float32)}, "symmetry_actions"),
        ({"labels": ("pick",)}, "labels"),
        ({"origin": np.zeros((1, 3, 4), np.float32)}, "origin"),
        ({"symmetry_proprio": np.zeros((2, 3, 4), np.float32)}, "symmetry_proprio"),
        (
            {"origin": np.zeros((2, 3, 4), np.float32), "symmetry_proprio": np.zeros((2, 3, 3), np.float32)},
            "symmetry_proprio",
        ),
    ],
)
def test_geometry_that_does_not_fit_is_refused(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"geometry.{name} must"):
        geometry(**changes)


@pytest.mark.parametrize("record", [item(), Query("q", "pair", (item(0), item(1))), Preference(0.5), geometry()])
def test_records_are_frozen(record: Any) -> None:
    field = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, field, None)


@pytest.mark.parametrize(
    ("kind", "count"), [("pair", 2), ("ranking", 2), ("ranking", 8), ("similarity", 3), ("rating", 1)]
)
def test_query_with_enough_items_is_made(kind: Any, count: int) -> None:
    assert len(Query("q", kind, tuple(item(i) for i in range(count))).items) == count


@pytest.mark.parametrize(("kind", "count"), [
        ("pair", 0), ("pair", 1), ("pair", 3), ("ranking", 1), ("similarity", 2), ("similarity", 4), ("rating", 0),
        ("rating", 2),
    ])  # fmt: skip
def test_query_with_the_wrong_number_of_items_is_refused(kind: Any, count: int) -> None:
    with pytest.raises(ConfigError, match=f"a {kind} query needs [123].*, got {count}"):
        Query("q", kind, tuple(item(i) for i in range(count)))


def test_query_of_unknown_kind_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="must be one of pair, ranking, similarity, rating, feature, threshold, got 'duel'"
    ):
        Query("q", "duel", (item(0), item(1)))  # type: ignore[arg-type]


def test_equal_queries_are_equal() -> None:
    assert Query("q", "pair", (item(0), item(1))) == Query("q", "pair", (item(0), item(1)))
    assert Query("q", "pair", (item(0), item(1))) != Query("q", "pair", (item(1), item(0)))


@pytest.mark.parametrize("p", [0, 0.5, 1.0])
def test_probability_is_a_preference(p: float) -> None:
    assert Preference(p).p == p


@pytest.mark.parametrize("p", [-0.1, 1.1, -1, 2, math.nan, math.inf])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ConfigError, match=r"in \[0, 1\]"):
        Preference(p)
    with pytest.raises(ConfigError, match=r"confidence must be in \[0, 1\]"):
        Feedback("q", Preference(0.5), "me", confidence=p)


def compared() -> PairTarget:
    """Three items: 0 beats 1 (weight 2), 2 ties with 0 (weight 1, asked the other way round)."""
    p, weight = torch.full((1, 3, 3), 0.9), torch.zeros(1, 3, 3)
    p[0, 0, 1], weight[0, 0, 1] = 1.0, 2.0
    p[0, 2, 0], weight[0, 2, 0] = 0.5, 1.0
    return PairTarget(p, weight)


def test_shares_of_won_comparisons_by_hand() -> None:
    # Item 0: 2 * 1 + 1 * 0.5 of 3; item 1: 0 of 2; item 2: 0.5 of 1.
    assert compared().asked[0].tolist() == [3, 2, 1]
    assert compared().share[0].tolist() == pytest.approx([2.5 / 3, 0, 0.5])


def test_an_item_that_was_never_compared_is_in_the_middle() -> None:
    target = PairTarget(torch.ones(1, 3, 3), torch.zeros(1, 3, 3))
    assert target.asked[0].tolist() == [0, 0, 0]
    assert target.share[0].tolist() == [0.5, 0.5, 0.5]


def test_rows_and_devices_keep_what_a_target_holds() -> None:
    rows = torch.tensor([2, 0])
    p, weight, offset = torch.rand(3, 2, 2), torch.rand(3, 2, 2), torch.rand(3, 2)
    pairs, items = PairTarget(p, weight, offset), SuccessTarget(offset, weight[:, 0])
    for target in (pairs, items):
        meta = target.to(torch.device("meta"))
        for field in dataclasses.fields(target):
            assert torch.equal(getattr(target[rows], field.name), getattr(target, field.name)[rows])
            assert getattr(meta, field.name).device.type == "meta"
    assert PairTarget(p, weight)[rows].offset is None
    assert PairTarget(p, weight).to(torch.device("cpu")).offset is None
    assert torch.equal(items.asked, weight[:, 0])


@pytest.mark.parametrize("odd", [-1, 3])
def test_a_triplet_has_three_items(odd: int) -> None:
    with pytest.raises(ConfigError, match=f"must be 0, 1 or 2, got {odd}"):
        SimilarityTriplet(odd)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_rating_outside_its_scale_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"rating value must be in \[0, 1\]"):
        Rating(value)


@pytest.mark.parametrize("order", [(0, 0), (1, 2), (0, -1)])
def test_an_order_names_every_item_once(order: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="each index from 0 once"):
        Feedback("q", Preference(0.5), "me", order=order)


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_an_answer_takes_no_negative_time(seconds: float) -> None:
    with pytest.raises(ConfigError, match="seconds must not be negative"):
        Feedback("q", Preference(0.5), "me", seconds=seconds)
