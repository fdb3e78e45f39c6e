"""Drawer: what it is worth, when it is open, and that the handle has to be hooked."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.drawer_open import DrawerOpenEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[DrawerOpenEnv]:
    env = DrawerOpenEnv(points=False, state=True)
    yield env
    env.close()


def test_reward_is_the_way_to_the_slot_and_twice_what_is_closed(env: DrawerOpenEnv) -> None:
    env.reset(seed=0)
    env.data.joint("drawer").qpos[0] = 0.05
    env.physics.forward()
    slot = env.data.site("hook").xpos
    # The slot is 3 cm before the drawer's front, which is 5 cm before the cabinet at y = 0.12.
    np.testing.assert_allclose(slot[1:], [0.12 - 0.05 - 0.03, 0.05], atol=1e-9)
    env._tool.place(slot - [-0.03, 0.04, -0.12], grip=-1.0)
    # 0.13 m away, and 0.15 - 0.05 m too little.
    assert env.progress == pytest.approx(-(0.13 + 2 * 0.1))


@pytest.mark.parametrize(("opening", "success"), [(0.14, False), (0.16, True)])
def test_it_is_open_from_15_cm(env: DrawerOpenEnv, opening: float, success: bool) -> None:
    env.reset(seed=0)
    env.data.joint("drawer").qpos[0] = opening
    *_, terminated, _, info = env.step(np.zeros(4, np.float32))
    assert (terminated, info["success"]) == (success, success)
    assert info["opening"] == pytest.approx(opening, abs=1e-3)


def test_pulling_beside_the_handle_opens_nothing(env: DrawerOpenEnv) -> None:
    env.reset(seed=0)
    start = env.opening
    env._tool.place(env.data.site("hook").xpos - [0, 0.06, 0], grip=-1.0)
    for _ in range(6):
        env.step(np.array([0, -1, 0, -1], np.float32))
    assert env.opening == pytest.approx(start, abs=1e-3)


def test_a_careful_person_opens_it(env: DrawerOpenEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 40)[0] for seed in range(4))
