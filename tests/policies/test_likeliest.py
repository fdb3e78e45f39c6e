"""Sharper samples: of k the one that the policy finds likeliest."""

from functools import partial

import pytest
import torch

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.errors import ConfigError
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.policies.exported import export
from robopref.policies.guidance import GuidedPolicy
from robopref.policies.likeliest import likeliest, likelihood
from robopref.rewards.likelihood import LikelihoodScore
from tests.geometry import ropes, tiny_policy


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_likeliest_of_every_group_by_hand() -> None:
    chunks = torch.arange(12.0).view(2, 6, 1, 1)
    likely = torch.tensor([[0.0, 3.0, 1.0, 2.0, -1.0, 9.0], [5.0, 4.0, 3.0, 0.0, 0.0, 1.0]])
    assert likeliest(chunks, likely, 3).flatten().tolist() == [1, 5, 6, 11]
    assert likeliest(chunks, likely, 2).flatten().tolist() == [1, 3, 5, 6, 8, 11]


@pytest.mark.parametrize("kind", [EnergyDenoiser, NoiseDenoiser])
def test_a_sample_is_the_likeliest_of_as_many_plain_ones(kind: type[NoiseDenoiser]) -> None:
    seen = ropes(2)
    plain, sharp = tiny_policy(kind), tiny_policy(kind, likeliest=4)
    drawn = plain.sample(seen, 12, generator=generator())
    likely = likelihood(plain, plain.encoder(seen), drawn)
    if kind is EnergyDenoiser:
        torch.testing.assert_close(likely, LikelihoodScore(plain).score(seen, drawn).value)
    best = likely.unflatten(1, (3, 4)).argmax(2) + torch.tensor([0, 4, 8])
    got = sharp.sample(seen, 3, generator=generator())
    assert torch.equal(got, drawn[torch.arange(2)[:, None], best])


def test_of_a_gaussian_it_is_the_nearest_to_the_mean() -> None:
    mean = torch.tensor([0.2, -0.1, 0.15, 0.05])
    make = partial(tiny_policy, denoiser=partial(GaussianDenoiser, std=0.1), train_steps=1000, sample_steps=50)
    plain, sharp = make(), make(likeliest=8)
    with torch.no_grad():
        for policy in (plain, sharp):
            policy.denoiser.mean.copy_(mean[None])
    apart = (plain.sample(ropes(1), 800, generator=generator())[0, :, 0] - mean).norm(dim=1)
    nearest = (sharp.sample(ropes(1), 100, generator=generator())[0, :, 0] - mean).norm(dim=1)
    torch.testing.assert_close(nearest, apart.view(100, 8).amin(1))


@pytest.mark.parametrize("kind", [EnergyDenoiser, NoiseDenoiser])
def test_guidance_sharpens_both_ends_alike(kind: type[NoiseDenoiser]) -> None:
    one, other = tiny_policy(kind, likeliest=3), tiny_policy(kind, seed=1, likeliest=3)
    for weight, policy in ((0.0, one), (1.0, other)):
        got = GuidedPolicy(one, other, weight).sample(ropes(2), 4, generator=generator())
        assert torch.equal(got, policy.sample(ropes(2), 4, generator=generator()))


def test_what_cannot_be_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="likeliest must be at least 1, got 0"):
        tiny_policy(likeliest=0)
    with pytest.raises(ConfigError, match=r"export with policy\.likeliest=1"):
        export(tiny_policy(likeliest=2), None, tmp_path, [ropes(1)], candidates=2, generator=generator())
