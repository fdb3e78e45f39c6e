from dataclasses import replace

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import Transitions
from robopref.errors import ConfigError, MismatchError
from robopref.learning.imitate import BehaviourCloning
from robopref.learning.loop import train
from robopref.learning.offline import OfflineConfig, train_offline


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Nine episodes act by 0.5 and earn 0; one acts by -0.5 and earns 1."""
    store = EpisodeStore.create(tmp_path_factory.mktemp("data") / "d.zarr", {})
    rng = np.random.default_rng(0)
    for k in range(10):
        store.append({
            "state": rng.normal(size=(20, 2)).astype(np.float32),
            "action": np.full((20, 1), -0.5 if k == 3 else 0.5, np.float32),
            "reward": np.full(20, float(k == 3), np.float32),
            "terminated": np.arange(20) == 19,
        })  # fmt: skip
    return Transitions.load(store)


@pytest.mark.parametrize(("best", "mean"), [(1.0, 0.4), (0.1, -0.5)])
def test_all_episodes_or_the_best_are_imitated(data, best, mean):
    # Nine times 0.5 and once -0.5 is 0.4 in the mean.
    config = OfflineConfig(steps=300, batch_size=64, hidden=(16,), learning_rate=1e-2)
    learner = BehaviourCloning(data, config, best=best, seeds=[0, 1])
    train(learner, config, seed=learner.seeds)
    for k in range(2):
        with torch.no_grad():
            got = learner.policy(k).actor(learner.batches(0).inputs._replace(vector=torch.zeros(1, 1, 2)))
        assert got.item() == pytest.approx(mean, abs=0.08)


def test_imitating_with_weight_one_is_behaviour_cloning(data):
    from robopref.learning.offline import ActorSteps

    config = OfflineConfig(steps=3, batch_size=8, hidden=(8,))
    learner = BehaviourCloning(data, config)
    other = ActorSteps(data, config, [0], torch.device("cpu"))
    for step in range(3):
        batch = learner.batches(step)
        learner.advance(step, due=False)
        other.prepare(step)
        other.step(batch, torch.ones(1, 8))
    for a, b in zip(learner.actor.actor.parameters(), other.actor.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_constant_rate_goes_on_as_if_it_had_never_stopped_and_a_cosine_says_that_it_does_not(data, tmp_path):
    config = OfflineConfig(steps=9, batch_size=8, hidden=(8,), schedule="constant", dropout=0.1)
    whole = BehaviourCloning(data, config)
    train_offline(whole)
    for steps in (4, 9):
        longer = BehaviourCloning(data, replace(config, steps=steps))
        train_offline(longer, folder=tmp_path / "constant")
    for a, b in zip(whole.actor.actor.parameters(), longer.actor.actor.parameters(), strict=True):
        assert torch.equal(a, b)
    cosine = replace(config, steps=2, schedule="cosine")
    train_offline(BehaviourCloning(data, cosine), folder=tmp_path / "cosine")
    with pytest.raises(MismatchError, match=r"\(steps was 2, is 4\); schedule=constant is one that goes on") as caught:
        train_offline(BehaviourCloning(data, replace(cosine, steps=4)), folder=tmp_path / "cosine")
    assert "\n" not in str(caught.value)
    with pytest.raises(MismatchError, match=r"\(schedule was cosine, is constant\)"):
        train_offline(BehaviourCloning(data, replace(config, steps=2)), folder=tmp_path / "cosine")
    with pytest.raises(ConfigError, match="cosine or constant, got 'linear'"):
        OfflineConfig(schedule="linear")
