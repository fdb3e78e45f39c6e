"""The explicit reward: a network that scores chunks."""

import torch

from robopref.policies.draws import UniformDraw
from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.rewards.explicit import ExplicitReward
from tests.geometry import PROPRIO, SIZES, chunks, ropes, tiny_policy, tiny_reward


def test_scores_every_candidate_exactly() -> None:
    reward = tiny_reward(horizon=2)
    assert isinstance(reward, CandidateScorer)
    scores = reward.score(ropes(3), chunks(3, 5, horizon=2))
    assert scores.value.shape == (3, 5)
    assert scores.spread is None
    assert scores.value.std() > 1e-4


def test_encodes_the_state_once() -> None:
    reward, calls = tiny_reward(), list[int]()
    reward.encoder.register_forward_hook(lambda *_: calls.append(1))
    reward.score(ropes(2), chunks(2, 16))
    assert len(calls) == 1


def test_candidates_are_scored_alike_in_any_company() -> None:
    reward, observation, actions = tiny_reward(depth=1), ropes(2), chunks(2, 4)
    together = reward.score(observation, actions).value
    alone = torch.cat([reward.score(observation, actions[:, i : i + 1]).value for i in range(4)], dim=1)
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-5


def test_ignores_noise_draws() -> None:
    reward, draw = tiny_reward(), UniformDraw(3)(2, (1, 4), torch.Generator().manual_seed(0))
    with_draw = reward.score(ropes(2), chunks(2, 4), draw=draw).value
    assert torch.equal(with_draw, reward.score(ropes(2), chunks(2, 4)).value)


def test_takes_horizon_and_normalisation_from_a_policy() -> None:
    policy = tiny_policy(horizon=3)
    policy.encoder.normalize(torch.randn(20, PROPRIO) * 2 + 5)
    reward = ExplicitReward.for_policy(policy, hidden=16, **SIZES)
    assert torch.equal(reward.encoder.proprio_mean, policy.encoder.proprio_mean)
    assert torch.equal(reward.encoder.proprio_std, policy.encoder.proprio_std)
    assert reward.score(ropes(2), chunks(2, 4, horizon=3)).value.shape == (2, 4)
    # A copy: training the reward leaves the policy alone.
    reward.encoder.proprio_mean += 1
    assert not torch.equal(reward.encoder.proprio_mean, policy.encoder.proprio_mean)


def test_score_depends_on_everything_it_is_given() -> None:
    reward, observation, actions = tiny_reward(), ropes(1), chunks(1, 1)
    base = reward.score(observation, actions).value
    for changed in (
        reward.score(ropes(1, seed=3), actions),
        reward.score(Observation(observation.points, observation.proprio + 1), actions),
        reward.score(observation, actions * 0.5),
    ):
        assert (changed.value - base).abs().max() > 1e-5
