"""A policy of whatever was recorded, without a geometry of actions."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import as_reward, as_scorer
from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.checkpoint import load_weights, save_checkpoint
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser, SampleDenoiser
from robopref.nets.parts_encoder import PartsEncoder
from robopref.policies.draws import CleanDraw, StratifiedDraw, UniformDraw
from robopref.policies.guidance import GuidedPolicy
from robopref.policies.inversion import invert
from robopref.policies.observed import ObservedPolicy
from robopref.policy_shapes import PolicySpec
from robopref.protocols import DenoisingPolicy, RecordedPolicy, lacking
from robopref.records import Observation
from robopref.rewards.derived import tuned_policy, with_derived
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.inverted import InvertedReward
from robopref.scores import NoiseDraw
from tests.geometry import initialised

KINDS = [NoiseDenoiser, SampleDenoiser, EnergyDenoiser]
SHAPES = {"points": (9, 3), "image": (8, 8, 3), "state": (3,)}
# Actions of three numbers: from 2 to 10, from -3 to -1, and always 5.
RECORDED = torch.tensor([[2.0, -3.0, 5.0], [10.0, -1.0, 5.0], [4.0, -2.0, 5.0]])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(*leading: int, seed: int = 0) -> Observation:
    return Observation.of({
        "points": torch.randn(*leading, 9, 3, generator=generator(seed)),
        "image": torch.randint(0, 256, (*leading, 8, 8, 3), generator=generator(seed), dtype=torch.uint8),
        "state": torch.randn(*leading, 3, generator=generator(seed)),
    })  # fmt: skip


def untrained(kind: type[NoiseDenoiser] = EnergyDenoiser, *, seed: int = 0, **settings: Any) -> ObservedPolicy:
    encoder = partial(PartsEncoder, width=6, points=5, layers=(8,), channels=(4,), side=8, shift=1)
    parts = {"horizon": 2, "sample_steps": 3, "encoder": encoder, "denoiser": partial(kind, hidden=16, depth=0)}
    return initialised(lambda: ObservedPolicy(PolicySpec(SHAPES, 3), **parts | settings), seed)


def fitted(kind: type[NoiseDenoiser] = EnergyDenoiser, **settings: Any) -> ObservedPolicy:
    policy = untrained(kind, **settings)
    policy.standardise({**seen(20).parts, "action": RECORDED})
    return policy


def recorded(batch: int, count: int, seed: int = 0) -> Tensor:
    """Chunks (B, N, 2, 3) within what was recorded."""
    share = torch.rand(batch, count, 2, 3, generator=generator(seed))
    return RECORDED.amin(0) + share * (RECORDED.amax(0) - RECORDED.amin(0))


class Constant(nn.Module):
    """Predicts the same number everywhere."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, state: object, noisy: Tensor, timestep: Tensor) -> Tensor:
        return torch.full_like(noisy, self.value)


class Omniscient(nn.Module):
    """Predicts the noise that leads to chunks, which it knows as the denoiser does."""

    def __init__(self, policy: ObservedPolicy, clean: Tensor) -> None:
        super().__init__()
        self.alphas, self.clean = policy.alphas, clean

    def forward(self, state: object, noisy: Tensor, timestep: Tensor) -> Tensor:
        alpha = self.alphas[timestep][..., None, None]
        return (noisy - alpha.sqrt() * self.clean) / (1 - alpha).sqrt()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("history", [1, 3])
