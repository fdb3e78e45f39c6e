"""Rewards of outcomes: what came of a decision is judged, whatever the decision was."""

from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.turned_outcomes import varied_outcomes
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.learning.relabel import relabel
from robopref.nets.pooled_cloud import PooledCloudPart
from robopref.objectives.pairwise import bradley_terry
from robopref.records import Observation
from robopref.rewards.ensemble import Peers, symmetric
from robopref.rewards.outcome import OutcomeReward
from robopref.scores import PairTarget
from tests.geometry import pick_and_place

GEOMETRY = pick_and_place()


def items(after: torch.Tensor, **seen: torch.Tensor) -> Items:
    """Items (B, K, T) of which a cloud (B, K, T, P, 3) was observed afterwards."""
    return Items(seen, torch.ones(after.shape[:3])).with_outcomes(Observation(points=after))


def clouds(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, 6, 3, generator=torch.Generator().manual_seed(seed))


class Height(torch.nn.Module):
    """In place of an encoder: the height of the first point."""

    shapes = {"points": (6, 3)}  # noqa: RUF012
    size = 1

    def forward(self, observation: Observation) -> object:
        return type("Features", (), {"vector": observation.points[:, 0, 2:]})()


def lifted(*, before: bool = False) -> OutcomeReward:
    """Twice the height of what came, less thrice that of what was: exactly, for heights that are not negative."""
    reward = OutcomeReward(Height(), before=before, hidden=2)  # type: ignore[arg-type]
    reward.head = torch.nn.Sequential(torch.nn.Linear(2 if before else 1, 1, bias=False))
    with torch.no_grad():
        reward.head[0].weight.copy_(torch.tensor([[-3.0, 2.0]] if before else [[2.0]]))
    return reward


def test_a_decision_is_worth_what_came_of_it_by_hand() -> None:
    after, before = torch.zeros(1, 2, 2, 6, 3), torch.zeros(1, 1, 1, 6, 3)
    after[0, :, :, 0, 2] = torch.tensor([[1.0, 2.0], [4.0, 8.0]])
    before[..., 0, 2] = 5.0
    # 2 * 1 + 2 * 2 = 6 and 2 * 4 + 2 * 8 = 24; with what was before, 3 * 5 less a decision.
    assert lifted().score(items(after)).value.tolist() == [[6.0, 24.0]]
    found = lifted(before=True).score(items(after, points=before))
    assert found.value.tolist() == [[6.0 - 30, 24.0 - 30]]
    assert found.steps is not None
    assert found.steps[0, 1].tolist() == [8.0 - 15, 16.0 - 15]
    # A decision that does not count adds nothing, even if nothing is known of it.
    some = items(after)
    some.weight[0, 1, 1], some.steps["after.points"][0, 1, 1] = 0.0, float("nan")
    assert lifted().score(some).value.tolist() == [[6.0, 8.0]]


def test_what_it_looks_at_is_said_and_missed() -> None:
    reward = OutcomeReward.for_items(
        Items.of_candidates(Observation(clouds(1), torch.zeros(1, 2)), torch.zeros(1, 1, 1, 2))
    )
    assert reward.keys == ("after.points", "after.proprio")
    assert outcome_parts(reward) == ("points", "proprio")
    assert OutcomeReward(reward.encoder, before=True).keys == ("points", "proprio", *reward.keys)
    with pytest.raises(DataError, match=r"no after\.points; .* nobody knows yet what comes of them: look ahead"):
        as_scorer(reward).score(Observation(clouds(2), torch.zeros(2, 2)), torch.zeros(2, 3, 1, 2))
    with pytest.raises(ConfigError, match=r"observes names .image., which is not observed; expected some of after"):
        OutcomeReward.for_items(Items({"after": torch.zeros(1, 1, 1, 2)}, torch.ones(1, 1, 1)), observes=["image"])


@pytest.mark.parametrize("before", [False, True])
def test_equivalent_outcomes_are_worth_the_same(before: bool) -> None:
    torch.manual_seed(0)
    cloud, seen = clouds(2, 3, 1), clouds(2, 1, 1, seed=1)
    reward = OutcomeReward.for_items(items(cloud), before=before)
    averaged = symmetric(reward, GEOMETRY)
    mirror = torch.as_tensor(GEOMETRY.symmetry_points[1])
    one = averaged.score(items(cloud, points=seen))
    other = averaged.score(items(cloud @ mirror.T, points=seen @ mirror.T))
    torch.testing.assert_close(one.value, other.value)
    assert not torch.allclose(reward.score(items(cloud, points=seen)).value, one.value)


