import os
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.reward_recipes import minus_one
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import ActionBounds, Transitions
from robopref.errors import ConfigError, DataError
from robopref.learning.offline import OfflineConfig, TransitionBatches
from tests.offline_data import recorded


def counted(path, *, ends=((3, True), (2, False)), extra=None):
    """Episodes whose state is the number of the step."""
    store, first = EpisodeStore.create(path, {}), 0
    for length, terminated in ends:
        last = np.arange(length) == length - 1
        state = np.arange(first, first + length, dtype=np.float32)[:, None]
        store.append({
            "state": state, "action": np.zeros((length, 1), np.float32), "reward": state[:, 0],
            "terminated": last & terminated, "truncated": last & (not terminated), **(extra(state) if extra else {}),
        })  # fmt: skip
        first += length
    return store


def test_the_last_step_counts_only_if_the_task_ended(tmp_path):
    # Steps 0 1 2 end for good; of 3 4 the last was cut off and has no successor.
    data = Transitions.load(counted(tmp_path / "d.zarr"))
    assert data.rows.tolist() == [0, 1, 2, 3]
    assert len(data) == 4
    assert data.returns.tolist() == [3, 7]


def test_stored_next_states_make_every_step_a_transition(tmp_path):
    store = counted(tmp_path / "d.zarr", extra=lambda state: {"next_state": state + 100})
    data = Transitions.load(store)
    assert data.rows.tolist() == [0, 1, 2, 3, 4]
    batch = TransitionBatches(data, OfflineConfig(batch_size=50, normalize=False), [0], torch.device("cpu"))(0)
    torch.testing.assert_close(batch.vector[0, 50:], batch.vector[0, :50] + 100)


def test_a_batch_holds_what_belongs_together(tmp_path):
    data = Transitions.load(counted(tmp_path / "d.zarr"), recipe=minus_one)
    batches = TransitionBatches(data, OfflineConfig(batch_size=64, normalize=False), [0, 5], torch.device("cpu"))
    batch = batches(3)
    state, after = batch.vector[:, :64, 0], batch.vector[:, 64:, 0]
    assert torch.equal(batch.reward, state - 1)
    assert torch.equal(batch.ongoing, (state != 2).float())
    assert torch.equal(after[batch.ongoing > 0], state[batch.ongoing > 0] + 1)
    assert set(state.flatten().tolist()) == {0, 1, 2, 3}
    assert not torch.equal(state[0], state[1])
    assert torch.equal(batches(3).vector, batch.vector)
    assert not torch.equal(batches(4).vector, batch.vector)


def test_vectors_are_normalised_and_clouds_centred(tmp_path):
    data = Transitions.load(recorded(tmp_path / "d.zarr", points=6, episodes=40), keys=("points", "proprio"))
    batches = TransitionBatches(data, OfflineConfig(batch_size=900, points=4), [0], torch.device("cpu"))
    batch = batches(0)
    assert batch.points.shape == (1, 1800, 4, 3)
    assert batch.vector[0, :900].mean().abs() < 0.15
    assert batch.vector[0, :900].std() == pytest.approx(1, abs=0.1)
    assert batch.points.square().sum(-1).mean() == pytest.approx(1, abs=0.1)


def test_the_best_episodes_are_those_with_the_greatest_returns(tmp_path):
    data = Transitions.load(counted(tmp_path / "d.zarr"))
    assert data.best(0.5).rows.tolist() == [3]
    assert data.best(1.0).rows.tolist() == data.rows.tolist()
    assert data.best(0.5).source != data.source
    with pytest.raises(ConfigError, match="share of the best"):
        data.best(0.0)


def test_what_cannot_be_learnt_from_is_refused(tmp_path):
    store = recorded(tmp_path / "d.zarr")
    with pytest.raises(ConfigError, match="reward_learnt"):
        Transitions.load(store, reward="reward_learnt")
    with pytest.raises(ConfigError, match="state must be one number a step"):
        Transitions.load(store, reward="state")
    with pytest.raises(DataError, match="no episodes yet"):
        Transitions.load(EpisodeStore.create(tmp_path / "empty.zarr", {}))
    with pytest.raises(DataError, match="no transition is left"):
        Transitions.load(counted(tmp_path / "single.zarr", ends=[(1, False)]))


def test_actions_beyond_their_bounds_are_refused(tmp_path):
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    store.append({"state": np.zeros((2, 1), np.float32), "action": np.array([[0.5], [1.5]], np.float32),
                  "reward": np.zeros(2, np.float32), "terminated": np.array([False, True])})  # fmt: skip
    with pytest.raises(DataError, match=r"action 1.5 at step 1 is outside \[-1, 1\]"):
        Transitions.load(store)


def test_actions_are_scaled_by_their_bounds(tmp_path):
    store = recorded(tmp_path / "d.zarr", action=2)
    action = torch.as_tensor(store.array("action"))
    data = Transitions.load(store, bounds=ActionBounds(-2, 2))
    torch.testing.assert_close(data.action, action / 2)
    assert data.source != Transitions.load(store).source
    each = Transitions.load(store, bounds=ActionBounds([-1, -4], [1, 4])).action
    torch.testing.assert_close(each, action / torch.tensor([1.0, 4.0]))


def test_learners_that_look_at_no_reward_need_none(tmp_path):
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    store.append({"state": np.ones((3, 1), np.float32), "action": np.zeros((3, 1), np.float32)})
    data = Transitions.load(store, reward=None)
    assert data.rows.tolist() == [0, 1]
    assert not data.reward.any()


@pytest.mark.parametrize(
    ("lower", "upper"), [(1, -1), (0, 0), (float("nan"), 1), (0, float("inf")), ([0, 0], [1, 1, 1]), ([[0]], 1)]
)
def test_bounds_that_are_none_are_refused(lower, upper):
    with pytest.raises(ConfigError, match="bounds of actions"):
        ActionBounds(lower, upper)


def test_bounds_of_another_number_of_dimensions_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="have bounds"):
        Transitions.load(counted(tmp_path / "d.zarr"), bounds=ActionBounds([-1] * 7, [1] * 7))


def test_clouds_that_nothing_can_be_written_beside_are_mapped_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = recorded(tmp_path / "shared" / "d.zarr", points=6, episodes=4)
    beside = store.path.parent
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != beside)  # whoever is root may write anywhere
    data = Transitions.load(store, keys=("points", "proprio"), folder=tmp_path / "run")
    np.testing.assert_array_equal(data.points, store.array("points"))
    assert [path.name for path in (tmp_path / "run" / "d.zarr.cache").glob("*/*.npy")] == ["points.npy"]
    assert [path.name for path in beside.iterdir()] == ["d.zarr"]
