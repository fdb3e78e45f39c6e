"""The three stages in which a judge learns to give reasons (UnifiedReward-Think, Wang et al. 2025).

1. *Cold start*: chains that somebody else wrote are imitated, of few pairs.
2. *Sift* (rejection sampling): the judge draws chains of many pairs of which only the verdict is known; those that end
   in the right verdict are imitated.
3. *Hard*: what it still gets wrong is learnt by reinforcement, with groups of chains compared to each other (GRPO,
   Shao et al. 2024) and a pull towards the judge of before.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from robopref.errors import DataError
from robopref.items import Items
from robopref.learning.fit import FitConfig, LossFunction, fit
from robopref.rewards.dimensional_judge import DimensionalJudge, chain_log_prob, drawn
from robopref.scores import Loss


@dataclass(frozen=True)
class JudgedPairs:
    """B pairs of which the verdict is known, and perhaps the chain.

    Attributes:
        items: The pairs.
        first: (B,) 1 where the first item is the better one, else 0.
        scores: (B, 2, D) in 1 to 10; None where only the verdict is known.

    Raises:
        DataError: There are none, or numbers do not match.
    """

    items: Items
    first: Tensor
    scores: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {len(self.items), len(self.first), len(self.first if self.scores is None else self.scores)}
        if len(sizes) > 1 or not len(self.first):
            raise DataError(f"a verdict, and scores or none, of each of one or more pairs; got {sorted(sizes)}")

    def __len__(self) -> int:
        """Number of pairs B."""
        return len(self.first)


@dataclass(frozen=True)
class HardStage:
    """How the last stage learns.

    Attributes:
        group: Chains of each pair that are compared to each other.
        pull: Weight of the divergence from the judge of before.
        keep: Weight of imitating the chains of the cold start.
    """

    group: int = 8
    pull: float = 0.05
    keep: float = 1.0


@dataclass(frozen=True)
class SiftedChains:
    """Chains that ended in the right verdict, and pairs that did not always.

    Attributes:
        pair: (R,) index of the pair of each right chain.
        scores: (R, 2, D) the right chains.
        hard: (H,) indices of pairs of which some chain was wrong.
    """

    pair: Tensor
    scores: Tensor
    hard: Tensor


def cold_start(judge: DimensionalJudge, known: JudgedPairs, config: FitConfig, *, seed: int, batch: int = 64) -> None:
    """Imitate chains and verdicts of others, in place.

    Args:
        judge: The judge.
        known: Pairs with scores.
        config: How long.
        seed: Of the batches.
        batch: Pairs a step.

    Raises:
        DataError: The scores are not known.
    """
    fit(judge, _imitation(known, batch), config, seed=seed)


@torch.no_grad()
def sift(judge: DimensionalJudge, pairs: JudgedPairs, count: int, *, seed: int) -> SiftedChains:
    """Draw chains of each pair and keep those that end in the right verdict.

    Args:
        judge: Who draws.
        pairs: Pairs with verdicts.
        count: Chains of each.
        seed: Of the chains.
    """
    chains = drawn(judge.log_probs(pairs.items), count, torch.Generator().manual_seed(seed))
    right = (judge.verdict(chains) > 0) == (pairs.first > 0.5)
    which, pair = right.nonzero(as_tuple=True)
    return SiftedChains(pair, chains[which, pair], (~right.all(0)).nonzero()[:, 0])


def learn_sifted(
    judge: DimensionalJudge, pairs: JudgedPairs, sifted: SiftedChains, known: JudgedPairs | None, config: FitConfig, *,
    seed: int, batch: int = 64,
) -> None:  # fmt: skip
    """Imitate the judge's own right chains, and those of the cold start beside them, in place.

    Args:
        judge: The judge.
        pairs: That were sifted.
        sifted: Their right chains.
        known: Pairs with scores, as for `cold_start`; None imitates its own alone.
        config: How long.
        seed: Of the batches.
        batch: Pairs a step, of either.
    """
    own = JudgedPairs(pairs.items[sifted.pair], pairs.first[sifted.pair], sifted.scores)
    losses = [_imitation(some, batch) for some in (own, known) if some is not None]

    def loss(module: nn.Module, generator: torch.Generator, done: float) -> Loss:
        parts = [one(module, generator, done) for one in losses]
        return Loss(torch.stack([part.total for part in parts]).mean(), parts[0].terms)

    fit(judge, loss, config, seed=seed)


def learn_hard(
    judge: DimensionalJudge, pairs: JudgedPairs, hard: Tensor, known: JudgedPairs | None, config: FitConfig, *,
    seed: int, stage: HardStage | None = None, batch: int = 64,
) -> None:  # fmt: skip
    """Learn hard pairs by reinforcement, in place.

    A chain with the verdict that is drawn from it counts 1 if that is right and 0 if not, and its advantage is that in
    standard deviations of its group, ``(r - mean) / std``; every chain of this judge has the right format, so there
    is no reward of that. Imitating the chains of the cold start beside it keeps scores what they mean (PPO-ptx, Ouyang
    et al. 2022).

    Args:
        judge: The judge.
        pairs: Pairs with verdicts.
        hard: (H,) indices of those to learn; if there are none, nothing happens.
        known: Pairs with scores, as for `cold_start`; None imitates none.
        config: How long.
        seed: Of batches and chains.
        stage: How.
        batch: Pairs a step.
    """
    if not len(hard):
        return
    stage, before = stage or HardStage(), deepcopy(judge).requires_grad_(False).eval()
    imitation = None if known is None else _imitation(known, batch)

    def loss(module: nn.Module, generator: torch.Generator, done: float) -> Loss:
        learner = cast("DimensionalJudge", module)
        some = hard[torch.randint(len(hard), (batch,), generator=generator)]
        items, first = pairs.items[some], pairs.first[some]
        log_probs = learner.log_probs(items)
        chains = drawn(log_probs, stage.group, generator)
        odds = learner.verdict(chains)
        said = (torch.rand(odds.shape, generator=generator) < odds.detach().sigmoid()).float()
        reward = (said == (first > 0.5)).float()
        log_prob = chain_log_prob(log_probs, chains) - binary_cross_entropy_with_logits(odds, said, reduction="none")
        gain = (group_advantages(reward) * log_prob).mean()
        pull = (log_probs.exp() * (log_probs - before.log_probs(items))).sum((-1, -2, -3)).mean()
        pull = pull + bernoulli_divergence(odds, before.verdict(chains)).mean()
        total = stage.pull * pull - gain
        if imitation is not None:
            total = total + stage.keep * imitation(module, generator, done).total
        return Loss(total, {"reward": reward.mean(), "pull": pull.detach()})

    fit(judge, loss, config, seed=seed)


def group_advantages(reward: Tensor) -> Tensor:
    """Rewards (G, B) in standard deviations from the mean of their group of G; 0 in a group without a difference."""
    return (reward - reward.mean(0)) / (reward.std(0, correction=0) + 1e-6)


def bernoulli_divergence(one: Tensor, other: Tensor) -> Tensor:
    """Kullback-Leibler divergence of answers with log-odds `one` from those with log-odds `other`."""
    p = one.sigmoid()
    return p * (logsigmoid(one) - logsigmoid(other)) + (1 - p) * (logsigmoid(-one) - logsigmoid(-other))


def _imitation(known: JudgedPairs, batch: int) -> LossFunction:
    if known.scores is None:
        raise DataError("chains are imitated where they are known; these pairs have verdicts alone")
    scores = known.scores

    def loss(module: nn.Module, generator: torch.Generator, _: float) -> Loss:
        learner = cast("DimensionalJudge", module)
        some = torch.randint(len(known), (batch,), generator=generator)
        chain = -chain_log_prob(learner.log_probs(known.items[some]), scores[some]).mean() / scores[0].numel()
        verdict = binary_cross_entropy_with_logits(learner.verdict(scores[some]), known.first[some])
        return Loss(chain + verdict, {"chain": chain.detach(), "verdict": verdict.detach()})

    return loss
