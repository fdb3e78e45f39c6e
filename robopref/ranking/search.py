"""Beam search over chunks: looking several decisions ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics
from robopref.protocols import CandidateScorer, Policy
from robopref.records import Observation


@dataclass(frozen=True)
class SearchedPlan:
    """A sequence of chunks and where it leads.

    Attributes:
        chunks: T chunks (H, A), first to last.
        value: Sum of the scores of its chunks.
        state: Where it ends.
        over: Whether the task is over there.
    """

    chunks: tuple[Tensor, ...]
    value: float
    state: Any
    over: bool = False


class BeamSearch:
    """Keeps the best few sequences of candidate chunks, by the sum of what a scorer says of each.

    A preference-tuned policy's implicit reward is the advantage of an action, so the sum ranks sequences ("from r to
    Q*", Rafailov et al. 2024). Candidates are scored where they start, and only those that are kept are executed: a
    search costs at most ``beams * depth`` executions. Without dynamics there is nothing to search: use `BestOfN`.

    Args:
        policy: Source of candidates.
        scorer: Scores them; sums need scores with a level, such as implicit rewards of denoising errors.
        dynamics: Says where chunks lead.
        beams: Sequences kept after each decision.
        candidates: Candidates of every sequence.
        depth: Decisions to look ahead; 1 is best-of-n.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(
        self,
        policy: Policy,
        scorer: CandidateScorer,
        dynamics: Dynamics,
        *,
        beams: int = 4,
        candidates: int = 4,
        depth: int = 3,
    ) -> None:
        if min(beams, candidates, depth) < 1:
            raise ConfigError(
                f"beam search needs beams, candidates and depth >= 1, got {beams}, {candidates} and {depth}"
            )
        self.policy, self.scorer, self.dynamics = policy, scorer, dynamics
        self.beams, self.candidates, self.depth = beams, candidates, depth

    @torch.no_grad()
    def search(self, state: Any, observation: Observation, *, generator: torch.Generator) -> list[SearchedPlan]:
        """Search from a state.

        Args:
            state: As the dynamics know it.
            observation: What is observed there, points (1, P, 3), proprio (1, D).
            generator: Source of the candidates' randomness.

        Returns:
            The kept plans, best first; execute the first chunk of the first and search again, or all of them.

        Raises:
            ActionError: A score is not finite.
            ConfigError: More than one observation.
        """
        if len(observation.points) != 1:
            raise ConfigError(f"a search starts from one observation, got {len(observation.points)}")
        plans, seen = [SearchedPlan((), 0.0, state)], observation
        for _ in range(self.depth):
            live = [plan for plan in plans if not plan.over]
            if not live:
                break
            # Finished plans compete for the places of the beam, with nothing left to gain.
            finished = [plan for plan in plans if plan.over]
            kept = _best([*finished, *self._longer(live, seen, generator)], self.beams)
            plans = [plan for plan in kept if plan.over]
            moving = [plan for plan in kept if not plan.over]
            if not moving:
                break
            chunks = torch.stack([plan.chunks[-1] for plan in moving])
            came = self.dynamics.advance([plan.state for plan in moving], chunks)
            seen, over = came.observation, came.over
            plans += [
                replace(plan, state=there, over=ended)
                for plan, there, ended in zip(moving, came.states, over.tolist(), strict=True)
            ]
            going = ~over.to(seen.points.device)
            seen = seen.map(lambda part, rows=going: part[rows])
        return _best(plans, self.beams)

    def _longer(self, plans: list[SearchedPlan], seen: Observation, generator: torch.Generator) -> list[SearchedPlan]:
        """Every plan with each of its candidates; they have yet to be executed."""
        chunks = self.policy.sample(seen, self.candidates, generator=generator)
        scores = self.scorer.score(seen, chunks).value
        if not bool(torch.isfinite(scores).all()):
            raise ActionError(f"{type(self.scorer).__name__} gave a score that is not finite; refusing to plan by it")
        return [
            SearchedPlan((*plan.chunks, chunk), plan.value + score, plan.state)
            for plan, row, values in zip(plans, chunks, scores.tolist(), strict=True)
            for chunk, score in zip(row, values, strict=True)
        ]


def _best(plans: list[SearchedPlan], count: int) -> list[SearchedPlan]:
    return sorted(plans, key=attrgetter("value"), reverse=True)[:count]
