"""Target shapes: what counts as the same shape, and how far a rope is from it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs.rope import LENGTH, REACH, VERTICES
from envs.shapes import nearest_curve, shape_distance, target_curves, target_symmetries
from robopref.errors import ConfigError

TARGETS = ["straight", "u", "circle"]
SPACING = LENGTH / (VERTICES - 1)

every_target = pytest.mark.parametrize("target", TARGETS)
ropes = arrays(np.float64, (VERTICES, 3), elements=st.floats(-0.5, 0.5))


def curves_of(target: str) -> Any:
    return target_curves(target, LENGTH, VERTICES)


@every_target
def test_distance_is_zero_on_every_equivalent_curve(target: str) -> None:
    curves = curves_of(target)
    assert curves.shape[1:] == (VERTICES, 2)
    assert max(shape_distance(curve, curves) for curve in curves) == 0


@every_target
def test_ends_are_interchangeable(target: str) -> None:
    curves = curves_of(target)
    assert shape_distance(curves[0][::-1], curves) == 0


def test_circle_may_start_anywhere_and_others_may_not() -> None:
    def rolled(target: str) -> float:
        curves = curves_of(target)
        return max(shape_distance(np.roll(curves[0], shift, axis=0), curves) for shift in range(VERTICES))

    assert rolled("circle") == pytest.approx(0, abs=1e-12)
    assert rolled("straight") > 0.1
    assert rolled("u") > 0.05


@every_target
def test_symmetries_are_a_group_that_begins_with_the_identity(target: str) -> None:
    group = target_symmetries(target)
    np.testing.assert_array_equal(group[0], np.eye(2))
    np.testing.assert_allclose(group @ group.transpose(0, 2, 1), np.tile(np.eye(2), (len(group), 1, 1)), atol=1e-12)
    products = (group[:, None] @ group[None]).reshape(-1, 2, 2)
    nearest = np.abs(products[:, None] - group[None]).max(axis=(2, 3)).min(axis=1)
    assert nearest.max() < 1e-12


@every_target
def test_symmetries_map_the_target_to_itself(target: str) -> None:
    curves = curves_of(target)
    assert max(shape_distance(curves[0] @ g.T, curves) for g in target_symmetries(target)) == pytest.approx(
        0, abs=1e-12
    )


def test_turning_a_u_upside_down_changes_it() -> None:
    curves = curves_of("u")
    assert shape_distance(curves[0] * [1, -1], curves) > 0.05


@every_target
@given(rope=ropes)
def test_distance_does_not_change_under_symmetries_and_reversal(target: str, rope: Any) -> None:
    curves = curves_of(target)
    distance = shape_distance(rope, curves)
    assert shape_distance(rope[::-1], curves) == pytest.approx(distance)
    for g in target_symmetries(target):
        assert shape_distance(rope[:, :2] @ g.T, curves) == pytest.approx(distance)


@every_target
@given(rope=ropes, shift=arrays(np.float64, 2, elements=st.floats(-0.2, 0.2)))
def test_a_shift_changes_the_distance_by_no_more_than_its_length(target: str, rope: Any, shift: Any) -> None:
    curves = curves_of(target)
    change = shape_distance(rope[:, :2] + shift, curves) - shape_distance(rope, curves)
    assert abs(change) <= np.linalg.norm(shift) + 1e-9


def test_distance_by_hand() -> None:
    # Every vertex is 0.03 m beside and 0.04 m along from where it belongs: sqrt(0.03^2 + 0.04^2) = 0.05.
    curves = curves_of("straight")
    assert shape_distance(curves[0] + [0.04, 0.03], curves) == pytest.approx(0.05)


def test_height_does_not_count() -> None:
    curves = curves_of("circle")
    raised = np.column_stack([curves[0], np.full(VERTICES, 0.2)])
    assert shape_distance(raised, curves) == 0


@every_target
@given(rope=ropes)
def test_nearest_curve_is_the_one_that_the_distance_is_measured_to(target: str, rope: Any) -> None:
    curves = curves_of(target)
    nearest = nearest_curve(rope, curves)
    assert np.linalg.norm(rope[:, :2] - nearest, axis=1).mean() == pytest.approx(shape_distance(rope, curves))


@every_target
def test_target_keeps_the_length_of_the_rope_and_is_within_reach(target: str) -> None:
    curve = curves_of(target)[0]
    edges = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    # A chord of a bend is a little shorter than its arc.
    assert edges.max() == pytest.approx(SPACING, rel=1e-2)
    assert edges.min() == pytest.approx(SPACING, rel=1e-2)
    assert np.abs(curve).max() < REACH


def test_u_has_straight_legs_as_far_apart_as_its_bend_is_wide() -> None:
    curve = curves_of("u")[0]
    third, radius = LENGTH / 3, LENGTH / 3 / np.pi
    s = np.linspace(0, LENGTH, VERTICES)
    np.testing.assert_allclose(curve[s < third, 0], -radius)
    np.testing.assert_allclose(curve[s > 2 * third, 0], radius)
    assert curve[0, 1] == curve[:, 1].max()


@pytest.mark.parametrize("function", [curves_of, target_symmetries])
def test_unknown_target_is_refused_with_a_near_miss(function: Any) -> None:
    with pytest.raises(ConfigError, match=r"unknown rope target 'strait'.*Did you mean straight\?"):
        function("strait")
