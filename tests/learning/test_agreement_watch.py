"""Given answers that watch: what they find, when they stop a training, and what is kept."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, StaleError
from robopref.items import Comparisons
from robopref.learning.agreement_watch import AgreementWatch, watching
from robopref.learning.fit import FitConfig
from robopref.learning.origin import GUARD
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.records import Observation
from robopref.scores import NoiseDraw, PairTarget, Scores


class Scaled(nn.Module):
    """Scores an action by its size times a weight."""

    observes = ("state",)

    def __init__(self, weight: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(actions.sum((-1, -2)) * self.weight)


def compared(first: list[float], p: float = 1.0) -> Comparisons:
    """Pairs of an action of some size, preferred to none at all with a probability."""
    actions = torch.zeros(len(first), 2, 1, 1)
    actions[:, 0, 0, 0] = torch.tensor(first)
    weight = torch.zeros(len(first), 2, 2)
    weight[:, 0, 1] = 1
    return Comparisons.of_candidates(
        Observation.of({"state": torch.zeros(len(first), 1)}),
        actions,
        PairTarget(torch.full_like(weight, p), weight),
        None,
    )


GIVEN = compared([1, 1, 1, -1])  # three quarters are right with a weight above zero, a quarter with one below


def test_it_stops_when_answers_are_ordered_worse_for_long_and_keeps_the_best_weights() -> None:
    guard = AgreementWatch(GIVEN, every=10, patience=3)
    assert not guard.look(10, Scaled(2.0), last=False)
    assert not guard.look(20, Scaled(-1.0), last=False)
    assert not guard.look(30, Scaled(-2.0), last=False)
    assert guard.notes() == {"given_agreement": 0.25}
    assert not guard.stopped
    assert guard.look(40, Scaled(-3.0), last=False)
    assert guard.weights()["weight"] == 2
    assert guard.told("ann") == (
        "on 4 held-out answers of ann it orders 75.0% of the pairs rightly, with the weights of step 10; 25.0% at step "
        "40, stopped there, as they were ordered worse and worse"
    )


def test_what_falls_little_or_recovers_does_not_stop() -> None:
    guard = AgreementWatch(GIVEN, fall=0.3, patience=2)
    for step, weight in enumerate([1.0, 0.0, 0.0, 0.0, -1.0, 0.0, -1.0, 3.0], 1):
        assert not guard.look(step, Scaled(weight), last=False), step
    # Of equal looks the first is kept.
    assert (guard.step, guard.latest, guard.weights()["weight"].item()) == (1, 0.75, 1)
    assert guard.told("bob").endswith("75.0% at step 8, the end")


def test_it_goes_on_from_its_state() -> None:
    whole, halves = AgreementWatch(GIVEN), AgreementWatch(GIVEN)
    for step, weight in enumerate([1.0, -1.0, -1.0, -1.0, -1.0], 1):
        over = whole.look(step, Scaled(weight), last=False)
        halves.look(step, Scaled(weight), last=False)
        restored = AgreementWatch(GIVEN)
        restored.restore(halves.state())
        halves = restored
        assert halves.stopped == over == (step == 5)
    assert halves.state() == whole.state()


def test_only_what_decides_a_pair_watches() -> None:
    assert watching(None) is None
    assert watching(compared([1, 1], p=0.5)) is None
    with pytest.raises(ConfigError, match="decide no pair"):
        AgreementWatch(compared([1], p=0.5))
    assert len(watching(GIVEN) or ()) == 4


def test_a_training_on_wrong_answers_is_stopped_also_if_it_was_killed_in_between(tmp_path: Path) -> None:
    wrong, config = compared([1.0, 2.0, 3.0], p=0.0), FitConfig(steps=200, learning_rate=0.05, save_every=10, ema=0.9)

    def trained(
        folder: Path, kill: int = -1, given: Comparisons | None = GIVEN
    ) -> tuple[Scaled, AgreementWatch | None]:
        def progress(step: int, _: object) -> None:
            if step == kill:
                raise KeyboardInterrupt

        guard, reward = None if given is None else AgreementWatch(given, every=5), Scaled(0.5)
        train_reward(
            reward, wrong, bradley_terry, config, seed=0, batches=Batches(size=3), watch=guard, folder=folder,
            made_with={GUARD: "nobody"} if guard is None else {}, progress=progress,
        )  # fmt: skip
        return reward, guard

    reward, guard = trained(tmp_path / "whole")
    assert guard
    assert guard.stopped
    assert guard.looked < 100
    assert reward.weight == guard.best["weight"] > 0
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", kill=25)
    again, after = trained(tmp_path / "killed")
    assert after
    assert torch.equal(again.weight, reward.weight)
    assert (after.looked, after.step) == (guard.looked, guard.step)
    # Other answers that watch, or nobody, make another training.
    trained(tmp_path / "alone", given=None)
    for folder, watchers in (("whole", GIVEN[torch.tensor([0, 3])]), ("whole", None), ("alone", GIVEN)):
        with pytest.raises(StaleError):
            trained(tmp_path / folder, given=watchers)
