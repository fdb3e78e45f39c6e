"""Any reward rewards single steps, and what rewards steps ranks candidates."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import as_reward, as_scorer
from robopref.errors import ConfigError
from robopref.items import Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.learning.relabel import relabel
from robopref.nets.clouds import CloudEncoder
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.policies.draws import CleanDraw
from robopref.ranking.best_of_n import rank
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.segment import SegmentReward
from robopref.rewards.steps import as_step_reward
from robopref.scores import Scores
from tests.geometry import POINTS, chunks, pick_and_place, ropes, tiny_policy
from tests.learning.test_preference import problem


def recorded(path: Path, lengths: tuple[int, ...] = (4, 1, 3)) -> EpisodeStore:
    store = EpisodeStore.create(path, {})
    for seed, length in enumerate(lengths):
        seen = ropes(length, seed=seed)
        action = chunks(length, 1, seed=seed)[:, 0, 0]
        store.append({"points": seen.points.numpy(), "proprio": seen.proprio.numpy(), "action": action.numpy()})
    return store


def test_an_implicit_reward_relabels_a_dataset(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reward = ImplicitReward(tiny_policy(), CleanDraw())
    for parameter in reward.policy.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    store = recorded(tmp_path / "d.zarr")
    got = relabel(store.path, reward.eval(), "reward_learnt", {}).array("reward_learnt")
    arrays = {key: torch.as_tensor(store.array(key)) for key in ("points", "proprio", "action")}
    with torch.no_grad():
        single = reward.score(Observation(arrays["points"], arrays["proprio"]), arrays["action"][:, None, None])
    np.testing.assert_allclose(got, single.value[:, 0].numpy(), rtol=1e-4, atol=1e-5)
    assert np.std(got) > 0


class Pairs:
    """Scores chunks of two actions by what they say: ten times the first, and the second."""

    keys = ("action",)
    horizon = 2

    def score(self, items: Items, *, draw: object = None) -> Scores:
        action = items.part("action")[..., 0]
        return Scores((action * torch.tensor([10.0, 1.0])).sum(-1).sum(-1))


@pytest.mark.parametrize("block", [2, 100])
def test_chunks_of_a_dataset_end_with_their_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("robopref.learning.relabel._SMALLEST", block)
    monkeypatch.setattr("robopref.learning.relabel._BLOCK_BYTES", 1)
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    for values in ([1, 2, 3], [4], [5, 6]):
        store.append({"action": np.array(values, np.float32)[:, None]})
    got = relabel(store.path, Pairs(), "r", {}).array("r")
    # A chunk that would run past the end repeats the last action.
    assert got.tolist() == [12, 23, 33, 44, 56, 66]


def test_a_reward_of_what_came_before_has_to_say_how() -> None:
    class Remembers(Pairs):
        history = 3

    with pytest.raises(ConfigError, match=r"Remembers looks at what came before a step"):
        as_step_reward(Remembers())


def test_a_reward_of_steps_ranks_candidates() -> None:
    torch.manual_seed(0)
    reward = SegmentReward.for_policy(tiny_policy(), width=32, members=2)
    train, held_out = problem(40, seed=0), problem(60, seed=1)
    train_reward(reward, train, bradley_terry, FitConfig(150, 1e-2, ema=0.9), seed=0, batches=Batches(points=POINTS))
    with torch.no_grad():
        scores = as_reward(reward).score(held_out.items)
        assert pair_agreement(scores, held_out.target) > 0.8
        assert scores.spread is not None
        observation, actions = held_out.items.decisions()
        choice = rank(as_scorer(reward), observation, actions)
    best = -actions[:, :, 0, 2:].norm(dim=-1)
    assert best.gather(1, choice.index[:, None]).mean() > best.mean()


def test_a_reward_of_steps_may_see_the_cloud() -> None:
    reward = SegmentReward.for_policy(tiny_policy(), encoder=partial(CloudEncoder, widths=(8, 8), points=5))
    assert reward.keys == ("points", "proprio", "action")
    scores = as_scorer(reward).score(ropes(3), chunks(3, 4))
    assert scores.value.shape == (3, 4)
    assert pick_and_place().matrix.shape[2] == chunks(1, 1).shape[-1]
