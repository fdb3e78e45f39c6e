import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.policies.draws import CleanDraw, ImportanceDraw
from robopref.rewards.likelihood import LikelihoodScore
from tests.geometry import chunks, ropes, tiny_policy


def test_the_score_is_minus_the_mean_energy_over_the_noise_levels():
    policy, observation = tiny_policy().eval(), ropes(2)
    actions = chunks(2, 5)
    both = LikelihoodScore(policy, CleanDraw((2, 6))).score(observation, actions).value
    single = [LikelihoodScore(policy, CleanDraw((t,))).score(observation, actions).value for t in (2, 6)]
    torch.testing.assert_close(both, (single[0] + single[1]) / 2)


def test_an_action_of_lower_energy_scores_higher():
    policy, observation = tiny_policy().eval(), ropes(1)
    actions = chunks(1, 7)
    draw = CleanDraw((3,))(1, policy.shape, torch.Generator())
    energy = policy.energy(policy.encoder(observation), actions, draw)[0, :, 0]
    score = LikelihoodScore(policy, CleanDraw((3,))).score(observation, actions).value[0]
    assert torch.equal(score.argsort(), energy.argsort(descending=True))


def test_a_policy_without_an_energy_is_refused():
    with pytest.raises(ConfigError, match="EnergyDenoiser"):
        LikelihoodScore(tiny_policy(NoiseDenoiser))


def test_noise_levels_beyond_the_policy_are_refused():
    with pytest.raises(ConfigError, match="noise levels"):
        LikelihoodScore(tiny_policy(), CleanDraw((2000,)))


def test_weights_of_each_state_count_for_its_candidates():
    policy, observation, actions = tiny_policy().eval(), ropes(3), chunks(3, 3)
    draw = ImportanceDraw(4, range(1, 101))(3, policy.shape, torch.Generator().manual_seed(0))
    got = LikelihoodScore(policy).score(observation, actions, draw=draw).value
    energy = policy.energy(policy.encoder(observation), actions, draw)
    torch.testing.assert_close(got, -torch.einsum("bnm,bm->bn", energy, draw.weight))
