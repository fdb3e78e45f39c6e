"""What a reward makes of candidates and of recorded steps: each scored as the reward would by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, TrainingError
from robopref.items import Items
from robopref.records import Observation
from robopref.rewards.worth import candidate_worth, decision_worth, step_worth
from robopref.scores import NoiseDraw, Scores


class Reached(nn.Module):
    """Finds what was reached as good as it is far."""

    keys = ("after.state",)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        steps = items.part("after.state")[..., 0] * items.weight
        return Scores(steps.sum(-1), steps=steps)


class Moved(nn.Module):
    """Finds actions as good as they lead far from where they began."""

    observes = ("state",)

    def score(self, observation: Observation, actions: torch.Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(observation.parts["state"][:, :1] + actions[:, :, 0, 0])


@pytest.fixture
def candidates(tmp_path: Path) -> EpisodeStore:
    store = EpisodeStore.create(tmp_path / "explored.zarr", {})
    rng = np.random.default_rng(0)
    for state in range(20):
        store.append({
            "state": np.full((1, 1), state, np.float32), "candidates": rng.random((1, 3, 1, 1)).astype(np.float32)
        })  # fmt: skip
    return store


def test_outcomes_of_candidates_are_judged_by_what_came_of_them(candidates: EpisodeStore) -> None:
    after = torch.arange(60.0).reshape(20, 3, 1)
    done = list[int]()
    found = candidate_worth(
        Reached(), candidates, Observation.of({"state": after}), progress=lambda n, _: done.append(n)
    )
    np.testing.assert_array_equal(found, after[..., 0])
    assert done == [16, 20]
    with pytest.raises(DataError, match=r"no after\.state.*carry them out"):
        candidate_worth(Reached(), candidates)
    with pytest.raises(TrainingError, match="not finite; train the reward again"):
        candidate_worth(Reached(), candidates, Observation.of({"state": after / 0}))


def test_outcomes_are_judged_without_knowing_what_was_done() -> None:
    after = Observation.of({"state": torch.arange(60.0).reshape(20, 3, 1), "proprio": torch.zeros(20, 3, 2)})
    found = decision_worth(Reached(), Observation.of({"state": np.zeros((20, 1), np.float32)}), after=after)
    np.testing.assert_array_equal(found, np.arange(60.0).reshape(20, 3))
    with pytest.raises(DataError, match=r"not known what was done, nor after\.state"):
        decision_worth(Reached(), Observation.of({"state": np.zeros((20, 1), np.float32)}))


def test_actions_are_judged_where_they_began(candidates: EpisodeStore) -> None:
    found = candidate_worth(Moved(), candidates)
    expected = candidates.array("state") + candidates.array("candidates")[:, :, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_recorded_step_is_judged_by_the_next_of_its_episode(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "demos.zarr", {})
    for first in (0, 10):
        state = np.arange(first, first + 3, dtype=np.float32)[:, None]
        store.append({"state": state, "action": np.zeros((3, 1), np.float32)})
    # The last step of an episode, after which nothing is recorded, stands for itself.
    np.testing.assert_array_equal(step_worth(Reached(), store), [1, 2, 2, 11, 12, 12])
