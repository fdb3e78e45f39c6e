"""IQL: equal to a textbook version, seed by seed, exactly resumable, and right where the answer is known."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.iql_mdp import learnt_and_exact
from robopref.data.episodes.transitions import Transitions
from robopref.errors import ConfigError, DataError, TrainingError
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig
from robopref.policies.gaussian import GaussianPolicy
from robopref.ranking.best_of_n import BestOfN
from robopref.records import Observation
from tests.geometry import ropes, tiny_policy
from tests.offline_data import recorded

TINY = OfflineConfig(steps=12, batch_size=8, hidden=(16, 16), encoder=(8, 8), points=6, save_every=5, log_every=4)


def weights(learner):
    return [p.detach().clone() for held in (learner.value, learner.critic, learner.target, learner.actor.actor)
            for p in held.parameters()]  # fmt: skip


def close(one, other, **tolerance):
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


def layers(stack, copy_):
    """A stacked perceptron's copy as the usual modules."""
    parts = []
    for weight, bias in zip(stack.weights, stack.biases, strict=True):
        linear = nn.Linear(*weight.shape[1:])
        linear.weight.data, linear.bias.data = weight.data[copy_].T.clone(), bias.data[copy_, 0].clone()
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def test_updates_equal_those_of_a_textbook_version(data):
    settings = ImplicitQ(expectile=0.8, temperature=2.0, discount=0.9, target_rate=0.1)
    learner = ImplicitQLearning(data, TINY, settings)
    value = layers(learner.value.head, 0)
    critics = nn.ModuleList(layers(learner.critic.head, k) for k in range(2))
    target = copy.deepcopy(critics)
    mean, log_std = layers(learner.actor.actor.network.head, 0), nn.Parameter(torch.zeros(2))
    optimizers = [
        torch.optim.Adam(p, lr=TINY.learning_rate)
        for p in (value.parameters(), [*mean.parameters(), log_std], critics.parameters())
    ]
    for step in range(TINY.steps):
        batch = learner.batches(step)
        s, after, a = batch.vector[0, :8], batch.vector[0, 8:], batch.action[0]
        sa = torch.cat([s, a], 1)
        q = torch.minimum(target[0](sa), target[1](sa))[:, 0].detach()
        error = q - value(s)[:, 0]
        descend(optimizers[0], (torch.abs(0.8 - (error < 0).float()) * error**2).mean())
        weight = torch.exp(2.0 * (q - value(s)[:, 0])).clamp(max=100).detach()
        optimizers[1].param_groups[0]["lr"] = TINY.learning_rate * 0.5 * (1 + math.cos(math.pi * step / TINY.steps))
        density = torch.distributions.Normal(torch.tanh(mean(s)), log_std.exp()).log_prob(a).sum(1)
        descend(optimizers[1], -(weight * density).mean())
        goal = (batch.reward[0] + 0.9 * batch.ongoing[0] * value(after)[:, 0]).detach()
        descend(optimizers[2], sum(((critic(sa)[:, 0] - goal) ** 2).mean() for critic in critics))
        for mine, theirs in zip(target.parameters(), critics.parameters(), strict=True):
            mine.data = 0.9 * mine.data + 0.1 * theirs.data
        learner.advance(step, due=True)
    got = [p.data for k in range(2) for p in layers(learner.target.head, k).parameters()]
    close([p.data for p in target.parameters()], got, rtol=1e-4, atol=1e-6)
    close([p.data for p in value.parameters()], [p.data for p in layers(learner.value.head, 0).parameters()])
    close([p.data for p in mean.parameters()],
          [p.data for p in layers(learner.actor.actor.network.head, 0).parameters()])  # fmt: skip
    close([log_std.data], [learner.actor.actor.log_std.data[0, 0]])


