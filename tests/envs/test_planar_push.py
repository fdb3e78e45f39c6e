"""Planar push: what a state is worth, when the puck is there, and what is felt."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.bin_pick import BinPickEnv
from envs.incline_push import InclinePushEnv
from envs.planar_push import PlanarPushEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[PlanarPushEnv]:
    env = PlanarPushEnv(points=False, state=True)
    yield env
    env.close()


def put(env: PlanarPushEnv, puck: tuple[float, float], tool: tuple[float, float], goal: tuple[float, float]) -> None:
    env.reset(seed=0)
    env.data.joint("puck").qpos[:2] = puck
    env._goal[:2] = goal
    env._tool.place(np.array([*tool, 0.012]), grip=-1.0)


def test_reward_is_the_way_to_the_goal_and_a_quarter_of_that_to_the_puck(env: PlanarPushEnv) -> None:
    put(env, puck=(0, 0), tool=(0, -0.2), goal=(0.06, 0.08))
    assert env.progress == pytest.approx(-(0.1 + 0.25 * 0.2))


@pytest.mark.parametrize(("away", "success"), [(0.027, True), (0.033, False)])
def test_the_puck_is_there_within_3_cm(env: PlanarPushEnv, away: float, success: bool) -> None:
    put(env, puck=(0, 0.1 - away), tool=(0.2, -0.2), goal=(0, 0.1))
    *_, terminated, _, info = env.step(np.zeros(2, np.float32))
    assert (terminated, info["success"]) == (success, success)


def test_pushing_is_felt_along_the_push(env: PlanarPushEnv) -> None:
    put(env, puck=(0, 0), tool=(0, -0.05), goal=(0, 0.2))
    felt = [env.step(np.array([0, 1], np.float32))[-1]["contact_force"] for _ in range(4)]
    assert max(felt) > 0.3
    # A puck of 0.2 kg with friction 0.6 resists with 1.2 N.
    env.step(np.array([0, 0.3], np.float32))
    assert env._tool.force[1] <= 0


def test_an_impact_is_felt_that_is_over_before_the_action_is() -> None:
    env = PlanarPushEnv(points=False, state=True, impacts=True)
    put(env, puck=(0, 0), tool=(0, -0.07), goal=(0, 0.2))
    felt = [env.step(np.array([0, 1], np.float32))[-1] for _ in range(3)]
    # The puck flies off within an action: nothing is felt at its end, and much on the way.
    assert max(info["peak_force"] for info in felt) > 10 * max(info["contact_force"] for info in felt)
    assert env.physics.watch is None
    # It is of the last action alone.
    away = [env.step(np.array([0, -1], np.float32))[-1]["peak_force"] for _ in range(3)]
    assert away[-1] == 0
    env.close()


def test_looking_at_impacts_changes_no_motion(env: PlanarPushEnv) -> None:
    other = PlanarPushEnv(points=False, state=True, impacts=True)
    ends = []
    for one in (env, other):
        put(one, puck=(0, 0), tool=(0, -0.06), goal=(0, 0.2))
        ends.append([one.step(np.array([0.1, 1], np.float32))[0]["state"] for _ in range(4)])
    assert np.array_equal(*ends)
    other.close()


@pytest.mark.parametrize("task", [InclinePushEnv, BinPickEnv])
def test_other_tasks_feel_impacts_and_move_the_same(task: type[InclinePushEnv] | type[BinPickEnv]) -> None:
    plain, felt = (task(points=False, state=True, impacts=impacts) for impacts in (False, True))
    peaks, contacts, states = list[float](), list[float](), list[list[np.ndarray]]()
    for env in (plain, felt):
        env.reset(seed=0)
        states.append([])
        for _ in range(25):
            observation, _, _, _, info = env.step(env.demonstrate(np.random.default_rng(0)))
            states[-1].append(observation["state"])
            if env is felt:
                peaks.append(info["peak_force"])
                contacts.append(info["contact_force"])
        env.close()
    assert np.array_equal(*states)
    assert all(peak >= contact - 1e-9 for peak, contact in zip(peaks, contacts, strict=True))
    assert max(peaks) > max(contacts) > 0
    assert plain.physics.watch is felt.physics.watch is None


def test_a_careful_person_gets_it_there(env: PlanarPushEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 60)[0] for seed in range(4))
