"""What a reward says of questions that it did not learn from, of each question once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, MismatchError, StaleError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, item_values, put_aside
from robopref.learning.loop import TrainingProgress, forget
from robopref.learning.preference import Batches, train_reward
from robopref.protocols import Objective
from robopref.scores import PairTarget

FOLDS = 2
ALL_ALIKE = Batches()
_STOP = 0.2  # share of a fold's training questions that say when to stop, so that wrong answers are not learnt by heart


def held_out_margins(
    make: Callable[[], nn.Module],
    data: Comparisons,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batches: Batches = ALL_ALIKE,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> tuple[Tensor, Tensor]:
    """Train a reward on each half of the questions, and ask it about the other half.

    Args:
        make: Makes a reward that is not trained.
        data: Preferences.
        objective: Turns scores and targets into a loss.
        config: How to train.
        seed: Of the halves and of the batches.
        batches: What each step looks at.
        folder: Where the states of the trainings go, each in a folder of its own.
        progress: Called with every step of both trainings, counted on.

    Returns:
        (R,) how much better the first item of each pair is said to be, and what was answered, (R,).

    Raises:
        ConfigError: The data hold outcomes, or the questions are too few for two halves.
        DataError: Nothing is known of any item of a half.
    """
    if not isinstance(data.target, PairTarget):
        raise ConfigError("what rewards say of pairs is for preferences, the data hold outcomes")
    margins, told = list[Tensor](), list[Tensor]()
    one, other = put_aside(data, 1 / FOLDS, seed=seed)
    if other is None:
        raise ConfigError(f"{len(data)} questions are too few to learn from one half and ask about the other")
    for fold, (learnt, asked) in enumerate(((one, other), (other, one))):
        seen, stop = put_aside(learnt, _STOP, seed=seed)
        state = None if folder is None else folder / f"fold-{fold + 1}"

        def tell(step: int, metrics: dict[str, float], fold: int = fold) -> None:
            if progress is not None:
                progress(fold * config.steps + step, metrics)

        def train(
            seen: Comparisons = seen, stop: Comparisons | None = stop, state: Path | None = state,
            tell: TrainingProgress = tell,
        ) -> nn.Module:  # fmt: skip
            reward = make()
            watch = None if stop is None else HeldOut(stop.to(next(reward.parameters()).device))
            return train_reward(
                reward, seen, objective, config, seed=seed, batches=batches, watch=watch, folder=state, progress=tell
            )

        try:
            reward = train()
        except StaleError:
            assert state is not None
            forget(state)
            reward = train()
        except MismatchError as error:  # what the halves do not fit, the reward that learns from both fits as little
            raise MismatchError(str(error).replace(str(state), str(folder))) from error
        margin, answer = pair_margins(reward, asked.to(next(reward.parameters()).device))
        margins.append(margin)
        told.append(answer)
    return torch.cat(margins), torch.cat(told)


@torch.no_grad()
def pair_margins(reward: nn.Module, data: Comparisons) -> tuple[Tensor, Tensor]:
    """How much better a reward finds the first item of each pair that was compared, and what was answered; (R,)."""
    assert isinstance(data.target, PairTarget)
    value = item_values(reward, data.items)
    state, first, second = (data.target.weight > 0).nonzero().T
    return value[state, first] - value[state, second], data.target.p[state, first, second]
