"""Search by what dynamics say that chunks earn: the task's reward in a simulator, its own in a learnt model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics
from robopref.policies.abilities import history_of
from robopref.protocols import Policy
from robopref.ranking.best_of_n import Choice
from robopref.ranking.look_ahead import kept_first
from robopref.ranking.search import SearchedPlan
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class EarnedSearch:
    """Keeps the best few sequences of candidate chunks, by the sum of the rewards on the way.

    Unlike `BeamSearch`, whose scorer judges chunks where they start, every chunk is followed before it is judged, so
    that a search follows up to ``beams * candidates * (depth - 1)`` chunks beside the first ones: with a model of the
    world that is cheap.

    Args:
        policy: Source of candidates after the first decision.
        dynamics: Says where chunks lead and what they earn.
        beams: Sequences kept after each decision.
        candidates: Candidates of every sequence, after the first decision.
        depth: Decisions to look ahead; 1 is best-of-n by what each candidate earns.

    Raises:
        ConfigError: A number is not positive, or the policy sees more than one observation.
    """

    scorer = None

    def __init__(
        self, policy: Policy, dynamics: Dynamics, *, beams: int = 4, candidates: int = 4, depth: int = 3
    ) -> None:
        if min(beams, candidates, depth) < 1:
            raise ConfigError(
                f"a search by what is earned needs beams, candidates and depth >= 1, got {beams}, {candidates} and "
                f"{depth}"
            )
        if (history := history_of(policy)) > 1:
            raise ConfigError(
                f"a search asks the policy where its chunks lead, and what this one needs there, the last {history} "
                "observations, is not known"
            )
        self.policy, self.dynamics = policy, dynamics
        self.beams, self.candidates, self.depth = beams, candidates, depth

    @property
    def keep(self) -> int:
        """Sequences that are kept after each decision."""
        return self.beams

    @property
    def parts(self) -> tuple[Any, ...]:
        """No rewards."""
        return ()

    @torch.no_grad()
    def choose(
        self, states: Sequence[Any], observation: Observation, candidates: Tensor, *, draw: NoiseDraw | None = None,
        keep: int | None = None,
    ) -> Choice:  # fmt: skip
        """Choose the candidate of each state that the best sequence begins with.

        Later candidates are drawn by the same noise in every call.

        Args:
            states: B states, as the dynamics know them.
            observation: Not looked at.
            candidates: (B, N, H, A) first chunks.
            draw: Not looked at.
            keep: Sequences that are kept, in place of `beams`.

        Returns:
            The choice; of its scores, candidates that a kept sequence begins with have the best of these sums, others
            come below all of these, in the order of what they earn alone.

        Raises:
            ActionError: What is earned is not finite.
        """
        del observation, draw
        beams, rows = self.beams if keep is None else keep, list[Tensor]()
        for state, chunks in zip(states, candidates, strict=True):
            generator = torch.Generator(chunks.device).manual_seed(0)
            plans, seen = self._followed(
                [SearchedPlan((chunk,), 0.0, state, first=index) for index, chunk in enumerate(chunks)]
            )
            own = torch.tensor([plan.value for plan in plans])
            for _ in range(1, self.depth):
                kept = sorted(range(len(plans)), key=lambda row: plans[row].value, reverse=True)[:beams]
                over = [plans[row] for row in kept if plans[row].over]
                live = [row for row in kept if not plans[row].over]
                if not live:
                    plans = over
                    break
                there = seen.map(lambda part, rows=live: part[torch.tensor(rows, device=part.device)])
                drawn = self.policy.sample(there, self.candidates, generator=generator)
                longer = [
                    replace(plans[row], chunks=(*plans[row].chunks, chunk))
                    for row, each in zip(live, drawn, strict=True)
                    for chunk in each
                ]
                followed, seen = self._followed(longer)
                plans = [*followed, *over]  # what is over has no observation and is never followed
            best: dict[int, float] = {}
            for plan in sorted(plans, key=lambda plan: plan.value, reverse=True)[:beams]:
                best.setdefault(plan.first, plan.value)
            rows.append(kept_first(own[None], torch.tensor([list(best)]), own.new_tensor([list(best.values())]))[0])
        value = torch.stack(rows).to(candidates.device)
        index = value.argmax(dim=1)
        return Choice(candidates[torch.arange(len(value)), index], index, candidates, Scores(value))

    def _followed(self, plans: list[SearchedPlan]) -> tuple[list[SearchedPlan], Observation]:
        """Plans after their last chunks, and what is observed there."""
        came = self.dynamics.advance([plan.state for plan in plans], torch.stack([plan.chunks[-1] for plan in plans]))
        if not bool(torch.isfinite(came.reward).all()):
            raise ActionError(
                f"{type(self.dynamics).__name__} gave a reward that is not finite; refusing to plan by it"
            )
        return [
            replace(plan, value=plan.value + earned, state=there, over=over)
            for plan, there, earned, over in zip(
                plans, came.states, came.reward.tolist(), came.over.tolist(), strict=True
            )
        ], came.observation
