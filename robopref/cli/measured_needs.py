"""What the ways of choosing of an evaluation need, found out with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from robopref.cli.context import Context
from robopref.cli.looking_ahead import EARNED
from robopref.decisions import outcome_parts
from robopref.evaluation.choice_needs import ChoiceNeeds, Keeping, LearntFrom, load_learnt, write_needs
from robopref.evaluation.compare import Act, SituatedAct
from robopref.evaluation.decision_times import decision_times
from robopref.interaction import Dynamics
from robopref.policies.abilities import history_of
from robopref.protocols import ChunkPolicy
from robopref.ranking.look_ahead import LookAhead, LookAheadAct
from robopref.rewards.derived import tuning_reward
from robopref.robots.sim import Moment


class TimedChoices(NamedTuple):
    """Ways of choosing, and what to time them with.

    Attributes:
        strategies: Those of episodes, by name.
        dynamics: Says where candidates lead.
        moments: Held-out starts.
        keeping: How each reward of outcomes comes to the candidates that are carried out, or imagined, for it.
        beams: Candidates that beam search carries out before a decision, by the reward that it adds up.
        imagining: What a learnt dynamics learnt from that imagines them.
    """

    strategies: Mapping[str, Act | SituatedAct]
    dynamics: Dynamics
    moments: Sequence[Moment]
    keeping: Mapping[str, Keeping]
    beams: Mapping[str, int]
    imagining: LearntFrom = LearntFrom(0, 0)


def measure_needs(context: Context, policy: ChunkPolicy, rewards: Mapping[str, Any], choices: TimedChoices) -> None:
    """Time a decision of each way of choosing, and keep it with what each learnt from.

    Args:
        context: Of the run.
        policy: Source of candidates.
        rewards: All there are, by name.
        choices: The ways of choosing.

    Raises:
        DataError: What the rewards learnt from is not readable, or the disk refused.
    """
    count = int(context.config.evaluate.candidates)
    timed = dict(choices.strategies)
    for name in choices.keeping:
        everything = LookAhead(choices.dynamics, rewards[name], keep=count)
        timed[name] = LookAheadAct(policy, everything, count)
    with context.stage("Time decisions", "starts") as bar:
        taken = decision_times(timed, choices.moments, context.device, history_of(policy), bar)
    taken["own"] = taken.pop("policy")
    judges = [name for name, reward in rewards.items() if outcome_parts(reward)]
    learnt = learnt_by_score(load_learnt(context.folder), list(rewards), judges, tuning_reward(rewards))
    for judge, how in choices.keeping.items():
        if how.imagined is not None:
            learnt[how.imagined] = learnt.get(judge, LearntFrom()).beside(choices.imagining)
    if EARNED in choices.strategies:
        learnt[EARNED] = choices.imagining
    write_needs(context.folder, ChoiceNeeds(learnt, choices.keeping, taken, choices.beams))


def learnt_by_score(
    trained: Mapping[str, LearntFrom], scores: Sequence[str], judges: Collection[str], tuning: str | None
) -> dict[str, LearntFrom]:
    """What each score learnt from: trained rewards from what they were trained on, others from what their parts were.

    Args:
        trained: Of trained rewards, as far as it is known.
        scores: Names of all scores.
        judges: Those that judge outcomes.
        tuning: The reward that tuned the policy of ``tuned likelihood``.

    Returns:
        Of those of which it is known; where parts of one learnt from unlike numbers of answers, it is not. What was
        executed for one of its parts, such as for one that was distilled, was executed for it.
    """
    parts = {name: one for name, one in trained.items() if name in scores and name not in judges}
    found = {name: trained[name] for name in scores if name in trained}
    if "tuned likelihood" in scores and tuning is not None and tuning in trained:
        found["tuned likelihood"] = trained[tuning]
    if "combined" in scores and len({one.answers for one in parts.values()}) == 1:
        found["combined"] = reduce(LearntFrom.beside, parts.values())
    return found
