"""Collected datasets: mixed demonstrators, split again, and the same however they were collected."""

from collections import Counter as Count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError
from robopref.learning.collect import collect_demonstrations, interleave
from robopref.robots.sim import SimPool, TaskSpec

MIXTURE = {"poor": 1, "expert": 3}


def test_a_mixture_says_of_every_step_who_acted(pool: SimPool, tmp_path: Path) -> None:
    store = collect_demonstrations(pool, tmp_path / "a.zarr", steps=40, seed=0, mixture=MIXTURE)
    assert store.attrs["qualities"] == ["poor", "expert"]
    assert store.attrs["quality"] == {"poor": 0.25, "expert": 0.75}
    quality, action = store.array("quality"), store.array("action")[:, 0]
    np.testing.assert_array_equal(action < 0.2, quality == 0)
    first = np.append(0, store.episode_ends[:-1])
    # Episodes 1 to 8: one in four is poor. Poor ones take all 6 steps, the others ceil(1 / 0.3) = 4.
    assert Count(quality[first][:8].tolist()) == {0: 2, 1: 6}
    np.testing.assert_array_equal(np.diff(np.append(0, store.episode_ends))[:8], np.where(quality[first][:8], 4, 6))
    assert {"state", "reward", "terminated", "truncated"} <= set(store.keys)


def test_collecting_in_two_goes_changes_nothing(pool: SimPool, tmp_path: Path) -> None:
    whole = collect_demonstrations(pool, tmp_path / "whole.zarr", steps=60, seed=1, mixture=MIXTURE)
    ends = whole.episode_ends
    assert len(ends) > 8
    for steps in (int(ends[4]), 60):
        parts = collect_demonstrations(pool, tmp_path / "parts.zarr", steps=steps, seed=1, mixture=MIXTURE)
    for key in whole.keys:
        np.testing.assert_array_equal(whole.array(key), parts.array(key), err_msg=key)


def test_without_a_mixture_there_is_nothing_to_split(pool: SimPool, tmp_path: Path) -> None:
    store = collect_demonstrations(pool, tmp_path / "a.zarr", steps=5, seed=0)
    assert "quality" not in store.keys
    assert store.attrs["quality"] == "medium"


def test_no_episode_is_simulated_that_is_not_needed(
    pool: SimPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds, reset = list[int](), pool.task.reset
    monkeypatch.setattr(pool.task, "reset", lambda seed: seeds.append(seed) or reset(seed))
    # A medium one takes ceil(1 / 0.2) = 5 steps.
    for steps, episodes in ((5, 1), (10, 2), (11, 3)):
        collect_demonstrations(pool, tmp_path / f"{steps}.zarr", steps=steps, seed=0)
        assert len(set(seeds)) == len(seeds) == episodes
        seeds.clear()


def test_another_mixture_is_another_dataset(pool: SimPool, tmp_path: Path) -> None:
    collect_demonstrations(pool, tmp_path / "a.zarr", steps=5, seed=0, mixture=MIXTURE)
    collect_demonstrations(pool, tmp_path / "a.zarr", steps=6, seed=0, mixture={"poor": 0.25, "expert": 0.75})
    with pytest.raises(DataError, match="was made with quality="):
        collect_demonstrations(pool, tmp_path / "a.zarr", steps=7, seed=0, mixture={"poor": 1, "expert": 1})


@pytest.mark.parametrize(
    ("mixture", "complaint"),
    [
        ({"exprt": 1}, r"unknown quality 'exprt'.*Did you mean expert"),
        ({"poor": 0, "expert": 1}, "share of poor must be a positive number, got 0"),
        ({"poor": float("nan")}, "share of poor must be a positive number"),
        ({"poor": "half"}, "share of poor must be a positive number, got 'half'"),
        ({}, "needs at least one of these qualities: poor, medium, expert"),
    ],
)
def test_impossible_mixtures_are_refused_and_nothing_is_written(
    pool: SimPool, tmp_path: Path, mixture: Any, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        collect_demonstrations(pool, tmp_path / "a.zarr", steps=5, seed=0, mixture=mixture)
    assert not (tmp_path / "a.zarr").exists()


@pytest.mark.slow
def test_two_processes_collect_what_one_does(tmp_path: Path) -> None:
    spec = TaskSpec("envs:robopref/PlanarPush-v0", {"points": False, "state": True}, max_steps=3)
    stores: list[EpisodeStore] = []
    for workers in (0, 2):
        with SimPool(spec, workers) as pool:
            path = tmp_path / f"{workers}.zarr"
            stores.append(collect_demonstrations(pool, path, steps=6, seed=3, mixture={"random": 1, "expert": 1}))
    for key in ("action", "state", "quality", "reward"):
        np.testing.assert_array_equal(stores[0].array(key), stores[1].array(key), err_msg=key)


def test_places_are_dealt_out_evenly() -> None:
    assert interleave([0.5, 0.5], 4) == [0, 1, 0, 1]
    # Behind by 0.25, 0.75; then 0.5, 0.5 (a tie); then -0.25, 1.25; then 0, 1: each place to what is furthest behind.
    assert interleave([0.25, 0.75], 4) == [1, 0, 1, 1]


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.integers(0, 40))
def test_every_beginning_keeps_to_the_shares(weights: list[float], count: int) -> None:
    shares = [weight / sum(weights) for weight in weights]
    dealt = interleave(shares, count)
    assert dealt == interleave(shares, count + 3)[:count]
    given_out = np.bincount(dealt, minlength=len(shares))
    assert np.abs(given_out - np.array(shares) * count).max() < len(shares)