def descend(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@pytest.mark.parametrize("kind", ["data", "clouds"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_seeds_together_end_as_each_does_alone(kind, dropout, request):
    data, config = request.getfixturevalue(kind), replace(TINY, dropout=dropout)
    together = ImplicitQLearning(data, config, seeds=[3, 1, 7])
    train(together, config, seed=0)
    for index, seed in enumerate([3, 1, 7]):
        alone = ImplicitQLearning(data, config, seeds=[seed])
        train(alone, config, seed=0)
        close(alone.policy().parameters(), together.policy(index).parameters(), rtol=1e-4, atol=1e-6)
        close(alone.critics().parameters(), together.critics(index).parameters(), rtol=1e-4, atol=1e-6)


def test_seeds_with_rewards_of_their_own_end_as_each_does_alone(data):
    rewards = torch.stack([data.reward, -data.reward])
    together = ImplicitQLearning(replace(data, reward=rewards), TINY, seeds=[3, 1])
    train(together, TINY, seed=0)
    for index, seed in enumerate([3, 1]):
        alone = ImplicitQLearning(replace(data, reward=rewards[index]), TINY, seeds=[seed])
        train(alone, TINY, seed=0)
        close(alone.critics().parameters(), together.critics(index).parameters(), rtol=1e-4, atol=1e-6)


def test_as_many_rewards_as_seeds_are_needed(data):
    with pytest.raises(ConfigError, match="2 rewards are for as many seeds, got 3"):
        ImplicitQLearning(replace(data, reward=data.reward.expand(2, -1)), TINY, seeds=[0, 1, 2])


class KilledError(Exception):
    pass


def stop_at(step):
    def progress(done, _):
        if done == step:
            raise KilledError

    return progress


@pytest.mark.parametrize("kind", ["data", "clouds"])
def test_a_killed_run_ends_with_the_same_weights(kind, request, tmp_path):
    data, config = request.getfixturevalue(kind), replace(TINY, dropout=0.1)
    whole = ImplicitQLearning(data, config, seeds=[0, 1])
    train(whole, config, seed=whole.seeds)
    killed = ImplicitQLearning(data, config, seeds=[0, 1])
    with pytest.raises(KilledError):
        train(killed, config, seed=killed.seeds, origin=killed.origin, folder=tmp_path, progress=stop_at(7))
    again = ImplicitQLearning(data, config, seeds=[0, 1])
    train(again, config, seed=again.seeds, origin=again.origin, folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))


def test_the_checkpoint_holds_the_target_network_and_every_optimiser(data, tmp_path):
    learner = ImplicitQLearning(data, TINY)
    train(learner, TINY, seed=[0], folder=tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert not torch.equal(state["target"]["head.weights.0"], state["critic"]["head.weights.0"])
    for name in ("value", "critic", "actor"):
        assert len(state[f"{name}_optimizer"]["state"]) == len(state[name])


def test_other_data_or_settings_do_not_continue_a_run(data, tmp_path):
    learner = ImplicitQLearning(data, TINY)
    train(learner, TINY, seed=[0], origin=learner.origin, folder=tmp_path)
    for other in (
        ImplicitQLearning(data, TINY, ImplicitQ(expectile=0.9)),
        ImplicitQLearning(replace(data, reward=data.reward + 1), TINY),
    ):
        with pytest.raises(DataError, match="on other data or with other settings"):
            train(other, TINY, seed=[0], origin=other.origin, folder=tmp_path)


def test_a_reward_that_is_no_number_stops_the_training_with_the_name_of_the_term(data):
    learner = ImplicitQLearning(replace(data, reward=torch.full_like(data.reward, math.nan)), TINY)
    with pytest.raises(TrainingError, match="critic_loss became nan at step 1"):
        train(learner, replace(TINY, log_every=1), seed=0)


def test_no_actor_leaves_critics_that_score_candidates(clouds):
    learner = ImplicitQLearning(clouds, TINY, ImplicitQ(actor=False))
    train(learner, TINY, seed=0)
    with pytest.raises(ConfigError, match="there is no actor"):
        learner.policy()
    observation = Observation(torch.randn(4, 9, 3), torch.randn(4, 1))
    actions = torch.rand(4, 5, 3, 2) * 2 - 1
    critics = learner.critics()
    scores = critics.score(observation, actions)
    assert scores.value.shape == scores.spread.shape == (4, 5)
    one = Observation(observation.points[2:3], observation.proprio[2:3])
    torch.testing.assert_close(critics.score(one, actions[2:3, 4:]).value[0, 0], scores.value[2, 4])
    # Only the first action of a chunk is known to a critic of single steps.
    actions[:, :, 1:] = 0
    assert torch.equal(critics.score(observation, actions).value, scores.value)


def test_critics_choose_among_the_samples_of_a_diffusion_policy(tmp_path):
    policy = tiny_policy()
    store = recorded(tmp_path / "d.zarr", points=9, action=policy.shape[1])
    learner = ImplicitQLearning(Transitions.load(store, keys=("points",)), TINY, ImplicitQ(actor=False))
    train(learner, TINY, seed=0)
    choice = BestOfN(policy, learner.critics(), n=6).choose(ropes(3), generator=torch.Generator().manual_seed(0))
    assert choice.candidates.shape[:2] == (3, 6)
    assert torch.equal(choice.index, choice.scores.value.argmax(1))
    assert torch.equal(choice.scores.value, learner.critics().score(ropes(3), choice.candidates).value)


def test_a_policy_acts_by_its_mean_and_samples_around_it(clouds):
    policy = ImplicitQLearning(clouds, TINY).policy()
    assert isinstance(policy, GaussianPolicy)
    observation = Observation(torch.randn(2, 9, 3), torch.randn(2, 1))
    mean = policy.act(observation)
    assert mean.shape == (2, 2)
    samples = policy.sample(observation, 4000, generator=torch.Generator().manual_seed(0))
    assert samples.shape == (2, 4000, 1, 2)
    assert samples.abs().max() <= 1
    with torch.no_grad():
        policy.actor.log_std.fill_(-4)
    narrow = policy.sample(observation, 2000, generator=torch.Generator().manual_seed(0))[:, :, 0]
    torch.testing.assert_close(narrow.mean(1), mean, atol=3e-3, rtol=0)


def test_an_observation_without_what_was_trained_on_is_refused(data):
    policy = ImplicitQLearning(data, TINY).policy()
    with pytest.raises(DataError, match="no state; this policy was trained on state"):
        policy.act(Observation(torch.zeros(1, 9, 3), torch.zeros(1, 1)))


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_that_cannot_be_are_refused(data, seeds):
    with pytest.raises(ConfigError, match="each once"):
        ImplicitQLearning(data, TINY, seeds=seeds)


@pytest.mark.parametrize(
    "settings",
    [{"expectile": 1.0}, {"temperature": -1.0}, {"discount": 1.1}, {"target_rate": 0.0}, {"largest_weight": 0.0},
     {"critics": 0}],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        ImplicitQ(**settings)


@pytest.mark.slow
def test_values_of_a_small_mdp_equal_those_of_dynamic_programming():
    learnt, exact = learnt_and_exact(expectile=0.8, seed=0, steps=900)
    assert np.abs(learnt - exact).max() / np.ptp(exact) < 0.02
