"""The implicit reward: what a tuned policy likes better than its frozen reference."""

import math
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.errors import ConfigError, PolicyError
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser, SampleDenoiser
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import CleanDraw, ImportanceDraw, StratifiedDraw, UniformDraw
from robopref.policies.weighting import elbo, min_snr
from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward, level_importance
from robopref.scores import NoiseDraw, PairTarget
from tests.geometry import chunks, ropes, tiny_policy

COSTS = ["energy", "error"]
Cost = Literal["energy", "error"]
SHAPE = (1, 4)
PREFERENCES = PairTarget(torch.full((3, 4, 4), 0.9), torch.ones(3, 4, 4).triu(1))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def untrained(cost: Cost = "energy", **settings: Any) -> ImplicitReward:
    return ImplicitReward(tiny_policy(), StratifiedDraw(4), cost=cost, **settings)


def perturb(module: nn.Module, seed: int = 0, scale: float = 0.1) -> None:
    source = generator(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=source))


def tuned(cost: Cost = "energy", **settings: Any) -> ImplicitReward:
    """One whose policy has moved away from its reference."""
    reward = untrained(cost, **settings)
    perturb(reward.policy)
    return reward


def tensors(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}


MEAN = torch.tensor([[0.5, -0.3, 0.2, 0.8]])


def gaussian(draws: UniformDraw, cost: Cost, *, levels: int = 100, **settings: Any) -> ImplicitReward:
    """Reference N(0, I), policy N(MEAN, I)."""
    reward = ImplicitReward(tiny_policy(denoiser=GaussianDenoiser, train_steps=levels), draws, cost=cost, **settings)
    with torch.no_grad():
        reward.policy.denoiser.mean.copy_(MEAN)
    return reward


def log_ratio(actions: Tensor) -> Tensor:
    """log N(a; mean, I) - log N(a; 0, I) = mean . a - |mean|^2 / 2."""
    return (actions * MEAN).sum((-1, -2)) - 0.5 * MEAN.square().sum()


def correlation(one: Tensor, other: Tensor) -> float:
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].item()


@pytest.mark.parametrize(
    ("kind", "cost"), [(EnergyDenoiser, "energy"), (NoiseDenoiser, "error"), (SampleDenoiser, "error")]
)
@pytest.mark.parametrize("draw", [None, UniformDraw(5)(3, SHAPE, generator())])
def test_before_training_all_scores_are_exactly_zero(
    kind: type[NoiseDenoiser], cost: Cost, draw: NoiseDraw | None
) -> None:
    reward = ImplicitReward(tiny_policy(kind), StratifiedDraw(4), cost=cost)
    assert isinstance(reward, CandidateScorer)
    scores = reward.score(ropes(3), chunks(3, 4), draw=draw)
    assert scores.value.shape == (3, 4)
    assert scores.value.abs().max() == 0
    assert scores.spread is not None
    assert scores.spread.abs().max() == 0
    assert bradley_terry(scores, PREFERENCES).total.item() == pytest.approx(math.log(2), abs=1e-6)


def test_before_training_errors_of_an_energy_denoiser_score_zero_too() -> None:
    reward = untrained("error")
    # A gradient that will itself be differentiated is computed in another order, hence rounded otherwise.
    assert reward.score(ropes(3), chunks(3, 4)).value.abs().max() < 1e-6
    with torch.no_grad():
        assert reward.score(ropes(3), chunks(3, 4)).value.abs().max() == 0


@pytest.mark.parametrize("cost", COSTS)
def test_training_starts_at_once_though_all_scores_are_zero(cost: Cost) -> None:
    reward = untrained(cost)
    bradley_terry(reward.score(ropes(3), chunks(3, 4)), PREFERENCES).total.backward()
    assert max(p.grad.abs().max() for p in reward.policy.parameters() if p.grad is not None) > 1e-4


@pytest.mark.parametrize("cost", COSTS)
def test_an_optimiser_step_moves_the_policy_and_not_the_reference(cost: Cost) -> None:
    reward = untrained(cost)
    before = {name: value.clone() for name, value in tensors(reward).items()}
    optimizer = torch.optim.AdamW(reward.parameters(), lr=1e-2)
    bradley_terry(reward.score(ropes(3), chunks(3, 4)), PREFERENCES).total.backward()
    assert all(p.grad is None for p in reward.reference.parameters())
    optimizer.step()
    moved = {name for name, value in tensors(reward).items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("policy.") for name in moved)
    assert reward.score(ropes(3), chunks(3, 4)).value.abs().max() > 0


