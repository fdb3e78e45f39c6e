"""Dressing: where an arm passes through an opening, worked out by hand, and a demonstrator that pulls gently."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.dressing import DressingEnv, passage, yielding

ARM = np.array([[0, 0, 0], [0.25, 0, 0], [0.25, 0.25, 0]], dtype=float)
ANGLE = 2 * np.pi * np.arange(12) / 12
AROUND_X = 0.06 * np.column_stack([np.zeros(12), np.sin(ANGLE), np.cos(ANGLE)])
AROUND_Y = AROUND_X[:, [1, 0, 2]]


@pytest.fixture(scope="module")
def env() -> Iterator[DressingEnv]:
    env = DressingEnv(points=False)
    yield env
    env.close()


@pytest.mark.parametrize(
    ("middle", "rim", "way"),
    [
        ((0.1, 0.01, 0), AROUND_X, 0.1),  # around the forearm
        ((0.1, 0, 0.02), AROUND_X[::-1], 0.1),  # the same, the other way round
        ((0.25, 0.15, 0), AROUND_Y, 0.4),  # around the upper arm: 0.25 + 0.15
        ((-0.01, 0, 0), AROUND_X, 0.0),  # before the finger tips
        ((0.1, 0.07, 0), AROUND_X, 0.0),  # beside the arm
        ((0.25, 0.3, 0), AROUND_Y, 0.0),  # beyond the shoulder
    ],
)
def test_passage(middle: tuple[float, ...], rim: np.ndarray, way: float) -> None:
    assert passage(ARM, rim + np.array(middle)) == pytest.approx(way, abs=1e-9)


def test_a_start_is_not_dressed_and_its_force_is_the_weight(env: DressingEnv) -> None:
    _, info = env.reset(seed=0)
    assert info["dressed"] == 0
    assert not info["through"]
    np.testing.assert_allclose(env.force, [0, 0, -0.05 * 9.81], atol=0.15)  # 50 g of cloth hang from the hand


def test_the_expert_dresses_and_the_force_costs(env: DressingEnv) -> None:
    _, info = env.reset(seed=0)
    seen = [0.0]
    for _ in range(40):
        _, reward, _, _, info = env.step(env.demonstrate(np.random.default_rng(0), "expert"))
        assert reward == pytest.approx(info["dressed"] - 1 - 0.1 * max(info["force"] - 2, 0))
        seen.append(info["dressed"])
        if info["success"]:
            break
    assert info["success"]
    assert np.all(np.diff(seen) > -0.02)
    env.step(np.array([0, 1, 0, 0], np.float32))
    for _ in range(4):  # Sideways against the arm.
        _, reward, _, _, info = env.step(np.array([0, 1, 0, 0], np.float32))
    assert info["force"] > 2
    assert reward < info["dressed"] - 1


@pytest.mark.parametrize(
    ("motion", "pull", "made"),
    [
        ((1, 2, 0), (-3, 0, 0), (1, 2, 0)),  # weak enough to go against
        ((1, 2, 0), (-6, 0, 0), (0, 2, 0)),  # what goes across it is done
        ((-1, 2, 0), (-6, 0, 0), (-1, 2, 0)),  # giving in is done in full
        ((1, 0, 0), (-3, -4, 0), (0.64, -0.48, 0)),
    ],
)
def test_the_hand_gives_way_to_a_strong_pull(motion: tuple[float, ...], pull: tuple[float, ...], made: object) -> None:
    np.testing.assert_allclose(yielding(np.array(motion), np.array(pull)), made)


def test_the_hand_moves_as_far_as_it_is_told(env: DressingEnv) -> None:
    before = env.reset(seed=1)[0]["proprio"]
    after = env.step(np.array([-1, 0.5, 0.25, -1], np.float32))[0]["proprio"]
    np.testing.assert_allclose(after[:4] - before[:4], [-0.02, 0.01, 0.005, -0.1], atol=1e-5)
