"""Look-ahead and searches in commands: what they are made of, and where there are no dynamics for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.interaction import Dynamics
from robopref.policies.abilities import observed_by
from robopref.protocols import ChunkPolicy
from robopref.ranking.chunk_judges import EarnedChunks, ScoredChunks
from robopref.ranking.look_ahead import LookAhead
from robopref.ranking.rules import greedy
from robopref.ranking.search import BeamSearch
from robopref.runtime.foresight import Foresight

EARNED = "earned"  # what dynamics say that candidates earn, as the name of a score
_CHEAP = ("combined", "explicit", "implicit", "likelihood")  # of what can keep candidates, the first there is


def looks_ahead(context: Context) -> bool:
    """Whether the settings of the ranker are those of `LookAhead`."""
    return _factory(context) is not None


def searches(context: Context) -> bool:
    """Whether the settings of the ranker are those of `BeamSearch` by a reward."""
    return _search(context) is not None and not earns(context)


def earns(context: Context) -> bool:
    """Whether the settings of the ranker are those of `BeamSearch` by what dynamics say that chunks earn.

    Raises:
        ConfigError: It goes by something else than that or a reward.
    """
    search = _search(context)
    judge = None if search is None else search.keywords.get("judge")
    if judge is not None and not isinstance(judge, EarnedChunks):
        raise ConfigError(
            "commands search by the reward that use= names, without ranker.judge, or by that of ranker=earned_search; "
            f"others, such as {type(judge).__name__}, are for Python"
        )
    return judge is not None


def ranker_of_dynamics(context: Context) -> str | None:
    """The word that chooses the ranker, if it is one that needs dynamics."""
    if earns(context):
        return "earned_search"
    return "look_ahead" if looks_ahead(context) else "beam_search" if searches(context) else None


def takes_the_best(context: Context) -> bool:
    """Whether the settings of the ranker take the candidate with the best score."""
    rule = getattr(build(context.config.ranker), "keywords", {}).get("rule")
    return isinstance(rule, partial) and rule.func is greedy


def require_no_dynamics(context: Context) -> None:
    """Refuse a ranker that needs dynamics, where there are none.

    Raises:
        ConfigError: The ranker looks ahead, or searches.
    """
    if (ranker := ranker_of_dynamics(context)) is not None:
        raise ConfigError(
            f"ranker={ranker} carries candidates out, and recorded data come with nothing to carry them out in; "
            "choose ranker=best_of_n; the critics of robopref offline judge actions, so that dynamics=learnt, which "
            "imagines outcomes, is for robopref deploy"
        )


def require_of_actions(reward: object, name: str) -> None:
    """Demand a reward that beam search can add up, before anything is simulated.

    Args:
        reward: The reward.
        name: What it is called.

    Raises:
        ConfigError: It judges outcomes.
    """
    if outcome_parts(reward):
        raise ConfigError(
            f"ranker=beam_search adds up what a reward says of actions, and {name} judges what came of them; choose "
            "ranker=look_ahead, or use= a reward of actions, such as implicit"
        )


def require_of_outcomes(reward: object, name: str, judges: Sequence[str]) -> None:
    """Demand a reward that look-ahead can judge outcomes by.

    Args:
        reward: The reward.
        name: What it is called.
        judges: Names of those that judge outcomes.

    Raises:
        ConfigError: It judges actions.
    """
    if not outcome_parts(reward):
        raise ConfigError(
            f"ranker=look_ahead ranks by a reward of outcomes, and {name} judges actions; choose ranker=best_of_n, "
            f"or use={judges[0] if judges else 'outcome, trained with reward=outcome'}"
        )


def beam_search(
    context: Context, policy: ChunkPolicy, rewards: Mapping[str, Any], by: str, dynamics: Dynamics
) -> BeamSearch:
    """What searches by a reward of actions; as the ranker of the settings does, if that is one that searches.

    Args:
        context: Of the command.
        policy: Source of candidates.
        rewards: All there are, by name.
        by: The name of the one that is added up.
        dynamics: Says where chunks lead.

    Raises:
        ConfigError: The reward judges outcomes, the policy sees more than one observation, or they look at what is not
            imagined.
    """
    require_of_actions(rewards[by], by)
    looks = (*observed_by(policy), *getattr(rewards[by], "observes", ()))
    _require_imagined(f"ranker=beam_search asks policy and {by}", looks, dynamics, "choose dynamics=sim, or others")
    return (_search(context) or partial(BeamSearch))(policy, ScoredChunks(as_scorer(rewards[by])), dynamics)


def earned_search(context: Context, policy: ChunkPolicy, dynamics: Dynamics) -> BeamSearch:
    """What searches by what a world model says that chunks earn, as the ranker of the settings does.

    Args:
        context: Of the command.
        policy: Source of candidates.
        dynamics: The world model.

    Raises:
        ConfigError: The policy sees more than one observation, or looks at what is not imagined.
    """
    _require_imagined("ranker=earned_search asks the policy", observed_by(policy), dynamics, "choose another ranker")
    return (_search(context) or partial(BeamSearch, judge=EarnedChunks()))(policy, dynamics=dynamics)


def searches_of(
    context: Context, policy: ChunkPolicy, rewards: Mapping[str, Any], leading: str, dynamics: Dynamics
) -> dict[str, BeamSearch]:
    """What searches as the ranker of the settings does, by the name of what it adds up; nothing if that does not.

    Args:
        context: Of the command.
        policy: Source of candidates.
        rewards: All there are, by name.
        leading: The name of the one that ranks.
        dynamics: Says where chunks lead, and what they earn if that is added up.

    Raises:
        ConfigError: What ranks cannot be added up, or looks at what is not imagined.
    """
    if earns(context):
        if EARNED in rewards:
            raise ConfigError(
                f"ranker=earned_search calls its score {EARNED}, as a reward of the run is called; leave that out with "
                f"rewards.{EARNED}=null"
            )
        return {EARNED: earned_search(context, policy, dynamics)}
    return {leading: beam_search(context, policy, rewards, leading, dynamics)} if searches(context) else {}


def at_once(beams: Mapping[str, BeamSearch], candidates: int) -> dict[str, Foresight]:
    """What each candidate earns by itself, where that is what a search adds up.

    Args:
        beams: What searches, by name.
        candidates: Of a decision.
    """
    return {
        name: Foresight(BeamSearch(one.policy, one.judge, one.dynamics, beams=candidates, depth=1))
        for name, one in beams.items()
        if one.scorer is None
    }


def _require_imagined(who: str, looks: Sequence[str], dynamics: Dynamics, instead: str) -> None:
    imagines = getattr(dynamics, "imagines", None)
    if imagines is not None and (others := [part for part in looks if part not in imagines]):
        raise ConfigError(
            f"{who} again where chunks lead, and they look at {others[0]}, of which nothing is imagined, only "
            f"{' and '.join(imagines) or 'what vectors tell'}; {instead}"
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


def _search(context: Context) -> partial[BeamSearch] | None:
    made = build(context.config.ranker)
    return made if isinstance(made, partial) and made.func is BeamSearch else None
