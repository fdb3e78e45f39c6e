"""The granular pile: where its region ends, what a sweep does, and how its demonstrators differ."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.pile import GRAINS, RADIUS, REACH, GranularPileEnv, region_distance
from robopref.errors import ConfigError


@pytest.fixture(scope="module")
def env() -> Iterator[GranularPileEnv]:
    made = GranularPileEnv(points=False, state=True)
    yield made
    made.close()


def lay(env: GranularPileEnv, places: np.ndarray) -> None:
    """Put grains at (n, 2) places and the others far away in a row."""
    address = env.model.jnt_qposadr[env.model.body_jntadr[env._bodies]]
    away = np.column_stack([np.linspace(-2.2, 2.2, GRAINS), np.full(GRAINS, 1.5)])
    away[: len(places)] = places
    env.data.qpos[address], env.data.qpos[address + 1] = away.T
    env.data.qpos[address + 2] = RADIUS
    env.physics.forward()


def test_distance_is_counted_from_the_edge_of_the_region() -> None:
    points = np.array([[0.0, 0.1], [0.2, 0.0], [0.3, 0.4], [0.33, 0.11]])
    # A disc of radius 0.15: 0.2 - 0.15, and 0.5 - 0.15; the last lies sqrt(0.33^2 + 0.11^2) = 0.34785 from the centre.
    np.testing.assert_allclose(region_distance(points, "disc"), [0, 0.05, 0.35, 0.19785], atol=1e-5)
    # A bar of 0.6 by 0.14: 0.03 above its side; then 0.33 above; the last is (0.03, 0.04) off its corner.
    np.testing.assert_allclose(region_distance(points, "bar"), [0.03, 0, 0.33, 0.05], atol=1e-12)


def test_the_reward_is_the_mean_distance_of_all_grains(env: GranularPileEnv) -> None:
    env.reset(seed=0)
    lay(env, np.tile([[0.25, 0.0], [0.0, 0.0]], (GRAINS // 2, 1)))
    # Half of the grains lie 0.25 - 0.15 m outside.
    assert env.progress == pytest.approx(-0.05)
    assert env._measure() == {"outside_distance": pytest.approx(0.05), "inside": 0.5, "success": False}


def test_the_board_pushes_what_is_before_it_and_nothing_else(env: GranularPileEnv) -> None:
    env.reset(seed=0)
    # In its way, beside its way, behind it and beyond its end.
    lay(env, np.array([[-0.1, 0.0], [0.0, 0.15], [-0.35, 0.0], [0.3, 0.0]]))
    env.step(np.array([-0.75, 0, 0.25, 0], np.float32))  # from x = -0.3 to 0.1
    grain, *others = env.grains[:4, :2]
    # The grain touches the face of the board, 0.1 + 9 mm, or has rolled on a little.
    assert 0.105 < grain[0] < 0.2
    assert abs(grain[1]) < 0.03
    np.testing.assert_allclose(others, [[0.0, 0.15], [-0.35, 0.0], [0.3, 0.0]], atol=0.002)


def test_a_board_that_comes_down_on_a_grain_does_not_crush_it(env: GranularPileEnv) -> None:
    env.reset(seed=0)
    lay(env, np.array([[-0.002, 0.0], [0.0, 0.03], [0.002, -0.03]]))
    deepest = 0.0

    def watch() -> None:
        nonlocal deepest
        if env.data.ncon:
            deepest = min(deepest, float(env.data.contact.dist.min()))

    env.physics.watch = watch
    env.step(np.array([0, 0, 0.5, 0], np.float32))
    env.physics.watch = None
    assert deepest > -0.005


def test_grains_start_scattered_at_rest_and_apart(env: GranularPileEnv) -> None:
    for seed in range(3):
        env.reset(seed=seed)
        grains = env.grains
        assert np.abs(grains[:, :2]).max() < REACH
        assert np.abs(grains[:, 2] - RADIUS).max() < 0.001
        gap = np.linalg.norm(grains[:, None] - grains[None], axis=-1)[np.triu_indices(GRAINS, 1)]
        assert gap.min() > 1.9 * RADIUS
        assert np.abs(env.data.qvel).max() < 0.01
        assert env.outside_distance > 3 * env.success_distance


@pytest.mark.slow
def test_the_expert_gathers_and_better_demonstrators_gather_more(env: GranularPileEnv) -> None:
    gained = {}
    for quality in ("expert", "poor", "random"):
        env.reset(seed=1)
        before, rng = env.progress, np.random.default_rng(1)
        for _ in range(3):
            env.step(env.demonstrate(rng, quality))
        gained[quality] = env.progress - before
    assert gained["expert"] > 0.02
    assert gained["expert"] > gained["poor"] > gained["random"]


def test_a_bar_has_fewer_symmetries_than_a_disc(env: GranularPileEnv) -> None:
    bar = GranularPileEnv(target="bar", points=False)
    assert len(env.geometry.symmetry_points) == 8
    assert len(bar.geometry.symmetry_points) == 4
    bar.close()


def test_only_the_region_asked_for_is_drawn(env: GranularPileEnv) -> None:
    shown = [name for name in ("disc", "bar") if env.model.geom(name).rgba[3] > 0]
    assert shown == ["disc"]


def test_unknown_regions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown pile target 'dsc'.*Did you mean disc"):
        GranularPileEnv(target="dsc")
