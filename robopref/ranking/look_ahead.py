"""Look-ahead: a cheap score keeps a few candidates, a dynamics says where they lead, a reward of outcomes judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from robopref.decisions import as_reward, outcome_parts
from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics
from robopref.items import Items
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.best_of_n import Choice
from robopref.ranking.situated import SituatedRanker
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class LookAhead:
    """Judges candidates by what comes of them.

    Of N candidates only the K that a cheap score likes best are carried out in the dynamics: trying all would judge
    best, and K grows with the time there is.

    Args:
        dynamics: Says where chunks lead: a simulator, or a learnt model.
        judge: A reward that looks at outcomes; of a `JointReward` the mean counts.
        scorer: Keeps candidates; None keeps the first ones, in the order that the policy drew them.
        keep: Candidates K that are carried out.

    Raises:
        ConfigError: The judge looks at no outcome, or none is kept.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        judge: object,
        scorer: CandidateScorer | None = None,
        *,
        keep: int = 4,
    ) -> None:
        if not outcome_parts(judge):
            raise ConfigError(
                "look-ahead needs a reward that judges outcomes, such as reward=outcome; this one judges actions: name "
                "another with use=, or choose ranker=best_of_n"
            )
        if scorer is not None and outcome_parts(scorer):
            raise ConfigError(
                "what keeps candidates, ranker.scorer=, must judge actions; what comes of them is not known before"
            )
        if keep < 1:
            raise ConfigError(f"look-ahead needs ranker.keep >= 1, got {keep}")
        self.dynamics, self.judge, self.scorer, self.keep = dynamics, as_reward(judge), scorer, keep

    @property
    def parts(self) -> tuple[Any, ...]:
        """The rewards that it is made of."""
        return tuple(part for part in (self.scorer, self.judge) if part is not None)

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
        """Choose one of the candidates of each state.

        Args:
            states: B states, as the dynamics know them.
            observation: What is observed there, (B, ...) of each part.
            candidates: (B, N, H, A).
            draw: For the cheap score, if it is one of diffusion.
            keep: Candidates that are carried out, in place of K.

        Returns:
            The choice; of its scores, candidates that were carried out have what the judge says, others come below
            all of these, in the order of the cheap score.

        Raises:
            ActionError: A score is not finite.
        """
        states_count, count = candidates.shape[:2]
        keep = min(self.keep if keep is None else keep, count)
        cheap = self._cheap(observation, candidates, draw)
        kept = cheap.topk(keep, dim=1).indices
        rows = torch.arange(states_count, device=candidates.device)[:, None]
        chosen = candidates[rows, kept]
        came = self.dynamics.advance([state for state in states for _ in range(keep)], chosen.flatten(0, 1))
        after = came.observation.map(lambda part: part.unflatten(0, (states_count, keep))[:, :, None])
        scores = self.judge.score(Items.of_candidates(observation, chosen).with_outcomes(after))
        _require_finite("judges outcomes", scores.value)
        index = kept.gather(1, scores.value.argmax(dim=1, keepdim=True))[:, 0]
        return Choice(candidates[rows[:, 0], index], index, candidates, replace(scores, **_all(cheap, kept, scores)))

    def _cheap(self, observation: Observation, candidates: Tensor, draw: NoiseDraw | None) -> Tensor:
        """(B, N) what keeps candidates."""
        if self.scorer is None:
            order = -torch.arange(candidates.shape[1], device=candidates.device, dtype=torch.float32)
            return order.expand(len(candidates), -1)
        value = self.scorer.score(observation, candidates, draw=draw).value
        _require_finite("keeps candidates", value)
        return value


class LookAheadAct:
    """Samples candidates and looks ahead, or searches, from states of episodes.

    Args:
        policy: Source of candidates.
        look_ahead: Chooses among them.
        n: Candidates N.
    """

    def __init__(self, policy: Policy, look_ahead: SituatedRanker, n: int) -> None:
        self.policy, self.look_ahead, self.n = policy, look_ahead, n

    def act(self, states: Sequence[Any], observation: Observation, generator: torch.Generator) -> Tensor:
        """Choose a chunk (B, H, A) in each of B states."""
        candidates = self.policy.sample(observation, self.n, generator=generator)
        return self.look_ahead.choose(states, observation, candidates).action


def kept_first(cheap: Tensor, kept: Tensor, judged: Tensor) -> Tensor:
    """One score of all candidates, in which those that were judged come first.

    Args:
        cheap: (B, N) what kept candidates.
        kept: (B, K) which were.
        judged: (B, K) what was said of these.

    Returns:
        (B, N): what was said of those that were kept; others lie below, in the order of the cheap score.
    """
    place = cheap.argsort(dim=1, descending=True).argsort(dim=1).to(judged.dtype)
    low = judged.min(dim=1, keepdim=True).values
    return (low - 1 - place).scatter(1, kept, judged)


def kept_of_all(cheap: Tensor, judged: Tensor, keep: int) -> Tensor:
    """What `LookAhead` would have chosen by, where all candidates were carried out anyway.

    Args:
        cheap: (B, N) what keeps candidates.
        judged: (B, N) what is said of the outcome of each.
        keep: Candidates K that look-ahead carries out; N at most count.

    Returns:
        (B, N) as of `kept_first`.
    """
    kept = cheap.topk(min(keep, cheap.shape[1]), dim=1).indices
    return kept_first(cheap, kept, judged.gather(1, kept))


def _all(cheap: Tensor, kept: Tensor, scores: Scores) -> dict[str, Tensor | None]:
    return {"value": kept_first(cheap, kept, scores.value), "spread": None, "draws": None, "steps": None}


def _require_finite(part: str, value: Tensor) -> None:
    if not bool(torch.isfinite(value).all()):
        raise ActionError(
            f"the reward that {part} gave a score that is not finite; refusing to choose by it: train it again, or "
            "name another one"
        )
