"""The chain of mistakes: its rollouts, its dynamics and its advantages."""

import math

import numpy as np
import pytest
import torch

from benchmarks.worlds.chain_policies import TEMPERATURE, WORLD, held_out, linear_agreement, noisy_agreement
from benchmarks.worlds.mistake_chain import CLUSTERS, MISTAKES, STEPS, MistakeChain, State


def test_rollouts_err_at_the_given_rate_and_succeed_without_a_mistake() -> None:
    rollouts = MistakeChain(error_rate=0.2).rollouts(4000, torch.Generator().manual_seed(0))
    # Binomial standard errors are 0.0063 for 4000 decisions at a step and 0.0074 for 4000 outcomes.
    assert (rollouts.mistake.float().mean(0) - 0.2).abs().max() < 4 * 0.0063
    assert rollouts.success.mean().item() == pytest.approx(0.8**5, abs=4 * 0.0074)
    assert torch.equal(rollouts.success == 1, ~rollouts.mistake.any(1))


def test_what_is_observed_tells_the_step_and_whether_all_went_well() -> None:
    rollouts = MistakeChain().rollouts(50, torch.Generator().manual_seed(0))
    assert torch.equal(rollouts.observation.proprio[:, :, :STEPS], torch.eye(STEPS).expand(50, -1, -1))
    clean = rollouts.mistake.long().cumsum(1) - rollouts.mistake.long() == 0
    assert torch.equal(rollouts.observation.proprio[:, :, STEPS] == 1, clean)


def test_a_mistake_is_never_made_good() -> None:
    world, right = MistakeChain(), (int(MISTAKES[0]) + 1) % 3
    chunks = CLUSTERS[[int(MISTAKES[0]), right]][:, None]
    came = world.advance([State(0, clean=True)] * 2, chunks)
    assert came.states == [State(1, clean=False), State(1, clean=True)]
    assert came.observation.proprio[:, STEPS].tolist() == [0, 1]
    assert not came.over.any()
    assert came.reward.tolist() == [0, 0]
    last = CLUSTERS[[(int(MISTAKES[-1]) + 1) % 3]][:, None]
    came = world.advance([State(STEPS - 1, clean=False), State(STEPS - 1, clean=True)], last.expand(2, -1, -1))
    assert came.states == [State(STEPS, clean=False), State(STEPS, clean=True)]
    assert came.over.all()
    assert came.reward.tolist() == [0, 1]


def test_advantages_by_hand() -> None:
    # V_5 = 1 and V_4 = beta log(0.2 + 0.8 exp(1 / beta)); the last right decision gains 1 - V_4, the mistake loses V_4.
    world, beta = MistakeChain(error_rate=0.2), 0.5
    value = beta * math.log(0.2 + 0.8 * math.exp(1 / beta))
    rollouts = world.rollouts(500, torch.Generator().manual_seed(0))
    advantage = world.advantage(rollouts, beta=beta)
    clean = (rollouts.mistake[:, :-1].sum(1) == 0).numpy()
    wrong = rollouts.mistake[:, -1].numpy()
    np.testing.assert_allclose(advantage[clean & ~wrong, -1], 1 - value)
    np.testing.assert_allclose(advantage[clean & wrong, -1], -value)
    assert (advantage[~clean, -1] == 0).all()


def test_advantages_of_the_reference_are_a_normalised_log_ratio() -> None:
    # E_ref exp(A / beta) = 1 in every state that is not decided yet: the optimal policy's density ratio.
    world, beta = MistakeChain(error_rate=0.2), 0.5
    rollouts = world.rollouts(2000, torch.Generator().manual_seed(0))
    advantage, mistake = world.advantage(rollouts, beta=beta), rollouts.mistake.numpy()
    clean = (mistake.cumsum(1) - mistake) == 0
    for step in range(STEPS):
        right, wrong = (advantage[clean[:, step] & (mistake[:, step] == flag), step][0] for flag in (False, True))
        assert 0.8 * math.exp(right / beta) + 0.2 * math.exp(wrong / beta) == pytest.approx(1)


def test_a_twentieth_of_noise_takes_a_third_of_the_rank_correlation_with_the_true_advantage():
    rollouts = held_out(0)
    assert noisy_agreement(rollouts, 1e-9) > 0.95
    assert 0.6 < noisy_agreement(rollouts, 0.05) < 0.7
    assert linear_agreement(WORLD.advantage(rollouts, beta=TEMPERATURE), rollouts) > 0.999
