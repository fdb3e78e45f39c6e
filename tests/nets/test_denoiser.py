"""Denoisers: three ways to predict the same noise."""

import math

import pytest
import torch

from robopref.nets.denoiser import (
    TIME_FEATURES,
    ActionTrunk,
    EnergyDenoiser,
    NoiseDenoiser,
    SampleDenoiser,
    time_features,
)
from robopref.records import Observation
from tests.geometry import PROPRIO, chunks, pick_and_place, ropes, tiny_policy

KINDS = [NoiseDenoiser, SampleDenoiser, EnergyDenoiser]


def levels(batch: int, count: int) -> torch.Tensor:
    return torch.randint(0, 100, (batch, count), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("horizon", [1, 3])
def test_energy_denoiser_predicts_sigma_times_the_gradient_of_its_energy(horizon: int) -> None:
    policy = tiny_policy(EnergyDenoiser, horizon=horizon).double()
    observation = ropes(2)
    state = policy.encoder(Observation(observation.points.double(), observation.proprio.double()))
    noisy, timestep, step = chunks(2, 3, horizon=horizon).double(), levels(2, 3), 1e-5
    slope = torch.zeros_like(noisy)
    with torch.no_grad():
        for i in range(horizon):
            for j in range(4):
                nudge = torch.zeros(horizon, 4, dtype=torch.float64)
                nudge[i, j] = step
                up, down = (policy.denoiser.energy(state, noisy + sign * nudge, timestep) for sign in (1, -1))
                slope[:, :, i, j] = (up - down) / (2 * step)
    sigma = (1 - policy.alphas[timestep]).sqrt()[..., None, None]
    torch.testing.assert_close(policy.denoiser(state, noisy, timestep).detach(), sigma * slope, atol=1e-6, rtol=1e-5)


def test_energy_of_an_untrained_output_is_that_of_pure_noise() -> None:
    policy = tiny_policy(EnergyDenoiser)
    torch.nn.init.zeros_(policy.denoiser.trunk.leave.weight)
    torch.nn.init.zeros_(policy.denoiser.trunk.leave.bias)
    noisy = torch.tensor([1.0, -2.0, 0.5, 0.0]).view(1, 1, 1, 4)
    energy = policy.denoiser.energy(policy.encoder(ropes(1)), noisy, torch.tensor([[50]]))
    # |x|^2 / 2 = (1 + 4 + 0.25) / 2
    assert energy.item() == pytest.approx(2.625)


def test_sample_denoiser_is_consistent_with_the_chunk_it_predicts() -> None:
    policy = tiny_policy(SampleDenoiser)
    state, noisy, timestep = policy.encoder(ropes(2)), chunks(2, 3), levels(2, 3)
    clean = NoiseDenoiser.forward(policy.denoiser, state, noisy, timestep)
    alpha = policy.alphas[timestep][..., None, None]
    noise = policy.denoiser(state, noisy, timestep)
    torch.testing.assert_close(alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, noisy, atol=1e-5, rtol=1e-4)


def test_sample_denoiser_counts_errors_of_the_clean_chunk() -> None:
    # Two clean chunks x and x' explain a noisy one with noises that differ by sqrt(abar / (1 - abar)) (x' - x).
    denoiser = tiny_policy(SampleDenoiser).denoiser
    timestep = torch.tensor([5, 50, 90])
    alpha = denoiser.alphas[timestep]
    torch.testing.assert_close(denoiser.weight(timestep) * alpha / (1 - alpha), torch.ones(3))
    assert tiny_policy(NoiseDenoiser).denoiser.weight(timestep).tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_do_not_see_each_other(kind: type[NoiseDenoiser]) -> None:
    policy = tiny_policy(kind, horizon=2)
    state, noisy, timestep = policy.encoder(ropes(2)), chunks(2, 5, horizon=2), levels(2, 5)
    together = policy.denoiser(state, noisy, timestep)
    assert together.shape == noisy.shape
    for i in range(5):
        alone = policy.denoiser(state, noisy[:, i : i + 1], timestep[:, i : i + 1])
        torch.testing.assert_close(alone[:, 0], together[:, i], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_a_batch_do_not_see_each_other(kind: type[NoiseDenoiser]) -> None:
    policy, observation = tiny_policy(kind), ropes(3)
    noisy, timestep = chunks(3, 2), levels(3, 2)
    together = policy.denoiser(policy.encoder(observation), noisy, timestep)
    for i in range(3):
        row = slice(i, i + 1)
        state = policy.encoder(Observation(observation.points[row], observation.proprio[row]))
        torch.testing.assert_close(
            policy.denoiser(state, noisy[row], timestep[row]), together[row], atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_depend_on_cloud_proprioception_chunk_and_time(kind: type[NoiseDenoiser]) -> None:
    policy, observation = tiny_policy(kind), ropes(1)
    noisy, timestep = chunks(1, 1), torch.tensor([[40]])

    def predict(points: torch.Tensor, proprio: torch.Tensor, chunk: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        # Learnt part only: the energy and sample forms also pass the noisy chunk on.
        return policy.denoiser.trunk(policy.encoder(Observation(points, proprio)), chunk, time_features(level))

    given = [observation.points, observation.proprio, noisy, timestep]
    base = predict(*given)
    for index, other in enumerate([ropes(1, seed=5).points, observation.proprio + 1, noisy * 0.5, timestep + 20]):
        changed = [*given[:index], other, *given[index + 1 :]]
        assert (predict(*changed) - base).abs().max() > 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_gets_a_gradient(kind: type[NoiseDenoiser]) -> None:
    policy = tiny_policy(kind)
    noise = policy.denoiser(policy.encoder(ropes(4)), chunks(4, 3), levels(4, 3))
    (noise - 1).square().mean().backward()
    without = [name for name, p in policy.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    # The energy's constant has no gradient in the action; that is what makes it a constant.
    assert without == (["denoiser.trunk.leave.bias"] if kind is EnergyDenoiser else [])


def test_frozen_energy_denoiser_works_without_gradients() -> None:
    policy = tiny_policy(EnergyDenoiser).requires_grad_(False)
    state, noisy, timestep = policy.encoder(ropes(1)), chunks(1, 2), levels(1, 2)
    free = tiny_policy(EnergyDenoiser)
    with torch.no_grad():
        noise = policy.denoiser(state, noisy, timestep)
        assert not noise.requires_grad
        assert torch.equal(noise, free.denoiser(state, noisy, timestep))
    assert not noisy.requires_grad


def test_time_features_by_hand() -> None:
    got = time_features(torch.tensor([[0, 3]]))
    assert got.shape == (1, 2, TIME_FEATURES)
    half = TIME_FEATURES // 2
    assert got[0, 0].tolist() == [0] * half + [1] * half
    # The first rate is 1, the last 1000^-(15/16).
    assert got[0, 1, 0].item() == pytest.approx(math.sin(3))
    assert got[0, 1, half].item() == pytest.approx(math.cos(3))
    assert got[0, 1, half - 1].item() == pytest.approx(math.sin(3 * 1000 ** (-15 / 16)), abs=1e-6)


def test_time_features_tell_all_levels_apart() -> None:
    got = time_features(torch.arange(100))
    apart = torch.cdist(got, got) + torch.eye(100) * 9
    assert apart.min() > 0.1


def test_trunk_without_a_condition_scores_chunks() -> None:
    trunk = ActionTrunk(pick_and_place(), horizon=2, proprio=PROPRIO, width=8, outputs=1, hidden=16, depth=0)
    state = tiny_policy().encoder(ropes(2))
    assert trunk(state, chunks(2, 3, horizon=2)).shape == (2, 3, 1)
