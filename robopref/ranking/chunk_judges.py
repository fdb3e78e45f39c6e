"""What chunks are worth to a search over sequences of them: what a scorer says, or what dynamics say that they earn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from robopref.decisions import outcome_parts
from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics
from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.scores import NoiseDraw


@dataclass(frozen=True)
class SearchedPlan:
    """A sequence of chunks and where it leads.

    Attributes:
        chunks: T chunks (H, A), first to last.
        value: Sum of what its chunks are worth.
        state: Where it ends; where its last chunk starts, as long as that has not been executed.
        over: Whether the task is over there.
        first: Which of the candidates of the beginning its first chunk is.
        seen: What is observed where it ends, (1, ...) of each part; None while its last chunk has yet to be executed.
    """

    chunks: tuple[Tensor, ...]
    value: float
    state: Any
    over: bool = False
    first: int = 0
    seen: Observation | None = None


class ChunkJudge(Protocol):
    """Says what chunks are worth."""

    @property
    def scorer(self) -> Any:
        """What judges chunks where they start; None if nothing does."""
        ...

    def executed(self, beams: int, candidates: int) -> int:
        """Chunks that are executed for one more decision, at most, of so many sequences and candidates of each."""
        ...

    def longer(
        self, plans: Sequence[SearchedPlan], seen: Observation, chunks: Tensor, dynamics: Dynamics, *,
        draw: NoiseDraw | None = None,
    ) -> list[SearchedPlan]:  # fmt: skip
        """Every plan with each of its candidates, and what that makes it worth.

        Args:
            plans: B plans.
            seen: What is observed where they end, (B, ...) of each part.
            chunks: (B, N, H, A) candidates.
            dynamics: Says where chunks lead.
            draw: For scores of diffusion.

        Returns:
            B N plans, those of the first plan first.

        Raises:
            ActionError: What a chunk is worth is not finite.
        """
        ...


class ScoredChunks:
    """Chunks are worth what a scorer says of them where they start.

    A preference-tuned policy's implicit reward is the advantage of an action, so the sum ranks sequences ("from r to
    Q*", Rafailov et al. 2024). Only chunks that are kept are executed: a search costs at most ``beams * depth``
    executions.

    Args:
        scorer: Scores candidates; sums need scores with a level, such as implicit rewards of denoising errors.

    Raises:
        ConfigError: The scorer judges outcomes.
    """

    def __init__(self, scorer: CandidateScorer) -> None:
        if outcome_parts(scorer):
            raise ConfigError(
                "beam search adds up what a reward says of actions, and this one judges outcomes; name another with "
                "use=, or choose ranker=look_ahead"
            )
        self.scorer = scorer

    def executed(self, beams: int, candidates: int) -> int:
        """Chunks that are executed for one more decision; what the last one would lead to, nobody asks."""
        del candidates
        return beams

    def longer(
        self, plans: Sequence[SearchedPlan], seen: Observation, chunks: Tensor, dynamics: Dynamics, *,
        draw: NoiseDraw | None = None,
    ) -> list[SearchedPlan]:  # fmt: skip
        """See `ChunkJudge`; none of the new chunks is executed yet."""
        del dynamics
        scores = self.scorer.score(seen, chunks, draw=draw).value
        if not bool(torch.isfinite(scores).all()):
            raise ActionError(
                "the reward gave a score that is not finite; refusing to plan by it: train it again, or name another "
                "one with use="
            )
        return [
            replace(plan, value=plan.value + score)
            for plan, score in zip(_extended(plans, chunks), scores.flatten().tolist(), strict=True)
        ]


class EarnedChunks:
    """Chunks are worth what dynamics say that they earn: the task's reward in a simulator, its own in a learnt model.

    Every chunk is executed before it is judged, so that a search executes up to ``beams * candidates * (depth - 1)``
    chunks beside the first ones: with a model of the world that is cheap.
    """

    scorer = None

    def executed(self, beams: int, candidates: int) -> int:
        """Chunks that are executed for one more decision."""
        return beams * candidates

    def longer(
        self, plans: Sequence[SearchedPlan], seen: Observation, chunks: Tensor, dynamics: Dynamics, *,
        draw: NoiseDraw | None = None,
    ) -> list[SearchedPlan]:  # fmt: skip
        """See `ChunkJudge`; all of the new chunks are executed."""
        del seen, draw
        return followed(_extended(plans, chunks), dynamics, earning=True)


def followed(plans: Sequence[SearchedPlan], dynamics: Dynamics, *, earning: bool = False) -> list[SearchedPlan]:
    """Plans after their last chunks, which are executed where they have yet to be.

    Args:
        plans: The plans, none of which is over.
        dynamics: Says where chunks lead.
        earning: Whether plans are worth what their last chunks earn, too.

    Raises:
        ActionError: What is earned is not finite.
    """
    rows = [row for row, plan in enumerate(plans) if plan.seen is None]
    if not rows:
        return list(plans)
    came = dynamics.advance([plans[row].state for row in rows], torch.stack([plans[row].chunks[-1] for row in rows]))
    earned = came.reward.tolist() if earning else [0.0] * len(rows)
    if earning and not bool(torch.isfinite(came.reward).all()):
        raise ActionError(
            "what says where actions lead (dynamics=) gave a reward that is not finite; refusing to plan by it"
        )
    found = list(plans)
    for at, (row, there, gained, over) in enumerate(zip(rows, came.states, earned, came.over.tolist(), strict=True)):
        seen = came.observation.map(lambda part, at=at: part[at : at + 1])
        found[row] = replace(plans[row], value=plans[row].value + gained, state=there, over=over, seen=seen)
    return found


def _extended(plans: Sequence[SearchedPlan], chunks: Tensor) -> list[SearchedPlan]:
    """Every plan with each of its chunks, which are neither judged nor executed."""
    return [
        replace(plan, chunks=(*plan.chunks, chunk), first=plan.first if plan.chunks else index, seen=None)
        for plan, each in zip(plans, chunks, strict=True)
        for index, chunk in enumerate(each)
    ]
