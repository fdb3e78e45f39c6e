"""Beam search over chunks: looking several decisions ahead, by what a judge says of each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.interaction import Dynamics
from robopref.policies.abilities import history_of
from robopref.protocols import Policy
from robopref.ranking.best_of_n import Choice
from robopref.ranking.chunk_judges import ChunkJudge, SearchedPlan, followed
from robopref.ranking.look_ahead import kept_first
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class BeamSearch:
    """Keeps the best few sequences of candidate chunks, by the sum of what a judge says of each.

    Without dynamics there is nothing to search: use `BestOfN`.

    Args:
        policy: Source of candidates.
        judge: Says what chunks are worth: `ScoredChunks` by a scorer, where they start, so that only those that are
            kept are executed; `EarnedChunks` by what the dynamics say that they earn, so that all of them are.
        dynamics: Says where chunks lead.
        beams: Sequences kept after each decision.
        candidates: Candidates of every sequence.
        depth: Decisions to look ahead; 1 is best-of-n.

    Raises:
        ConfigError: A number is not positive, or the policy sees more than one observation.
    """

    def __init__(
        self,
        policy: Policy,
        judge: ChunkJudge,
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
        if (history := history_of(policy)) > 1:
            raise ConfigError(
                f"beam search asks the policy where its chunks lead, and what this one needs there, the last {history} "
                "observations, is not known; choose ranker=best_of_n, or a policy of one observation"
            )
        self.policy, self.judge, self.dynamics = policy, judge, dynamics
        self.beams, self.candidates, self.depth = beams, candidates, depth

    @property
    def keep(self) -> int:
        """Sequences that are kept after each decision."""
        return self.beams

    @property
    def scorer(self) -> Any:
        """What judges actions where they start; None if nothing does."""
        return self.judge.scorer

    @property
    def parts(self) -> tuple[Any, ...]:
        """The scorer, if there is one."""
        return () if self.scorer is None else (self.scorer,)

    @property
    def simulated(self) -> int:
        """Chunks that `choose` executes before a decision, at most, beside the candidates themselves."""
        return self.judge.executed(self.beams, self.candidates) * (self.depth - 1)

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
        begun = self._longer([SearchedPlan((), 0.0, state, seen=observation)], generator)
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
        beams, count = self.beams if keep is None else keep, candidates.shape[1]
        here = [SearchedPlan((), 0.0, state) for state in states]
        begun = self.judge.longer(here, observation, candidates, self.dynamics, draw=draw)
        rows: list[Tensor] = []
        for start in range(0, len(begun), count):
            one = begun[start : start + count]
            generator = torch.Generator(candidates.device).manual_seed(0)
            best: dict[int, float] = {}
            for plan in self._searched(one, beams, generator, arrive=False):
                best.setdefault(plan.first, plan.value)
            worth = torch.tensor([[plan.value for plan in one]], device=candidates.device)
            kept = torch.tensor([list(best)], device=worth.device)
            rows.append(kept_first(worth, kept, worth.new_tensor([list(best.values())]))[0])
        value = torch.stack(rows)
        index = value.argmax(dim=1)
        return Choice(candidates[torch.arange(len(value)), index], index, candidates, Scores(value))

    def _searched(
        self, begun: list[SearchedPlan], beams: int, generator: torch.Generator, *, arrive: bool
    ) -> list[SearchedPlan]:
        """The best plans among those that begin with given chunks.

        Args:
            begun: Plans of one chunk.
            beams: Plans that are kept.
            generator: Source of the later candidates' randomness.
            arrive: Whether the last chunks are executed, too, where the judge has not had that done.
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
            arrived = followed(moving, self.dynamics)
            over += [plan for plan in arrived if plan.over]
            live = [plan for plan in arrived if not plan.over]
            if not live or decision == self.depth:
                return _best([*over, *live], beams)
            waiting = self._longer(live, generator)

    def _longer(self, plans: list[SearchedPlan], generator: torch.Generator) -> list[SearchedPlan]:
        """Every plan with each of its candidates."""
        seen = _together([plan.seen for plan in plans if plan.seen is not None])
        chunks = self.policy.sample(seen, self.candidates, generator=generator)
        return self.judge.longer(plans, seen, chunks, self.dynamics)


def _together(seen: list[Observation]) -> Observation:
    """Observations (1, ...) as one batch."""
    return Observation.of({name: torch.cat([one.part(name) for one in seen]) for name in seen[0].parts})


def _best(plans: list[SearchedPlan], count: int) -> list[SearchedPlan]:
    return sorted(plans, key=attrgetter("value"), reverse=True)[:count]
