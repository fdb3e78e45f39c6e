"""Agent and process reward that learn together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robopref.errors import ConfigError, MismatchError
from robopref.interaction import AgentSpec
from robopref.learning.advantages import GeneralisedAdvantage
from robopref.learning.hacking_watch import HackingWatch
from robopref.learning.loop import train
from robopref.learning.process_training import ProcessSettings, ProcessTraining, balanced
from robopref.learning.rollouts import RolloutTasks
from robopref.rewards.implicit_process import ImplicitProcessReward
from tests.learning.gates import Gates, small_agent

SPEC = AgentSpec({"state": (2,)}, 1, 100, 0, torch.device("cpu"))
SMALL = ProcessSettings(starts=2, rollouts=4, memory=2, passes=1)


class Pace:
    def __init__(self, steps: int) -> None:
        self.steps, self.log_every, self.save_every = steps, 1, 1


def training(how: ProcessSettings = SMALL, width: float = 0.8, **agent: Any) -> ProcessTraining:
    learner = small_agent(SPEC, **agent)
    reward = ImplicitProcessReward(["state"], learner.density())
    return ProcessTraining(learner, RolloutTasks([Gates(width=width) for _ in range(4)]), reward, how, seed=3)


def weights(of: ProcessTraining) -> list[torch.Tensor]:
    return [one.clone() for one in (*of.reward.density.parameters(), *of.agent.density().parameters())]


def test_successes_and_failures_count_the_same() -> None:
    # A quarter succeeds: each success 0.5 / 0.25, each failure 0.5 / 0.75, so both sum to 2 of 4.
    found = balanced(torch.tensor([1.0, 0.0, 0.0, 0.0]), 0.25)
    assert found.tolist() == pytest.approx([2.0, 2 / 3, 2 / 3, 2 / 3])


def test_the_first_update_is_what_it_should_be() -> None:
    one = training(replace(SMALL, learning_rate=1e-3))
    first = [value.detach().clone() for value in one._learnt]
    terms = one.advance(0)
    # Untrained scores are zero, so the loss is log 2 and Adam's first step is the learning rate against the sign of the
    # gradient: of beta times (y - 1/2) weighed, summed over steps (a - mean) / deviation^2 for the bias of the mean.
    assert float(terms["reward_loss"]) == pytest.approx(0.693147, abs=1e-5)
    assert (float(terms["score"]), float(terms["spread"])) == (0.0, 0.0)
    rollouts, policy = one._memory[0]
    off = ((rollouts.tried - policy.mean(rollouts.vector))[..., 0] / policy.log_std.exp() ** 2).detach()
    weight = balanced(rollouts.success, float(rollouts.success.mean()))
    gradient = -((rollouts.success - 0.5) * weight * off.sum(1)).sum()
    moved = (one._learnt[-1] - first[-1]).detach()
    assert float(moved) == pytest.approx(-1e-3 * float(gradient.sign()), rel=1e-3)


@pytest.mark.parametrize("how", [SMALL, replace(SMALL, advantage=GeneralisedAdvantage())])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, how: ProcessSettings) -> None:
    whole = training(how)
    train(whole, Pace(4), seed=3, origin="same", folder=tmp_path / "whole")
    first = training(how)
    train(first, Pace(4), seed=3, origin="same", folder=tmp_path / "parts", stop=lambda step: step == 2)
    second = training(how)
    train(second, Pace(4), seed=3, origin="same", folder=tmp_path / "parts")
    for one, other in zip(weights(whole), weights(second), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert (whole.steps, second.steps) == (96, 96)
    with pytest.raises(MismatchError):
        train(training(how), Pace(4), seed=3, origin="other", folder=tmp_path / "parts")


def test_a_reward_that_is_not_refreshed_stays() -> None:
    one = training(replace(SMALL, refresh=False, first=1))
    one.advance(0)
    kept = [value.detach().clone() for value in one._learnt]
    one.advance(1)
    assert all(torch.equal(value, before) for value, before in zip(one._learnt, kept, strict=True))
    other = training()
    other.advance(0)
    kept = [value.detach().clone() for value in other._learnt]
    other.advance(1)
    assert not all(torch.equal(value, before) for value, before in zip(other._learnt, kept, strict=True))


def test_outcomes_that_are_all_alike_teach_a_reward_nothing() -> None:
    one = training(width=9.0)
    assert "ordered" not in one.advance(0)
    assert "reward_loss" not in one.advance(1)


def test_a_reward_that_is_hacked_ends_the_training_and_the_best_agent_is_kept() -> None:
    how = replace(SMALL, weight=5.0, learning_rate=1e-9, starts=4, rollouts=8, watch=HackingWatch(window=2))
    one = training(how, width=1.0, learning_rate=3e-3, n_epochs=4)
    with torch.no_grad():
        one.reward.density.mean[-1].bias.add_(2.0)  # planted: the further right the better
    for step in range(40):
        one.advance(step)
        if one.stopped:
            break
    assert "the process reward is hacked" in one.stopped
    shares = list[float]()
    for keep in (False, True):
        if keep:
            one.keep_best()
        torch.manual_seed(0)
        shares.append(float(one.tasks.collect(one.agent, list(range(100))).success.mean()))
    assert shares[1] > shares[0] + 0.1


def test_settings_have_to_make_sense() -> None:
    with pytest.raises(ConfigError, match="leave_one_out compares rollouts from one start"):
        ProcessSettings(rollouts=1)
    assert ProcessSettings(rollouts=1, advantage=GeneralisedAdvantage()).rollouts == 1
    for name, value in (("starts", 0), ("memory", 0), ("weight", -1.0), ("learning_rate", 0.0)):
        with pytest.raises(ConfigError, match=name):
            ProcessSettings(**{name: value})
