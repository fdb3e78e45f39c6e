"""Agents as they are made, and on disk: whole or not at all, and of weights that are numbers."""

import io
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import PPO

from robopref.errors import ConfigError, DataError, PartError
from robopref.interaction import AgentSpec
from robopref.learning.agents import make_agent, require_renewable, restore_agent, save_agent
from robopref.learning.stable_baselines import OnPolicyBaseline
from tests.learning.pendulum import SPEC

ppo = partial(PPO, "MlpPolicy", n_steps=8, batch_size=8)


class Lazy:
    """Does nothing, and keeps nothing."""

    collecting = False

    def __init__(self, spec: AgentSpec, *, pace: int = 1) -> None:
        self.spec, self.pace = spec, pace

    act = remember = learn = save = load = lambda *_, **__: None


class Forgetful(Lazy):
    learn = load = property()  # type: ignore[assignment]  # there are none


class Own(PPO):
    """An algorithm of stable-baselines3 that somebody changed."""


def test_an_agent_is_made_of_what_it_is_for() -> None:
    made = make_agent(partial(Lazy, pace=3), SPEC)
    assert isinstance(made, Lazy)
    assert (made.spec, made.pace) == (SPEC, 3)
    require_renewable(made)


def test_an_algorithm_of_stable_baselines_is_adapted() -> None:
    for maker in (ppo, partial(Own, "MlpPolicy", n_steps=8, batch_size=8)):
        made = make_agent(maker, SPEC)
        assert isinstance(made, OnPolicyBaseline)
        require_renewable(made)


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (Forgetful, "agent: Forgetful lacks learn, load; see"),
        (lambda: None, "agent is made of an AgentSpec and of its settings: too many"),
        (partial(Lazy, pase=3), "agent is made of .*: got an unexpected keyword argument 'pase'"),
        (Lazy(SPEC), "agent makes Lazy before the task is known; give agent._partial_=true"),
    ],
)
def test_what_is_no_agent_is_one_line(maker: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        make_agent(maker, SPEC)
    assert "\n" not in str(refused.value)


class Raises:
    """Fails wherever it is told to."""

    collecting = False

    def __init__(self, spec: AgentSpec, *, error: type[Exception] = ValueError, at: str = "save") -> None:
        self.error = error
        if at == "init":
            self.save(Path())

    act = remember = learn = load = lambda *_, **__: None

    def save(self, path: Path, /) -> None:
        raise self.error("no room")


def test_an_agent_that_fails_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PartError, match=r"^agent: Raises raised ValueError: no room \(test_agents\.py, line \d+\)"):
        make_agent(partial(Raises, at="init"), SPEC)
    with pytest.raises(PartError, match=r"^agent: save\(path\) of Raises raised ValueError: no room"):
        save_agent(tmp_path / "a.zip", Raises(SPEC))
    with pytest.raises(DataError, match=r"cannot write .*a\.zip \(no room\); free some space"):
        save_agent(tmp_path / "a.zip", Raises(SPEC, error=OSError))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def agent() -> OnPolicyBaseline:
    made = make_agent(ppo, SPEC)
    assert isinstance(made, OnPolicyBaseline)
    return made


def weights(agent: OnPolicyBaseline) -> list[torch.Tensor]:
    return [value.clone() for value in agent.algorithm.policy.state_dict().values()]


def test_an_agent_comes_back(agent: OnPolicyBaseline, tmp_path: Path) -> None:
    save_agent(tmp_path / "agents" / "all.zip", agent)
    assert [entry.name for entry in (tmp_path / "agents").iterdir()] == ["all.zip"]
    before = weights(agent)
    for value in agent.algorithm.policy.parameters():
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


def test_a_damaged_agent_is_one_line(agent: OnPolicyBaseline, tmp_path: Path) -> None:
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
        with pytest.raises(DataError, match=f"is no agent of this task .*{said}.*train it again") as caught:
            restore_agent(agent, path)
        assert "\n" not in str(caught.value)
    shutil.rmtree(path)
    with pytest.raises(DataError, match="No such file"):
        restore_agent(agent, path)
