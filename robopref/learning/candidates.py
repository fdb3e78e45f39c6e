"""What a policy proposes in states of a simulated task: asked about, tried out, and learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.answers import Answers
from robopref.data.labels.comparisons import candidate_target
from robopref.errors import DataError
from robopref.items import Comparisons
from robopref.learning.collect import draw_candidates, draw_states, try_candidates
from robopref.protocols import Policy
from robopref.querying.candidate_queries import candidate_queries
from robopref.records import Item, Observation, Query, QueryKind
from robopref.robots.dynamics import observe
from robopref.robots.sim import Moment, SimPool
from robopref.seeding import derive

_CPU = torch.device("cpu")
_SOURCE = "candidates"


@dataclass(frozen=True)
class Candidates:
    """N chunks in each of S states of a simulated task; made by `draw`.

    Attributes:
        pool: Runs the task.
        moments: S states.
        actions: (S, N, H, A).
    """

    pool: SimPool
    moments: Sequence[Moment]
    actions: Tensor

    @classmethod
    def draw(
        cls,
        policy: Policy,
        pool: SimPool,
        purpose: str,
        *,
        count: int,
        n: int,
        seed: int,
        warm_up: int = 3,
        device: torch.device = _CPU,
    ) -> Candidates:
        """Let a policy propose chunks in states in the middle of the task.

        Args:
            policy: Source of candidates.
            pool: Runs the task.
            purpose: ``preferences`` or ``evaluation``; their states never coincide.
            count: Number of states S.
            n: Candidates N a state.
            seed: Seed of the states and of the policy's noise.
            warm_up: Largest number of demonstrated actions before a state.
            device: Where the policy is.
        """
        moments = draw_states(pool, purpose, count=count, seed=seed, warm_up=warm_up)
        chunks = draw_candidates(policy, moments, n=n, seed=derive(seed, f"candidates for {purpose}"), device=device)
        return cls(pool, moments, torch.as_tensor(chunks, device=device))

    @cached_property
    def observation(self) -> Observation:
        """What is seen in each state: points (S, P, 3), proprio (S, D)."""
        return observe(self.moments, self.actions.device)

    @cached_property
    def outcomes(self) -> NDArray[np.float64]:
        """(S, N) progress that each makes; all are executed when this is first looked at."""
        return try_candidates(self.pool, self.moments, self.actions.cpu().numpy())

    def tried(self, index: Tensor | int) -> NDArray[np.float64]:
        """Execute one candidate a state.

        Args:
            index: (S,) which, or one number for all states.

        Returns:
            (S,) progress that it makes.
        """
        states = torch.arange(len(self.moments), device=self.actions.device)
        chosen = self.actions[states, torch.as_tensor(index, device=self.actions.device)]
        return try_candidates(self.pool, self.moments, chosen[:, None].cpu().numpy())[:, 0]

    def rewards(self, item: Item) -> NDArray[np.float64]:
        """(1,) progress that an item of the `queries` makes, for teachers who know it.

        Raises:
            DataError: It is none of them.
        """
        states, candidates = self.outcomes.shape
        if item.candidate is None or not (0 <= item.start < states and 0 <= item.candidate < candidates):
            raise DataError(f"{item} is none of the {candidates} candidates of {states} states")
        return self.outcomes[item.start, item.candidate : item.candidate + 1]

    def queries(self, kind: QueryKind = "ranking", *, instruction: str = "") -> list[Query]:
        """Every question of a kind about them; see `robopref.querying.candidate_queries.candidate_queries`."""
        states, candidates = self.actions.shape[:2]
        return candidate_queries(_SOURCE, states, candidates, kind=kind, instruction=instruction)

    def comparisons(self, answers: Answers) -> Comparisons:
        """What answers to the `queries` say, for training.

        Args:
            answers: To questions about them.

        Raises:
            DataError: An answer is about something else.
        """
        states, candidates = self.actions.shape[:2]
        target = candidate_target(answers, states=states, candidates=candidates)
        return Comparisons.of_candidates(self.observation, self.actions, target, self.pool.task.geometry)