def test_it_is_what_commands_and_implicit_rewards_need(kind: type[NoiseDenoiser], history: int) -> None:
    policy, leading = fitted(kind, history=history), (2,) if history == 1 else (2, history)
    assert [lacking(policy, protocol) for protocol in (RecordedPolicy, DenoisingPolicy)] == [[], []]
    assert (policy.geometry, policy.observes, policy.history) == (None, ("points", "image", "state"), history)
    assert policy.proprio_mean.shape == policy.proprio_std.shape == (0,)
    loss = policy.loss(seen(*leading), recorded(2, 1)[:, 0], generator())
    loss.total.backward()
    without = [name for name, p in policy.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    # The energy's constant has no gradient in the action; that is what makes it a constant.
    assert without == (["denoiser.trunk.leave.2.bias"] if kind is EnergyDenoiser else [])
    one, same, other = (policy.sample(seen(*leading), 4, generator=generator(seed)) for seed in (0, 0, 1))
    assert one.shape == (2, 4, 2, 3)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_noise_is_added_to_actions_as_the_denoiser_knows_them() -> None:
    policy = fitted()
    policy.alphas[7] = 0.64
    noise = torch.tensor([[[[0.5, 1.0, -1.0], [0.0, 0.0, 0.0]]]])
    actions = torch.tensor([[[[2.0, -1.0, 5.0], [14.0, -2.0, 6.0]]]])
    noisy, timestep = policy.add_noise(actions, NoiseDraw(torch.tensor([[7]]), noise, torch.ones(1)))
    # The chunk is (-1, 1, 0), (2, 0, 1) within; 0.8 a + 0.6 e.
    torch.testing.assert_close(noisy, torch.tensor([[[[-0.5, 1.4, -0.6], [1.6, 0.0, 0.8]]]]))
    assert timestep.tolist() == [[7]]


def test_the_denoising_error_is_that_of_recorded_actions_by_hand() -> None:
    policy = fitted()
    policy.alphas[3] = 0.36
    clean = torch.zeros(1, 1, 2, 3)
    policy.denoiser = Omniscient(policy, clean)
    # The middle of what was recorded is 0 within. Of (1, 0.75, 0) more it is off by 0.6 / 0.8 of that.
    actions = torch.tensor([[[[6.0, -2.0, 5.0], [6.0, -2.0, 5.0]], [[10.0, -1.25, 5.0], [6.0, -2.0, 5.0]]]])
    draw = NoiseDraw(torch.tensor([[3]]), torch.zeros(1, 1, 2, 3), torch.ones(1))
    error = policy.denoising_error(policy.encoder(seen(1)), actions, draw)
    # (0.75^2 + 0.5625^2) / 6.
    torch.testing.assert_close(error, torch.tensor([[[0.0], [(0.5625 + 0.31640625) / 6]]]))


class Even(Constant):
    """A constant whose errors count alike at all levels."""

    def weight(self, timestep: Tensor) -> Tensor:
        return torch.ones_like(timestep, dtype=torch.float32)


def test_the_loss_is_the_mean_of_that_error() -> None:
    policy = fitted(NoiseDenoiser)
    policy.denoiser = Even(0.0)
    # Predicting no noise is off by the noise, which is drawn before what is seen is varied.
    draw = UniformDraw(2, 0, 100)(2, (2, 3), generator())
    loss = policy.loss(seen(2), recorded(2, 1)[:, 0], generator())
    assert loss.total.item() == pytest.approx(draw.noise.square().mean().item(), rel=1e-5)


def test_what_is_seen_varies_in_training_alone() -> None:
    policy = fitted(NoiseDenoiser)
    encoded = list[Tensor]()
    policy.encoder.register_forward_hook(lambda *given: encoded.append(given[2].vector))
    for training in (True, True, False, False):
        for seed in (0, 1):
            policy.train(training).loss(seen(2), recorded(2, 1)[:, 0], generator(seed))
    first, other, same, _, *still = encoded
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert all(torch.equal(one, policy.encoder(seen(2)).vector) for one in still)


def test_samples_come_in_recorded_units() -> None:
    policy, target = fitted(sample_steps=5), recorded(2, 4)
    policy.denoiser = Omniscient(policy, policy.scale.inside(target))
    got = policy.sample(seen(2), 4, generator=generator())
    torch.testing.assert_close(got, target, atol=1e-3, rtol=0)
    # Untrained ones stay within what was recorded, and what never moved stays.
    free = fitted().sample(seen(3), 5, generator=generator())
    assert bool((free >= RECORDED.amin(0) - 1e-5).all() & (free <= RECORDED.amax(0) + 1e-5).all())
    assert set(free[..., 2].flatten().tolist()) == {5.0}


def test_weights_survive_a_checkpoint_with_their_statistics(tmp_path: Path) -> None:
    policy, other = fitted(), untrained(seed=1)
    save_checkpoint(tmp_path / "weights.pt", {"module": policy.state_dict()})
    load_weights(tmp_path / "weights.pt", other)
    one, same = (model.sample(seen(2), 3, generator=generator()) for model in (policy, other))
    assert torch.equal(one, same)


def test_parts_are_chosen_by_name() -> None:
    policy = untrained(observation=["state", "image"])
    assert policy.observes == ("state", "image")
    assert policy.encoder.size == 12
    observation = Observation.of({name: part for name, part in seen(2).parts.items() if name != "points"})
    assert policy.sample(observation, 2, generator=generator()).shape == (2, 2, 2, 3)
    with pytest.raises(DataError, match="the observation has no image"):
        policy.sample(Observation(state=torch.zeros(1, 3)), 1, generator=generator())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"observation": ["stat"]}, "unknown part in policy.observation 'stat'; .* Did you mean state"),
        ({"horizon": 0}, "horizon must be at least 1, got 0"),
        ({"history": 0}, "history=0"),
        ({"sample_steps": 200}, "sample_steps"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        untrained(**settings)
    assert "\n" not in str(caught.value)


def test_statistics_need_actions() -> None:
    with pytest.raises(
        DataError, match="no recorded action, by which actions are scaled; there are points, state, image"
    ):
        untrained().standardise(seen(3).parts)


def rewards(policy: ObservedPolicy) -> dict[str, nn.Module]:
    return {
        "implicit": ImplicitReward(policy, CleanDraw([2])),
        "explicit": initialised(lambda: ExplicitReward.for_policy(policy, hidden=16), 0),
        "error": ImplicitReward(policy, StratifiedDraw(4), cost="error"),
        "inverted": InvertedReward(policy, partial(ImplicitReward, draws=StratifiedDraw(4), cost="error")),
    }


@pytest.mark.parametrize("history", [1, 2])
def test_rewards_of_its_candidates_see_what_it_sees(history: int) -> None:
    policy, observation = fitted(history=history), seen(*((2,) if history == 1 else (2, history)))
    candidates = policy.sample(observation, 3, generator=generator())
    for name, reward in rewards(policy).items():
        assert as_reward(reward).keys == ("points", "image", "state", "action"), name
        value = as_scorer(reward).score(observation, candidates).value
        assert value.shape == (2, 3)
        torch.testing.assert_close(as_reward(reward).score(Items.of_candidates(observation, candidates)).value, value)
        beyond = as_scorer(reward).score(observation, candidates * 50 - 100).value
        assert bool(beyond.isfinite().all()), name


def test_an_explicit_reward_begins_with_the_encoder_and_depends_on_all_that_is_given() -> None:
    policy, observation, candidates = fitted(), seen(1), recorded(1, 1)
    reward = ExplicitReward.for_policy(policy, hidden=16)
    assert torch.equal(reward.encoder(observation).vector, policy.encoder(observation).vector)
    assert reward.encoder is not policy.encoder
    base = reward.score(observation, candidates).value
    changed = [Observation.of({**observation.parts, name: seen(1, seed=1).part(name)}) for name in SHAPES]
    for value in (
        *(reward.score(one, candidates).value for one in changed),
        reward.score(observation, candidates + 1).value,
    ):
        assert (value - base).abs().max() > 1e-5


def test_scores_follow_from_its_rewards_without_symmetries() -> None:
    policy, observation, candidates = fitted(), seen(2), recorded(2, 4)
    trained = rewards(policy)
    derived = with_derived({name: trained[name] for name in ("implicit", "explicit")}, policy)
    assert set(derived) == {"implicit", "explicit", "combined", "tuned likelihood", "likelihood"}
    assert derived["implicit"] is trained["implicit"]
    for name, reward in derived.items():
        assert as_reward(reward).keys == ("points", "image", "state", "action"), name
        assert as_scorer(reward).score(observation, candidates).value.shape == (2, 4)
    tuned = tuned_policy(trained)
    assert tuned is not None
    for weight, alone in ((0.0, policy), (1.0, tuned)):
        got = GuidedPolicy(policy, tuned, weight).sample(observation, 3, generator=generator())
        assert torch.equal(got, alone.sample(observation, 3, generator=generator()))


def test_policies_of_other_recordings_do_not_guide_each_other() -> None:
    other = fitted()
    other.scale.fit(RECORDED * 2)
    with pytest.raises(ConfigError, match="the same scale of actions"):
        GuidedPolicy(fitted(), other)


def test_inverting_the_sampler_starts_from_recorded_actions() -> None:
    policy, actions = fitted(NoiseDenoiser), recorded(1, 2)
    policy.denoiser = Omniscient(policy, policy.scale.inside(actions))
    # None leads to a chunk from itself, but for the lowest level, which stands for the clean chunk in the first step.
    noise = invert(policy, policy.encoder(seen(1)), actions, torch.full((1, 2), 40), steps=3)
    torch.testing.assert_close(noise, torch.zeros(1, 2, 2, 3), atol=0.02, rtol=0)


def test_a_policy_for_a_store_fits_it_and_leaves_the_global_randomness(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    with pytest.raises(DataError, match="must have an array action of vectors"):
        ObservedPolicy.for_store(store)
    store.append({"proprio": np.zeros((2, 7), np.float32), "action": np.zeros((2, 4), np.float32)})
    before = torch.get_rng_state()
    made = [ObservedPolicy.for_store(store, seed=seed, horizon=2) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert (made[0].shape, made[0].observes) == ((2, 4), ("proprio",))
    first, same, other = (torch.cat([part.flatten() for part in one.parameters()]) for one in made)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
