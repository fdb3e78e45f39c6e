"""Agents on disk: whole or not at all, and of weights that are numbers."""

import io
import shutil
import zipfile
from pathlib import Path

import gymnasium as gym
import pytest
import torch
from stable_baselines3 import PPO

from robopref.errors import DataError
from robopref.learning.agents import restore_agent, save_agent


@pytest.fixture(scope="module")
def agent() -> PPO:
    task, small = gym.make("Pendulum-v1"), {"net_arch": [4]}
    return PPO("MlpPolicy", task, n_steps=8, batch_size=8, policy_kwargs=small, seed=0, device="cpu")


def weights(agent: PPO) -> list[torch.Tensor]:
    return [value.clone() for value in agent.policy.state_dict().values()]


def test_an_agent_comes_back(agent: PPO, tmp_path: Path) -> None:
    save_agent(tmp_path / "agents" / "all.zip", agent)
    assert [entry.name for entry in (tmp_path / "agents").iterdir()] == ["all.zip"]
    before = weights(agent)
    for value in agent.policy.parameters():
        value.data.zero_()
    restore_agent(agent, tmp_path / "agents" / "all.zip")
    assert all(torch.equal(was, is_) for was, is_ in zip(before, weights(agent), strict=True))


def rewritten(path: Path, *, bias: float = 0.0, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    policy = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    policy["value_net.bias"] += bias
    changed = io.BytesIO()
    torch.save(policy, changed)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (members | {"policy.pth": changed.getvalue()}).items():
            archive.writestr(name, content)


def test_a_damaged_agent_is_one_line(agent: PPO, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    save_agent(tmp_path / "whole.zip", agent)
    whole = (tmp_path / "whole.zip").read_bytes()
    rewritten(tmp_path / "whole.zip")
    restore_agent(agent, tmp_path / "whole.zip")
    for said, damage in (
        ("value_net.bias is not finite", lambda: rewritten(path, bias=float("nan"))),
        ("is compressed", lambda: rewritten(path, compression=zipfile.ZIP_DEFLATED)),
        ("Names of parameters", lambda: path.write_bytes(whole[:-900])),
        ("Is a directory", lambda: (path.unlink(), path.mkdir())),
    ):
        path.write_bytes(whole)
        damage()
        with pytest.raises(DataError, match=f"is no agent of this task .*{said}.*train again") as caught:
            restore_agent(agent, path)
        assert "\n" not in str(caught.value)
    shutil.rmtree(path)
    with pytest.raises(DataError, match="No such file"):
        restore_agent(agent, path)
