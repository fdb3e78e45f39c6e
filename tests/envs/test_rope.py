"""The rope task: physics that stays sane, states that come back exactly, and actions that are checked."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import envs
from envs.camera import DepthCameraConfig
from envs.gripper import FlexGripper, GripperLimits
from envs.rope import LENGTH, REACH, VERTICES, RopeShapingEnv
from robopref.errors import ActionError, ConfigError
from tests.starts import settled_anew

ID = "envs:robopref/RopeShaping-v0"
SPACING = LENGTH / (VERTICES - 1)
MISS_BY = 0.1  # m


def pick(env: RopeShapingEnv, vertex: int, place: Any) -> Any:
    """Bring a vertex to a place in metres."""
    return np.clip(np.concatenate([env.vertices[vertex, :2], place]) / REACH, -1, 1).astype(np.float32)


def worst_vertex(env: RopeShapingEnv) -> int:
    return int(np.linalg.norm(env.vertices[:, :2] - env.target_points, axis=1).argmax())


def good(env: RopeShapingEnv) -> Any:
    """Bring the vertex that is furthest from its target there."""
    return pick(env, worst_vertex(env), env.target_points[worst_vertex(env)])


def miss(env: RopeShapingEnv) -> Any:
    """Pick where there is no rope."""
    grid = np.stack(np.meshgrid(*[np.linspace(-REACH, REACH, 9)] * 2), axis=-1).reshape(-1, 2)
    clear = np.linalg.norm(grid[:, None] - env.vertices[None, :, :2], axis=-1).min(axis=1)
    assert clear.max() > MISS_BY
    return np.concatenate([grid[clear.argmax()] / REACH, np.zeros(2)]).astype(np.float32)


def some(env: RopeShapingEnv, rng: np.random.Generator) -> Any:
    """Bring any vertex anywhere."""
    return pick(env, int(rng.integers(VERTICES)), rng.uniform(-REACH, REACH, 2))


@pytest.fixture
def watch(rope_env: RopeShapingEnv, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, bool, Any]]]:
    """Gripper position, whether it holds, and the rope, after every physics step of the environment."""
    seen: list[tuple[Any, bool, Any]] = []
    model, data = rope_env.model, rope_env.data

    def watched() -> None:
        rope = data.xpos[model.body("rope_0").id :][:VERTICES].copy()
        seen.append((data.mocap_pos[0].copy(), bool(data.eq_active[model.equality("grasp").id]), rope))

    monkeypatch.setattr(rope_env.physics, "watch", watched)
    return seen


class TestInterface:
    def test_observation_is_points_and_a_gripper_at_home(self, rope_env: RopeShapingEnv) -> None:
        observation, info = rope_env.reset(seed=0)
        assert observation.keys() == {"points", "proprio"}
        assert observation["points"].shape == (1024, 3)
        np.testing.assert_allclose(observation["proprio"], [0, 0.55, 0.2, 1], atol=1e-6)
        assert info == {"shape_distance": rope_env.shape_distance, "success": False, "grasped": False, "dropped": False}

    def test_reward_is_the_negative_distance_after_the_action(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        _, reward, terminated, truncated, info = rope_env.step(good(rope_env))
        assert reward == -rope_env.shape_distance == -info["shape_distance"]
        assert (terminated, truncated) == (info["success"], False)

    def test_image_size_adds_an_image_that_shows_the_rope(self) -> None:
        env = RopeShapingEnv(image_size=48)
        image = env.reset(seed=0)[0]["image"].astype(int)
        env.close()
        assert image.shape == (48, 48, 3)
        red = (image[..., 0] > image[..., 1] + 60).mean()
        assert 0.01 < red < 0.3

    def test_picture_is_rendered_only_when_asked_for(self, rope_env: RopeShapingEnv) -> None:
        env = RopeShapingEnv(render_mode="rgb_array")
        env.reset(seed=0)
        picture = env.render()
        env.close()
        assert picture is not None
        assert picture.shape == (480, 480, 3)
        assert picture.std() > 10
        assert rope_env.render() is None

    def test_closing_twice_is_fine_and_a_closed_one_can_be_reset(self) -> None:
        env = RopeShapingEnv(image_size=32, render_mode="rgb_array")
        before, _ = env.reset(seed=0)
        env.render()
        env.close()
        env.close()
        after, _ = env.reset(seed=0)
        env.close()
        np.testing.assert_array_equal(before["points"], after["points"])

    def test_a_program_that_uses_it_ends_without_a_word(self) -> None:
        program = f"""
