"""What a practice that goes on says of what it finds damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.learning.learnt_reward_env import LearntRewardEnv, agent_spec
from robopref.learning.practice import Practice
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.policies.plan_value import LowerBound
from robopref.safety.violations import Bounds, ToolPath


def practice(folder: Path) -> Practice:
    task = gym.make("envs:robopref/PlanarPush-v0", max_episode_steps=3, points=False, state=True)
    path = folder / "online.zarr"
    store = EpisodeStore.open(path, "a") if path.exists() else EpisodeStore.create(path, {})
    env = LearntRewardEnv(task, store)
    spec = agent_spec(task, ["state"], steps=10, seed=0, device=torch.device("cpu"))
    agent = WorldModelAgent(
        spec, ensemble=LowerBound(members=2), latent=8, width=8, cloning=1, seeding=90, handover=None
    )
    shown = {"state": np.zeros((3, *spec.observation["state"])), "action": np.zeros((3, 2)), "reward": np.zeros(3),
             "terminated": np.zeros(3, bool)}  # fmt: skip
    agent.demonstrate(shown)
    bounds = Bounds.of([ToolPath(np.random.default_rng(0).normal(size=(9, 3)))])
    return Practice(
        agent, env, bounds=bounds, tool=lambda seen: np.zeros(3), folder=folder / "practice", settings={}, seed=0
    )


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("practised")
    begun = practice(folder)
    begun.begin()
    begun.run(6)
    return folder


def damaged(found: dict[str, Any], how: str) -> Any:
    if how == "episode":
        found["episodes"][0] = 3
    elif how == "steps":
        found["episodes"][0]["steps"] = -3
    elif how == "nothing":
        found["episodes"][0] = {}
    else:
        del found["settings"]
    return found


HOSTILE = [
    ("updates", "owes 1e\\+18 updates"),
    ("time", "acted in 7 of 6 steps"),
    ("scale", "range of its values"),
    ("wide", "encoder.* is .*, its settings say"),
    ("whole", "of torch.int64, not of"),
    ("pretended", "of which the file holds fewer"),
    ("targets", "its settings say"),
    ("moments", "of parameter 0 of the optimizer"),
]


def hostile(found: dict[str, Any], how: str) -> dict[str, Any]:
    learner, world = found["learner"], found["world"]
    name = next(name for name, tensor in world.items() if name.startswith("encoder.trunk") and tensor.ndim == 2)
    if how == "updates":
        found["owed"] = 1e18
    elif how == "time":
        found["acted"] = 7
    elif how == "scale":
        learner["scale"] = torch.zeros(())
    elif how == "targets":
        learner["targets"] = {name: torch.zeros(1) for name in learner["targets"]}
    elif how == "moments":
        learner["model"]["state"] = {
            0: {"step": torch.ones(()), "exp_avg": torch.zeros(1), "exp_avg_sq": torch.ones(1)}
        }
    else:
        shape = world[name].shape
        made = {"wide": torch.zeros(1).expand(10**6, 10**6), "whole": torch.zeros(shape, dtype=torch.int64)}
        world[name] = made.get(how, torch.zeros(1).expand(shape))
    return found


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "agent-2.pt is not a readable checkpoint .*; restore a copy, or remove"),
        ("gone", "no checkpoint at .*agent-2.pt; restore a copy, or remove"),
        ("other", "agent-2.pt is no agent of this task .*; restore a copy, or remove"),
        ("code", "agent-2.pt is not a readable checkpoint .*; restore a copy, or remove"),
        *((how, f"agent-2.pt is no agent of this task .*{said}.*; restore a copy, or remove") for how, said in HOSTILE),
        ("episode", "an episode is no object; restore a copy"),
        ("nothing", "an episode lacks steps or success; restore a copy"),
        ("settings", "it lacks settings; restore a copy"),
        ("steps", "practice.json speaks of other episodes than .*online.zarr; restore a copy"),
    ],
)
def test_damage_is_said_in_a_line_that_says_what_to_do(practised: Path, tmp_path: Path, how: str, said: str) -> None:
    shutil.copytree(practised, tmp_path, dirs_exist_ok=True)
    agent, record = tmp_path / "practice" / "agent-2.pt", tmp_path / "practice" / "practice.json"
    if how == "cut":
        agent.write_bytes(agent.read_bytes()[:500])
    elif how == "gone":
        agent.unlink()
    elif how == "other":
        torch.save({"clone": {}}, agent)
    elif how == "code":
        torch.save({**torch.load(agent, weights_only=True), "owed": Path("x")}, agent)
    elif how in dict(HOSTILE):
        torch.save(hostile(torch.load(agent, weights_only=True), how), agent)
    else:
        record.write_text(json.dumps(damaged(json.loads(record.read_text()), how)))
    with pytest.raises(DataError, match=said) as told:
        practice(tmp_path).begin()
    assert "\n" not in str(told.value)


def test_what_is_whole_goes_on(practised: Path, tmp_path: Path) -> None:
    shutil.copytree(practised, tmp_path, dirs_exist_ok=True)
    again = practice(tmp_path)
    again.begin()
    assert again.steps == 6
