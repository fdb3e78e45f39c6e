"""Best-of-n: sample candidates, score them, take one by its score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.rules import Rule, greedy
from robopref.records import Observation
from robopref.scores import Scores


@dataclass(frozen=True)
class Choice:
    """What was chosen, and from what.

    Attributes:
        action: (B, H, A) the chosen chunks.
        index: (B,) which candidate.
        candidates: (B, N, H, A).
        scores: Their scores.
    """

    action: Tensor
    index: Tensor
    candidates: Tensor
    scores: Scores


class BestOfN:
    """Samples n candidates from a policy and takes the one that a scorer likes best, or one by another rule.

    Args:
        policy: Source of candidates.
        scorer: Scores them.
        n: Candidates N.
        rule: Picks by score.

    Raises:
        ConfigError: n is not positive.
    """

    def __init__(self, policy: Policy, scorer: CandidateScorer, n: int = 16, rule: Rule = greedy) -> None:
        if n < 1:
            raise ConfigError(f"best-of-n needs n >= 1, got {n}")
        self.policy, self.scorer, self.n, self.rule = policy, scorer, n, rule

    def choose(self, observation: Observation, *, generator: torch.Generator) -> Choice:
        """Choose a chunk for each state.

        Args:
            observation: points (B, P, 3), proprio (B, D).
            generator: Source of the candidates' randomness and the rule's.

        Returns:
            The choice; the same generator state gives the same choice.
        """
        candidates = self.policy.sample(observation, self.n, generator=generator)
        return rank(self.scorer, observation, candidates, rule=self.rule, generator=generator)


@torch.no_grad()
def rank(
    scorer: CandidateScorer,
    observation: Observation,
    candidates: Tensor,
    *,
    rule: Rule = greedy,
    generator: torch.Generator | None = None,
) -> Choice:
    """Take one of given candidates by its score, the best by default.

    Args:
        scorer: Scores them.
        observation: points (B, P, 3), proprio (B, D).
        candidates: (B, N, H, A).
        rule: Picks by score.
        generator: Source of the rule's randomness; None takes a fixed one.

    Returns:
        The choice.

    Raises:
        ActionError: A score is not finite.
    """
    scores = scorer.score(observation, candidates)
    if not bool(torch.isfinite(scores.value).all()):
        raise ActionError(
            "the reward gave a score that is not finite; refusing to choose by it: train it again, or name another one "
            "with use="
        )
    index = rule(scores, generator or torch.Generator(candidates.device).manual_seed(0))
    return Choice(candidates[torch.arange(len(index), device=index.device), index], index, candidates, scores)
