"""Rounds in which a policy judges itself: what it came to prefer labels its candidates, and held-out answers watch."""

from __future__ import annotations

from copy import deepcopy

from torch import nn

from robopref.cli.context import Context
from robopref.cli.reward_judgement import candidates_of, unseen_answers
from robopref.cli.reward_worth import RewardWorth
from robopref.decisions import rewards_within
from robopref.errors import ConfigError, DataError
from robopref.evaluation.evidence import ordered_rightly
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.rewards.implicit import ImplicitReward


def require_own(context: Context, name: str, judge: nn.Module) -> None:
    """Demand that a policy can take the place of the one that a judge tuned, and that somebody watches.

    Args:
        context: Of the command.
        name: Of the judge.
        judge: As it was trained.

    Raises:
        ConfigError: The judge tunes no policy, or several, or has no reference.
        DataError: No given answer that it did not learn from decides a pair.
    """
    tuned = _tuned(judge)
    if len(tuned) != 1 or tuned[0].reference is None:
        raise ConfigError(
            f"improve.own=true lets the policy take the place of the one that the judge tuned, and {name} "
            f"{'has no reference' if len(tuned) == 1 else f'tunes {len(tuned)} policies'}; train one with "
            "method=diffusion_dpo, and name it with improve.judge=implicit"
        )
    if watched_share(context, name, judge) is None:
        raise DataError(
            f"improve.own=true needs answers that {name} did not learn from, as nothing else would tell when the "
            f"policy talks itself into something; run: robopref explore run={context.folder}, then robopref label "
            f"run={context.folder} label.about=explored label.budget=20"
        )


def preferring(judge: nn.Module, policy: ChunkDiffusion) -> nn.Module:
    """What a policy itself came to prefer over the reference of a judge, ``beta log(pi / pi_ref)`` (Kim et al. 2025).

    Args:
        judge: Tuned another policy of that make; stays as it is.
        policy: The policy.
    """
    own = deepcopy(judge)
    for part in _tuned(own):
        part.policy.load_state_dict(policy.state_dict())
    return own.eval()


def watched_share(context: Context, name: str, judge: nn.Module) -> float | None:
    """Share of the pairs of given answers, from which a judge was not trained, that another one orders rightly.

    Args:
        context: Of the run.
        name: Of the judge that was trained.
        judge: That orders.

    Returns:
        The mean over questions; None if no pair is decided.
    """
    unseen = unseen_answers(context, name, candidates_of(context))
    if unseen is None:
        return None
    answers, datasets = unseen
    worth = RewardWorth(context, judge)
    found = ordered_rightly(answers, lambda item: float(worth.of(datasets[item.source], item).sum()))
    return None if found is None else found.share.mean


def _tuned(judge: nn.Module) -> list[ImplicitReward]:
    return [part for part in rewards_within(judge) if isinstance(part, ImplicitReward)]
