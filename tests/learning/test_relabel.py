import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, TrainingError
from robopref.learning import relabel as module
from robopref.learning.relabel import relabel
from robopref.rewards.normalized import NormalizedReward
from tests.npy import npy
from tests.offline_data import recorded
from tests.waiting import until


class FirstOfState:
    """Ten times the first number of the state."""

    keys = ("state",)

    def __init__(self):
        self.rows = 0

    def reward(self, steps):
        self.rows += len(steps["state"])
        return 10 * torch.as_tensor(steps["state"][:, 0])


class Since:
    """How many steps of the episode came before, two at most."""

    keys, history = ("state",), 2

    def reward(self, steps, since):
        return torch.as_tensor(np.minimum(since, 2)).float()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST", 64)


def test_rewards_lie_beside_the_data_which_stay_as_they_were(tmp_path, small_blocks):
    store = recorded(tmp_path / "d.zarr", episodes=30)
    before = {key: store.array(key) for key in store.keys}
    heard = []
    done = relabel(store.path, FirstOfState(), "reward_ten", {"sha256": "1"}, progress=lambda *told: heard.append(told))
    assert np.array_equal(done.array("reward_ten"), 10 * before["state"][:, 0])
    assert done.array_attrs("reward_ten") == {"sha256": "1"}
    assert all(np.array_equal(done.array(key), before[key]) for key in before)
    assert heard[-1] == (300, 300)
    assert [p.name for p in tmp_path.glob("d.zarr.relabel/*")] == []
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_a_normalised_reward_knows_what_came_before_as_well(tmp_path):
    store = recorded(tmp_path / "d.zarr")
    plain = relabel(store.path, Since(), "plain", {}).array("plain")
    assert set(plain.tolist()) == {0, 1, 2}
    scaled = relabel(store.path, NormalizedReward(Since(), zero=1.0, std=2.0), "scaled", {}).array("scaled")
    np.testing.assert_array_equal(scaled, (plain - 1) / 2)


def test_the_same_rewards_again_change_nothing_and_others_are_refused(tmp_path):
    store, reward = recorded(tmp_path / "d.zarr"), FirstOfState()
    relabel(store.path, reward, "r", {"sha256": "1"})
    relabel(store.path, reward, "r", {"sha256": "1"})
    assert reward.rows == 120
    with pytest.raises(DataError, match=r"has an array r already, made with .*; choose another name"):
        relabel(store.path, reward, "r", {"sha256": "2"})
    with pytest.raises(DataError, match="recorded with the data"):
        relabel(store.path, reward, "reward", {"sha256": "1"})


@pytest.mark.parametrize("workers", [1, 3])
def test_goes_on_where_it_stopped(tmp_path, small_blocks, workers):
    store = recorded(tmp_path / "d.zarr", episodes=30)

    class Stops(FirstOfState):
        def reward(self, steps):
            if self.rows >= 128:
                raise KeyboardInterrupt
            return super().reward(steps)

    with pytest.raises(KeyboardInterrupt):
        relabel(store.path, Stops(), "r", {}, workers=workers)
    assert "r" not in EpisodeStore.open(store.path).keys
    again = FirstOfState()
    done = relabel(store.path, again, "r", {}, workers=workers)
    assert again.rows < 300
    assert np.array_equal(done.array("r"), 10 * store.array("state")[:, 0])


def test_what_another_reward_left_behind_is_not_used(tmp_path, small_blocks):
    store = recorded(tmp_path / "d.zarr", episodes=30)
    work = tmp_path / "d.zarr.relabel" / "r"
    work.mkdir(parents=True)
    (work / "origin.json").write_text(json.dumps({"sha256": "other"}))
    np.save(work / "00000000.npy", np.zeros(64, np.float32))
    done = relabel(store.path, FirstOfState(), "r", {"sha256": "this"})
    assert np.array_equal(done.array("r"), 10 * store.array("state")[:, 0])


WHOLE = np.zeros(64, np.float32)


@pytest.mark.parametrize(
    "left",
    [WHOLE[:-1], WHOLE[:, None], WHOLE.astype(float), np.full(64, np.nan, np.float32), WHOLE.astype("U3"),
     np.float32(0), b"", b"half of it", npy("((("), "a folder", "a pipe"],
    ids=["short", "columns", "float64", "nan", "text", "single", "empty", "damaged", "brackets", "folder", "pipe"],
)  # fmt: skip
def test_a_block_that_is_not_as_it_was_written_is_made_again(tmp_path, small_blocks, left):
    store = recorded(tmp_path / "d.zarr", episodes=30)
    with pytest.raises(DataError, match="stopped"):
        relabel(store.path, FirstOfState(), "r", {}, workers=1, progress=stop)
    block = tmp_path / "d.zarr.relabel" / "r" / "00000000.npy"
    block.unlink()
    if isinstance(left, str):
        block.mkdir() if left == "a folder" else os.mkfifo(block)
    elif isinstance(left, bytes):
        block.write_bytes(left)
    else:
        np.save(block, left)
    done = relabel(store.path, FirstOfState(), "r", {})
    assert np.array_equal(done.array("r"), 10 * store.array("state")[:, 0])


def stop(done, steps):
    if done == 64:
        raise DataError("stopped")


KILLED = """
import sys, time, torch
from pathlib import Path
from robopref.learning import relabel as module
module._LARGEST = 64
class Hanging:
    keys, blocks = ("state",), 0
    def reward(self, steps):
        self.blocks += 1
        if self.blocks > 4:
            time.sleep(600)  # until it is killed
        return 10 * torch.as_tensor(steps["state"][:, 0])
module.relabel(Path(sys.argv[1]), Hanging(), "r", {"sha256": "1"}, workers=1)
"""


@pytest.mark.slow
def test_a_killed_process_leaves_the_store_as_it_was(tmp_path, small_blocks):
    store = recorded(tmp_path / "d.zarr", episodes=60, length=20)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(store.path)])
    work = tmp_path / "d.zarr.relabel" / "r"
    until(lambda: len(list(work.glob("*.npy"))) >= 3)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert "r" not in EpisodeStore.open(store.path).keys
    rest = FirstOfState()
    done = relabel(store.path, rest, "r", {"sha256": "1"})
    assert 0 < rest.rows <= 1200 - 3 * 64
    assert np.array_equal(done.array("r"), 10 * store.array("state")[:, 0])


def test_a_reward_that_is_no_number_is_refused(tmp_path):
    class Bad(FirstOfState):
        def reward(self, steps):
            values = super().reward(steps)
            values[7] = float("nan")
            return values

    store = recorded(tmp_path / "d.zarr")
    with pytest.raises(TrainingError, match="the reward of step 7"):
        relabel(store.path, Bad(), "r", {})
    assert "r" not in EpisodeStore.open(store.path).keys


def test_data_without_what_the_reward_needs_are_refused(tmp_path):
    reward = FirstOfState()
    reward.keys = ("image",)
    with pytest.raises(DataError, match="has no image; the reward needs image"):
        relabel(recorded(tmp_path / "d.zarr").path, reward, "r", {})
