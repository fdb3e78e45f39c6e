"""How many prototypes a reward of several persons has, where its settings say to try."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from robopref.cli.context import Context
from robopref.cli.reward_settings import fit_of, made_with, operator_of
from robopref.cli.reward_training import RewardTraining
from robopref.cli.tables import print_table
from robopref.data.labels.target_operators import operated
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.prototype_count import held_out_losses
from robopref.learning.reward_members import on_these_labels
from robopref.rewards.mixture import MixtureReward


def chosen_prototypes(
    context: Context, name: str, data: Comparisons, make: Callable[[int], nn.Module], training: RewardTraining
) -> Callable[[int], nn.Module]:
    """What makes members with as many prototypes as fit held-out answers best.

    Args:
        context: Of the run.
        name: Of the reward.
        data: What was preferred, and by whom.
        make: Makes a member that is not trained.
        training: What it has in common with others.

    Returns:
        The same as `make`, where ``try_prototypes`` names no numbers.

    Raises:
        ConfigError: The reward has no prototypes, or too few questions are there to hold some out.
    """
    config = context.config.rewards[name]
    counts = config.get("try_prototypes")
    if counts is None:
        return make

    def sized(count: int, member: int = 0) -> nn.Module:
        reward = make(member)
        if not isinstance(reward, MixtureReward):
            raise ConfigError(
                f"rewards.{name}.try_prototypes: this reward has no prototypes; leave it out, or choose reward=mixture"
            )
        return reward.with_prototypes(count)

    fit = fit_of(config, (), made_with(name, config))
    data, losses = operated(data, operator_of(config)), dict[int, float]()
    for count in dict.fromkeys(map(int, counts)):
        folder = training.folder / name / training.stage
        with context.stage(f"Try {count} prototypes of {name}", "steps", resumes=True) as bar:
            found = on_these_labels(
                lambda count=count, folder=folder, bar=bar: held_out_losses(
                    sized, [count], data, fit, seed=training.seed, folder=folder,
                    progress=lambda step, _: bar(step, fit.config.steps),
                ),
                folder / f"prototypes-{count}", context.say,
            )  # fmt: skip
        losses |= found
    best = min(losses, key=lambda count: losses[count])
    rows = [(str(count), f"{loss:.4f}", "chosen" if count == best else "") for count, loss in losses.items()]
    print_table(context.console, f"Prototypes of {name}", [("prototypes", "held-out loss", ""), *rows])
    return lambda member: sized(best, member)
