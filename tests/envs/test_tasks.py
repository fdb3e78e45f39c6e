"""What every registered task has to keep to."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import envs  # noqa: F401  registers the tasks
from envs.task import QUALITIES, Task
from robopref.errors import ActionError, ConfigError
from tests.starts import remember_starts, settled_anew

# What another package made keeps to a contract of its own, see test_foreign.py.
IDS = sorted(name for name in gym.registry if name.startswith("robopref/") and name != "robopref/Gym-v0")


@pytest.fixture(scope="module", params=IDS)
def task(request: pytest.FixtureRequest) -> Iterator[Task]:
    env: Any = gym.make(request.param, points=False, state=True, disable_env_checker=True).unwrapped
    remember_starts(env)
    yield env
    env.close()


def task_class(name: str) -> type[Task]:
    return gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))  # type: ignore[return-value]


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, part in one.items():
        np.testing.assert_array_equal(part, other[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
@pytest.mark.filterwarnings("ignore:Your observation points has an unconventional shape")
@pytest.mark.filterwarnings("error")
def test_checkers_accept_it_with_every_sensor(name: str) -> None:
    # Few pixels, since the checkers look often.
    camera = replace(task_class(name).camera, resolution=(96, 96), points=256)
    env: Any = gym.make(
        name, state=True, image_size=48, camera=camera, render_mode="rgb_array", disable_env_checker=True
    ).unwrapped
    remember_starts(env, most=3)  # they reset often, and how starts settle and differ is for tests below
    gymnasium_check_env(env, skip_render_check=True)
    sb3_check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    assert observation.keys() == {"points", "proprio", "state", "image"}
    assert observation["image"].std() > 5
    assert len(np.unique(observation["points"], axis=0)) > 50
    picture = env.render()
    assert picture.shape == (480, 480, 3)
    assert picture.std() > 10
    env.close()


def test_it_says_what_is_wanted(task: Task) -> None:
    assert task.instruction.endswith(".")
    assert type(task).__doc__
    for section in ("Observation:", "Action:", "Reward:", "Episode:", "Info:"):
        assert section in str(type(task).__doc__)


def test_same_seed_and_actions_give_the_same_episode(task: Task) -> None:
    runs: list[Any] = []
    with settled_anew(task):
        for other in (6, None):
            rng = np.random.default_rng(1)
            runs.append([task.reset(seed=5), *(task.step(task.demonstrate(rng, "poor")) for _ in range(2))])
            if other is not None:  # what was before does not matter
                task.reset(seed=other)
    for one, other in zip(*runs, strict=True):
        same(one[0], other[0])
        assert one[1:] == other[1:]


def test_starts_differ(task: Task) -> None:
    starts = [task.reset(seed=seed)[0]["state"] for seed in range(3)]
    assert not np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[1], starts[2])


def test_every_branch_from_a_snapshot_is_exact_even_after_a_reset(task: Task) -> None:
    task.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(2):
        start, action = task.snapshot(), task.demonstrate(rng, "medium")
        first = task.step(action)
        end = task.snapshot()
        task.restore(start)
        task.step(task.demonstrate(rng, "random"))
        task.restore(start)
        np.testing.assert_array_equal(task.snapshot(), start)
        again = task.step(action)
        same(first[0], again[0])
        assert first[1:] == again[1:]
        np.testing.assert_array_equal(task.snapshot(), end)
    task.reset(seed=1)
    task.restore(start)
    task.step(action)
    np.testing.assert_array_equal(task.snapshot(), end)


def test_rewards_are_what_was_asked_for(task: Task) -> None:
    sparse: Any = gym.make(task.spec.id, points=False, reward="sparse", disable_env_checker=True).unwrapped  # type: ignore[union-attr]
    task.reset(seed=2)
    sparse.restore(task.snapshot())
    action = task.demonstrate(np.random.default_rng(0), "expert")
    _, dense, terminated, truncated, info = task.step(action)
    _, reward, _, _, other = sparse.step(action)
    sparse.close()
    assert reward == float(other["success"])
    assert isinstance(dense, float)
    assert np.isfinite(dense)
    assert (terminated, truncated) == (info["success"], False)
    assert info["success"] == other["success"]
    assert np.isfinite(task.progress)


def test_demonstrations_are_actions_that_follow_their_generator(task: Task) -> None:
    task.reset(seed=0)
    for quality in QUALITIES:
        actions = [task.demonstrate(np.random.default_rng(3), quality) for _ in range(2)]
        assert task.action_space.contains(actions[0]), quality
        np.testing.assert_array_equal(*actions, err_msg=quality)
    with pytest.raises(ConfigError, match=r"unknown quality 'exprt'.*Did you mean expert"):
        task.demonstrate(np.random.default_rng(3), "exprt")


def test_symmetries_move_anchors_as_they_move_actions(task: Task) -> None:
    geometry, proprio = task.geometry, task.reset(seed=1)[0]["proprio"]
    chunk = np.random.default_rng(0).uniform(-1, 1, (2, *task.action_space.shape)).astype(np.float32)
    assert geometry.matrix.shape[2] == chunk.shape[1]
    np.testing.assert_array_equal(geometry.symmetry_actions[0], np.eye(chunk.shape[1]))
    for turn, (points, actions) in enumerate(zip(geometry.symmetry_points, geometry.symmetry_actions, strict=True)):
        np.testing.assert_allclose(points @ points.T, np.eye(3), atol=1e-6)
        felt = proprio if geometry.symmetry_proprio is None else geometry.symmetry_proprio[turn] @ proprio
        moved = geometry.anchors(chunk, proprio) @ points.T
        np.testing.assert_allclose(geometry.anchors(chunk @ actions.T, felt), moved, atol=1e-6)


def test_bad_actions_are_refused_and_nothing_moves(task: Task) -> None:
    task.reset(seed=0)
    before = task.snapshot()
    shape = task.action_space.shape
    for action in (*(np.full(shape, fill) for fill in (np.nan, np.inf, 1.5)), np.zeros(int(np.prod(shape)) + 1)):
        with pytest.raises(ActionError):
            task.step(action)
    np.testing.assert_array_equal(task.snapshot(), before)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"reward": "dens"}, r"unknown reward 'dens'.*Did you mean dense"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"image_size": 0}, "image_size must be between"),
        ({"piont": True}, r"unknown task setting 'piont'.*Did you mean points"),
    ],
)
@pytest.mark.parametrize("name", IDS)
def test_impossible_settings_are_refused(name: str, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        task_class(name)(**settings)
