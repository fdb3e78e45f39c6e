"""Candidates on disk: drawn once, tried out, and taken as they are when they are wanted again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, MismatchError
from robopref.learning.candidate_files import (
    CandidateDraw,
    observed_outcomes,
    store_candidates,
    stored_candidates,
    task_outline,
    tried_candidates,
)
from robopref.records import Observation
from robopref.robots.sim import SimPool, carried_out

DRAW = CandidateDraw(states=3, candidates=4, warm_up=2, seed=1)


class Strides:
    """Steps of any length up to 0.5."""

    shape = (1, 1)

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(len(observation.proprio), n, 1, 1, generator=generator) / 2


@pytest.fixture
def drawn(tmp_path: Path, pool: SimPool) -> EpisodeStore:
    return store_candidates(tmp_path / "candidates.zarr", Strides(), pool, DRAW)


def test_candidates_that_are_there_are_taken_if_they_are_those_that_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "candidates.zarr"
    assert stored_candidates(path, DRAW) is None
    chunks, points = np.zeros((3, 4, 1, 1), np.float32), np.zeros((3, 5, 3), np.float32)
    EpisodeStore.create(path, {}).append({"candidates": chunks, "points": points})
    again = stored_candidates(path, DRAW)
    assert again is not None
    assert again.steps == 3
    with pytest.raises(MismatchError, match="holds 3 states, not the 3 states of 5 candidates"):
        stored_candidates(path, CandidateDraw(3, 5))


def test_the_last_candidate_may_be_the_demonstrators(tmp_path: Path, pool: SimPool, drawn: EpisodeStore) -> None:
    shown = store_candidates(tmp_path / "shown.zarr", Strides(), pool, CandidateDraw(3, 4, 2, True, 1))
    same = (shown.array("candidates") == drawn.array("candidates")).all((2, 3))
    assert same[:, :-1].all()
    assert not same[:, -1].any()


def test_a_policy_of_several_observations_is_refused_before_states_are_drawn(tmp_path: Path, pool: SimPool) -> None:
    policy = Strides()
    policy.history = 3  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"sees the last 3 observations, .* with policy\.history=1"):
        store_candidates(tmp_path / "candidates.zarr", policy, pool, DRAW)
    assert not list(tmp_path.iterdir())


def test_what_was_tried_is_not_tried_again(drawn: EpisodeStore, tmp_path: Path, pool: SimPool) -> None:
    path = tmp_path / "outcomes.zarr"
    found = tried_candidates(path, pool, drawn)
    np.testing.assert_allclose(found, drawn.array("candidates")[:, :, 0, 0], atol=1e-6)
    closed = SimPool.__new__(SimPool)  # which nothing can be asked of
    np.testing.assert_array_equal(tried_candidates(path, closed, drawn), found)
    store = EpisodeStore.create(tmp_path / "odd.zarr", {"candidates": drawn.fingerprint()})
    store.append({"outcome": np.zeros((3, 2))})
    with pytest.raises(DataError, match=r"odd.zarr is damaged: outcomes must be \(3, 4\), got \(3, 2\)"):
        tried_candidates(store.path, pool, drawn)


def test_what_is_observed_after_candidates_is_kept(drawn: EpisodeStore, tmp_path: Path, pool: SimPool) -> None:
    path = tmp_path / "outcomes.zarr"
    after = observed_outcomes(path, pool, drawn, ["proprio"])
    moments = drawn.array("snapshot"), drawn.array("candidates")
    _, seen = carried_out(pool.task, moments[0][2], moments[1][2])
    np.testing.assert_array_equal(after.proprio[2].numpy(), seen["proprio"])
    assert len(np.unique(after.proprio.numpy())) > 3
    gained = tried_candidates(path, SimPool.__new__(SimPool), drawn)
    with pytest.raises(DataError, match="does not show image, which a reward is to judge outcomes by"):
        observed_outcomes(path, pool, drawn, ["image"])
    # Of what candidates were drawn from, only damage lacks what was observed afterwards.
    others = EpisodeStore.create(tmp_path / "others.zarr", {"candidates": drawn.fingerprint()})
    others.append({"outcome": gained, "next_state": gained})
    with pytest.raises(DataError, match=r"others.zarr is damaged: it lacks next_proprio"):
        observed_outcomes(others.path, pool, drawn, ["proprio"])
    wide = EpisodeStore.create(tmp_path / "wide.zarr", {"candidates": drawn.fingerprint()})
    wide.append({"outcome": gained, "next_proprio": np.zeros((*gained.shape, 3), np.float32)})
    with pytest.raises(
        DataError, match=r"wide.zarr is damaged: next_proprio is \(3,\) of a candidate, proprio before it"
    ):
        observed_outcomes(wide.path, pool, drawn, ["proprio"])
    # A store of before holds only what was achieved; it goes on as it is, until somebody asks for more.
    shutil.rmtree(path)
    former = EpisodeStore.create(path, {"candidates": drawn.fingerprint()})
    former.append({"outcome": gained[:1]})
    np.testing.assert_array_equal(tried_candidates(path, pool, drawn), gained)
    assert EpisodeStore.open(path).keys == ("outcome",)
    np.testing.assert_array_equal(observed_outcomes(path, pool, drawn, ["proprio"]).proprio, after.proprio)


def test_a_dataset_of_another_task_has_no_outline(drawn: EpisodeStore, tmp_path: Path, pool: SimPool) -> None:
    task = pool.task.spec.id
    assert task_outline(task, lambda: pool, drawn) is None  # this task has none
    other = EpisodeStore.create(tmp_path / "other.zarr", {"task": "another"})
    assert task_outline(task, lambda: pytest.fail("started for nothing"), other) is None
