"""The diffusion policy: sampling, noising and scoring chunks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ActionError, ConfigError, DataError
from robopref.learning.checkpoint import load_weights, save_checkpoint
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser, SampleDenoiser
from robopref.nets.points import Encoding
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import UniformDraw
from robopref.protocols import Policy
from robopref.records import ActionGeometry
from robopref.scores import NoiseDraw
from tests.geometry import PROPRIO, chunks, pick_and_place, ropes, tiny_policy

KINDS = [NoiseDenoiser, SampleDenoiser, EnergyDenoiser]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Omniscient(nn.Module):
    """Predicts the true noise, from the chunks that were noised."""

    def __init__(self, policy: DiffusionPolicy, actions: Tensor, draws: int) -> None:
        super().__init__()
        self.alphas, self.clean = policy.alphas, actions.repeat_interleave(draws, dim=1)

    def forward(self, state: Encoding, noisy: Tensor, timestep: Tensor) -> Tensor:
        alpha = self.alphas[timestep][..., None, None]
        return (noisy - alpha.sqrt() * self.clean) / (1 - alpha).sqrt()


class Constant(nn.Module):
    """Predicts the same number everywhere."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, state: Encoding, noisy: Tensor, timestep: Tensor) -> Tensor:
        return torch.full_like(noisy, self.value)


def count_calls(module: nn.Module) -> list[int]:
    calls: list[int] = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("horizon", [1, 3])
def test_samples_have_their_shape_and_range(kind: type[NoiseDenoiser], horizon: int) -> None:
    policy = tiny_policy(kind, horizon=horizon)
    assert isinstance(policy, Policy)
    got = policy.sample(ropes(2), 5, generator=generator())
    assert got.shape == (2, 5, horizon, 4)
    assert got.abs().max() <= 1
    assert not got.requires_grad
    # An untrained policy may saturate, so that some samples share a corner.
    assert got.flatten(0, 1).unique(dim=0).shape[0] > 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_candidates(kind: type[NoiseDenoiser]) -> None:
    policy, observation = tiny_policy(kind), ropes(2)
    one = policy.sample(observation, 4, generator=generator(7))
    torch.manual_seed(123)  # hidden global randomness would show
    assert torch.equal(policy.sample(observation, 4, generator=generator(7)), one)
    assert not torch.equal(policy.sample(observation, 4, generator=generator(8)), one)


def test_samples_depend_on_the_state() -> None:
    policy = tiny_policy()
    one, other = (policy.sample(ropes(1, seed=seed), 4, generator=generator()) for seed in (0, 1))
    assert not torch.equal(one, other)


def test_sampling_encodes_the_state_once() -> None:
    policy = tiny_policy(sample_steps=4)
    encodings, denoisings = count_calls(policy.encoder), count_calls(policy.denoiser)
    policy.sample(ropes(2), 16, generator=generator())
    assert len(encodings) == 1
    assert len(denoisings) == 4


