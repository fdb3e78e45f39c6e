"""Training the members of one reward of a run, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from robopref.cli.context import Context
from robopref.cli.reward_settings import answer_source, fit_of, folders_of, made_with, operator_of
from robopref.data.labels.target_operators import operated
from robopref.items import Comparisons
from robopref.learning.origin import GUARD
from robopref.learning.reward_members import FittedReward, fit_members, on_these_labels, save_member, training_groups
from robopref.protocols import LiveFilter


@dataclass(frozen=True)
class RewardTraining:
    """What is alike for all rewards of a run.

    Attributes:
        folder: Where each has a folder.
        seed: Of their first members.
        filters: Weigh questions while rewards are trained.
        stage: Folder of state and logs in that of a reward; empty for that one.
        given: Given answers that watch over a training on self-made ones; None if nobody watches.
        watchers: Who gave them.
    """

    folder: Path
    seed: int
    filters: Sequence[LiveFilter] = ()
    stage: str = ""
    given: Comparisons | None = None
    watchers: str = ""


def train_members(
    context: Context, name: str, data: Comparisons, make: Callable[[int], nn.Module], training: RewardTraining
) -> dict[str, FittedReward]:
    """Train the members of a reward as its settings say, and keep their weights.

    Args:
        context: Of the run.
        name: Of the reward.
        data: What was preferred.
        make: Makes a member that is not trained.
        training: What it has in common with others.

    Returns:
        Members that were trained at once, by what they are called together.

    Raises:
        ConfigError: A setting of the reward is wrong, or does not fit what was preferred.
        DataError: Nothing is known of any item, or the disk refused.
    """
    config = context.config.rewards[name]
    fit = fit_of(config, training.filters, made_with(name, config))
    fit = replace(fit, given=training.given)
    if training.given is None and answer_source(config) != "given":  # so that it is trained again once somebody watches
        fit = replace(fit, made_with={**fit.made_with, GUARD: "nobody"})
    data = operated(data, operator_of(config))
    trained: dict[str, FittedReward] = {}
    for group in training_groups(folders_of(name, config), together=bool(training.filters)):
        title = next(iter(group.values())) if len(group) == 1 else f"{name}-peers"
        state = training.folder / title / training.stage
        with context.stage(f"Train the {title} reward", "steps", resumes=True) as bar:
            trained[title] = on_these_labels(
                lambda group=group, state=state, bar=bar: fit_members(
                    make, list(group), data, fit, seed=training.seed + min(group), folder=state,
                    progress=lambda step, _: bar(step, fit.config.steps),
                ),
                state, lambda line: context.console.print(line, soft_wrap=True),
            )  # fmt: skip
        if (guard := trained[title].guard) is not None:
            context.console.print(f"{title}: {guard.told(training.watchers)}", soft_wrap=True, highlight=False)
        for folder, reward in zip(group.values(), trained[title].members, strict=True):
            save_member(training.folder / folder / "weights.pt", reward)
    return trained
