"""Members of rewards that are trained side by side, each in a process of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from robopref.errors import TrainingError
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import FittedReward, RewardFit
from robopref.learning.side_by_side import MemberTraining, packed_side_by_side, train_side_by_side
from robopref.objectives.pairwise import bradley_terry
from robopref.scores import Loss, PairTarget, Scores
from tests.geometry import POINTS, tiny_reward
from tests.learning.test_preference import TRAIN

STEPS = 12


def broken(scores: Scores, target: PairTarget) -> Loss:
    """An objective that is no number."""
    return bradley_terry(Scores(scores.value * float("nan")), target)


def training(folder: Path, title: str, *, seed: int, steps: int = STEPS, objective: Any = bradley_terry) -> Any:
    fit = RewardFit(objective, FitConfig(steps=steps, save_every=4), Batches(size=4, points=POINTS))

    def make(member: int) -> torch.nn.Module:
        torch.manual_seed(seed + member)
        return tiny_reward()

    return MemberTraining(title, {0: title}, make, TRAIN, fit, seed, folder / title)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weights(found: FittedReward) -> dict[str, torch.Tensor]:
    return found.members[0].state_dict()


@pytest.mark.slow
def test_weights_are_those_of_one_after_the_other_and_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    alone = [training(tmp_path / "alone", name, seed=seed) for seed, name in enumerate("ab")]
    wanted = [weights(one.train(print, print)) for one in alone]
    # The first one was stopped before.
    training(tmp_path / "both", "a", seed=0).train(print, print)
    (tmp_path / "both" / "a" / "training.json").unlink()
    steps = list[tuple[int, int]]()
    both = [training(tmp_path / "both", name, seed=seed) for seed, name in enumerate("ab")]
    count, packed = packed_side_by_side(both, workers=2)
    assert count == 2
    found = dict(train_side_by_side(packed, count, lambda place, step: steps.append((place, step)), print))
    for place in range(2):
        got = weights(found[place])
        assert all(torch.equal(wanted[place][key], got[key]) for key in got)
        assert (tmp_path / "both" / "ab"[place] / "state.pt").exists()
    assert {step for place, step in steps if place == 1} <= set(range(1, STEPS + 1))
    assert [place for place, _ in steps if place == 0] == []


@pytest.mark.slow
def test_a_training_that_fails_stops_the_others_which_go_on_later(tmp_path: Path) -> None:
    jobs = [training(tmp_path, "a", seed=0, steps=100_000), training(tmp_path, "b", seed=1, objective=broken)]
    count, packed = packed_side_by_side(jobs, workers=2)
    with pytest.raises(TrainingError, match="became nan at step 1"):
        list(train_side_by_side(packed, count, lambda *_: None, print))
    assert not list(tmp_path.rglob("*.partial*"))


def test_what_cannot_be_copied_or_has_no_processor_is_trained_here(tmp_path: Path) -> None:
    usual = [training(tmp_path, name, seed=0) for name in "ab"]
    assert packed_side_by_side(usual, workers=0) == (1, [])
    assert packed_side_by_side(usual[:1], workers=2) == (1, [])

    def objective(scores: Scores, target: PairTarget) -> Loss:
        return bradley_terry(scores, target)

    local = training(tmp_path, "c", seed=0, objective=objective)
    assert packed_side_by_side([*usual, local], workers=2) == (1, [])
    torch.set_num_threads(2)
    assert packed_side_by_side(usual, workers=2) == (1, [])