def test_the_reference_is_frozen_and_stays_in_evaluation() -> None:
    reward = untrained()
    assert not any(p.requires_grad for p in reward.reference.parameters())
    assert all(p.requires_grad for p in reward.policy.parameters())
    assert reward.train() is reward
    assert reward.policy.training
    assert not any(module.training for module in reward.reference.modules())
    reward.eval()
    assert not reward.policy.training


@pytest.mark.parametrize("cost", COSTS)
def test_policy_and_reference_each_use_their_own_weights(cost: Cost) -> None:
    reward, observation, actions = untrained(cost, beta=2.0), ropes(3), chunks(3, 4)
    draw = UniformDraw(5)(3, SHAPE, generator())

    def cost_of(policy: DiffusionPolicy) -> Tensor:
        measure = policy.energy if cost == "energy" else policy.denoising_error
        return measure(policy.encoder(observation), actions, draw).mean(dim=-1).detach()

    original = cost_of(reward.policy)
    perturb(reward.policy)
    assert not torch.allclose(cost_of(reward.policy), original, atol=1e-3)
    torch.testing.assert_close(cost_of(reward.reference), original)
    value = reward.score(observation, actions, draw=draw).value
    torch.testing.assert_close(value, 2 * (original - cost_of(reward.policy)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cost", COSTS)
def test_lowering_the_cost_of_an_action_raises_its_score(cost: Cost) -> None:
    reward, observation, actions = untrained(cost), ropes(1), chunks(1, 3)
    draw = StratifiedDraw(16)(1, SHAPE, generator())
    optimizer = torch.optim.AdamW(reward.policy.parameters(), lr=3e-3)
    for _ in range(15):
        optimizer.zero_grad()
        measure = reward.policy.energy if cost == "energy" else reward.policy.denoising_error
        measure(reward.policy.encoder(observation), actions[:, :1], draw).mean().backward()
        optimizer.step()
    assert reward.score(observation, actions, draw=draw).value[0, 0] > 0.01


@pytest.mark.parametrize("cost", COSTS)
def test_each_model_encodes_the_state_once(cost: Cost) -> None:
    reward, calls = untrained(cost), list[str]()
    reward.policy.encoder.register_forward_hook(lambda *_: calls.append("policy"))
    reward.reference.encoder.register_forward_hook(lambda *_: calls.append("reference"))
    reward.score(ropes(2), chunks(2, 16))
    assert sorted(calls) == ["policy", "reference"]


@pytest.mark.parametrize("cost", COSTS)
def test_the_spread_is_the_standard_error_over_draws(cost: Cost) -> None:
    reward, observation, actions = tuned(cost), ropes(2), chunks(2, 3)
    draw = UniformDraw(4)(2, SHAPE, generator())
    got = reward.score(observation, actions, draw=draw)
    singles = [
        NoiseDraw(draw.timestep[:, m : m + 1], draw.noise[:, m : m + 1], torch.ones(1)) for m in range(4)
    ]  # fmt: skip
    values = torch.stack([reward.score(observation, actions, draw=single).value for single in singles])
    torch.testing.assert_close(got.value, values.mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(got.spread, values.std(dim=0) / 2, atol=1e-5, rtol=1e-4)
    assert not got.spread.requires_grad
    torch.testing.assert_close(got.draws, values.movedim(0, -1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("cost", COSTS)
def test_dependent_draws_are_no_sample_of_the_score(cost: Cost) -> None:
    reward, observation, actions = tuned(cost), ropes(2), chunks(2, 3)
    stratified = reward.score(observation, actions, draw=StratifiedDraw(4)(2, SHAPE, generator()))
    assert stratified.draws is None
    assert stratified.spread.min() > 0
    exact = reward.score(observation, actions, draw=CleanDraw([2, 5])(2, SHAPE, generator()))
    assert exact.draws is None
    assert exact.spread is None
    # One draw says nothing of how much draws vary.
    single = reward.score(observation, actions, draw=UniformDraw(1)(2, SHAPE, generator()))
    assert single.draws is None
    assert single.spread is None


@pytest.mark.parametrize("cost", COSTS)
def test_without_a_draw_states_and_calls_share_one(cost: Cost) -> None:
    reward, one = tuned(cost), ropes(1)
    actions = chunks(1, 4)
    twice = type(one)(one.points.expand(2, -1, -1), one.proprio.expand(2, -1))
    scores = reward.score(twice, actions.expand(2, -1, -1, -1)).value
    torch.testing.assert_close(scores[0], scores[1])
    assert torch.equal(reward.score(one, actions).value, reward.score(one, actions).value)


@pytest.mark.parametrize("cost", COSTS)
def test_candidates_are_scored_alike_in_any_company(cost: Cost) -> None:
    reward, observation, actions = tuned(cost), ropes(2), chunks(2, 4)
    together = reward.score(observation, actions).value
    alone = torch.cat([reward.score(observation, actions[:, i : i + 1]).value for i in range(4)], dim=1)
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-4)


def test_beta_scales_the_score() -> None:
    one, three = tuned(beta=1.0), tuned(beta=3.0)
    torch.testing.assert_close(
        three.score(ropes(2), chunks(2, 3)).value, 3 * one.score(ropes(2), chunks(2, 3)).value, atol=1e-5, rtol=1e-4
    )


def test_weights_of_a_draw_count() -> None:
    reward, observation, actions = tuned(), ropes(1), chunks(1, 3)
    draw = UniformDraw(2)(1, SHAPE, generator())
    only = NoiseDraw(draw.timestep, draw.noise, torch.tensor([1.0, 0.0]))
    first = NoiseDraw(draw.timestep[:, :1], draw.noise[:, :1], torch.ones(1))
    torch.testing.assert_close(
        reward.score(observation, actions, draw=only).value, reward.score(observation, actions, draw=first).value
    )


def test_energy_of_gaussians_is_their_log_ratio() -> None:
    # abar (mean . a - |mean|^2 / 2): both densities have unit variance at every noise level.
    reward, actions = gaussian(CleanDraw((2,)), "energy"), chunks(4, 8)
    got = reward.score(ropes(4), actions).value
    assert correlation(got, log_ratio(actions)) > 0.9999
    abar = reward.policy.alphas[2]
    assert 0.99 < abar < 1
    torch.testing.assert_close(got, abar * log_ratio(actions), atol=1e-5, rtol=1e-4)


def test_error_of_gaussians_follows_their_log_ratio() -> None:
    # eps* = sigma (a_t - sqrt(abar) mean), so the expected squared errors differ by
    # sigma^2 abar (|a|^2 - |a - mean|^2) / 4 = sigma^2 abar (mean . a - |mean|^2 / 2) / 2; antithetic noise cancels
    # what is linear in it, so that a stratified draw leaves only the choice of levels.
    reward, actions = gaussian(StratifiedDraw(64), "error"), chunks(4, 8)
    draw = StratifiedDraw(64)(1, SHAPE, generator())
    draw = NoiseDraw(draw.timestep.expand(4, -1), draw.noise.expand(4, -1, -1, -1), draw.weight)
    got = reward.score(ropes(4), actions, draw=draw).value
    abar = reward.policy.alphas[draw.timestep[0]]
    slope = ((1 - abar) * abar).mean() / 2
    torch.testing.assert_close(got, slope * log_ratio(actions), atol=1e-5, rtol=1e-3)


def test_uniform_draws_of_the_error_agree_up_to_their_standard_error() -> None:
    reward, actions = gaussian(UniformDraw(2000), "error"), chunks(1, 16)
    got = reward.score(ropes(1), actions)
    assert correlation(got.value, log_ratio(actions)) > 0.99
    slope = ((1 - reward.policy.alphas) * reward.policy.alphas).mean() / 2
    # The draw is shared, so the misses of the 16 candidates go together: one miss of up to four standard errors.
    assert ((got.value - slope * log_ratio(actions)).abs() < 4 * got.spread).all()


def test_errors_with_elbo_weights_are_the_log_ratio() -> None:
    reward, actions = gaussian(UniformDraw(2, 0, 1000), "error", levels=1000, weighting=elbo), chunks(1, 32)
    with torch.no_grad():
        got = reward.score(ropes(1), actions, draw=StratifiedDraw(4096, 0, 1000)(1, SHAPE, generator())).value[0]
    truth = log_ratio(actions)[0]
    centred = truth - truth.mean()
    slope = ((got - got.mean()) * centred).sum() / centred.square().sum()
    assert slope.item() == pytest.approx(1, abs=0.05)
    assert correlation(got, truth) > 0.99
    assert (got.mean() - truth.mean()).abs() < 0.05


def test_sharing_and_stratifying_draws_lowers_the_variance_of_differences() -> None:
    # 200 repeats, as states of a batch, of the difference between two candidates at 16 draws.
    reward = gaussian(UniformDraw(16), "error", weighting=elbo)
    observation, actions = ropes(1), chunks(1, 2).expand(200, -1, -1, -1)
    observation = Observation(observation.points.expand(200, -1, -1), observation.proprio.expand(200, -1))
    one, other = (UniformDraw(16)(200, SHAPE, generator(seed)) for seed in (0, 1))

    def variance(value: Tensor) -> float:
        return (value[:, 0] - value[:, 1]).var().item()

    with torch.no_grad():
        shared = variance(reward.score(observation, actions, draw=one).value)
        stratified = variance(
            reward.score(observation, actions, draw=StratifiedDraw(16)(200, SHAPE, generator())).value
        )
        free = ImplicitReward(reward.policy, UniformDraw(16), cost="error", weighting=elbo, reference=None)
        alone = ImplicitReward(reward.reference, UniformDraw(16), cost="error", weighting=elbo, reference=None)
        unshared = variance(
            free.score(observation, actions, draw=one).value - alone.score(observation, actions, draw=other).value
        )
    assert unshared > 5 * shared
    assert shared > 1.5 * stratified


def test_weights_of_levels_by_hand() -> None:
    # The reference predicts sigma a_t, the policy sigma (a_t - sqrt(abar) mean); one level, one noise.
    draw = NoiseDraw(torch.tensor([[30]]), torch.randn(1, 1, *SHAPE, generator=generator()), torch.ones(1))
    actions, plain = chunks(1, 3), gaussian(UniformDraw(1), "error")
    weighted = gaussian(UniformDraw(1), "error", weighting=min_snr)
    ratio = plain.policy.alphas[30] / (1 - plain.policy.alphas[30])
    expected = plain.score(ropes(1), actions, draw=draw).value * min(5.0, ratio.item()) / ratio
    torch.testing.assert_close(weighted.score(ropes(1), actions, draw=draw).value, expected)


@pytest.mark.parametrize("cost", COSTS)
def test_without_a_reference_the_score_is_the_policys_cost_alone(cost: Cost) -> None:
    reward, observation, actions = untrained(cost, beta=3.0, reference=None), ropes(2), chunks(2, 3)
    draw = UniformDraw(4)(2, SHAPE, generator())
    measure = reward.policy.energy if cost == "energy" else reward.policy.denoising_error
    expected = -3 * measure(reward.policy.encoder(observation), actions, draw).mean(dim=-1)
    torch.testing.assert_close(reward.score(observation, actions, draw=draw).value, expected)
    assert reward.train().policy.training


def test_a_refreshed_reference_is_the_policy_as_it_is() -> None:
    reward = tuned()
    assert reward.score(ropes(2), chunks(2, 3)).value.abs().max() > 0
    reward.refresh()
    assert reward.score(ropes(2), chunks(2, 3)).value.abs().max() == 0
    assert not any(p.requires_grad for p in reward.reference.parameters())
    with pytest.raises(ConfigError, match="has none to refresh"):
        untrained(reference=None).refresh()


@pytest.mark.parametrize(
    ("trained", "message"),
    [
        ({"beta": 2.0}, "trained with beta=2.0, not beta=1.0"),
        ({"cost": "error"}, "trained with cost=error, not cost=energy"),
    ],
)
def test_weights_of_another_scale_are_refused(trained: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        untrained().load_state_dict(untrained(**trained).state_dict())


def test_weights_of_another_weighting_are_refused() -> None:
    untrained("error").load_state_dict(tuned("error").state_dict())
    with pytest.raises(ConfigError, match="another weighting"):
        untrained("error", weighting=elbo).load_state_dict(untrained("error").state_dict())


def test_energies_take_no_weighting() -> None:
    with pytest.raises(ConfigError, match="energies are log-densities"):
        untrained("energy", weighting=min_snr)


def test_an_unknown_reference_is_refused() -> None:
    with pytest.raises(ConfigError, match="reference must be 'frozen' or null, got 'old'"):
        untrained(reference="old")


def test_energy_needs_an_energy_denoiser() -> None:
    with pytest.raises(PolicyError, match="EnergyDenoiser"):
        ImplicitReward(tiny_policy(NoiseDenoiser), UniformDraw(2), cost="energy")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.0}, "beta must be positive"),
        ({"beta": -1.0}, "beta must be positive"),
        ({"beta": math.nan}, "beta must be positive"),
        ({"cost": "likelihood"}, "'energy' or 'error', got 'likelihood'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImplicitReward(tiny_policy(), UniformDraw(2), **settings)


def test_draws_beyond_the_noise_levels_of_the_policy_are_refused() -> None:
    policy = tiny_policy(train_steps=50)
    ImplicitReward(policy, UniformDraw(2, 0, 50)).score(ropes(1), chunks(1, 2))
    for draws in (UniformDraw(2), CleanDraw((50,))):
        with pytest.raises(ConfigError, match="the policy has 50"):
            ImplicitReward(policy, draws)


def test_importance_of_levels_of_gaussians_by_hand() -> None:
    # eps* = sigma (a_t - sqrt(abar) mean): errors differ by sigma^2 sqrt(abar) (2 mean . a_t - sqrt(abar) |mean|^2) / 4
    # less 2 sigma sqrt(abar) mean . noise / 4, where the noise is common to all candidates. What separates them is
    # sigma^2 abar mean . a / 2: in proportion to (1 - abar) abar, and a tenth of the mean of that everywhere.
    reward, actions = gaussian(UniformDraw(2, 0, 20), "error", levels=20), chunks(6, 8)
    got = level_importance(reward, ropes(6), actions, generator(), repeats=2)
    abar = reward.policy.alphas
    along = (actions * MEAN).sum((-1, -2))
    expected = (1 - abar) * abar * (along - along.mean(1, keepdim=True)).square().mean().sqrt() / 2
    torch.testing.assert_close(got, expected + 0.1 * expected.mean(), atol=1e-6, rtol=1e-3)
    assert not got.requires_grad


def test_importance_needs_repeats() -> None:
    with pytest.raises(ConfigError, match="repeats >= 2"):
        level_importance(gaussian(UniformDraw(2), "error"), ropes(1), chunks(1, 2), generator(), repeats=1)


def test_importance_of_levels_keeps_the_mean_and_lowers_the_variance_of_differences() -> None:
    # 2000 repeats, as states of a batch, of the difference between two candidates at 8 draws.
    reward, actions = gaussian(UniformDraw(8), "error"), chunks(1, 2).expand(2000, -1, -1, -1)
    observation = Observation(ropes(1).points.expand(2000, -1, -1), ropes(1).proprio.expand(2000, -1))
    importance = level_importance(reward, ropes(4), chunks(4, 4), generator())
    difference = {}
    with torch.no_grad():
        for draws in (UniformDraw(8), ImportanceDraw(8, importance.tolist())):
            value = reward.score(observation, actions, draw=draws(2000, SHAPE, generator(1))).value
            difference[type(draws)] = value[:, 0] - value[:, 1]
    uniform, sampled = difference[UniformDraw], difference[ImportanceDraw]
    error = ((uniform.var() + sampled.var()) / 2000).sqrt()
    assert (uniform.mean() - sampled.mean()).abs() < 4 * error
    assert sampled.var() < 0.5 * uniform.var()


@pytest.mark.parametrize("draws", [UniformDraw(4), StratifiedDraw(4), ImportanceDraw(4, range(1, 101)), CleanDraw()])
def test_the_fixed_draw_is_what_candidates_are_scored_on(draws: UniformDraw) -> None:
    reward = gaussian(draws, "energy")
    fixed = reward.fixed_draw(chunks(3, 2))
    assert fixed.timestep.shape == (3, draws.count)
    assert fixed.noise.shape == (3, draws.count, *SHAPE)
    assert torch.equal(fixed.timestep[0], fixed.timestep[2])
    assert torch.equal(fixed.noise[0], fixed.noise[2])
    assert torch.equal(fixed.noise, reward.fixed_draw(chunks(3, 5, seed=4)).noise)
    got = reward.score(ropes(3), chunks(3, 2))
    assert torch.equal(got.value, reward.score(ropes(3), chunks(3, 2), draw=fixed).value)
    other = reward.shared_draw(3, generator(9))
    assert torch.equal(other.timestep[0], other.timestep[2])
    assert draws.count == 1 or not torch.equal(other.noise, fixed.noise)


@pytest.mark.parametrize("cost", COSTS)
def test_candidates_may_each_have_a_noise(cost: Cost) -> None:
    reward, observation, actions = tuned(cost), ropes(2), chunks(2, 3)
    shared = UniformDraw(4)(2, SHAPE, generator())
    repeated = NoiseDraw(shared.timestep, shared.noise[:, None].expand(-1, 3, -1, -1, -1), shared.weight)
    torch.testing.assert_close(
        reward.score(observation, actions, draw=repeated).value, reward.score(observation, actions, draw=shared).value
    )
    own = NoiseDraw(shared.timestep, torch.randn(2, 3, 4, *SHAPE, generator=generator(1)), shared.weight)
    together = reward.score(observation, actions, draw=own).value
    for index in range(3):
        alone = NoiseDraw(own.timestep, own.noise[:, index], own.weight)
        single = reward.score(observation, actions[:, index : index + 1], draw=alone).value
        torch.testing.assert_close(together[:, index : index + 1], single, atol=1e-5, rtol=1e-4)
