"""Margins of a reward in commands: which other rewards its objective knows, and what they say of its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import DictConfig
from torch import nn

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.reward_settings import naming_reward, operator_of
from robopref.cli.trained_rewards import load_members, together
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.items import Comparisons
from robopref.learning.margin_offsets import Margin, with_margins
from robopref.objectives.margins import MultiObjective
from robopref.rewards.ensemble import symmetric


def margins_of(config: DictConfig) -> dict[str, float]:
    """Weights of other rewards by name.

    Args:
        config: Settings of a reward.
    """
    return {str(name): float(weight) for name, weight in (config.get("margins") or {}).items()}


def require_margins(rewards: Mapping[Any, DictConfig], name: str, make: Callable[[str], nn.Module]) -> None:
    """Demand that the margins of a reward can be taken off by its objective, and are of rewards that can say them.

    Args:
        rewards: Settings of all rewards, by name.
        name: Of the reward.
        make: Makes one that is not trained, by name.

    Raises:
        ConfigError: They cannot.
    """
    config, margins = rewards[name], margins_of(rewards[name])
    with naming_reward(name):
        takes = takes_margins(build(config.objective))
        others = [str(other) for other in rewards if other != name]
        if takes and not margins:
            raise ConfigError(
                "MODPO tunes for one objective while rewards of the others are known; name them and their weights with "
                f"rewards.{name}.margins={{<reward>: 0.5}}, where <reward> is one of {', '.join(others) or 'none yet'}"
            )
        if not margins:
            return
        if not takes:
            raise ConfigError(
                "margins are taken off by objective=modpo alone; choose it with "
                f"objective@rewards.{name}.objective=modpo, or leave margins=null"
            )
        if operator_of(config) is not None:
            raise ConfigError("margins are for preferences; leave operator=null")
        for other, weight in margins.items():
            if other not in others:
                raise unknown_name(f"reward in rewards.{name}.margins", other, others)
            if margins_of(rewards[other]):
                raise ConfigError(f"margins: {other} has margins itself; take those of rewards that have none")
            if outcome_parts(make(other)):
                raise ConfigError(
                    f"margins: {other} judges what came of an action, and a policy is tuned on actions; distil it "
                    "(reward=distilled), or take another"
                )
            Margin(None, weight)


def marginal(context: Context, name: str, data: Comparisons) -> Comparisons:
    """Preferences as a reward learns from them: beside what trained rewards say that its settings name as margins.

    Args:
        context: Of the run.
        name: Of the reward.
        data: What was preferred.

    Raises:
        DataError: One of them is not trained.
    """
    weights = {other: weight for other, weight in margins_of(context.config.rewards[name]).items() if weight > 0}
    if not weights:
        return data
    members, geometry = load_members(context, weights), context.policy().geometry
    margins = {
        other: Margin(symmetric(together(members[other]), geometry).eval(), weight) for other, weight in weights.items()
    }
    told = " + ".join(f"{weight:g} {other}" for other, weight in weights.items())
    own = float(context.config.rewards[name].objective.get("weight", 1.0))
    context.console.print(f"{name}: tuned for {own:g} of what was preferred + {told}", highlight=False, markup=False)
    return with_margins(data, margins)


def takes_margins(objective: Any) -> bool:
    """Whether an objective, or one that it is made of, takes margins off.

    Args:
        objective: As it was built.
    """
    while objective is not None:
        if isinstance(objective, MultiObjective):
            return True
        objective = getattr(objective, "objective", None)
    return False