def test_the_temperature_scales_the_initial_noise() -> None:
    policy, seen = tiny_policy(temperature=0.25), list[torch.Tensor]()

    def predict(chunk: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        seen.append(chunk)
        return torch.zeros_like(chunk)

    policy.denoise(predict, 2, 5, generator=generator(7))
    torch.testing.assert_close(seen[0], 0.25 * torch.randn(2, 5, *policy.shape, generator=generator(7)))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature must be positive"):
        tiny_policy(temperature=temperature)


def test_sampling_with_the_noise_of_one_chunk_finds_that_chunk() -> None:
    policy, target = tiny_policy(sample_steps=5), chunks(2, 1)
    policy.denoiser = Omniscient(policy, target.expand(-1, 6, -1, -1), draws=1)
    got = policy.sample(ropes(2), 6, generator=generator())
    torch.testing.assert_close(got, target.expand(-1, 6, -1, -1), atol=1e-4, rtol=0)


def test_noise_is_added_at_hand_values() -> None:
    policy = tiny_policy()
    policy.alphas[7], policy.alphas[9] = 0.64, 0.36
    actions = torch.tensor([[[[1.0, 0, -1, 0.5]], [[0.0, 1, 0, 0]]]])
    noise = torch.tensor([[[[0.5, 1, 0, -1]], [[1.0, 0, 0, 0]]]])
    draw = NoiseDraw(torch.tensor([[7, 9]]), noise, torch.tensor([0.5, 0.5]))
    noisy, timestep = policy.add_noise(actions, draw)
    # Level 7: 0.8 a + 0.6 e; level 9: 0.6 a + 0.8 e. First chunk at both levels, then the second.
    expected = [[1.1, 0.6, -0.8, -0.2], [1.4, 0, -0.6, 0.3], [0.3, 1.4, 0, -0.6], [0.8, 0.6, 0, 0]]
    torch.testing.assert_close(noisy[0, :, 0], torch.tensor(expected))
    assert timestep.tolist() == [[7, 9, 7, 9]]


def test_noise_is_added_as_diffusers_does() -> None:
    policy, actions = tiny_policy(), chunks(3, 1)
    draw = UniformDraw(1)(3, (1, 4), generator())
    noisy, timestep = policy.add_noise(actions, draw)
    expected = policy.noiser.add_noise(actions[:, 0], draw.noise[:, 0], draw.timestep[:, 0])
    torch.testing.assert_close(noisy[:, 0], expected)
    assert torch.equal(timestep, draw.timestep)


def test_a_perfect_denoiser_makes_no_error() -> None:
    policy, actions = tiny_policy(horizon=2), chunks(2, 3, horizon=2)
    # Near level 0 the noise is divided by a sigma of 0.006.
    draw = UniformDraw(6, 5, 100)(2, (2, 4), generator())
    policy.denoiser = Omniscient(policy, actions, draws=6)
    error = policy.denoising_error(policy.encoder(ropes(2)), actions, draw)
    assert error.shape == (2, 3, 6)
    assert error.max() < 1e-8
    policy.denoiser = Omniscient(policy, actions.flip(1), draws=6)
    wrong = policy.denoising_error(policy.encoder(ropes(2)), actions, draw)
    assert wrong[:, [0, 2]].min() > 1e-6
    assert wrong[:, 1].max() < 1e-8


def test_the_denoising_error_by_hand() -> None:
    policy = tiny_policy()
    policy.denoiser = Constant(0.5)
    noise = torch.tensor([[[[0.5, 1.5, 0.5, -0.5]], [[0.5, 0.5, 0.5, 0.5]]]])
    draw = NoiseDraw(torch.tensor([[3, 60]]), noise, torch.tensor([0.5, 0.5]))
    # Mean of (0, 1, 0, 1) is 0.5, whatever the chunk.
    error = policy.denoising_error(policy.encoder(ropes(1)), chunks(1, 2), draw)
    assert error.tolist() == [[[0.5, 0], [0.5, 0]]]


def test_energies_are_those_of_the_noisy_chunks() -> None:
    policy, actions, draw = tiny_policy(), chunks(2, 3), UniformDraw(4)(2, (1, 4), generator())
    state = policy.encoder(ropes(2))
    energy = policy.energy(state, actions, draw)
    assert energy.shape == (2, 3, 4)
    alpha = policy.alphas[draw.timestep[:, 1, None]][..., None, None]
    noisy = alpha.sqrt() * actions + (1 - alpha).sqrt() * draw.noise[:, 1, None]
    one = policy.denoiser.energy(state, noisy, draw.timestep[:, 1, None].expand(-1, 3))
    torch.testing.assert_close(energy[:, :, 1], one)


@pytest.mark.parametrize("kind", [NoiseDenoiser, SampleDenoiser])
def test_only_an_energy_denoiser_has_an_energy(kind: type[NoiseDenoiser]) -> None:
    policy = tiny_policy(kind)
    with pytest.raises(ConfigError, match="needs a denoiser that has an energy") as caught:
        policy.energy(policy.encoder(ropes(1)), chunks(1, 2), UniformDraw(2)(1, (1, 4), generator()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sample_steps": 0}, "sample_steps"),
        ({"sample_steps": 11, "train_steps": 10}, "train_steps=10"),
        ({"horizon": 0}, "horizon"),
        ({"nodes": 13}, "nodes"),
    ],
)
def test_counts_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_policy(**settings)


def test_weights_survive_a_checkpoint_with_their_statistics(tmp_path: Path) -> None:
    policy, other = tiny_policy(seed=0), tiny_policy(seed=1)
    policy.encoder.normalize(torch.randn(30, PROPRIO, generator=generator()) * 2 + 1)
    save_checkpoint(tmp_path / "weights.pt", {"module": policy.state_dict()})
    load_weights(tmp_path / "weights.pt", other)
    assert torch.equal(other.encoder.proprio_mean, policy.encoder.proprio_mean)
    assert torch.equal(other.encoder.proprio_std, policy.encoder.proprio_std)
    one, same = (model.sample(ropes(2), 3, generator=generator()) for model in (policy, other))
    assert torch.equal(one, same)


def larger_action() -> ActionGeometry:
    plain = pick_and_place()
    stored = plain.to_dict()
    stored["matrix"] = [[[*row, 0.0] for row in anchor] for anchor in stored["matrix"]]
    stored["symmetry_actions"] = torch.eye(5).expand(4, 5, 5).tolist()
    return ActionGeometry.from_dict(stored)


def test_a_checkpoint_of_another_action_size_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    save_checkpoint(path, {"module": tiny_policy(geometry=larger_action()).state_dict()})
    with pytest.raises(DataError, match="does not fit this network") as caught:
        load_weights(path, tiny_policy())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_weights_never_become_actions() -> None:
    policy = tiny_policy(NoiseDenoiser)
    with torch.no_grad():
        policy.denoiser.trunk.leave.bias[1] = torch.nan
    with pytest.raises(ActionError, match="not finite"):
        policy.sample(ropes(1), 2, generator=generator())


def test_damaged_observations_never_become_actions() -> None:
    observation = ropes(1)
    observation.proprio[0, 0] = torch.inf
    with pytest.raises(ActionError, match="not finite"):
        tiny_policy(NoiseDenoiser).sample(observation, 2, generator=generator())


def test_a_policy_for_a_store_fits_it_and_leaves_the_global_randomness(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {"geometry": pick_and_place().to_dict()})
    with pytest.raises(DataError, match="has no proprio, which a policy sees; it has no episodes"):
        DiffusionPolicy.for_store(store)
    store.append({"proprio": np.zeros((2, 7), np.float32), "action": np.zeros((2, 4), np.float32)})
    before = torch.get_rng_state()
    made = [DiffusionPolicy.for_store(store, seed=seed, horizon=2, width=8) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert made[0].shape == (2, 4)
    assert made[0].encoder.proprio_mean.shape == (7,)
    first, same, other = (torch.cat([part.flatten() for part in one.parameters()]) for one in made)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_store_that_does_not_say_what_actions_mean_is_refused(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    with pytest.raises(DataError, match="does not say what its actions mean in space"):
        DiffusionPolicy.for_store(store)