def test_training_turns_what_was_before_and_after_alike() -> None:
    cloud = clouds(40, 2, 1)
    given = items(cloud, points=cloud[:, :1])
    varied = varied_outcomes(given, GEOMETRY, 99, torch.Generator().manual_seed(0))
    same = (varied.part("after.points")[:, 0] == varied.part("points")[:, 0]).flatten(1).all(1)
    assert same.all()
    unturned = (varied.part("after.points") == cloud).flatten(2).all(2)
    assert 0.1 < unturned.float().mean() < 0.4  # one of four turns changes nothing
    assert (unturned[:, 0] != unturned[:, 1]).any()  # each decision by itself
    assert varied_outcomes(given, None, 4, torch.Generator().manual_seed(0)).part("after.points").shape[3] == 4


def test_it_learns_which_clouds_are_preferred_and_its_members_disagree() -> None:
    """The higher cloud is better; actions are not looked at at all."""
    torch.manual_seed(0)
    cloud = 0.1 * clouds(40, 3, 1)
    height = torch.rand(40, 3, generator=torch.Generator().manual_seed(3))
    cloud[..., 2] += height[..., None, None]
    better = (height[:, :, None] > height[:, None]).float()
    known = items(cloud, action=torch.zeros(40, 3, 1, 1, 2))
    data = Comparisons(known, PairTarget(better, torch.triu(torch.ones_like(better), 1)), GEOMETRY)
    members = [OutcomeReward.for_items(items(cloud), width=16, hidden=16) for _ in range(2)]
    fit = FitConfig(steps=60, learning_rate=5e-3)
    for seed, member in enumerate(members):
        train_reward(member, data[torch.arange(30)], bradley_terry, fit, seed=seed, batches=Batches(8, 6))
    peers = Peers(members)
    found = peers.eval().score(data.items.only(peers.keys))
    value = found.value[30:]
    right = (value[:, :, None] > value[:, None]) == (better[30:] > 0)
    assert right[better[30:] > 0].float().mean() > 0.9
    assert found.spread is not None
    assert (found.spread > 0).all()


def test_it_rewards_recorded_steps_by_the_step_after_them(tmp_path: Path) -> None:
    heights = np.array([1.0, 2.0, 3.0, 10.0, 20.0], np.float32)
    cloud = np.zeros((5, 6, 3), np.float32)
    cloud[:, 0, 2] = heights
    store = EpisodeStore.create(tmp_path / "a.zarr", {})
    store.append({"points": cloud[:3]})
    store.append({"points": cloud[3:]})
    relabel(store.path, lifted(), "learnt", {"reward": "height"})
    # Twice the height after each step; nothing was recorded after the last one of an episode.
    assert EpisodeStore.open(store.path).array("learnt").tolist() == [4, 6, 6, 40, 40]
    relabel(store.path, symmetric(lifted(), GEOMETRY), "averaged", {"reward": "height"})
    assert EpisodeStore.open(store.path).array("averaged").tolist() == [4, 6, 6, 40, 40]
    told = EpisodeStore.create(tmp_path / "b.zarr", {})
    told.append({"points": cloud[:3], "next_points": cloud[1:4]})
    relabel(told.path, lifted(), "learnt", {"reward": "height"})
    assert EpisodeStore.open(told.path).array("learnt").tolist() == [4, 6, 20]


def test_a_cloud_is_told_by_how_much_of_it_is_where() -> None:
    """Of two clouds of the same places, one has more points in one of them; a maximum alone cannot tell."""
    torch.manual_seed(0)
    part = PooledCloudPart(3, width=8, points=6)
    place = torch.tensor([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    few, many = place[[0, 0, 0, 0, 0, 1]][None], place[[0, 1, 1, 1, 1, 1]][None]
    assert not torch.allclose(part(few), part(many), atol=1e-4)
    # In whatever order the points come, and however many there are of each place alike.
    torch.testing.assert_close(part(few), part(few.flip(1)))
    torch.testing.assert_close(part(place[[0, 1]][None]), part(place[[0, 0, 0, 1, 1, 1]][None]))


def test_what_a_cloud_shares_is_as_if_it_stood_beside_each_point() -> None:
    torch.manual_seed(0)
    part = PooledCloudPart(3, width=8, points=6)
    cloud = torch.randn(2, 6, 3)
    local = part.network(cloud)
    whole = torch.cat([local.amax(1), local.mean(1)], dim=-1)[:, None].expand(-1, 6, -1)
    known = part.context(torch.cat([local, whole], dim=-1))
    torch.testing.assert_close(part(cloud), part.project(torch.cat([known.mean(1), known.amax(1)], dim=-1)))
