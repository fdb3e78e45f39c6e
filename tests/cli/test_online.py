"""`robopref online` on tiny budgets: data of several qualities, and training against a learnt reward."""

import json
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.interaction import AgentSpec
from robopref.learning.stored_models import load_policy, load_reward
from tests.cli.tiny import fails

TINY = ["device=cpu", "environment=Pendulum-v1", "+make.max_episode_steps=20", "agent.learning_starts=20",
        "agent.batch_size=4", "+agent.policy_kwargs={net_arch: [8]}"]  # fmt: skip
LEARN = [*TINY, "steps=90", "first=45", "every=25", "rounds=2", "label.segments.length=5", "label.segments.count=6",
         "rewards.segment.scorer.width=8", "rewards.segment.fit.steps=20", "evaluate.episodes=1"]  # fmt: skip


@pytest.mark.slow
def test_an_agent_makes_data_that_offline_learning_takes(tmp_path, capsys):
    run = tmp_path / "run"
    words = [f"run={run}", *TINY, "steps=40", "collect.episodes=2", "collect.qualities={none: 0, all: 1}"]
    assert main(["online", "collect", *words]) == 0
    store = EpisodeStore.open(run / "behaviour.zarr")
    assert store.array("quality").reshape(4, 20)[:, 0].tolist() == [0, 0, 1, 1]
    assert (store.attrs["qualities"], store.attrs["task"]) == (["none", "all"], "Pendulum-v1")
    actions = store.array("action")
    # What is learnt from it is evaluated from other starts.
    task = gym.make("Pendulum-v1")
    evaluated = [task.reset(seed=1_000_000 + k)[0] for k in range(4)]
    starts = store.array("state").reshape(4, 20, 3)[:, 0]
    assert np.abs(starts[:, None] - np.stack(evaluated)).max(-1).min() > 1e-6
    # Again: nothing is trained and nothing recorded.
    before = (run / "agents" / "all.zip").stat().st_mtime_ns
    assert main(["online", "collect", f"run={run}"]) == 0
    assert (run / "agents" / "all.zip").stat().st_mtime_ns == before
    assert not (run / "training.zarr").exists()
    whole = (run / "agents" / "all.zip").read_bytes()
    (run / "agents" / "all.zip").write_bytes(whole[:-900])
    assert "is no agent of this task" in fails(capsys, "online", "collect", f"run={run}")
    # From the beginning: the same.
    assert main(["online", "collect", *words, f"run={tmp_path / 'again'}"]) == 0
    np.testing.assert_array_equal(EpisodeStore.open(tmp_path / "again" / "behaviour.zarr").array("action"), actions)
    learn = ["fit.steps=2", "fit.batch_size=8", "fit.hidden=[8]", "device=cpu"]
    assert main(["offline", "train", f"run={tmp_path / 'off'}", f"data={store.path}", *learn]) == 0
    assert load_policy(tmp_path / "off" / "iql" / "policy-0.pt").normalizer.size == 3


@pytest.mark.slow
def test_an_agent_trains_against_what_a_teacher_says_on_the_way(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["online", f"run={run}", *LEARN]) == 0
    out = capsys.readouterr().out
    assert "true return" in out
    store = EpisodeStore.open(run / "online.zarr")
    assert store.steps == 80  # of 90, for the last episode is not over
    with FeedbackStore(run / "labels.sqlite") as labels:
        asked = labels.queries()
    # Six pairs of the two episodes that were over after 45 steps, six more of the three after 70.
    assert len(asked) == 12
    assert [max(item.stop for query in some for item in query.items) <= steps
            for some, steps in ((asked[:6], 40), (asked[6:], 60))] == [True, True]  # fmt: skip
    assert len({query.items[0].source for query in asked}) == 2
    reward = load_reward(run / "reward" / "segment" / "weights.pt")
    assert reward.keys == ("state", "action")
    assert json.loads((run / "evaluation.json").read_text())["return"][0] < 0
    assert (run / "agent.zip").exists()
    # One that was killed when its agent was trained, but not measured, measures it.
    evaluation = run / "evaluation.json"
    found = evaluation.read_text()
    evaluation.unlink()
    before = (run / "agent.zip").read_bytes()
    assert main(["online", f"run={run}"]) == 0
    assert (evaluation.read_text(), (run / "agent.zip").read_bytes()) == (found, before)
    assert "is trained already" in fails(capsys, "online", f"run={run}")
    # A run that was stopped before the end does the same again, and asks nothing twice.
    (run / "agent.zip").unlink()
    assert main(["online", f"run={run}"]) == 0
    with FeedbackStore(run / "labels.sqlite") as labels:
        assert [query.id for query in labels.queries()] == [query.id for query in asked]
    # A reward that is there already.
    fixed, model = tmp_path / "fixed", f"model={run / 'reward' / 'segment' / 'weights.pt'}"
    assert main(["online", f"run={fixed}", *LEARN, model]) == 0
    assert not (fixed / "labels.sqlite").exists()
    # One of another task is refused before the first step.
    other = ["environment=MountainCarContinuous-v0", *(word for word in LEARN if not word.startswith("environment="))]
    told = fails(capsys, "online", f"run={tmp_path / 'other'}", *other, model)
    assert "weights.pt: state, action must be 4 numbers a step, as in training, got 3" in told


