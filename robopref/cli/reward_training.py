"""Training the members of one reward of a run, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from robopref.cli.context import Context
from robopref.cli.reward_settings import answer_source, fit_of, folders_of, made_with, naming_reward, operator_of
from robopref.data.labels.target_operators import operated
from robopref.items import Comparisons
from robopref.learning.kept_pairs import FILE
from robopref.learning.origin import GUARD
from robopref.learning.reward_members import FittedReward, require_members, save_member, training_groups
from robopref.learning.side_by_side import MemberTraining, packed_side_by_side, train_side_by_side
from robopref.learning.stored_persons import keep_persons
from robopref.protocols import LiveFilter
from robopref.rewards.mixture import MixtureReward

_PEERS = "-peers"  # of the folder in which members that are compared have their state


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


def planned(
    context: Context, name: str, data: Comparisons, make: Callable[[int], nn.Module], training: RewardTraining
) -> list[MemberTraining]:
    """How the members of a reward are to be trained, as its settings say.

    Args:
        context: Of the run.
        name: Of the reward.
        data: What was preferred.
        make: Makes a member that is not trained.
        training: What it has in common with others.

    Returns:
        Each of those that are trained at once.

    Raises:
        ConfigError: A setting of the reward is wrong, or does not fit what was preferred.
    """
    config = context.config.rewards[name]
    fit = fit_of(config, training.filters, made_with(name, config))
    fit = replace(fit, given=training.given)
    if training.given is None and answer_source(config) != "given":  # so that it is trained again once somebody watches
        fit = replace(fit, made_with={**fit.made_with, GUARD: "nobody"})
    data = operated(data, operator_of(config))
    found: list[MemberTraining] = []
    for group in training_groups(folders_of(name, config), together=bool(training.filters)):
        if training.filters:
            with naming_reward(name):
                require_members([make(member) for member in group], training.filters)
        title = next(iter(group.values())) if len(group) == 1 else f"{name}{_PEERS}"
        folder = training.folder / title / training.stage
        found.append(MemberTraining(title, group, make, data, fit, training.seed + min(group), folder))
    # What those of an earlier training left is of other weights.
    for folder in (name, f"{name}{_PEERS}"):
        if not training.filters or folder not in [plan.title for plan in found]:
            (training.folder / folder / training.stage / FILE).unlink(missing_ok=True)
    return found


def trained(context: Context, plans: Sequence[MemberTraining]) -> Generator[tuple[int, FittedReward]]:
    """Train members of rewards, side by side where there are processors for more than one.

    Args:
        context: Of the run.
        plans: What to train.

    Yields:
        The place of one that has ended, and what it trained.

    Raises:
        DataError: Nothing is known of any item, or the disk refused.
    """

    def tell(line: str) -> None:
        context.console.print(line, soft_wrap=True)

    count, packed = packed_side_by_side(plans, int(context.config.get("workers") or 0))
    if count == 1:
        for place, plan in enumerate(plans):
            with context.stage(f"Train the {plan.title} reward", "steps", resumes=True) as bar:
                found = plan.train(lambda step, plan=plan, bar=bar: bar(step, plan.fit.steps), tell)
            yield place, found
        return
    wanted = [plan.fit.steps for plan in plans]
    done = [0] * len(plans)
    with context.stage("Train rewards side by side", "steps", resumes=True) as bar:

        def progress(place: int, step: int) -> None:
            done[place] = step
            bar(sum(done), sum(wanted))

        for place, found in train_side_by_side(packed, count, progress, tell):
            progress(place, wanted[place])
            yield place, found


def keep_members(context: Context, plan: MemberTraining, found: FittedReward, training: RewardTraining) -> None:
    """Keep the weights of members that were trained, and say what watched over them and what was estimated.

    Args:
        context: Of the run.
        plan: What was trained.
        found: What it trained.
        training: What they have in common with others.

    Raises:
        DataError: The disk refused.
    """
    if found.guard is not None:
        context.console.print(f"{plan.title}: {found.guard.told(training.watchers)}", soft_wrap=True, highlight=False)
    for line in found.estimated:
        context.console.print(f"{plan.title}: {line}", soft_wrap=True, highlight=False)
    for folder, reward in zip(plan.folders.values(), found.members, strict=True):
        path = training.folder / folder / "weights.pt"
        if found.again and path.exists() and isinstance(reward, MixtureReward):
            keep_persons(path, reward)
        save_member(path, reward)


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
    plans = planned(context, name, data, make, training)
    ended: dict[int, FittedReward] = {}
    for place, found in trained(context, plans):
        keep_members(context, plans[place], found, training)
        ended[place] = found
    return {plan.title: ended[place] for place, plan in enumerate(plans)}
