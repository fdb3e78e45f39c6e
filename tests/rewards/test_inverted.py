"""Training on inverted noise."""

import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.draws import StratifiedDraw, UniformDraw
from robopref.policies.inversion import invert
from robopref.protocols import CandidateScorer
from robopref.rewards.derived import tuned_policy
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.inverted import InvertedReward
from robopref.scores import NoiseDraw, PairTarget
from tests.geometry import chunks, ropes, tiny_policy, tiny_reward

SHAPE = (1, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def inverted(**settings: int) -> InvertedReward:
    """One whose policy has moved away from its reference."""
    reward = InvertedReward(
        tiny_policy(NoiseDenoiser), lambda policy: ImplicitReward(policy, UniformDraw(4), cost="error"), **settings
    )
    source = generator(5)
    with torch.no_grad():
        for parameter in reward.reward.policy.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
    return reward


def test_in_evaluation_it_scores_as_the_reward_does() -> None:
    reward = inverted().eval()
    assert isinstance(reward, CandidateScorer)
    for draw in (None, UniformDraw(3)(2, SHAPE, generator())):
        got = reward.score(ropes(2), chunks(2, 5), draw=draw)
        assert torch.equal(got.value, reward.reward.score(ropes(2), chunks(2, 5), draw=draw).value)


def test_in_training_the_noise_of_a_draw_does_not_matter_and_its_levels_do() -> None:
    reward, observation, actions = inverted().train(), ropes(2), chunks(2, 5)
    draw = UniformDraw(3)(2, SHAPE, generator())
    other_noise = NoiseDraw(draw.timestep, draw.noise + 1, draw.weight)
    other_level = NoiseDraw((draw.timestep + 30) % 100, draw.noise, draw.weight)
    got = reward.score(observation, actions, draw=draw).value
    assert torch.equal(got, reward.score(observation, actions, draw=other_noise).value)
    assert not torch.allclose(got, reward.score(observation, actions, draw=other_level).value)
    assert not torch.allclose(got, reward.eval().score(observation, actions, draw=draw).value)


def test_every_candidate_gets_the_noise_that_leads_to_it() -> None:
    reward, observation, actions = inverted(steps=3).train(), ropes(2), chunks(2, 5)
    draw = UniformDraw(3)(2, SHAPE, generator())
    got = reward.score(observation, actions, draw=draw).value
    policy = reward.reward.policy
    for index in range(5):
        repeated = actions[:, [index] * 3]
        noise = invert(policy, policy.encoder(observation), repeated, draw.timestep, steps=3)
        alone = NoiseDraw(draw.timestep, noise, draw.weight)
        single = reward.reward.score(observation, actions[:, [index]], draw=alone).value
        torch.testing.assert_close(got[:, [index]], single, atol=1e-4, rtol=1e-3)


def test_without_a_draw_training_takes_the_levels_of_the_reward() -> None:
    reward, observation, actions = inverted().train(), ropes(2), chunks(2, 5)
    fixed = reward.reward.fixed_draw(actions)
    assert torch.equal(
        reward.score(observation, actions).value, reward.score(observation, actions, draw=fixed).value
    )  # fmt: skip


def test_training_moves_the_policy_and_not_the_reference() -> None:
    reward, target = inverted().train(), PairTarget(torch.ones(2, 4, 4), torch.ones(2, 4, 4).triu(1))
    bradley_terry(reward.score(ropes(2), chunks(2, 4)), target).total.backward()
    assert max(p.grad.abs().max() for p in reward.reward.policy.parameters() if p.grad is not None) > 1e-5
    assert all(p.grad is None for p in reward.reward.reference.parameters())
    assert not any(module.training for module in reward.reward.reference.modules())


def test_stratified_levels_stay_so() -> None:
    reward = inverted().train()
    got = reward.score(ropes(2), chunks(2, 3), draw=StratifiedDraw(4)(2, SHAPE, generator()))
    assert got.draws is None
    assert reward.score(ropes(2), chunks(2, 3), draw=UniformDraw(4)(2, SHAPE, generator())).draws.shape == (2, 3, 4)


def test_the_tuned_policy_is_found_in_it() -> None:
    reward = inverted()
    assert tuned_policy({"explicit": tiny_reward(), "implicit": reward}) is reward.reward.policy


def test_energies_are_refused() -> None:
    with pytest.raises(ConfigError, match="cost='error'; energies take none"):
        InvertedReward(tiny_policy(), lambda policy: ImplicitReward(policy, UniformDraw(2)))
