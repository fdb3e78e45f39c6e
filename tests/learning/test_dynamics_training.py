"""A dynamics learns a planted world, in which a point at the pick moves to the place and takes its neighbours along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robopref.data.episodes.candidate_store import GROWN
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, StaleError
from robopref.items import Items
from robopref.learning.cloud_transitions import (
    CloudTransitions,
    candidate_transitions,
    held_out,
    recorded_transitions,
)
from robopref.learning.dynamics_training import (
    CloudBatches,
    DynamicsFit,
    Tuning,
    imagined_error,
    judged_truth,
    list_agreement,
    train_dynamics,
    tune_dynamics,
)
from robopref.learning.fit import FitConfig
from robopref.nets.cloud_dynamics import CloudDynamics
from robopref.records import Observation
from robopref.rewards.imagined import ImaginedReward
from robopref.robots.learnt_dynamics import LearntDynamics
from robopref.scores import NoiseDraw, Scores
from tests.geometry import PROPRIO, REACH, initialised, pick_and_place, ropes

POINTS = 16


def planted(states: int, count: int, *, seed: int = 0, name: str = "planted") -> CloudTransitions:
    """Every point within some centimetres of the pick goes along with it, the less the farther; the grip is felt."""
    generator = torch.Generator().manual_seed(seed)
    seen = ropes(states, points=POINTS, seed=seed)
    node = torch.randint(POINTS, (states, count), generator=generator)
    pick = seen.points[torch.arange(states)[:, None], node][..., :2] / REACH
    place = (torch.rand(states, count, 2, generator=generator) - 0.5) * 1.2
    actions = torch.cat([pick, place], dim=-1)[:, :, None]
    near = torch.exp(-torch.cdist(seen.points[..., :2], pick * REACH).mT.square() / (2 * 0.08**2))
    shift = torch.cat([(place - pick) * REACH, torch.zeros(states, count, 1)], dim=-1)
    points = seen.points[:, None] + near[..., None] * shift[:, :, None]
    proprio = seen.proprio[:, None].expand(-1, count, -1) + torch.tensor([1.0, 0, 0, 0])
    return CloudTransitions(name, seen, actions, Observation(points, proprio), torch.arange(states))


class Spread(nn.Module):
    """The wider a cloud, the better, as a weight says that can be learnt."""

    keys = ("after.points",)

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(10.0))

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.weight * items.part("after.points").std(dim=-2).sum(dim=-1)[..., 0])


def untrained(width: int = 16) -> CloudDynamics:
    return initialised(
        lambda: CloudDynamics(pick_and_place(), PROPRIO, width=width, points=POINTS, nodes=POINTS), seed=0
    )


def how(steps: int, folder: Path | None = None, **batches: int) -> DynamicsFit:
    config = FitConfig(steps, 5e-3, ema=0.9, save_every=2, log_every=2)
    sizes = {"size": 8, "candidates": 4, "points": POINTS, "after": POINTS, **batches}
    return DynamicsFit(config, pick_and_place(), CloudBatches(**sizes), folder=folder)


@pytest.mark.slow
def test_errors_fall_far_below_nothing_moves_and_lists_are_ordered_as_the_truth() -> None:
    data, aside = held_out(planted(64, 4), 0.1, seed=0)
    assert aside is not None
    model = train_dynamics(untrained(32), [data], how(400))
    dynamics = LearntDynamics(model, pick_and_place())
    error = imagined_error(dynamics, [aside])
    assert error.transitions == 24
    assert error.imagined < 0.5 * error.still
    felt = dynamics.imagine(aside.before, aside.actions).proprio - aside.before.proprio[:, None]
    torch.testing.assert_close(felt.mean(dim=(0, 1)), torch.tensor([1.0, 0, 0, 0]), atol=0.2, rtol=0)
    values, truth = judged_truth(Spread(), [data]), judged_truth(Spread(), [aside])
    before = list_agreement(ImaginedReward(dynamics, Spread()), [aside], truth)
    assert before > 0.75
    tuned = tune_dynamics(model, Spread(), [data], values, how(100))
    after = ImaginedReward(LearntDynamics(tuned.network, pick_and_place()), tuned.judge)
    assert list_agreement(after, [aside], truth) > 0.75
    assert imagined_error(after.dynamics, [aside]).imagined < 0.6 * error.still


def test_a_source_is_drawn_whatever_its_numbers_of_chunks_and_points() -> None:
    few = planted(5, 1, name="few")
    fewer = CloudTransitions(
        "fewer", few.before.map(lambda part: part[:, :9] if part.ndim == 3 else part), few.actions, few.after, few.group
    )
    model = train_dynamics(untrained(), [planted(3, 5), fewer], how(6))
    assert imagined_error(LearntDynamics(model, None), [fewer]).imagined > 0


def test_a_frozen_judge_stays_and_a_tuned_one_does_not() -> None:
    data, reward = planted(6, 3), Spread()
    values = judged_truth(reward, [data])
    frozen = tune_dynamics(untrained(), reward, [data], values, how(3), Tuning(judge="frozen"))
    assert frozen.judge.weight.item() == reward.weight.item() == 10
    tuned = tune_dynamics(untrained(), reward, [data], values, how(3))
    assert tuned.judge.weight.item() != reward.weight.item() == 10


def test_training_goes_on_to_the_bit_and_says_when_there_is_more_to_learn_from(tmp_path: Path) -> None:
    def trained(steps: int, folder: Path | None, states: int = 6) -> CloudDynamics:
        config = replace(how(steps).config, schedule="constant")
        return train_dynamics(untrained(), [planted(states, 3)], replace(how(steps), config=config, folder=folder))

    trained(2, tmp_path)
    gone_on, whole = trained(4, tmp_path).state_dict(), trained(4, None).state_dict()
    assert all(torch.equal(gone_on[name], value) for name, value in whole.items())
    assert (tmp_path / "metrics.jsonl").read_text().count("chamfer") == 2
    with pytest.raises(StaleError):
        trained(4, tmp_path, states=7)


def test_agreement_counts_pairs_that_the_reward_told_apart() -> None:
    # Of the true values 2 > 1 = 1, two pairs are told apart; the scores 5, 7, 3 have one of them rightly.
    class Fixed:
        dynamics = LearntDynamics(untrained(), None)

        def score(self, observation: Observation, actions: Tensor) -> Scores:
            return Scores(torch.tensor([[5.0, 7.0, 3.0]]))

    data = planted(1, 3)
    assert list_agreement(Fixed(), [data], [torch.tensor([[2.0, 1.0, 1.0]])]) == 0.5  # type: ignore[arg-type]
    assert np.isnan(list_agreement(Fixed(), [data], [torch.ones(1, 3)]))  # type: ignore[arg-type]


def test_held_out_states_of_one_episode_stay_together() -> None:
    data = planted(10, 1)
    data = CloudTransitions(data.name, data.before, data.actions, data.after, torch.arange(10) // 4)
    rest, aside = held_out(data, 0.3, seed=0)
    assert aside is not None
    assert not set(rest.group.tolist()) & set(aside.group.tolist())
    assert len(rest) + len(aside) == 10
    assert held_out(data[torch.arange(4)], 0.3, seed=0)[1] is None
    assert held_out(data, 0.0, seed=0)[1] is None


def test_nothing_to_learn_from_is_refused() -> None:
    none = planted(3, 2)[torch.arange(0)]
    with pytest.raises(DataError, match="no transitions"):
        train_dynamics(untrained(), [none], how(2))
    data = planted(3, 2)
    with pytest.raises(DataError, match="says the same of all outcomes"):
        tune_dynamics(untrained(), Spread(), [data], [torch.ones(3, 2)], how(2))
    with pytest.raises(ConfigError, match="tuned or frozen"):
        Tuning(judge="half")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="positive numbers"):
        CloudBatches(size=0)


def recorded(path: Path, lengths: list[int], *, time: list[float] | None = None) -> EpisodeStore:
    store = EpisodeStore.create(path, {})
    begin = 0
    for length in lengths:
        steps = np.arange(begin, begin + length, dtype=np.float32)
        episode = {
            "points": np.tile(steps[:, None, None], (1, 5, 3)), "proprio": np.tile(steps[:, None], (1, 2)),
            "action": np.tile(steps[:, None], (1, 4)),
        }  # fmt: skip
        if time is not None:
            episode["time"] = np.array(time[begin : begin + length])
        store.append(episode)
        begin += length
    return EpisodeStore.open(path)


def test_recorded_steps_end_with_their_episode_and_at_gaps(tmp_path: Path) -> None:
    found = recorded_transitions(recorded(tmp_path / "a.zarr", [4, 3]), (2, 4))
    assert found is not None
    # Two actions lead two steps on: from 0 and 1 of the first episode, from 4 alone of the second.
    assert found.before.proprio[:, 0].tolist() == [0, 1, 4]
    assert found.after.points[:, 0, 0, 0].tolist() == [2, 3, 6]
    assert found.actions[:, 0, :, 0].tolist() == [[0, 1], [1, 2], [4, 5]]
    assert found.group.tolist() == [0, 0, 1]
    assert not found.compared
    gap = recorded(tmp_path / "b.zarr", [5], time=[0, 0.1, 0.2, 9.0, 9.1])
    known = recorded_transitions(gap, (1, 4))
    assert known is not None
    assert known.before.proprio[:, 0].tolist() == [0, 1, 3]
    assert recorded_transitions(gap, (1, 7)) is None
    assert recorded_transitions(gap, (5, 4)) is None


def test_candidates_are_learnt_from_as_far_as_they_were_carried_out(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "explored.zarr", {GROWN: "one"})
    for value in (0.0, 1.0):
        store.append({
            "points": np.full((1, 5, 3), value, np.float32), "proprio": np.zeros((1, 2), np.float32),
            "candidates": np.full((1, 3, 1, 4), value, np.float32),
        })  # fmt: skip
    outcomes = tmp_path / "explored_outcomes.zarr"
    assert candidate_transitions(store.path, outcomes, (1, 4)) is None
    came = EpisodeStore.create(outcomes, {"candidates": "one"})
    came.append({
        "outcome": np.zeros((1, 3)), "next_points": np.ones((1, 3, 6, 3), np.float32),
        "next_proprio": np.ones((1, 3, 2), np.float32),
    })  # fmt: skip
    found = candidate_transitions(store.path, outcomes, (1, 4))
    assert found is not None
    assert (len(found), found.actions.shape, found.after.points.shape) == (3, (1, 3, 1, 4), (1, 3, 6, 3))
    assert candidate_transitions(store.path, outcomes, (2, 4)) is None
    EpisodeStore.create(tmp_path / "others.zarr", {"candidates": "two"}).append({"outcome": np.zeros((1, 3))})
    with pytest.raises(DataError, match=r"others.zarr is damaged: it is of other candidates"):
        candidate_transitions(store.path, tmp_path / "others.zarr", (1, 4))
