"""Gaps in the time of recorded steps."""

from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.time_gaps import broken_at, stretch_ends


def test_a_stretch_ends_where_time_jumps_and_where_an_episode_does(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    # 10 Hz, with 0.6 s missing before the fifth step; then 20 Hz, going on before where it was.
    for time in (np.arange(8) / 10 + 0.6 * (np.arange(8) >= 4), np.arange(6) / 20 - 0.3 * (np.arange(6) >= 3)):
        store.append({"action": np.zeros((len(time), 1)), "time": time})
    assert stretch_ends(store).tolist() == [4, 8, 11, 14]


@pytest.mark.parametrize(
    "time",
    [
        np.arange(9) / 10 + np.random.default_rng(0).uniform(-0.02, 0.02, 9),  # a clock that trembles
        np.array([0, 1, 2, 9, 10, 11, 19, 20.0]),  # actions that take as long as they do
        np.array([0, 1, np.nan, 9.0]),
        np.zeros(1),
        np.zeros(0),
    ],
)
def test_what_is_no_gap_breaks_nothing(time: np.ndarray) -> None:
    assert broken_at(time).tolist() == []


def test_data_without_a_time_of_each_step_are_their_episodes(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    store.append({"action": np.zeros((4, 1)), "time": np.zeros((4, 2))})
    assert stretch_ends(store).tolist() == [4]
