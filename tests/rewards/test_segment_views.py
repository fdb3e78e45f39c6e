"""Rewards of pictures, and rewards that depend on what came before."""

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import put_aside
from robopref.learning.preference import Batches, train_reward
from robopref.learning.relabel import relabel
from robopref.learning.stored_models import load_reward, save_model
from robopref.nets.causal_transformer import CausalTransformer
from robopref.nets.images import ImageEncoder
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards import segment
from robopref.rewards.labelled import LabelledSteps, step_features
from robopref.rewards.segment import SegmentReward
from robopref.scores import PairTarget


def preferring(value, **steps):
    """Pairs (B, 2) of which the greater value is preferred."""
    p = torch.full((len(value), 2, 2), 0.5)
    p[:, 0, 1] = (value[:, 0] > value[:, 1]).float()
    weight = torch.zeros_like(p)
    weight[:, 0, 1] = 1
    shape = next(iter(steps.values())).shape[:3]
    return Comparisons(Items(steps, torch.full(shape, 1 / shape[2])), PairTarget(p, weight))


def right(reward, data):
    value = reward.score(data.items).value
    return ((value[:, 0] > value[:, 1]) == (data.target.p[:, 0, 1] > 0.5)).float().mean()


def test_a_reward_learns_from_pictures():
    torch.manual_seed(0)
    level = torch.rand(80, 2, 3)
    view = (level[..., None, None, None] * 255).expand(80, 2, 3, 8, 8, 3).to(torch.uint8)
    data = preferring(level.mean(-1), image=view)
    seen, held_out = put_aside(data, 0.25, seed=0)
    reward = SegmentReward(["image"], 0, width=16, members=2, encoder=ImageEncoder(2, channels=(4, 8), side=8))
    reward.standardise(seen.items)
    assert reward.encoder.mean.mean() == pytest.approx(0.5, abs=0.1)
    train_reward(reward, seen, bradley_terry, FitConfig(100, 1e-2, ema=0.9), seed=0, batches=Batches(16, keep=0.7))
    assert right(reward, held_out) > 0.8


def with_history(members=2, length=6, **given):
    torch.manual_seed(1)
    history = CausalTransformer(members, 1, width=16, heads=2, length=length, **given)
    return SegmentReward(["state"], 1, width=16, members=members, history=history)


@pytest.mark.slow
def test_a_reward_with_history_learns_what_single_steps_cannot_say():
    """The better segment begins with a larger number than it ends with; the numbers themselves are alike."""
    torch.manual_seed(0)
    steps = torch.randn(160, 2, 4, 1)
    steps -= steps.mean(2, keepdim=True)
    data = preferring(steps[..., 0, 0] - steps[..., -1, 0], state=steps)
    seen, held_out = put_aside(data, 0.25, seed=0)
    fit = FitConfig(250, 5e-3, ema=0.9)
    found = []
    for reward in (SegmentReward(["state"], 1, width=16), with_history(members=1)):
        train_reward(reward, seen, bradley_terry, fit, seed=0)
        found.append(float(right(reward, held_out)))
    assert found[0] < 0.65
    assert found[1] > 0.8


def test_a_segment_is_worth_its_steps_by_importance():
    reward, steps = with_history(), torch.randn(3, 2, 6, 1)
    tokens = reward.transformer(steps.flatten(0, 1).expand(2, -1, -1, -1))
    each = reward.network(tokens.flatten(1, 2))[..., 0].view(2, 3, 2, 6)
    share = reward.transformer.importance(tokens, torch.ones(2, 6, 6, dtype=torch.bool)).view(2, 3, 2, 6)
    torch.testing.assert_close(
        reward.score_each(Items({"state": steps}, torch.full((3, 2, 6), 1 / 6))), (each * share).sum(-1)
    )


def test_thinning_would_break_what_came_before():
    data = preferring(torch.randn(4, 2), state=torch.randn(4, 2, 6, 1))
    with pytest.raises(ConfigError, match="needs all steps"):
        train_reward(with_history(), data, bradley_terry, FitConfig(1), seed=0, batches=Batches(keep=0.5))


@pytest.mark.parametrize("small", [False, True])
def test_relabelling_looks_back_within_the_episode_only(tmp_path, monkeypatch, small):
    """Against windows that are cut out one by one."""
    store, rng = EpisodeStore.create(tmp_path / "d.zarr", {}), np.random.default_rng(0)
    for length in (3, 90, 1, 40):
        store.append({"state": rng.normal(size=(length, 1)).astype(np.float32)})
    reward = with_history(length=5)
    monkeypatch.setattr("robopref.learning.relabel._LARGEST", 64)
    if small:
        monkeypatch.setattr(segment, "_HIDDEN", 7 * reward.hidden)
    got = relabel(store.path, reward, "r", {}, workers=2).array("r")
    state = torch.as_tensor(store.array("state"))
    expected, start = [], 0
    for end in store.episode_ends.tolist():
        for step in range(start, end):
            window = state[max(start, step - 4) : step + 1]
            tokens = reward.transformer(window.expand(2, 1, *window.shape))[:, 0, -1:]
            expected.append(reward.network(tokens).mean().item())
        start = end
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["image", "history"])
def test_everything_is_stored_with_the_weights(tmp_path, kind):
    torch.manual_seed(0)
    if kind == "image":
        reward = SegmentReward(
            ["image", "state"], 1, width=4, members=2, encoder=ImageEncoder(2, channels=(4,), side=8)
        )
        steps = {"image": torch.randint(0, 256, (5, 8, 8, 3), dtype=torch.uint8), "state": torch.randn(5, 1)}
    else:
        reward, steps = with_history(), {"state": torch.randn(5, 1)}
    reward.standardise(Items({key: 3 + value for key, value in steps.items()}, torch.ones(5)))
    reward.eval()
    save_model(tmp_path / "r.pt", reward)
    again = load_reward(tmp_path / "r.pt")
    since = np.arange(5)
    assert torch.equal(again.reward(steps, since), reward.reward(steps, since))
    assert again.history == reward.history == (0 if kind == "image" else 5)


def test_pictures_have_features_too():
    view = torch.zeros(3, 2, 4, 8, 8, 3, dtype=torch.uint8)
    view[..., :4, :, :] = 255
    features = step_features(torch.zeros(3, 2, 4, 1), view)
    assert features.shape == (3, 2, 4, 1 + 16)
    assert features[0, 0, 0].tolist() == [0, *[1] * 8, *[0] * 8]
    assert LabelledSteps.of(features, torch.ones(3, 2, 4)).kept.shape == (24, 17)


def test_a_transformer_of_another_size_is_refused():
    with pytest.raises(ConfigError, match="for 1 features of a step, got 2"):
        SegmentReward(["state"], 2, history=CausalTransformer(1, 1, width=4, heads=1))
