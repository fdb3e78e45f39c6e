"""Cloth unfolding: coverage worked out by hand, what two hands do, and a demonstrator that spreads the shirt."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.cloth import lay
from envs.extremes import depth_between_layers
from envs.unfold import REACH, ClothUnfoldingEnv, shirt, uncovered
from robopref.errors import ConfigError


@pytest.fixture(scope="module")
def env() -> Iterator[ClothUnfoldingEnv]:
    env = ClothUnfoldingEnv(points=False)
    yield env
    env.close()


def test_a_flat_shirt_covers_all_and_half_a_shirt_half(env: ClothUnfoldingEnv) -> None:
    points = shirt().points
    env.physics.reset()
    lay(env.physics, env._bodies, points)
    assert env.progress == pytest.approx(1, abs=1e-9)
    assert env._measure()["success"]
    lay(env.physics, env._bodies, np.column_stack([np.abs(points[:, 0]), points[:, 1:]]))  # The right half on the left.
    assert env.coverage == pytest.approx(0.5, abs=0.01)
    assert not env._measure()["success"]


def test_the_expert_spreads_the_shirt(env: ClothUnfoldingEnv) -> None:
    env.reset(seed=0)
    before = env.coverage
    assert before < 0.8
    for _ in range(4):
        _, reward, _, _, info = env.step(env.demonstrate(np.random.default_rng(0), "expert"))
        assert reward == info["coverage"] - 1 == env.coverage - 1
        if info["success"]:
            break
    assert info["success"]
    assert info["grasped"]


def test_the_order_of_the_picks_does_not_matter(env: ClothUnfoldingEnv) -> None:
    env.physics.reset()
    lay(env.physics, env._bodies, shirt().points)
    start, picks = env.snapshot(), np.array([-0.13, -0.18, 0.13, -0.18], np.float32) / REACH
    ends = []
    for action in (picks, picks[[2, 3, 0, 1]]):
        env.restore(start)
        env.step(action)
        ends.append(env.vertices)
    np.testing.assert_array_equal(*ends)


def test_a_drag_keeps_the_shirt_low_and_an_unknown_motion_is_refused() -> None:
    env = ClothUnfoldingEnv(motion="drag", points=False)
    lay(env.physics, env._bodies, shirt().points)
    heights = []
    env.physics.watch = lambda: heights.append(env.vertices[:, 2].max())
    info = env.step(np.array([-0.22, 0.1, 0.22, 0.1], np.float32) / REACH)[4]
    env.close()
    assert info["grasped"]
    assert max(heights) < 0.2  # A fling lifts it to 0.42 m.
    with pytest.raises(ConfigError, match=r"unknown motion 'flin'.*Did you mean fling"):
        ClothUnfoldingEnv(motion="flin")


def test_an_action_may_choose_its_motion(env: ClothUnfoldingEnv) -> None:
    chosen = ClothUnfoldingEnv(motion="chosen", points=False)
    chosen.reset(seed=3)
    env.reset(seed=3)
    start = chosen.snapshot()
    np.testing.assert_array_equal(start, env.snapshot())
    picks = env.demonstrate(np.random.default_rng(0), "expert")
    shown = chosen.demonstrate(np.random.default_rng(0), "expert")
    np.testing.assert_array_equal(shown, np.append(picks, np.float32(-0.5)))
    env.step(picks)
    chosen.step(shown)
    np.testing.assert_array_equal(chosen.snapshot(), env.snapshot())
    chosen.restore(start)
    chosen.step(np.append(picks, np.float32(1e-3)))  # above 0, if only just, is a drag
    assert not np.array_equal(chosen.snapshot(), env.snapshot())
    # The motion names no point, and is the same in the mirror.
    geometry = chosen.geometry
    np.testing.assert_array_equal(geometry.anchors(shown[None]), env.geometry.anchors(picks[None]))
    assert (geometry.symmetry_actions[:, 4] == [0, 0, 0, 0, 1]).all()
    np.testing.assert_array_equal(geometry.symmetry_actions[:, :4, :4], env.geometry.symmetry_actions)
    drags = [chosen.demonstrate(np.random.default_rng(seed), "medium")[4] > 0 for seed in range(200)]
    assert 0.1 < np.mean(drags) < 0.3
    chosen.close()


def test_only_the_upper_of_two_vertices_is_uncovered() -> None:
    stack = np.array([[0, 0, 0.005], [0.01, 0, 0.02], [0.2, 0, 0.005], [0.21, 0, 0.008]])
    np.testing.assert_array_equal(uncovered(stack), [False, True, True, True])


def test_a_start_in_which_layers_have_snapped_through_each_other_is_drawn_again(env: ClothUnfoldingEnv) -> None:
    env.np_random.bit_generator.state = np.random.default_rng(10_039).bit_generator.state
    env.physics.reset()
    env._drop()
    assert depth_between_layers(env.physics) > 0.008  # where contacts hold them
    env.reset(seed=10_039)
    assert depth_between_layers(env.physics) < 0.001
    first = env.vertices
    env.reset(seed=10_039)
    np.testing.assert_array_equal(env.vertices, first)
