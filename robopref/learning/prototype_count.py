"""Choosing how many prototypes a mixture of persons has, by what it makes of questions that are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.loop import TrainingProgress
from robopref.learning.reward_members import RewardFit, fit_members

_SHARE = 0.1  # of the questions, where the settings hold out none


def held_out_losses(
    make: Callable[[int], nn.Module],
    counts: Sequence[int],
    data: Comparisons,
    fit: RewardFit,
    *,
    seed: int,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> dict[int, float]:
    """Loss on the same held-out questions of mixtures with several numbers of prototypes.

    With the logistic objective that is the negative log-likelihood of an answer. The smallest one names the number to
    train with.

    Args:
        make: Makes an untrained mixture of so many prototypes.
        counts: Numbers of prototypes to try.
        data: What was preferred, and by whom.
        fit: How to train; it also says which share of the questions is held out, a tenth if it says nothing.
        seed: Of batches and of what is held out.
        folder: Where states and logs go, in a folder for each number.
        progress: Called with every step.

    Returns:
        By number of prototypes.

    Raises:
        ConfigError: No number is given, one is below 1, or too few questions are there to hold some out.
    """
    if not counts or min(counts) < 1:
        raise ConfigError(f"numbers of prototypes to try must be 1 or more, got {list(counts)}")
    fit, found = replace(fit, held_out=fit.held_out or _SHARE), dict[int, float]()
    for count in counts:
        place = None if folder is None else folder / f"prototypes-{count}"
        fitted = fit_members(lambda _, count=count: make(count), [0], data, fit, seed=seed, folder=place,
                             progress=progress)  # fmt: skip
        if fitted.watched is None:
            raise ConfigError(
                f"{len(data)} answered questions are too few to hold some out, by which the number of prototypes is "
                "chosen; name one"
            )
        found[count] = fitted.watched.loss
    return found
