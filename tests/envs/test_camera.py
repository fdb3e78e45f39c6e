"""The simulated depth camera: points lie on the rope, and are as many as asked for."""

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import pytest

from envs.camera import DepthCamera, DepthCameraConfig
from envs.rope import RopeShapingEnv
from robopref.errors import ConfigError, DependencyError

CLEAN: dict[str, Any] = {"noise": 0.0, "dropout": 0.0}
RADIUS = 0.008  # of the rope, m


@pytest.fixture(scope="module")
def scene() -> Iterator[RopeShapingEnv]:
    """A rope that lies still; the tests only look at it."""
    env = RopeShapingEnv()
    env.reset(seed=0)
    yield env
    env.close()


def look(scene: RopeShapingEnv, seed: int = 0, **config: Any) -> Any:
    """One look through a camera of its own, which is put back afterwards."""
    model, data = scene.model, scene.data
    position, fovy = model.cam_pos.copy(), model.cam_fovy.copy()
    camera = DepthCamera(model, DepthCameraConfig(**config))
    try:
        mujoco.mj_camlight(model, data)
        return camera.points(data, np.random.default_rng(seed))
    finally:
        camera.close()
        model.cam_pos[:], model.cam_fovy[:] = position, fovy
        mujoco.mj_camlight(model, data)


def distance_to_rope(points: Any, vertices: Any) -> Any:
    """Distance of each point to the line through the vertices, m."""
    start, edge = vertices[:-1], np.diff(vertices, axis=0)
    along = ((points[:, None] - start) * edge).sum(-1) / (edge**2).sum(-1)
    nearest = start + np.clip(along, 0, 1)[..., None] * edge
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


def distinct(points: Any) -> int:
    return len(np.unique(points, axis=0))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_observed_points_lie_on_the_rope(rope_env: RopeShapingEnv, seed: int) -> None:
    points = rope_env.reset(seed=seed)[0]["points"].astype(np.float64)
    assert distance_to_rope(points, rope_env.vertices).max() < 0.025


def test_every_part_of_the_rope_is_seen(scene: RopeShapingEnv) -> None:
    points = look(scene)
    nearest = np.linalg.norm(scene.vertices[:, None] - points[None], axis=-1).min(axis=1)
    assert nearest.max() < 0.02


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"resolution": (96, 160)},
        {"resolution": (200, 120)},
        {"position": (0.1, -0.1, 1.4)},
        {"fovy": 60.0},
        {"name": "side", "fovy": 70.0},
    ],
)
def test_without_noise_points_lie_on_the_surface_from_everywhere(scene: RopeShapingEnv, config: dict[str, Any]) -> None:
    distance = distance_to_rope(look(scene, **CLEAN, **config), scene.vertices)
    assert distance.max() < RADIUS + 0.004
    assert np.median(distance) == pytest.approx(RADIUS, abs=0.001)


def test_without_noise_and_dropout_chance_has_no_say(scene: RopeShapingEnv) -> None:
    np.testing.assert_array_equal(look(scene, seed=0, **CLEAN), look(scene, seed=1, **CLEAN))


def test_noise_follows_the_generator(scene: RopeShapingEnv) -> None:
    np.testing.assert_array_equal(look(scene, seed=0), look(scene, seed=0))
    assert not np.array_equal(look(scene, seed=0), look(scene, seed=1))


def test_more_noise_moves_points_further_from_the_surface(scene: RopeShapingEnv) -> None:
    def spread(noise: float) -> float:
        points = look(scene, noise=noise, dropout=0.0)
        return float(np.abs(distance_to_rope(points, scene.vertices) - RADIUS).mean())

    assert spread(0.0) < spread(0.002) < spread(0.004)


def test_dropout_loses_pixels(scene: RopeShapingEnv) -> None:
    everything = distinct(look(scene, noise=0.0, dropout=0.0, points=5000))
    half = distinct(look(scene, noise=0.0, dropout=0.5, points=5000))
    assert half == pytest.approx(everything / 2, rel=0.1)


@pytest.mark.parametrize("count", [1, 64, 1024, 5000])
def test_points_are_as_many_as_asked_for(scene: RopeShapingEnv, count: int) -> None:
    points = look(scene, points=count)
    assert points.shape == (count, 3)
    assert points.dtype == np.float32


def test_fewer_rope_pixels_than_points_are_padded_with_rope(scene: RopeShapingEnv) -> None:
    points = look(scene, points=5000, **CLEAN)
    assert distinct(points) < 2500
    assert distance_to_rope(points, scene.vertices).max() < RADIUS + 0.004


def test_crop_is_respected(scene: RopeShapingEnv) -> None:
    middle, half = scene.vertices[20], np.array([0.05, 0.03, 0.1])
    lower, upper = middle - half, middle + half
    points = look(scene, lower=tuple(lower), upper=tuple(upper))
    assert (points >= lower - 1e-6).all()
    assert (points <= upper + 1e-6).all()
    assert distinct(points) > 50


def test_an_empty_view_is_zeros(scene: RopeShapingEnv) -> None:
    points = look(scene, lower=(5.0, 5.0, 5.0), upper=(6.0, 6.0, 6.0), points=16)
    np.testing.assert_array_equal(points, np.zeros((16, 3)))


def test_unknown_camera_is_refused_with_a_near_miss(scene: RopeShapingEnv) -> None:
    with pytest.raises(ConfigError, match=r"unknown camera 'overhed'.*Did you mean overhead\?"):
        look(scene, name="overhed")


@pytest.mark.parametrize("resolution", [(0, 64), (64, -1), (64, 10_000)])
def test_resolution_that_cannot_be_rendered_is_refused(scene: RopeShapingEnv, resolution: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=r"camera\.resolution"):
        look(scene, resolution=resolution)


@pytest.mark.parametrize(
    "config",
    [
        {"points": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"noise": -0.001},
        {"noise": np.nan},
        {"lower": (0.5, -0.5, 0.0)},
    ],
)
def test_impossible_setting_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"camera.{next(iter(config))} must"):
        DepthCameraConfig(**config)


def test_missing_opengl_says_what_to_install(scene: RopeShapingEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no display")

    monkeypatch.setattr(mujoco, "Renderer", fail)
    with pytest.raises(DependencyError, match=r"no display.*apt-get install libegl1"):
        look(scene)
