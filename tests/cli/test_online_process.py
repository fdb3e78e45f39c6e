"""`robopref online reward=implicit_process` on tiny budgets: it learns from outcomes, and goes on when killed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from robopref.__main__ import main
from robopref.learning.loop import train
from robopref.learning.stored_models import load_reward
from tests.cli.tiny import fails

TINY = ["device=cpu", "reward=implicit_process", "environment=Pendulum-v1", "+make.max_episode_steps=10", "steps=240",
        "rewards.implicit_process.online.least=-65", "rewards.implicit_process.online.starts=2",
        "rewards.implicit_process.online.rollouts=4", "evaluate.episodes=1"]  # fmt: skip


@pytest.mark.slow
def test_an_agent_and_its_reward_learn_from_outcomes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert main(["online", f"run={run}", *TINY]) == 0
    out = capsys.readouterr().out
    assert "agent: ppo, which learns from whole rollouts" in out
    assert "rollouts    steps  success  ordered right  score" in out
    assert "true return" in out
    folder = run / "reward" / "implicit_process"
    assert load_reward(folder / "weights.pt").keys == ("state", "action")
    assert json.loads((folder / "stopped.json").read_text()) == {"steps": 240, "reason": "steps were taken"}
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3
    # Killed after two batches, it goes on and ends the same.
    parts = tmp_path / "parts"

    def killed(*given: Any, **settings: Any) -> None:
        train(*given, **{**settings, "stop": lambda step: step == 2})
        raise KeyboardInterrupt

    capsys.readouterr()
    monkeypatch.setattr("robopref.cli.online_process.train", killed)
    assert main(["online", f"run={parts}", *TINY]) == 130
    assert "interrupted; the same command goes on from its last batch" in capsys.readouterr().err
    assert not (parts / "agent.zip").exists()
    monkeypatch.undo()
    wrong = fails(capsys, "online", f"run={parts}", *TINY, "rewards.implicit_process.online.weight=2")
    assert "weight was 1.0, is 2" in wrong
    assert main(["online", f"run={parts}"]) == 0
    one, other = (
        load_reward(path / "reward" / "implicit_process" / "weights.pt").state_dict() for path in (run, parts)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    # One that has learnt before begins another, by another estimator, and without refreshing.
    words = ["advantage@rewards.implicit_process.online.advantage=gae", "rewards.implicit_process.online.refresh=false"]
    begun = f"rewards.implicit_process.begin.path={run / 'agent.zip'}"
    assert main(["online", f"run={tmp_path / 'other'}", *TINY, *words, begun]) == 0
    # The reward of another run is one like any other.
    model = f"model={folder / 'weights.pt'}"
    learn = [*TINY[2:5], "device=cpu", "steps=60", "first=25", "agent.learning_starts=20", "agent.batch_size=4"]
    assert main(["online", f"run={tmp_path / 'fixed'}", *learn, model, "evaluate.episodes=1"]) == 0


@pytest.mark.slow
def test_a_task_of_ours_is_learnt_and_measured(tmp_path: Path) -> None:
    run, online = tmp_path / "run", "rewards.implicit_process.online"
    words = ["env=planar_push", "device=cpu", "reward=implicit_process", "steps=60", f"{online}.starts=1",
             f"{online}.rollouts=2", "evaluate.episodes=1"]  # fmt: skip
    assert main(["online", f"run={run}", *words]) == 0
    assert json.loads((run / "evaluation.json").read_text())["success"] in (0.0, 1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["agent._target_=stable_baselines3.TD3"], "OffPolicyBaseline learns in another way"),
        (["rewards.implicit_process.online.rollouts=1"], "leave_one_out compares rollouts from one start"),
        (["rewards.implicit_process.online.least=null"], "the task does not say in its info whether a rollout"),
        (["rewards.implicit_process.begin.path=nowhere.zip"], "nowhere.zip"),
        (["rewards.implicit_process.online.refresh=often"], "refresh must be true or false"),
        (["model=weights.pt"], "leave model"),
        (["environment=null"], "name a task: environment="),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert message in fails(capsys, "online", f"run={tmp_path / 'run'}", *TINY, *words)
    assert not (tmp_path / "run" / "agent.zip").exists()
