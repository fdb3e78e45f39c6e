"""Implicit process rewards of single steps, against computations by hand."""

import math
from pathlib import Path

import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.stored_models import load_reward, save_model
from robopref.objectives.classification import success_cross_entropy
from robopref.policies.gaussian_density import GaussianDensity
from robopref.rewards.implicit_process import ImplicitProcessReward
from robopref.rewards.steps import as_step_reward
from robopref.scores import SuccessTarget


def around(mean: float, log_std: float = 0.0) -> GaussianDensity:
    """A density of one action around the same mean in every state."""
    density = GaussianDensity(1, 1, hidden=[])
    with torch.no_grad():
        density.mean[0].weight.zero_()
        density.mean[0].bias.fill_(mean)
        density.log_std.fill_(log_std)
    return density


def shifted(beta: float = 2.0) -> ImplicitProcessReward:
    """Trained density around 1, reference around 0."""
    reward = ImplicitProcessReward(["state"], around(0.0), beta=beta)
    with torch.no_grad():
        reward.density.mean[0].bias.fill_(1.0)
    return reward


def items(*actions: float) -> Items:
    """One item of as many steps."""
    steps = {"state": torch.zeros(1, 1, len(actions), 1), "action": torch.tensor(actions)[None, None, :, None]}
    return Items(steps, torch.ones(1, 1, len(actions)))


def test_a_step_is_worth_its_log_ratio() -> None:
    # beta (a^2 - (a - 1)^2) / 2 = 2 (2 a - 1) / 2 = 2 a - 1.
    scores = shifted().score(items(0.5, 1.0, -1.0))
    assert scores.steps is not None
    assert scores.steps[0, 0].tolist() == pytest.approx([0.0, 1.0, -3.0])
    assert scores.value.item() == pytest.approx(-2.0)


def test_an_untrained_reward_is_zero_and_steps_behind_the_end_do_not_count() -> None:
    reward = ImplicitProcessReward.for_items(items(0.3, 2.0), beta=0.1, hidden=[4])
    assert reward.score(items(0.3, 2.0)).value.tolist() == [[0.0]]
    some = items(1.0, 1.0)
    cut = Items(some.steps, torch.tensor([[[1.0, 0.0]]]))
    assert shifted().score(cut).value.item() == pytest.approx(1.0)


def test_the_deviation_is_the_reference_s_times_what_was_learnt() -> None:
    reward = shifted()
    reward.refer_to(around(0.0, log_std=math.log(2)))
    # Divided by the variance: (2 a - 1) / 4.
    assert reward.score(items(1.0)).value.item() == pytest.approx(0.25)
    with torch.no_grad():
        reward.widening.fill_(-math.log(2))
    # 2 (-(a - 1)^2 / 2 + (a / 2)^2 / 2 + log 2).
    expected = [2 * (-((a - 1) ** 2) / 2 + a**2 / 8 + math.log(2)) for a in (1.0, 0.0)]
    assert reward.step_rewards(torch.zeros(2, 1), torch.tensor([[1.0], [0.0]])).tolist() == pytest.approx(expected)


def test_the_base_is_of_success_and_no_reward() -> None:
    reward = shifted()
    with torch.no_grad():
        reward.base.fill_(0.7)
    scores = reward.score(items(0.5, 1.0, -1.0))
    assert scores.steps is not None
    assert scores.steps[0, 0].tolist() == pytest.approx([0.0, 1.0, -3.0])
    assert scores.value.item() == pytest.approx(-2.0 + 0.7)


def test_success_near_the_mean_makes_the_density_narrower() -> None:
    # Untrained: value 0; by the logarithm of the deviation it changes by beta sum (a^2 - 1) = 2 (0.25 - 1 + 0.09 - 1).
    reward = ImplicitProcessReward(["state"], around(0.0), beta=2.0)
    target = SuccessTarget(torch.ones(1, 1), torch.ones(1, 1))
    success_cross_entropy(reward.score(items(0.5, -0.3)), target).total.backward()
    assert float(reward.widening.grad) == pytest.approx(-0.5 * 2 * (0.25 + 0.09 - 2))
    assert reward.density.log_std.requires_grad is False


def test_success_makes_what_was_done_likelier() -> None:
    # Untrained: value 0, so the gradient by the mean is -(1 - 1/2) beta sum (a - 0) = -0.5 * 2 * 1.2 = -1.2.
    reward = ImplicitProcessReward(["state"], around(0.0), beta=2.0)
    target = SuccessTarget(torch.ones(1, 1), torch.ones(1, 1))
    success_cross_entropy(reward.score(items(1.5, -0.3)), target).total.backward()
    assert float(reward.density.mean[0].bias.grad) == pytest.approx(-1.2)
    assert all(one.grad is None for one in reward.reference.parameters())


def test_it_is_stored_with_what_it_was_made_with(tmp_path: Path) -> None:
    reward = ImplicitProcessReward(["state", "proprio"], GaussianDensity(5, 2, hidden=[4]), beta=0.3)
    with torch.no_grad():
        reward.density.mean[0].bias.add_(0.5)
    save_model(tmp_path / "weights.pt", reward)
    loaded = load_reward(tmp_path / "weights.pt")
    steps = {"state": torch.randn(6, 3), "proprio": torch.randn(6, 2), "action": torch.randn(6, 2)}
    given = as_step_reward(reward).reward(steps)
    assert given.abs().max() > 0
    torch.testing.assert_close(as_step_reward(loaded).reward(steps), given)
    with pytest.raises(DataError, match="state, proprio must be 5 numbers a step"):
        as_step_reward(loaded).reward(steps | {"proprio": torch.randn(6, 1)})


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="beta must be positive, got 0"):
        ImplicitProcessReward(["state"], around(0.0), beta=0)
    with pytest.raises(ConfigError, match="looks at vectors of a step"):
        ImplicitProcessReward([], around(0.0))


def test_weights_of_a_version_that_learnt_less_are_not_taken_and_told(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    save_model(path, ImplicitProcessReward(["state"], GaussianDensity(3, 2, hidden=[4])))
    stored = torch.load(path, weights_only=True)
    del stored["module"]["widening"]
    torch.save(stored, path)
    with pytest.raises(DataError, match=r"is damaged, or of another version \(it lacks 'widening'\); train again"):
        load_reward(path)
