"""Which checkpoints are kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from robopref.errors import ConfigError, DataError, TrainingError
from robopref.learning.checkpoint import load_checkpoint
from robopref.learning.fit import FitConfig, fit
from robopref.learning.topk_checkpoints import (
    CheckpointConfig,
    TopKCheckpoints,
    best_of,
    file_name,
    stored_checkpoints,
)
from robopref.scores import Loss


class Slope(nn.Module):
    """One weight, which is its own validation loss."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))


def judged(module: nn.Module) -> float:
    assert not module.training
    return module.weight.item()


def looked(folder: Path, losses: list[float], *, judge: Any = judged, **settings: Any) -> TopKCheckpoints:
    """Look after steps 1, 2, …, where the losses are these."""
    kept = TopKCheckpoints(folder, CheckpointConfig(every=1, **settings), judge)
    for step, loss in enumerate(losses, start=1):
        assert not kept.look(step, module := Slope(loss), last=step == len(losses))
        assert module.training
    return kept


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("step-")) for path in (folder / "checkpoints").glob("*.pt"))


@pytest.mark.parametrize(
    ("losses", "keep", "left"),
    [
        ([5.0, 1.0, 3.0, 2.0, 4.0], 2, [2, 4, 5]),
        ([5.0, 1.0, 3.0, 2.0, 4.0], 9, [1, 2, 3, 4, 5]),
        ([5.0, 4.0, 3.0, 2.0, 1.0], 2, [4, 5]),
        ([1.0, 1.0, 1.0], 1, [1, 3]),
    ],
)
def test_the_smallest_losses_and_the_last_are_kept(
    tmp_path: Path, losses: list[float], keep: int, left: list[int]
) -> None:
    looked(tmp_path, losses, keep=keep)
    assert steps(tmp_path) == left
    assert stored_checkpoints(tmp_path) == {step: losses[step - 1] for step in left}
    assert load_checkpoint(tmp_path / "checkpoints" / f"step-{left[0]}.pt")["module"]["weight"] == losses[left[0] - 1]


def test_without_validation_the_latest_are_kept(tmp_path: Path) -> None:
    kept = looked(tmp_path, [5.0, 1.0, 3.0, 2.0, 4.0], judge=None, keep=2)
    assert steps(tmp_path) == [4, 5]
    assert stored_checkpoints(tmp_path) == {4: None, 5: None}
    assert best_of(stored_checkpoints(tmp_path)) is None
    assert kept.notes() == {}


def test_the_best_are_the_weights_to_end_with_if_asked_for(tmp_path: Path) -> None:
    assert looked(tmp_path / "best", [3.0, 1.0, 2.0], weights="best").weights()["weight"] == 1
    last = looked(tmp_path / "last", [3.0, 1.0, 2.0])
    assert last.weights() == {}
    assert last.notes() == {"validation_loss": 2.0}
    with pytest.raises(ConfigError, match=r"hold out episodes with validation=0\.1"):
        TopKCheckpoints(tmp_path, CheckpointConfig(weights="best"), None)


def test_what_goes_on_from_a_state_keeps_what_one_that_was_not_stopped_keeps(tmp_path: Path) -> None:
    before = looked(tmp_path, [5.0, 1.0, 3.0], keep=1)
    state = before.state()
    for step, loss in ((4, 0.5), (5, 4.0)):
        before.look(step, Slope(loss), last=False)
    # Killed, so that these two are taken again; a file of a later step is no part of the state.
    after = TopKCheckpoints(tmp_path, CheckpointConfig(every=1, keep=1), judged)
    after.restore(state)
    after.look(4, Slope(0.5), last=False)
    assert steps(tmp_path) == [4]
    assert after.kept == {4: 0.5}


@pytest.mark.parametrize("kept", [{0: 1.0}, {"x": 1.0}, {3: "x"}, [1, 2], {3: [1]}])
def test_a_damaged_state_is_refused(tmp_path: Path, kept: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        TopKCheckpoints(tmp_path, CheckpointConfig(), judged).restore({"kept": kept})


@pytest.mark.parametrize("index", [{"../x": 1.0}, {"0": 1.0}, {"3": "x"}, {"3": [1]}, {"1e3": None}])
def test_a_damaged_index_is_one_line(tmp_path: Path, index: Any) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"index\.json is damaged") as caught:
        stored_checkpoints(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_was_removed_is_not_listed(tmp_path: Path) -> None:
    looked(tmp_path, [1.0, 2.0])
    (tmp_path / "checkpoints" / "step-1.pt").unlink()
    assert stored_checkpoints(tmp_path) == {2: 2.0}
    assert stored_checkpoints(tmp_path / "elsewhere") == {}


def test_a_validation_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the validation loss became nan at step 1"):
        looked(tmp_path, [float("nan")])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"every": 0}, "every=0"), ({"keep": 0}, "keep=0"), ({"weights": "first"}, "last or best, got 'first'")],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CheckpointConfig(**settings)


def test_a_constant_run_that_is_made_longer_keeps_the_checkpoints_of_one_that_was_never_stopped(tmp_path: Path) -> None:
    def loss(module: nn.Module, generator: torch.Generator, _: float) -> Loss:
        # Overshoots, so that the best is neither the first nor the last.
        total = (module.weight - 0.3 * torch.rand((), generator=generator)).square()
        return Loss(total, {"loss": total.detach()})

    def trained(folder: Path, steps: int) -> nn.Module:
        config = FitConfig(steps, 0.1, schedule="constant", warmup_steps=3, ema=0.5)
        checkpoints = CheckpointConfig(every=4, keep=2, weights="best")
        watch = TopKCheckpoints(folder, checkpoints, lambda module: abs(module.weight.item() - 0.15))
        return fit(Slope(1.0), loss, config, seed=0, folder=folder, watch=watch)

    whole = trained(tmp_path / "whole", 30)
    for steps in (10, 30):  # ten is no multiple of four
        longer = trained(tmp_path / "parts", steps)
    assert stored_checkpoints(tmp_path / "parts") == stored_checkpoints(tmp_path / "whole")
    best = best_of(stored_checkpoints(tmp_path / "whole"))
    assert best not in (4, 30)
    assert torch.equal(longer.weight, whole.weight)
    assert torch.equal(
        whole.weight, load_checkpoint(tmp_path / "parts/checkpoints" / file_name(best))["module"]["weight"]
    )
