"""Exploration grows, goes on where it was stopped, and meets no state of labels or evaluations."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, MismatchError
from robopref.learning.candidate_files import CandidateDraw, observed_outcomes, store_candidates
from robopref.learning.collect import episode_seed
from robopref.learning.explore import Exploration, _attributes, explore
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.records import Observation
from robopref.robots.sim import SimPool

ASKED = Exploration(states=12, candidates=3, warm_up=3, seed=1)


class Leaps(nn.Module):
    """Steps of any length up to a half."""

    shape = (1, 1)

    def __init__(self) -> None:
        super().__init__()
        self.longest = nn.Parameter(torch.tensor(0.5))

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(len(observation.proprio), n, 1, 1, generator=generator) * self.longest.detach()


class WarmLeaps(ChunkDiffusion):
    """Steps of a diffusion policy without weights."""

    history, observes = 1, ("proprio",)

    def __init__(self, temperature: float) -> None:
        super().__init__((1, 1), train_steps=2, sample_steps=1, temperature=temperature)

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return self.temperature * torch.rand(len(observation.proprio), n, 1, 1, generator=generator)


def explored(folder: Path, pool: SimPool, asked: Exploration = ASKED) -> EpisodeStore:
    return explore(folder / "explored.zarr", folder / "explored_outcomes.zarr", Leaps(), pool, asked)


def arrays(folder: Path) -> dict[str, np.ndarray]:
    stores = [EpisodeStore.open(folder / name) for name in ("explored.zarr", "explored_outcomes.zarr")]
    return {key: store.array(key) for store in stores for key in store.keys}


def test_one_that_was_killed_or_grew_is_the_same_as_one_that_was_not(
    tmp_path: Path, pool: SimPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    explored(tmp_path / "whole", pool)
    whole = arrays(tmp_path / "whole")
    assert whole["candidates"].shape == (12, 3, 1, 1)
    # From the walk's point on the line, a candidate leads as far as it is long.
    np.testing.assert_allclose(
        whole["next_proprio"][..., 0], whole["proprio"] + whole["candidates"][:, :, 0, 0], atol=1e-5
    )
    explored(tmp_path / "grown", pool, replace(ASKED, states=5))
    calls, append = itertools.count(), EpisodeStore.append

    def killed(store: EpisodeStore, episode: dict[str, np.ndarray]) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        append(store, episode)

    with monkeypatch.context() as patch:
        patch.setattr(EpisodeStore, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            explored(tmp_path / "grown", pool)
    assert EpisodeStore.open(tmp_path / "grown" / "explored.zarr").steps == 8
    assert EpisodeStore.open(tmp_path / "grown" / "explored_outcomes.zarr").steps == 5
    explored(tmp_path / "grown", pool)
    grown = arrays(tmp_path / "grown")
    assert grown.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(grown[name], array, err_msg=name)
    # A shorter one asks for nothing that is not there.
    assert explored(tmp_path / "grown", pool, replace(ASKED, states=2)).steps == 12


def test_its_states_are_none_of_labels_or_evaluations(tmp_path: Path, pool: SimPool) -> None:
    seeds = {
        purpose: {episode_seed(purpose, 1, k) for k in range(1000)}
        for purpose in ("demonstrations", "preferences", "evaluation", "exploration")
    }
    assert len(set().union(*seeds.values())) == 4000
    candidates = store_candidates(tmp_path / "candidates.zarr", Leaps(), pool, CandidateDraw(12, 3, 3, seed=1))
    here = explored(tmp_path, pool).array("snapshot")
    moved = here[here[:, 0] > 0]
    assert len(moved) > 3
    assert not np.isin(moved, candidates.array("snapshot")).any()


def test_what_it_holds_is_read_as_other_candidates_are(tmp_path: Path, pool: SimPool) -> None:
    store = explored(tmp_path, pool)
    after = observed_outcomes(tmp_path / "explored_outcomes.zarr", pool, store, ["proprio"])
    assert after.proprio.shape == (12, 3, 1)


def test_what_was_drawn_otherwise_is_refused(tmp_path: Path, pool: SimPool) -> None:
    explored(tmp_path, pool)
    with pytest.raises(MismatchError, match=r"holds states of explore\.candidates=3, not 4; leave explore"):
        explored(tmp_path, pool, replace(ASKED, candidates=4))
    with pytest.raises(MismatchError, match=r"explore\.warm_up=3, not 0"):
        explored(tmp_path, pool, replace(ASKED, warm_up=0))
    with pytest.raises(DataError, match="made with seed=1, now 2 is asked for"):
        explored(tmp_path, pool, replace(ASKED, seed=2))
    paths = (tmp_path / "warm.zarr", tmp_path / "explored_warm.zarr")
    explore(*paths, WarmLeaps(0.5), pool, ASKED)
    with pytest.raises(MismatchError, match=r"holds candidates of policy\.temperature=0\.5, not 0\.25; leave it"):
        explore(*paths, WarmLeaps(0.25), pool, ASKED)
    another = Leaps()
    another.longest.data += 1
    with pytest.raises(MismatchError, match="holds candidates of another policy"):
        explore(tmp_path / "explored.zarr", tmp_path / "explored_outcomes.zarr", another, pool, ASKED)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_stores_that_do_not_say_their_temperature_go_on(tmp_path: Path, pool: SimPool, temperature: float) -> None:
    path, policy = tmp_path / "explored.zarr", WarmLeaps(temperature)
    EpisodeStore.create(path, _attributes(policy, pool, ASKED, held={}))
    store = explore(path, tmp_path / "explored_outcomes.zarr", policy, pool, ASKED)
    assert store.steps == 12
    assert "temperature" not in store.attrs
    with pytest.raises(MismatchError, match=r"of another policy, or of another policy\.temperature"):
        explore(path, tmp_path / "explored_outcomes.zarr", WarmLeaps(0.25), pool, ASKED)


def test_states_may_begin_elsewhere_and_are_the_same_ones(tmp_path: Path, pool: SimPool) -> None:
    explored(tmp_path / "all", pool, ASKED)
    explored(tmp_path / "last", pool, replace(ASKED, states=5, first=7))
    every, last = arrays(tmp_path / "all"), arrays(tmp_path / "last")
    for name, values in last.items():
        assert np.array_equal(values, every[name][7:]), name
    with pytest.raises(MismatchError, match=r"explore\.first=7, not 0"):
        explored(tmp_path / "last", pool, replace(ASKED, states=6))
