"""Pushing by feedback, on a plane where the thing moves as far as it is pushed."""

import numpy as np
import pytest

from envs.pushing import push_toward

GAP = 0.05


def slide(tool: np.ndarray, thing: np.ndarray, goal: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Follow the advice with a round tool and thing of contact distance `GAP`; where the thing ends, and its detour."""
    tool, thing, path = tool.copy(), thing.copy(), 0.0
    for _ in range(steps):
        step = push_toward(tool, thing, goal, gap=GAP) - tool
        tool = tool + step * min(1, 0.03 / max(np.linalg.norm(step), 1e-9))
        apart = thing - tool
        if np.linalg.norm(apart) < GAP:
            moved = tool + apart / np.linalg.norm(apart) * GAP
            path += float(np.linalg.norm(moved - thing))
            thing = moved
        if np.linalg.norm(thing - goal) < 0.01:
            break
    return thing, path


@pytest.mark.parametrize("angle", np.arange(0, 2 * np.pi, np.pi / 6))
def test_a_thing_gets_to_its_goal_from_wherever_the_tool_is(angle: float) -> None:
    thing, goal = np.array([0.05, 0.02]), np.array([-0.1, 0.25])
    tool = thing + 0.15 * np.array([np.cos(angle), np.sin(angle)])
    end, path = slide(tool, thing, goal, 60)
    assert np.linalg.norm(end - goal) < 0.03
    # Without being dragged about on the way: it is 0.275 m.
    assert path < 0.4


def test_straight_behind_it_goes_straight_on() -> None:
    target = push_toward(np.array([0.0, -0.05]), np.zeros(2), np.array([0.0, 0.3]), gap=GAP)
    np.testing.assert_allclose(target, [0, -0.02], atol=1e-12)


def test_off_the_middle_it_turns_the_thing_back() -> None:
    # To the right of the line by 1 cm: the tool goes on to 6 mm left of it.
    target = push_toward(np.array([0.01, -0.05]), np.zeros(2), np.array([0.0, 0.3]), gap=GAP)
    assert target[0] == pytest.approx(-0.006)
    assert target[1] > -0.05


def test_a_thing_at_its_goal_is_no_division_by_zero() -> None:
    assert np.isfinite(push_toward(np.array([0.1, 0.0]), np.zeros(2), np.zeros(2), gap=GAP)).all()