class Hoarder:
    """Keeps rewards, and cannot be told others."""

    def __init__(self, spec: AgentSpec, **_: Any) -> None: ...

    act = remember = learn = save = load = lambda *_, **__: None


def test_an_agent_that_would_learn_from_old_rewards_is_refused_before_it_acts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    told = fails(capsys, "online", f"run={run}", *LEARN, f"agent._target_={__name__}.Hoarder")
    assert "agent: Hoarder has neither relabel, which gives steps that it keeps new rewards, nor collecting" in told
    assert not list(run.glob("*.zarr"))


class Broken:
    """Cannot be made."""

    def __init__(self, spec: AgentSpec, **_: Any) -> None:
        raise OSError("no model")


def test_an_agent_of_ones_own_that_fails_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "online", f"run={tmp_path / 'run'}", *LEARN, f"agent._target_={__name__}.Broken")
    assert "agent: Broken raised OSError: no model (test_online.py, line " in told


class Stopped:
    """Ctrl-C is pressed when it is to act."""

    def __init__(self, spec: AgentSpec, **_: Any) -> None: ...

    remember = learn = save = load = relabel = lambda *_, **__: None

    def act(self, observation: Any, *, explore: bool) -> Any:
        raise KeyboardInterrupt


def test_a_command_that_begins_again_does_not_say_that_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["online", f"run={tmp_path / 'run'}", *LEARN, f"agent._target_={__name__}.Stopped"]) == 130
    assert "interrupted; the same command begins again, and asks nothing that was answered" in capsys.readouterr().err


def test_rounds_for_which_there_are_too_few_steps_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*LEARN, "rounds=3", f"agent._target_={__name__}.Stopped"]
    assert main(["online", f"run={tmp_path / 'run'}", *words]) == 130
    assert "note: steps=90 have room for 2 of rounds=3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["online", "steps=45"], "after first=45 steps the agent is given its first reward, and steps=45 end before"),
        (["online", "rewards.segment.observes=[stat]"], "unknown rewards.segment.observes 'stat'.* Did you mean state"),
        (["online", "history@rewards.segment.scorer.history=transformer"], "leave rewards.segment.scorer.history"),
        (["online", "environment=null"], "name a task: environment="),
        (["online", "env=cart_pole"], "env=envs:robopref/CartPole-v0 and environment=Pendulum-v1 both name a task"),
        (["online", "collect", "env=cart_pole"], "both name a task"),
        (["online", "first=5"], "no episode is over after first=5"),
        (["online", "label.budget=3"], "label.segments.count says how many"),
        (["online", "model=nowhere.pt"], "nowhere.pt"),
        (["online", "model=."], r"model=\. is a folder; name the file of a reward: model=\./reward/<name>/weights.pt"),
        (["online", "collect", "collect.qualities={good: 2}"], r"collect.qualities must be shares in \[0, 1\]"),
        (["online", "collect", "collect.episodes=0"], "collect.episodes must be a whole number of at least 1"),
        (["online", "collect", "environment=null"], "name a task: environment="),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, capsys, words, message):
    command = [word for word in words if "=" not in word]
    given = [word for word in words if "=" in word]
    kept = [word for word in LEARN if word.split("=")[0] not in {one.split("=")[0] for one in given}]
    assert main([*command, f"run={tmp_path / 'run'}", *kept, *given]) == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.count("\n") == 1
    assert not (tmp_path / "run" / "online.zarr").exists(), "first=5 ends a training that had begun"
