"""The layers of a world model by hand, and what they promise of shapes."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.nets.simplicial import SimNorm, StackedNormedMLP, normed_mlp
from robopref.nets.two_hot import TwoHot, symexp, symlog
from robopref.records import Observation


def test_numbers_are_shared_by_the_two_bins_around_them() -> None:
    numbers = TwoHot(bins=5, low=-2, high=2)  # bins at -2, -1, 0, 1, 2 of the symlog
    value = torch.tensor([0.0, math.expm1(0.25), -math.expm1(1.5), 1e9])
    expected = [[0, 0, 1, 0, 0], [0, 0, 0.75, 0.25, 0], [0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 1]]
    torch.testing.assert_close(numbers.encode(value), torch.tensor(expected, dtype=torch.float32))
    # What the shares stand for is the number again.
    torch.testing.assert_close(numbers.decode(numbers.encode(value[:3]).clamp(min=1e-30).log()), value[:3])


def test_the_loss_of_a_number_is_a_cross_entropy() -> None:
    numbers = TwoHot(bins=3, low=-1, high=1)
    # Even logits, whatever the number: log 3.
    assert numbers.loss(torch.zeros(3), torch.tensor(0.3)).item() == pytest.approx(math.log(3))
    # Half of the way from 0 to 1: -(log p_1 + log p_2) / 2 with p = softmax(0, 1, 3).
    lse = math.log(1 + math.e + math.e**3)
    loss = numbers.loss(torch.tensor([0.0, 1.0, 3.0]), torch.tensor(math.expm1(0.5)))
    assert loss.item() == pytest.approx(lse - 2, rel=1e-5)
    with pytest.raises(ConfigError, match="low < high"):
        TwoHot(low=1, high=0)


def test_symlog_is_undone() -> None:
    values = torch.tensor([-100.0, -0.1, 0.0, 3.0])
    torch.testing.assert_close(symexp(symlog(values)), values)


def test_latents_lie_on_simplices() -> None:
    latent = SimNorm(4, group=2)(torch.tensor([0.0, 0.0, math.log(3), 0.0]))
    torch.testing.assert_close(latent, torch.tensor([0.5, 0.5, 0.75, 0.25]))
    with pytest.raises(ConfigError, match="groups of 3"):
        SimNorm(4, group=3)


def test_stacked_networks_are_networks_beside_each_other() -> None:
    alone, stacked = normed_mlp((3, 8, 2)), StackedNormedMLP(2, (3, 8, 2))
    with torch.no_grad():
        for index in (0, 1):
            if index:
                for parameter in alone.parameters():
                    parameter.add_(0.1)
            first, norm, last = alone[0], alone[1], alone[3]
            stacked.weights[0][index], stacked.weights[1][index] = first.weight.T, last.weight.T
            stacked.biases[0][index, 0], stacked.biases[1][index, 0] = first.bias, last.bias
            stacked.gains[0][index, 0], stacked.shifts[0][index, 0] = norm.weight, norm.bias
    rows = torch.randn(5, 3)
    torch.testing.assert_close(stacked(rows)[1], alone(rows))
    assert not torch.equal(stacked(rows)[0], stacked(rows)[1])


def test_a_world_of_mixed_parts_foresees_its_vectors() -> None:
    world = LatentWorld({"proprio": (3,), "points": (20, 3)}, 2, latent=16, width=8, actors=3, critics=4)
    seen = Observation.of({"proprio": torch.randn(5, 3), "points": torch.randn(5, 20, 3)})
    latents = world.encoder(seen)
    after = world.advance(latents, torch.zeros(5, 2))
    assert after.shape == (5, 16)
    torch.testing.assert_close(after.unflatten(-1, (2, 8)).sum(-1), torch.ones(5, 2))
    assert world.act(latents).shape == (3, 5, 2)
    assert world.judged(latents, torch.zeros(5, 2)).shape == (4, 5, world.numbers.bins)
    torch.testing.assert_close(world.earned(latents, torch.zeros(5, 2)), torch.zeros(5), atol=1e-6, rtol=0)
    assert set(world.decoded(after).parts) == {"proprio"}
    pictures = LatentWorld({"image": (12, 12, 3)}, 2, latent=16, width=8)
    assert pictures.encoder(Observation.of({"image": torch.zeros(1, 12, 12, 3, dtype=torch.uint8)})).shape == (1, 16)
    assert not pictures.decoded(after).parts


def test_a_new_world_stands_still_and_moves_by_logits() -> None:
    torch.manual_seed(0)
    world = LatentWorld({"state": (2,)}, 1, latent=8, width=8, actors=2, critics=2)
    latents, actions = world.encoder(Observation(state=torch.randn(3, 2))), torch.ones(3, 1)
    torch.testing.assert_close(world.advance(latents, actions), latents)
    with torch.no_grad():
        world.dynamics[-1].bias[0] = math.log(2)  # the first of eight entries gains by a factor of 2
    doubled = latents * torch.tensor([2.0, *[1.0] * 7])
    torch.testing.assert_close(world.advance(latents, actions), doubled / doubled.sum(1, keepdim=True))
