"""Every reward that configs/reward names can be built for a policy and asked; tests/cli/test_methods.py trains them."""

from functools import cache
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.decisions import as_reward, as_scorer, outcome_parts
from robopref.errors import ConfigError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.reward_factory import new_reward
from robopref.scores import PairTarget
from tests.geometry import POINTS, chunks, pick_and_place, ropes, tiny_policy

PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "reward").glob("*.yaml"))
DATA = Comparisons.of_candidates(
    ropes(4), chunks(4, 3), PairTarget(torch.ones(4, 3, 3), torch.ones(4, 3, 3).triu(1)), pick_and_place()
)


@cache
def preset(name: str) -> DictConfig:
    return compose_config("config", [f"reward@rewards.implicit={name}"]).rewards.implicit


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_built_for_a_policy_and_asked(name: str) -> None:
    config = preset(name)
    items = Items.of_candidates(ropes(4), chunks(4, 3))
    reward = new_reward(build(config.scorer), lambda: items, tiny_policy).eval()
    after = ropes(12).map(lambda part: part.unflatten(0, (4, 3))[:, :, None])
    value = as_reward(reward).score(items.with_outcomes(after)).value
    assert value.shape == (4, 3)
    assert value.isfinite().all()
    if not outcome_parts(reward):
        torch.testing.assert_close(as_scorer(reward).score(ropes(4), chunks(4, 3)).value, value)
    assert config.members >= 1
    FitConfig(**config.fit)


def test_an_explicit_reward_learns_what_it_is_told() -> None:
    config = preset("explicit")
    torch.manual_seed(0)
    reward = build(config.scorer)(tiny_policy())
    fit = FitConfig(steps=80, learning_rate=1e-2, ema=0)
    train_reward(reward, DATA, build(config.objective), fit, seed=0, batches=Batches(size=4, points=POINTS))
    value = reward.score(*DATA.items.decisions()).value
    assert value[:, 0].mean() > value[:, 2].mean()


def test_published_presets_say_what_they_are() -> None:
    published = build(preset("deformpam").scorer)(tiny_policy())
    assert isinstance(published, ImplicitReward)
    assert published.draws.upper == 10
    ratio = published.policy.alphas / (1 - published.policy.alphas)
    torch.testing.assert_close(published.level_weight, (5 / ratio).clamp(max=1))
    free = build(preset("cpl").scorer)(tiny_policy())
    assert isinstance(free, ImplicitReward)
    assert free.reference is None


def test_an_unknown_reward_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="diffusion_dpo") as caught:
        preset("dpo")
    assert "\n" not in str(caught.value)
