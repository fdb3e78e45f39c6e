"""Every policy that configs/policy names can be built, trained, asked, kept and scored by rewards."""

from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.decisions import as_scorer
from robopref.policies.abilities import history_of, is_denoising, is_recorded, is_trainable, is_usable, observed_by
from robopref.policies.draws import StratifiedDraw
from robopref.policy_shapes import PolicySpec
from robopref.records import Observation
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from tests.geometry import POINTS, PROPRIO, chunks, initialised, pick_and_place, ropes

OF_AGENTS = {"world_model"}  # plans of an agent that was trained before; see tests/learning/test_planned_policy.py
NAMES = sorted({path.stem for path in (Path(__file__).parents[2] / "configs" / "policy").glob("*.yaml")} - OF_AGENTS)
SPEC = PolicySpec({"points": (POINTS, 3), "proprio": (PROPRIO,)}, 4)


def made(name: str, seed: int = 0) -> Any:
    """As commands make it: of a spec, or of a geometry and the size of proprioception."""
    factory = build(compose_config("config", [f"policy={name}"]).policy)
    given = (SPEC,) if next(iter(signature(factory).parameters)) == "spec" else (pick_and_place(), PROPRIO)
    return initialised(lambda: factory(*given), seed)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_policy_fulfils_its_contract(name: str) -> None:
    policy, observation = made(name), ropes(3)
    assert is_usable(policy)
    assert is_recorded(policy) != is_trainable(policy)
    assert (history_of(policy), observed_by(policy)) == (1, ("points", "proprio"))
    horizon = policy.shape[0]
    if is_recorded(policy):
        policy.standardise({**ropes(30).parts, "action": chunks(30, 1)[:, 0, 0]})
    else:
        policy.normalize(ropes(30).proprio)
    torch.testing.assert_close(policy.proprio_mean, ropes(30).proprio.mean(0))
    loss = policy.loss(observation, chunks(3, 1, horizon=horizon)[:, 0], generator())
    loss.total.backward()
    assert sum(float(p.grad.abs().sum()) for p in policy.parameters() if p.grad is not None) > 0
    sampled = policy.eval().sample(observation, 4, generator=generator())
    assert sampled.shape == (3, 4, *policy.shape)
    assert sampled.abs().max() <= 1
    again = made(name, seed=1).eval()
    again.load_state_dict(policy.state_dict())
    assert torch.equal(again.sample(observation, 4, generator=generator()), sampled)
    assert is_denoising(policy)
    cost = "energy" if policy.has_energy else "error"
    for reward in (ImplicitReward(policy, StratifiedDraw(2), cost=cost), ExplicitReward.for_policy(policy)):
        assert isinstance(reward, nn.Module)
        assert as_scorer(reward).score(observation, sampled).value.isfinite().all()


def test_the_default_reward_is_made_of_a_policy_of_whatever_was_recorded() -> None:
    config = compose_config("config", ["policy=observed"])
    factory = build(config.policy)
    policy = factory(PolicySpec({"image": (96, 96, 3), "state": (5,)}, 3))
    observation = Observation(state=torch.zeros(1, 5), image=torch.zeros(1, 96, 96, 3, dtype=torch.uint8))
    for name in ("implicit", "explicit"):
        reward = build(config.rewards[name].scorer)(policy)
        assert reward.score(observation, torch.zeros(1, 2, *policy.shape)).value.shape == (1, 2)


def test_the_policy_that_predicts_clean_actions_differs_from_the_other_in_its_denoiser_alone() -> None:
    energy, sample = (compose_config("config", [f"policy={name}"]).policy for name in ("observed", "observed_sample"))
    assert {key for key in energy if energy[key] != sample[key]} == {"denoiser"}
    assert made("observed").has_energy
    assert not made("observed_sample").has_energy