import gymnasium
env = gymnasium.make("{ID}", image_size=32, render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())
env.render()
env.close()
"""
        run = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


class TestEpisode:
    def test_registered_limit_truncates_and_does_not_terminate(self) -> None:
        env = gym.make(ID)
        limit = gym.spec(ID.split(":")[1]).max_episode_steps
        assert limit == 8
        env.reset(seed=0)
        ends = [env.step(miss(env.unwrapped))[2:4] for _ in range(limit)]
        env.close()
        assert ends == [(False, False)] * (limit - 1) + [(False, True)]

    def test_success_terminates_and_does_not_truncate(self) -> None:
        env = gym.make(ID, success_distance=10.0)
        env.reset(seed=0)
        _, _, terminated, truncated, info = env.step(miss(env.unwrapped))
        env.close()
        assert (terminated, truncated, info["success"]) == (True, False, True)

    @pytest.mark.parametrize("target", ["straight", "u", "circle"])
    def test_good_actions_bring_the_rope_closer(self, target: str) -> None:
        env = RopeShapingEnv(target=target)
        _, info = env.reset(seed=0)
        first, distances = info["shape_distance"], [info["shape_distance"]]
        while distances[-1] >= 0.6 * first and len(distances) <= 6:
            distances.append(env.step(good(env))[-1]["shape_distance"])
        env.close()
        assert distances[-1] < 0.6 * first, distances

    def test_starts_differ_are_flat_and_within_reach(self, rope_env: RopeShapingEnv) -> None:
        starts = []
        for seed in range(4):
            rope_env.reset(seed=seed)
            starts.append(rope_env.vertices)
        assert min(np.abs(a - b).max() for i, a in enumerate(starts) for b in starts[:i]) > 0.05
        assert np.abs(starts)[..., :2].max() < 0.6
        assert np.max(starts, axis=(0, 1))[2] < 0.05


@pytest.mark.slow
class TestDeterminism:
    def test_same_seed_and_actions_give_the_same_episode(self) -> None:
        other = RopeShapingEnv()
        runs = []
        for env in (other, other):  # A used one starts as a fresh one does.
            rng = np.random.default_rng(1)
            run = [env.reset(seed=5)[0]]
            run += [env.step(some(env, rng))[0] for _ in range(2)]
            runs.append((run, env.snapshot()))
        other.close()
        for run, state in runs[1:]:
            np.testing.assert_array_equal(state, runs[0][1])
            for mine, first in zip(run, runs[0][0], strict=True):
                np.testing.assert_array_equal(mine["points"], first["points"])
                np.testing.assert_array_equal(mine["proprio"], first["proprio"])

    def test_resets_without_a_seed_go_on_from_the_last(self, rope_env: RopeShapingEnv) -> None:
        with settled_anew(rope_env):
            first, second = rope_env.reset(seed=5)[0]["points"], rope_env.reset()[0]["points"]
            assert not np.array_equal(first, second)
            rope_env.reset(seed=5)
            np.testing.assert_array_equal(second, rope_env.reset()[0]["points"])


class TestSnapshot:
    def test_every_branch_is_exact(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        rng = np.random.default_rng(0)
        for _ in range(2):
            start, action = rope_env.snapshot(), some(rope_env, rng)
            rope_env.step(action)
            vertices, end = rope_env.vertices, rope_env.snapshot()
            for _ in range(2):
                rope_env.restore(start)
                rope_env.step(some(rope_env, rng))  # Another branch, which drags another vertex.
                rope_env.restore(start)
                np.testing.assert_array_equal(rope_env.snapshot(), start)
                rope_env.step(action)
                np.testing.assert_array_equal(rope_env.vertices, vertices)
                np.testing.assert_array_equal(rope_env.snapshot(), end)

    def test_another_instance_goes_on_from_it(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=1)
        rope_env.step(pick(rope_env, 0, np.zeros(2)))
        start, action = rope_env.snapshot(), pick(rope_env, 39, np.array([0.2, 0.1]))
        rope_env.step(action)
        other = RopeShapingEnv()
        for before in (lambda: None, lambda: other.reset(seed=9)):
            before()
            other.restore(start)
            other.step(action)
            np.testing.assert_array_equal(other.vertices, rope_env.vertices)
            np.testing.assert_array_equal(other.snapshot(), rope_env.snapshot())
        other.close()

    def test_it_is_a_copy(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        start = rope_env.snapshot()
        kept = start.copy()
        rope_env.step(good(rope_env))
        np.testing.assert_array_equal(start, kept)
        assert not np.array_equal(rope_env.snapshot(), kept)

    def test_the_rope_is_where_it_was(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        start, vertices = rope_env.snapshot(), rope_env.vertices
        rope_env.step(good(rope_env))
        rope_env.restore(start)
        # Positions are read one physics step behind the state while the rope creeps to rest.
        np.testing.assert_allclose(rope_env.vertices, vertices, atol=0.005)


class TestAction:
    @pytest.mark.parametrize(
        ("action", "complaint"),
        [
            ([np.nan, 0, 0, 0], "finite"),
            ([0, np.inf, 0, 0], "finite"),
            ([0, 0, -np.inf, 0], "finite"),
            ([0, 0, 0, 1.1], r"within \[-1, 1\]"),
            ([-5, 0, 0, 0], r"within \[-1, 1\]"),
            ([0, 0, 0], r"shape \(4,\), got \(3,\)"),
            ([[0, 0, 0, 0]], r"shape \(4,\), got \(1, 4\)"),
            (0.0, r"shape \(4,\), got \(\)"),
            ([[0], [0, 1]], "numbers"),
            ("left", "numbers"),
            ({}, "numbers"),
        ],
    )
    def test_bad_action_is_refused_and_nothing_moves(
        self, rope_env: RopeShapingEnv, action: Any, complaint: str
    ) -> None:
        before = rope_env.snapshot()
        with pytest.raises(ActionError, match=complaint):
            rope_env.step(action)
        np.testing.assert_array_equal(rope_env.snapshot(), before)

    @pytest.mark.parametrize("corner", [(-1, -1), (-1, 1), (1, -1), (1, 1)])
    def test_corners_of_the_action_space_are_actions(self, rope_env: RopeShapingEnv, corner: tuple[int, int]) -> None:
        rope_env.reset(seed=0)
        rope_env.step(np.array([*corner, *corner], np.float32))
        observation, *_ = rope_env.step(pick(rope_env, 0, np.multiply(corner, REACH)))
        assert rope_env.observation_space.contains(observation)

    def test_pick_away_from_the_rope_misses_and_leaves_it_alone(self, rope_env: RopeShapingEnv, watch: Any) -> None:
        for seed in range(2):
            rope_env.reset(seed=seed)
            start, before = rope_env.snapshot(), rope_env.vertices
            watch.clear()
            info = rope_env.step(miss(rope_env))[-1]
            after = rope_env.vertices
            assert (info["grasped"], info["dropped"]) == (False, False)
            assert np.linalg.norm(after - before, axis=1).mean() < 0.02
            # What little it moves is its own creeping to rest, gripper or not.
            rope_env.restore(start)
            for _ in range(len(watch)):
                mujoco.mj_step(rope_env.model, rope_env.data)
            np.testing.assert_array_equal(rope_env.vertices, after)

    def test_pick_catches_within_reach_only(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        start = rope_env.snapshot()
        across = rope_env.vertices[21, :2] - rope_env.vertices[19, :2]
        aside = np.array([-across[1], across[0]]) / np.linalg.norm(across)
        for offset, caught in ((0.02, True), (0.06, False)):
            rope_env.restore(start)
            where = rope_env.vertices[20, :2] + offset * aside
            info = rope_env.step((np.concatenate([where, where]) / REACH).astype(np.float32))[-1]
            assert info["grasped"] is caught

    def test_good_pick_moves_the_vertex_there_and_reduces_the_distance(self) -> None:
        env = RopeShapingEnv(gripper=GripperLimits(force=np.inf))
        for seed in range(2):
            env.reset(seed=seed)
            vertex, before, distance = worst_vertex(env), env.vertices, env.shape_distance
            action = good(env)
            info = env.step(action)[-1]
            assert (info["grasped"], info["dropped"]) == (True, False)
            assert np.abs(env.vertices - before).max() > 0.1
            assert np.linalg.norm(env.vertices[vertex, :2] - action[2:] * REACH) < 0.05
            assert info["shape_distance"] < distance - 0.03
        env.close()

    def test_pulling_a_straight_rope_into_a_heap_increases_the_distance(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=2)
        rope_env.step(good(rope_env))
        distance = rope_env.shape_distance
        info = rope_env.step(pick(rope_env, 0, rope_env.vertices[30, :2]))[-1]
        assert info["shape_distance"] > distance + 0.03

    def test_rope_slips_out_of_a_weak_grip(self) -> None:
        env = RopeShapingEnv(gripper=GripperLimits(force=0.01))
        env.reset(seed=0)
        vertex, before = 20, env.vertices
        info = env.step(pick(env, vertex, -before[vertex, :2]))[-1]
        after = env.vertices
        state = env.step(miss(env))[-1]
        env.close()
        assert (info["grasped"], info["dropped"]) == (True, True)
        assert np.linalg.norm(after[vertex] - before[vertex]) < 0.05
        assert not state["dropped"]

    def test_grip_is_open_after_every_action(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        observation, *_ = rope_env.step(good(rope_env))
        np.testing.assert_allclose(observation["proprio"], [0, 0.55, 0.2, 1], atol=1e-6)


class TestPhysics:
    def test_rope_keeps_its_length_and_stays_on_the_table(self, rope_env: RopeShapingEnv, watch: Any) -> None:
        rng = np.random.default_rng(0)
        ropes = []
        for episode in range(2):
            rope_env.reset(seed=100 + episode)
            for _ in range(5):
                rope_env.step(some(rope_env, rng))
                ropes.append(rope_env.vertices)
        assert np.isfinite([rope for _, _, rope in watch]).all()
        edges = np.linalg.norm(np.diff(ropes, axis=1), axis=2) / SPACING
        assert edges.max() < 1.2
        assert edges.min() > 0.8
        height = np.array(ropes)[..., 2]
        assert height.min() > 0
        assert height.max() < 0.06

    def test_gripper_never_exceeds_its_speed(self, rope_env: RopeShapingEnv, watch: Any) -> None:
        rope_env.reset(seed=0)
        for _ in range(3):
            rope_env.step(good(rope_env))
        rope_env.step(miss(rope_env))
        position = np.array([where for where, _, _ in watch])
        carried = np.array([holding for _, holding, _ in watch])[1:]
        speed = np.linalg.norm(np.diff(position, axis=0), axis=1) / rope_env.model.opt.timestep
        limits = GripperLimits()
        assert 0.8 * limits.speed < speed.max() <= limits.speed * (1 + 1e-6)
        assert 0.8 * limits.carry_speed < speed[carried].max() <= limits.carry_speed * (1 + 1e-6)


class TestFilm:
    def test_filmed_action_does_what_a_step_does(self, rope_env: RopeShapingEnv, watch: Any) -> None:
        rope_env.reset(seed=0)
        start, action = rope_env.snapshot(), good(rope_env)
        watch.clear()
        rope_env.step(action)
        end = rope_env.snapshot()
        rope_env.restore(start)
        frames = rope_env.film(action, every=0.5)
        np.testing.assert_array_equal(rope_env.snapshot(), end)
        assert len(frames) == -(-len(watch) // 50)
        assert frames[0].shape == (480, 480, 3)
        assert not np.array_equal(frames[0], frames[-1])

    def test_filming_ends_with_the_action_even_if_that_is_refused(
        self, rope_env: RopeShapingEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rope_env.reset(seed=0)
        with pytest.raises(ActionError):
            rope_env.film(np.full(4, np.nan))
        monkeypatch.setattr(rope_env, "picture", lambda *_: pytest.fail("still filming"))
        rope_env.step(good(rope_env))


class TestDemonstration:
    def test_careful_one_brings_a_landmark_to_its_place(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        pairs = np.concatenate([rope_env.vertices[:, :2], rope_env.target_points], axis=1) / REACH
        for seed in range(5):
            action = rope_env.demonstrate(np.random.default_rng(seed), quality="expert")
            assert np.abs(np.clip(pairs, -1, 1) - action).max(axis=1).min() < 1e-6

    def test_hurried_one_is_an_action_that_follows_its_generator(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=0)
        for seed in range(20):
            action = rope_env.demonstrate(np.random.default_rng(seed), quality="poor")
            assert rope_env.action_space.contains(action)
            again = rope_env.demonstrate(np.random.default_rng(seed), quality="poor")
            np.testing.assert_array_equal(action, again)

    def test_it_brings_the_rope_closer(self, rope_env: RopeShapingEnv) -> None:
        rope_env.reset(seed=1)
        before, rng = rope_env.progress, np.random.default_rng(0)
        for _ in range(8):
            rope_env.step(rope_env.demonstrate(rng))
        assert rope_env.progress > 0.5 * before
        assert rope_env.progress == -rope_env.shape_distance


class TestGeometry:
    @pytest.mark.parametrize("target", ["straight", "u", "circle"])
    def test_symmetries_move_anchors_as_they_move_actions(self, target: str) -> None:
        geometry = RopeShapingEnv(target=target).geometry
        action = np.random.default_rng(0).uniform(-1, 1, 4)
        np.testing.assert_array_equal(geometry.symmetry_actions[0], np.eye(4))
        for points, actions in zip(geometry.symmetry_points, geometry.symmetry_actions, strict=True):
            moved = (geometry.matrix @ action + geometry.offset) @ points.T
            np.testing.assert_allclose(geometry.matrix @ (actions @ action) + geometry.offset, moved, atol=1e-6)
            assert np.abs(actions @ np.sign(actions).T).max() <= 1 + 1e-6  # Corners stay in [-1, 1].

    def test_anchors_are_where_the_gripper_closes_and_opens(
        self, rope_env: RopeShapingEnv, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rope_env.reset(seed=0)
        visited = []
        for name in ("close", "open"):
            original = getattr(FlexGripper, name)

            def noted(gripper: FlexGripper, original: Any = original) -> Any:
                visited.append(gripper.position.copy())
                return original(gripper)

            monkeypatch.setattr(FlexGripper, name, noted)
        action = good(rope_env)
        rope_env.step(action)
        geometry = rope_env.geometry
        np.testing.assert_allclose(visited, geometry.matrix @ action + geometry.offset, atol=1e-6)


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({"target": "strait"}, r"unknown rope target 'strait'.*Did you mean straight\?"),
            ({"success_distance": 0.0}, "success_distance must be positive"),
            ({"success_distance": np.nan}, "success_distance must be positive"),
            ({"image_size": 0}, "image_size must be between"),
            ({"image_size": 10_000}, "image_size must be between"),
            ({"render_mode": "human"}, "unknown render mode 'human'"),
            ({"camera": DepthCameraConfig(name="overhed")}, r"Did you mean overhead\?"),
        ],
    )
    def test_impossible_setting_is_refused(self, settings: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            RopeShapingEnv(**settings)

    @pytest.mark.parametrize("name", ["speed", "carry_speed", "reach", "force"])
    @pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
    def test_gripper_limit_that_is_not_positive_is_refused(self, name: str, value: float) -> None:
        with pytest.raises(ConfigError, match=rf"gripper\.{name} must be positive"):
            GripperLimits(**{name: value})

    def test_old_mujoco_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mujoco, "__version__", "3.3.0")
        with pytest.raises(ConfigError, match=r"need mujoco >= 4, found 3\.3\.0"):
            RopeShapingEnv()

    def test_registered_under_its_module(self) -> None:
        assert envs.__name__ == ID.split(":", maxsplit=1)[0]
        assert gym.spec(ID.split(":")[1]).entry_point == "envs.rope:RopeShapingEnv"
