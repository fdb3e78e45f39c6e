"""The page on adding a task does what it says, as it stands."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore

PAGE = (Path(__file__).parents[1] / "docs" / "new_task.md").read_text()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of the page, in the working directory."""
    for name, text in re.findall(r"`(my_tasks/[\w.]+)`(?:(?!```).)*```\w+\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    gym.registry.pop("mine/Flick-v0", None)
    for name in [name for name in sys.modules if name.startswith("my_tasks")]:
        del sys.modules[name]


def test_the_task_keeps_to_the_contract_and_its_expert_solves_it(package: Path) -> None:
    assert {path.name for path in (package / "my_tasks").iterdir()} >= {"flick.xml", "flick.py", "__init__.py"}
    env: Any = gym.make("my_tasks:mine/Flick-v0").unwrapped
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    assert len(np.unique(observation["points"], axis=0)) > 50
    for _ in range(10):
        *_, over, _, info = env.step(env.demonstrate(np.random.default_rng(0), "expert"))
        if over:
            break
    assert info["success"]
    before = env.snapshot()
    first = env.step(np.array([0.5, 0.1], np.float32))[1]
    env.restore(before)
    assert env.step(np.array([0.5, 0.1], np.float32))[1] == first
    env.close()


def test_the_command_collects(package: Path) -> None:
    (command,) = re.findall(r"```sh\nrobopref (.*?)\n```", PAGE, re.DOTALL)
    assert main(shlex.split(command)) == 0
    store = EpisodeStore.open(package / "runs" / "flick" / "demos.zarr")
    assert store.steps == 20
    assert store.attrs["qualities"] == ["random", "expert"]
