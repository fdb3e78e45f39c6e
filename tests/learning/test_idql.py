"""IDQL: seeds apart, exact resume, and what choosing among more samples can and cannot do."""

from dataclasses import replace

import pytest
import torch

from robopref.errors import ConfigError
from robopref.learning.idql import ImplicitDiffusionQLearning
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.learning.stored_models import load_critics, load_policy, save_model
from robopref.ranking.best_of_n import BestOfN
from robopref.ranking.rules import Softmax
from robopref.records import Observation

TINY = OfflineConfig(steps=12, batch_size=8, hidden=(16, 16), encoder=(8, 8), points=6, save_every=5, log_every=4)


def seen(kind, batch=4):
    generator = torch.Generator().manual_seed(3)
    if kind == "data":
        return Observation(None, None, state=torch.randn(batch, 3, generator=generator))
    return Observation(torch.randn(batch, 9, 3, generator=generator), torch.randn(batch, 1, generator=generator))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def weights(learner):
    held = (learner.q.value, learner.q.critic, learner.q.target, learner.actor)
    return [parameter.detach().clone() for module in held for parameter in module.parameters()]


def trained(data, config=TINY, **given):
    learner = ImplicitDiffusionQLearning(data, config, **given)
    train(learner, config, seed=learner.seeds)
    return learner


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["data", "clouds"])
def test_seeds_together_end_as_each_does_alone(kind, dropout, request):
    source, config = request.getfixturevalue(kind), replace(TINY, dropout=dropout)
    both = trained(source, config, seeds=(0, 4))
    for index, seed in enumerate((0, 4)):
        alone = trained(source, config, seeds=(seed,))
        ours, theirs = (
            one.policy(k).sample(seen(kind), 3, generator=generator()) for one, k in ((both, index), (alone, 0))
        )
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["data", "clouds"])
def test_a_killed_run_ends_with_the_same_weights(kind, request, tmp_path):
    source = request.getfixturevalue(kind)
    whole = trained(source, seeds=(0, 1))
    stopped = ImplicitDiffusionQLearning(source, TINY, seeds=(0, 1))
    train(stopped, TINY, seed=[0, 1], folder=tmp_path, stop=lambda step: step == 7)
    again = ImplicitDiffusionQLearning(source, TINY, seeds=(0, 1))
    train(again, TINY, seed=[0, 1], folder=tmp_path)
    for one, other in zip(weights(whole), weights(again), strict=True):
        assert torch.equal(one, other)


def test_the_critics_are_those_of_iql_without_an_actor(data):
    settings = ImplicitQ(expectile=0.9, critics=3)
    plain = ImplicitQLearning(data, TINY, replace(settings, actor=False))
    train(plain, TINY, seed=[0])
    for one, other in zip(
        trained(data, settings=settings).q.target.parameters(), plain.target.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_the_loss_is_the_error_of_the_predicted_noise(data):
    learner = ImplicitDiffusionQLearning(data, TINY)
    given = learner.noised(learner.batches(0), 0)
    alpha = learner.actor.alphas[given.level][..., None]
    noisy = alpha.sqrt() * given.action + (1 - alpha).sqrt() * given.noise
    expected = (learner.actor(given.vector, noisy, given.level) - given.noise).square().mean()
    torch.testing.assert_close(learner.imitate(given)["actor_loss"], expected)


@pytest.mark.parametrize("kind", ["data", "clouds"])
def test_one_candidate_is_the_behaviour_and_more_are_never_worth_less(kind, request):
    learner = trained(request.getfixturevalue(kind))
    policy, critics, observation = learner.policy(), learner.critics(), seen(kind)
    one = BestOfN(policy, critics, 1).choose(observation, generator=generator())
    assert torch.equal(one.action, policy.sample(observation, 1, generator=generator())[:, 0])
    last = torch.full((4,), -torch.inf)
    for n in (1, 2, 5, 16, 33):
        chosen = BestOfN(policy, critics, n).choose(observation, generator=generator())
        value = critics.score(observation, chosen.action[:, None]).value[:, 0]
        assert (value >= last - 1e-5).all()
        last = value
    # It is not that all samples are alike.
    assert chosen.candidates.std(1).min() > 1e-3
    assert chosen.candidates.shape == (4, 33, 1, 2)
    assert chosen.candidates.abs().max() <= 1


def test_a_softmax_goes_from_the_behaviour_to_the_best(data):
    learner = trained(data)
    policy, critics, observation = learner.policy(), learner.critics(), seen("data")
    best = BestOfN(policy, critics, 8).choose(observation, generator=generator())
    cold = BestOfN(policy, critics, 8, Softmax(1e-6)).choose(observation, generator=generator())
    assert torch.equal(best.index, cold.index)


def test_samples_are_where_an_exact_actor_says(data, monkeypatch):
    """All actions are 0.3: the noise in x is (x - sqrt(alpha) 0.3) / sqrt(1 - alpha), and every sample is 0.3."""
    policy = ImplicitDiffusionQLearning(data, TINY).policy()

    def exact(features, noisy, level, masks=()):
        alpha = policy.actor.alphas[level][..., None]
        return (noisy - alpha.sqrt() * 0.3) / (1 - alpha).sqrt()

    monkeypatch.setattr(policy.actor, "forward", exact)
    samples = policy.sample(seen("data"), 20, generator=generator())
    torch.testing.assert_close(samples, torch.full((4, 20, 1, 2), 0.3), rtol=0, atol=1e-4)


def test_imitation_learns_where_the_actions_are(data):
    data = replace(data, action=torch.full_like(data.action, 0.6))
    config = OfflineConfig(steps=300, batch_size=32, hidden=(32, 32), learning_rate=5e-3)
    actions = trained(data, config).policy().sample(seen("data", 1), 50, generator=generator())
    # Untrained, the samples are spread over [-1, 1].
    assert ImplicitDiffusionQLearning(data, config).policy().sample(seen("data"), 50, generator=generator()).std() > 0.4
    assert (actions - 0.6).abs().mean() < 0.15


@pytest.mark.parametrize("kind", ["data", "clouds"])
def test_what_is_stored_acts_the_same(kind, request, tmp_path):
    learner = trained(request.getfixturevalue(kind), levels=20, steps=4)
    save_model(tmp_path / "policy.pt", learner.policy())
    save_model(tmp_path / "critics.pt", learner.critics())
    policy, critics = load_policy(tmp_path / "policy.pt"), load_critics(tmp_path / "critics.pt")
    mine = BestOfN(learner.policy(), learner.critics(), 5).choose(seen(kind), generator=generator())
    theirs = BestOfN(policy, critics, 5).choose(seen(kind), generator=generator())
    assert torch.equal(mine.action, theirs.action)
    assert torch.equal(policy.act(seen(kind)), policy.act(seen(kind)))


def test_more_denoising_steps_than_noise_levels_are_refused(data):
    with pytest.raises(ConfigError, match=r"must be in \[1, 5\]"):
        ImplicitDiffusionQLearning(data, TINY, levels=5, steps=6)
