"""Averaged weights of a training from time to time: those with the smallest validation loss are kept, and the last."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from robopref.errors import ConfigError, DataError
from robopref.files import number, read_json, write_json
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.learning.loop import require_finite

BEST, LAST = "best", "last"
FOLDER = "checkpoints"  # in that of a training
VALIDATION = "validation_loss"
_INDEX = "index.json"
_NAMED = re.compile(r"step-([1-9]\d{0,14})\.pt")
_MOST = 10_000  # checkpoints that are believed to be there


@dataclass(frozen=True)
class CheckpointConfig:
    """How often weights are kept, which, and of which the policy is made in the end.

    Attributes:
        every: Steps between checkpoints; the last step has one in any case.
        keep: Checkpoints with the smallest validation loss to keep beside the last; without validation, the latest.
        weights: ``last`` ends with the weights of the last step, ``best`` with those of the smallest validation loss.

    Raises:
        ConfigError: A value is out of range.
    """

    every: int = 250
    keep: int = 3
    weights: str = LAST

    def __post_init__(self) -> None:
        if self.every < 1 or self.keep < 1:
            raise ConfigError(f"every and keep must be at least 1, got every={self.every}, keep={self.keep}")
        if self.weights not in (LAST, BEST):
            raise ConfigError(f"weights must be {LAST} or {BEST}, got {self.weights!r}")


class TopKCheckpoints:
    """Writes checkpoints of averaged weights while a module is trained; a `robopref.learning.fit.Watch`.

    Args:
        folder: Of the training; they go into its ``checkpoints``.
        config: Which are kept.
        judge: Validation loss of a module in eval mode; None keeps the latest.

    Raises:
        ConfigError: The best is asked for, and nothing says which it is.
    """

    def __init__(self, folder: Path, config: CheckpointConfig, judge: Callable[[nn.Module], float] | None) -> None:
        if config.weights == BEST and judge is None:
            raise ConfigError(
                "weights=best are those of the smallest validation loss; hold out episodes with validation=0.1"
            )
        self.folder, self.config, self.judge = folder / FOLDER, config, judge
        self.kept: dict[int, float | None] = {}
        self._notes: dict[str, float] = {}

    @property
    def every(self) -> int:
        """See `CheckpointConfig`."""
        return self.config.every

    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        """Judge the averaged weights, write them, and remove those that are kept no longer.

        Args:
            step: Steps taken.
            averaged: The module with its averaged weights.
            last: Whether there are no more.

        Returns:
            False: it never stops a training.

        Raises:
            TrainingError: The validation loss is not finite.
            DataError: The disk refused.
        """
        loss = None if self.judge is None else self._judged(self.judge, averaged, step)
        self._notes = {} if loss is None else {VALIDATION: loss}
        content = {"module": averaged.state_dict(), "step": step, VALIDATION: loss}
        save_checkpoint(self.folder / file_name(step), content)
        self.kept[step] = loss
        ranked = sorted(self.kept, key=lambda one: (_loss(self.kept[one]), one if loss is not None else -one))
        left = {*ranked[: self.config.keep], step}
        self.kept = {one: self.kept[one] for one in sorted(self.kept) if one in left}
        write_json(self.folder / _INDEX, {str(one): value for one, value in self.kept.items()})
        for path in self.folder.glob("step-*.pt"):
            if (found := _NAMED.fullmatch(path.name)) and int(found[1]) not in self.kept:
                path.unlink(missing_ok=True)
        return False

    def notes(self) -> dict[str, float]:
        """Validation loss of the latest look."""
        return self._notes

    def weights(self) -> dict[str, Any]:
        """Those of the smallest validation loss, if they are asked for."""
        best = best_of(self.kept)
        if self.config.weights != BEST or best is None:
            return {}
        return dict(load_checkpoint(self.folder / file_name(best))["module"])

    def state(self) -> dict[str, Any]:
        """Steps that are kept, with their validation losses."""
        return {"kept": dict(self.kept)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, be it without checkpoints; raises TypeError or ValueError if it is damaged."""
        kept = {int(step): None if loss is None else float(loss) for step, loss in dict(state.get("kept", {})).items()}
        if len(kept) > _MOST or any(step < 1 for step in kept):
            raise ValueError("the checkpoints are of other steps")
        self.kept = kept

    @staticmethod
    def _judged(judge: Callable[[nn.Module], float], averaged: nn.Module, step: int) -> float:
        training = averaged.training
        loss = judge(averaged.eval())
        averaged.train(training)
        require_finite({"the validation loss": torch.tensor(loss)}, step - 1)
        return loss


def file_name(step: int) -> str:
    """What the checkpoint of a step is called."""
    return f"step-{step}.pt"


def stored_checkpoints(folder: Path) -> dict[int, float | None]:
    """Checkpoints that a training left.

    Args:
        folder: Of the training.

    Returns:
        Validation losses by step, in order of steps; None without validation.

    Raises:
        DataError: What is said of them is damaged.
    """
    path = folder / FOLDER / _INDEX
    found = read_json(path) if path.exists() else {}
    stored: dict[int, float | None] = {}
    for step, loss in list(found.items())[:_MOST]:
        if not _NAMED.fullmatch(f"step-{step}.pt") or (loss is not None and number(loss) is None):
            raise DataError(f"{path} is damaged: {str(step)[:20]!r} is no step with a loss; train again or remove it")
        if (folder / FOLDER / file_name(int(step))).exists():
            stored[int(step)] = number(loss)
    return dict(sorted(stored.items()))


def best_of(losses: Mapping[int, float | None]) -> int | None:
    """The step with the smallest validation loss; of several the first, and None without validation.

    Args:
        losses: By step.
    """
    judged = [(loss, step) for step, loss in losses.items() if loss is not None]
    return min(judged)[1] if judged else None


def _loss(loss: float | None) -> float:
    return float("inf") if loss is None else loss
