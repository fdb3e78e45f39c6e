"""From an observation to a chunk: sample candidates, rank what the safety filter lets through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.errors import ActionError
from robopref.motion import Plan, Reading
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.best_of_n import rank
from robopref.ranking.plackett_luce import PlackettLuce
from robopref.ranking.rules import Rule, greedy
from robopref.records import Observation
from robopref.runtime.budget import Budgeting, FixedBudget
from robopref.runtime.foresight import Foresight
from robopref.runtime.served_person import ServedPerson
from robopref.runtime.served_principle import ServedPrinciple
from robopref.safety.clock import Clock
from robopref.scores import NoiseDraw, Scores
from robopref.seeding import derive

Screen = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.bool_]]]
Draws = Callable[[int], NoiseDraw | None]


class Planner:
    """Chooses among candidates of a policy after the safety filter has seen them.

    Args:
        policy: Source of candidates.
        scorer: Ranks them; None takes the first that the safety filter lets through.
        budget: How many.
        rule: Picks by score.
        draws: Makes noise draws of a size for scorers that take them; None leaves them their own.
        device: Where policy and scorer are.
        seed: Seed of the candidates; plan number k of a seed is always the same.
        order: Draws at which place each candidate is offered, and chooses the first in place of the rule; None leaves
            it to the rule.
        person: For whom candidates are scored, where the scorer tells persons apart.
        principle: By what they are scored, where the scorer goes by principles.
    """

    def __init__(
        self,
        policy: Policy,
        scorer: CandidateScorer | None = None,
        *,
        budget: Budgeting | None = None,
        rule: Rule = greedy,
        draws: Draws | None = None,
        device: torch.device | None = None,
        seed: int = 0,
        order: PlackettLuce | None = None,
        person: ServedPerson | None = None,
        principle: ServedPrinciple | None = None,
    ) -> None:
        self.policy, self.scorer, self.rule, self.draws = policy, scorer, rule, draws
        self.budget = budget or FixedBudget()
        self.device = device or torch.device("cpu")
        self.seed, self.count, self.order, self.person = seed, 0, order, person
        self.principle = principle
        self.clock = Clock()  # what planning takes; a `Runtime` puts its own in its place

    def plan(self, observation: Observation, reading: Reading, issued: int, screen: Screen) -> Plan | None:
        """Choose a chunk.

        Args:
            observation: A batch of one.
            reading: Its newest reading.
            issued: Commands executed by then.
            screen: The safety filter's preview of (N, H, A) candidates.

        Returns:
            The plan; None if the safety filter refuses every candidate.

        Raises:
            ActionError: The policy or the scorer gave what is not finite.
        """
        if self.person is not None:
            self.person.settle()
        if self.principle is not None:
            self.principle.settle()
        budget, begun = self.budget.choose(), self.clock()
        generator = torch.Generator(self.device).manual_seed(derive(self.seed, "plan", self.count))
        self.count += 1
        sampled = self.policy.sample(observation, budget.candidates, generator=generator)
        raw = sampled[0].cpu().numpy().astype(np.float32)
        if not np.isfinite(raw).all():
            raise ActionError("the policy sampled actions that are not finite")
        drawn = self.clock()
        safe, passed = screen(raw)
        screened = self.clock()
        if not passed.any():
            return None
        scores = np.full(len(raw), np.nan, dtype=np.float32)
        index = int(np.flatnonzero(passed)[0])
        if self.scorer is not None:
            kept = np.flatnonzero(passed)
            actions = torch.as_tensor(safe[kept], device=self.device)[None]
            draw = None if self.draws is None else self.draws(budget.draws)
            scorer = self.scorer.keeping(budget.ahead) if isinstance(self.scorer, Foresight) else self.scorer
            choice = rank(_Drawn(scorer, draw), observation, actions, rule=self.rule, generator=generator)
            scores[kept] = choice.scores.value[0].detach().cpu().numpy()
            index = int(kept[int(choice.index[0])])
        places, chances = self._drawn(scores, passed, generator)
        index = places[0] if places else index
        ranked = self.clock()
        self.budget.learn(budget, ranked - begun)
        seconds = {"sample": drawn - begun, "filter": screened - drawn, "rank": ranked - screened}
        return Plan(
            reading, issued, raw[index], safe[index], safe, scores, index, int((~passed).sum()),
            seconds | {"plan": ranked - begun}, places, chances,
        )  # fmt: skip

    def _drawn(
        self, scores: NDArray[np.float32], passed: NDArray[np.bool_], generator: torch.Generator
    ) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Candidates by place, and the probability of each to come first; empty if no order is drawn."""
        if self.order is None:
            return (), ()
        kept = np.flatnonzero(passed)
        # What nothing has scored is offered as the policy sampled it, each as likely first.
        known = torch.as_tensor(np.nan_to_num(scores[kept]))
        order, chances = self.order.draw(known, generator)
        return tuple(int(kept[place]) for place in order), tuple(chances)


class _Drawn:
    """A scorer with a given draw."""

    def __init__(self, scorer: CandidateScorer, draw: NoiseDraw | None) -> None:
        self._scorer, self._draw = scorer, draw

    def score(self, observation: Observation, actions: torch.Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates with the draw."""
        return self._scorer.score(observation, actions, draw=draw or self._draw)
