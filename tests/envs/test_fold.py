"""Cloth fold: the reward on configurations worked out by hand, and demonstrators that fold."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.cloth import lay
from envs.fold import CELLS, SPACING, ClothFoldEnv
from robopref.errors import ConfigError

SIDE = CELLS * SPACING


@pytest.fixture(scope="module")
def env() -> Iterator[ClothFoldEnv]:
    env = ClothFoldEnv(points=False)
    yield env
    env.close()


def put(env: ClothFoldEnv, plane: np.ndarray) -> None:
    env.physics.reset()
    lay(env.physics, env._bodies, np.column_stack([plane, np.zeros(len(plane))]))


def flat() -> np.ndarray:
    line = (np.arange(CELLS + 1) - CELLS / 2) * SPACING
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_fold_has_no_distance_wherever_it_lies(env: ClothFoldEnv, sign: int) -> None:
    x, y = flat().T
    beyond = x + sign * y < 0
    folded = np.column_stack([np.where(beyond, -sign * y, x), np.where(beyond, -sign * x, y)])
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    put(env, folded @ turn.T + [0.1, -0.05])
    assert env.progress == pytest.approx(0, abs=1e-9)
    assert env._measure()["success"]


def test_other_folds_are_not_wanted(env: ClothFoldEnv) -> None:
    put(env, np.abs(flat()) * [1, 0] + flat() * [0, 1])  # edge to edge
    assert env.progress < -0.05
    half = ClothFoldEnv(points=False, fold="half")
    put(half, np.abs(flat()) * [1, 0] + flat() * [0, 1])
    assert half.progress == pytest.approx(0, abs=1e-9)
    assert "edge" in half.instruction
    half.close()


def test_distance_of_a_flat_cloth() -> None:
    """Folded in half the places are |x|; the best fit shifts and turns nothing but the mean.

    With x in units of the spacing from -4 to 4, the mean of |x| is 20 / 9. The mean of ||x| - 20 / 9 - x| is 20 / 9 for
    the five x from 0 and |2 k - 20 / 9| for x = -k: (100 / 9 + 0.2222 + 1.7778 + 3.7778 + 5.7778) / 9 = 2.5185.
    """
    half = ClothFoldEnv(points=False, fold="half")
    put(half, flat())
    assert -half.progress == pytest.approx(2.5185 * SPACING, abs=1e-4 * SPACING)
    half.close()


@pytest.mark.parametrize("seed", [2])
def test_the_expert_folds(env: ClothFoldEnv, seed: int) -> None:
    env.reset(seed=seed)
    before = env.progress
    for _ in range(3):
        info = env.step(env.demonstrate(np.random.default_rng(0), "expert"))[4]
        if info["success"]:
            break
    assert info["success"]
    assert info["grasped"]
    assert env.progress > before + 0.05


def test_a_cloth_at_rest_is_left_alone_by_open_fingers(env: ClothFoldEnv) -> None:
    put(env, flat())
    env._gripper.settle(speed=0.001, seconds=2.0)
    begun, seen, where = env.data.time, list[np.ndarray](), list[float]()

    def watch() -> None:
        seen.append(env.data.qpos.copy())
        where.append(env.data.xpos[env.model.body("gripper").id, 1])

    env.physics.watch = watch
    env._gripper.move_to(np.array([0.0, 0.0, 0.2]))  # 1.5 * 0.55 m / 2.5 m/s = 0.33 s, 51 timesteps of 6.5 ms
    env.physics.watch = None
    assert env.data.time - begun == pytest.approx(51 * 0.0065)
    assert len(seen) == 51
    assert not np.array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[3], seen[-1])
    assert np.all(np.diff(where) < 0)  # films show the way


def test_a_cloth_in_the_air_falls_whatever_the_fingers_do(env: ClothFoldEnv) -> None:
    put(env, flat())
    env.data.qpos[2::3] += 0.2
    env.physics.forward()
    env._gripper.move_to(np.array([0.0, 0.0, 0.12]))
    assert env.vertices[:, 2].max() < 0.1


def test_unknown_fold_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown fold 'halve'.*Did you mean half"):
        ClothFoldEnv(fold="halve")
    with pytest.raises(ConfigError, match="success_distance must be positive"):
        ClothFoldEnv(success_distance=0)
