"""Scores that follow from trained rewards and a policy without further training."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from robopref.decisions import as_scorer, outcome_parts, rewards_within
from robopref.policies.abilities import is_denoising, observed_by
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.protocols import CandidateScorer, ChunkPolicy
from robopref.rewards.candidate_agreement import CandidateAgreement
from robopref.rewards.ensemble import EnsembleReward, symmetric
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.likelihood import LikelihoodScore
from robopref.rewards.masked_likelihood import MaskedLikelihoodScore

LIKELIHOOD, MASKED_LIKELIHOOD, CANDIDATE_AGREEMENT = "likelihood", "masked likelihood", "candidate agreement"
LABEL_FREE = (LIKELIHOOD, MASKED_LIKELIHOOD, CANDIDATE_AGREEMENT)  # names of scores into which no label went


def with_derived(rewards: Mapping[str, nn.Module], policy: ChunkPolicy) -> dict[str, nn.Module]:
    """Trained rewards and what follows from them, averaged over the symmetries that the task is known to have.

    Args:
        rewards: Trained scorers by name.
        policy: The policy of the demonstrations.

    Returns:
        Modules in eval mode: each reward; the mean of several that score actions as ``combined``; and for policies with
        an energy the ``likelihood``, which no label went into, and the ``tuned likelihood``.
    """
    scores, of_actions = dict(rewards), [reward for reward in rewards.values() if not outcome_parts(reward)]
    if len(of_actions) > 1:
        scores["combined"] = EnsembleReward(of_actions)
    if is_denoising(policy) and policy.has_energy:
        tuned = tuned_policy(rewards)
        if tuned is not None:
            scores["tuned likelihood"] = LikelihoodScore(tuned)
        scores[LIKELIHOOD] = LikelihoodScore(policy)
    return {name: symmetric(reward, policy.geometry).eval() for name, reward in scores.items()}


def label_free(policy: ChunkPolicy) -> dict[str, CandidateScorer]:
    """Further scores into which no label went, to be measured beside the ``likelihood``.

    Args:
        policy: The policy of the demonstrations.

    Returns:
        The ``masked likelihood`` of policies with an energy that see points, averaged over the symmetries that the task
        is known to have, and the ``candidate agreement``.
    """
    scores: dict[str, CandidateScorer] = {}
    if is_denoising(policy) and policy.has_energy and "points" in observed_by(policy):
        scores[MASKED_LIKELIHOOD] = as_scorer(symmetric(MaskedLikelihoodScore(policy), policy.geometry).eval())
    return scores | {CANDIDATE_AGREEMENT: CandidateAgreement()}


def tuned_policy(rewards: Mapping[str, nn.Module]) -> ChunkDiffusion | None:
    """The preference-tuned policy: that of the first implicit reward, if there is one."""
    name = tuning_reward(rewards)
    parts = () if name is None else rewards_within(rewards[name])
    return next((part.policy for part in parts if isinstance(part, ImplicitReward)), None)


def tuned_policies(rewards: Mapping[str, nn.Module]) -> dict[str, ChunkDiffusion]:
    """The policies that were tuned, by the name of the implicit reward of each; of several members the first one's."""
    found: dict[str, ChunkDiffusion] = {}
    for name, reward in rewards.items():
        parts = [part for part in rewards_within(reward) if isinstance(part, ImplicitReward)]
        if parts:
            found[name] = parts[0].policy
    return found


def tuning_reward(rewards: Mapping[str, nn.Module]) -> str | None:
    """The name of the reward whose policy `tuned_policy` is, if there is one."""
    for name, reward in rewards.items():
        if any(isinstance(part, ImplicitReward) for part in rewards_within(reward)):
            return name
    return None
