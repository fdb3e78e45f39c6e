"""Rewards of outcomes in commands: what they look ahead with, and where there is nothing to look ahead with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.interaction import Dynamics
from robopref.ranking.look_ahead import LookAhead
from robopref.ranking.rules import greedy

_CHEAP = ("combined", "explicit", "implicit", "likelihood")  # of what can keep candidates, the first there is


def looks_ahead(context: Context) -> bool:
    """Whether the settings of the ranker are those of `LookAhead`."""
    return _factory(context) is not None


def takes_the_best(context: Context) -> bool:
    """Whether the settings of the ranker take the candidate with the best score."""
    rule = getattr(build(context.config.ranker), "keywords", {}).get("rule")
    return isinstance(rule, partial) and rule.func is greedy


def require_no_look_ahead(context: Context) -> None:
    """Refuse a ranker that needs dynamics, where there are none.

    Raises:
        ConfigError: The ranker looks ahead.
    """
    if looks_ahead(context):
        raise ConfigError(
            "ranker=look_ahead carries candidates out, and recorded data come with nothing to carry them out in; "
            "choose ranker=best_of_n"
        )


def look_ahead(context: Context, rewards: Mapping[str, Any], judge: str, dynamics: Dynamics) -> LookAhead:
    """What looks ahead for a reward of outcomes; as the ranker of the settings does, if that is one that looks ahead.

    Args:
        context: Of the command.
        rewards: All there are, by name.
        judge: The name of the one that judges outcomes.
        dynamics: Says where candidates lead.

    Raises:
        ConfigError: What the settings name cannot keep candidates, or the judge judges no outcomes.
    """
    cheap = keeps(context, rewards)
    scorer = None if cheap is None else as_scorer(rewards[cheap])
    return (_factory(context) or partial(LookAhead))(dynamics, rewards[judge], scorer=scorer)


def keeps(context: Context, rewards: Mapping[str, Any]) -> str | None:
    """The name of the reward that keeps candidates; None where there is none that can.

    Args:
        context: Of the command.
        rewards: All there are, by name.

    Raises:
        ConfigError: What the settings name cannot.
    """
    named = None if _factory(context) is None else context.config.ranker.get("scorer")
    able = [name for name, reward in rewards.items() if not outcome_parts(reward)]
    if named is not None and named not in able:
        raise unknown_name("ranker.scorer", str(named), able)
    return next((name for name in _CHEAP if name in able), None) if named is None else str(named)


def _factory(context: Context) -> partial[LookAhead] | None:
    made = build(context.config.ranker)
    return made if isinstance(made, partial) and made.func is LookAhead else None
