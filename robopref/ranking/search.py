"""Beam search over chunks: looking several decisions ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from robopref.decisions import outcome_parts
from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics
from robopref.policies.abilities import history_of
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.best_of_n import Choice
from robopref.ranking.look_ahead import kept_first
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


@dataclass(frozen=True)
class SearchedPlan:
    """A sequence of chunks and where it leads.

    Attributes:
        chunks: T chunks (H, A), first to last.
        value: Sum of the scores of its chunks.
        state: Where it ends.
        over: Whether the task is over there.
        first: Which of the candidates of the beginning its first chunk is.
    """

    chunks: tuple[Tensor, ...]
    value: float
    state: Any
    over: bool = False
    first: int = 0


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
        ConfigError: A number is not positive, the scorer judges outcomes, or the policy sees more than one observation.
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
        if outcome_parts(scorer):
            raise ConfigError("beam search adds up what a reward says of actions, and this one judges outcomes")
        if (history := history_of(policy)) > 1:
            raise ConfigError(
                f"beam search asks the policy where its chunks lead, and what this one needs there, the last {history} "
                "observations, is not known"
            )
        self.policy, self.scorer, self.dynamics = policy, scorer, dynamics
        self.beams, self.candidates, self.depth = beams, candidates, depth

    @property
    def keep(self) -> int:
        """Sequences that are kept after each decision."""
        return self.beams

    @property
    def parts(self) -> tuple[CandidateScorer]:
        """The scorer."""
        return (self.scorer,)

    @property
    def simulated(self) -> int:
        """Chunks that `choose` executes before a decision, at most: what the last one would lead to, nobody asks."""
        return self.beams * (self.depth - 1)

    @torch.no_grad()
    def search(self, state: Any, observation: Observation, *, generator: torch.Generator) -> list[SearchedPlan]:
        """Search from a state.

        Args:
            state: As the dynamics know it.
            observation: What is observed there, (1, ...) of each part.
            generator: Source of the candidates' randomness.

        Returns:
            The kept plans, best first; execute the first chunk of the first and search again, or all of them.

        Raises:
            ActionError: A score is not finite.
            ConfigError: More than one observation.
        """
        if (count := len(next(iter(observation.parts.values())))) != 1:
            raise ConfigError(f"a search starts from one observation, got {count}")
        begun = self._longer([SearchedPlan((), 0.0, state)], observation, generator)
        return self._searched(begun, self.beams, generator, arrive=True)

    @torch.no_grad()
    def choose(
        self,
        states: Sequence[Any],
        observation: Observation,
        candidates: Tensor,
        *,
        draw: NoiseDraw | None = None,
        keep: int | None = None,
    ) -> Choice:
        """Choose the candidate of each state that the best sequence begins with.

        Later candidates are drawn by the same noise in every call.

        Args:
            states: B states, as the dynamics know them.
            observation: What is observed there, (B, ...) of each part.
            candidates: (B, N, H, A) first chunks.
            draw: For the scores of these, if they are of diffusion.
            keep: Sequences that are kept, in place of `beams`.

        Returns:
            The choice; of its scores, candidates that a kept sequence begins with have the best of these sums, others
            come below all of these, in the order of their own score.

        Raises:
            ActionError: A score is not finite.
        """
        beams = self.beams if keep is None else keep
        own = self._finite(self.scorer.score(observation, candidates, draw=draw).value)
        rows: list[Tensor] = []
        for state, chunks, worth in zip(states, candidates, own, strict=True):
            generator = torch.Generator(candidates.device).manual_seed(0)
            begun = [
                SearchedPlan((chunk,), value, state, first=index)
                for index, (chunk, value) in enumerate(zip(chunks, worth.tolist(), strict=True))
            ]
            best: dict[int, float] = {}
            for plan in self._searched(begun, beams, generator, arrive=False):
                best.setdefault(plan.first, plan.value)
            kept = torch.tensor([list(best)], device=own.device)
            rows.append(kept_first(worth[None], kept, worth.new_tensor([list(best.values())]))[0])
        value = torch.stack(rows)
        index = value.argmax(dim=1)
        return Choice(candidates[torch.arange(len(value)), index], index, candidates, Scores(value))

    def _searched(
        self, begun: list[SearchedPlan], beams: int, generator: torch.Generator, *, arrive: bool
    ) -> list[SearchedPlan]:
        """The best plans among those that begin with given chunks, which have yet to be executed.

        Args:
            begun: Plans of one chunk.
            beams: Plans that are kept.
            generator: Source of the later candidates' randomness.
            arrive: Whether the last chunks are executed, too.
        """
        over: list[SearchedPlan] = []
        waiting, decision = begun, 0
        while True:
            decision += 1
            # Finished plans compete for the places of the beam, with nothing left to gain.
            kept = _best([*over, *waiting], beams)
            over, moving = [plan for plan in kept if plan.over], [plan for plan in kept if not plan.over]
            if not moving or (decision == self.depth and not arrive):
                return kept
            came = self.dynamics.advance(
                [plan.state for plan in moving], torch.stack([plan.chunks[-1] for plan in moving])
            )
            arrived = [
                replace(plan, state=there, over=ended)
                for plan, there, ended in zip(moving, came.states, came.over.tolist(), strict=True)
            ]
            over += [plan for plan in arrived if plan.over]
            live = [plan for plan in arrived if not plan.over]
            if not live or decision == self.depth:
                return _best([*over, *live], beams)
            going = ~came.over
            seen = came.observation.map(lambda part, rows=going: part[rows.to(part.device)])
            waiting = self._longer(live, seen, generator)

    def _longer(self, plans: list[SearchedPlan], seen: Observation, generator: torch.Generator) -> list[SearchedPlan]:
        """Every plan with each of its candidates; they have yet to be executed."""
        chunks = self.policy.sample(seen, self.candidates, generator=generator)
        scores = self._finite(self.scorer.score(seen, chunks).value)
        return [
            replace(
                plan, chunks=(*plan.chunks, chunk), value=plan.value + score, first=plan.first if plan.chunks else k
            )
            for plan, row, values in zip(plans, chunks, scores.tolist(), strict=True)
            for k, (chunk, score) in enumerate(zip(row, values, strict=True))
        ]

    def _finite(self, scores: Tensor) -> Tensor:
        if not bool(torch.isfinite(scores).all()):
            raise ActionError(f"{type(self.scorer).__name__} gave a score that is not finite; refusing to plan by it")
        return scores


def _best(plans: list[SearchedPlan], count: int) -> list[SearchedPlan]:
    return sorted(plans, key=attrgetter("value"), reverse=True)[:count]
