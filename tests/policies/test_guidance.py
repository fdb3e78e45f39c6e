"""Guidance between a reference and a tuned policy."""

import math
from functools import partial

import pytest
import torch

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.errors import ConfigError
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.guidance import GuidedPolicy
from robopref.protocols import Policy
from tests.geometry import ropes, tiny_policy


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(*mean: float) -> DiffusionPolicy:
    policy = tiny_policy(denoiser=partial(GaussianDenoiser, std=0.1), train_steps=1000, sample_steps=250)
    with torch.no_grad():
        policy.denoiser.mean.copy_(torch.tensor([mean]))
    return policy


@pytest.mark.parametrize("kind", [EnergyDenoiser, NoiseDenoiser])
def test_the_ends_are_the_two_policies_bit_for_bit(kind: type[NoiseDenoiser]) -> None:
    one, other = tiny_policy(kind), tiny_policy(kind, seed=1)
    for weight, policy in ((0.0, one), (1.0, other)):
        guided = GuidedPolicy(one, other, weight)
        assert isinstance(guided, Policy)
        got = guided.sample(ropes(2), 5, generator=generator())
        assert torch.equal(got, policy.sample(ropes(2), 5, generator=generator()))
    between = GuidedPolicy(one, other, 0.5).sample(ropes(2), 5, generator=generator())
    assert not torch.equal(between, got)


# At 0 and 1 it is one of the two policies, see above.
@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_gaussians_are_tilted_in_proportion_to_the_weight(weight: float) -> None:
    # exp(w log(N(mean, s^2) / N(0, s^2))) N(0, s^2) is N(w mean, s^2).
    mean = torch.tensor([0.2, -0.1, 0.15, 0.05])
    got = GuidedPolicy(gaussian(0, 0, 0, 0), gaussian(*mean), weight).sample(ropes(1), 20_000, generator=generator())
    sample = got[0, :, 0]
    torch.testing.assert_close(sample.mean(0), weight * mean, atol=0.003, rtol=0.03)
    # 250 steps of DDIM leave the samples of any weight a little too wide.
    torch.testing.assert_close(sample.std(0), torch.full((4,), 0.1), atol=0.005, rtol=0)


def test_each_model_encodes_the_state_once() -> None:
    one, other, calls = tiny_policy(), tiny_policy(seed=1), list[str]()
    one.encoder.register_forward_hook(lambda *_: calls.append("reference"))
    other.encoder.register_forward_hook(lambda *_: calls.append("tuned"))
    GuidedPolicy(one, other, 1.5).sample(ropes(2), 3, generator=generator())
    assert sorted(calls) == ["reference", "tuned"]


@pytest.mark.parametrize("other", [tiny_policy(horizon=2), tiny_policy(train_steps=50)])
def test_policies_that_do_not_match_are_refused(other: DiffusionPolicy) -> None:
    with pytest.raises(ConfigError, match="same chunks and noise schedule"):
        GuidedPolicy(tiny_policy(), other)


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_a_weight_that_is_no_number_is_refused(weight: float) -> None:
    with pytest.raises(ConfigError, match="must be a finite number"):
        GuidedPolicy(tiny_policy(), tiny_policy(), weight)
