"""Rewards of items from scorers of single decisions, and scorers of candidates from rewards of items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.items import ACTION, Items
from robopref.protocols import CandidateScorer, ComposedReward, Reward
from robopref.records import OUTCOME, Observation, is_outcome
from robopref.scores import NoiseDraw, Scores


@dataclass(frozen=True)
class DecisionReward:
    """A reward of items by the sum of what a scorer says of each of their decisions.

    With an implicit reward the sum is ``beta log(pi / pi_ref)`` of the segment, CPL's and DPO's score; trained on
    outcomes alone, its summands are process rewards (implicit PRM, Yuan et al. 2024): up to the dynamics' noise the
    advantage of each decision ("from r to Q*", Rafailov et al. 2024), usable for relabelling and for search.

    Attributes:
        scorer: Scores single decisions.
    """

    scorer: CandidateScorer

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return (*getattr(self.scorer, "observes", ("points", "proprio")), ACTION)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items.

        Args:
            items: B questions of K items of T decisions.
            draw: For B states, if those are shared, else for B * K * T; None leaves it to the scorer.

        Returns:
            (B, K) sums with their (B, K, T) summands, and the draws if they are independent. The spread is the standard
            error of the sum, or without draws an upper bound, the sum of the decisions' own.
        """
        observation, actions = items.decisions()
        scores = self.scorer.score(observation, actions, draw=draw)
        if items.alone:
            return replace(scores, steps=scores.value[..., None])
        weight = items.weight
        steps = _kept(scores.value[:, 0], weight)
        spread = draws = None
        if scores.draws is not None:
            draws = _kept(scores.draws[:, 0], weight).sum(dim=2)
            spread = (draws.std(dim=-1) / draws.shape[-1] ** 0.5).detach()
        elif scores.spread is not None:
            # Decisions may share draws or members, and then their errors add up.
            spread = _kept(scores.spread[:, 0], weight).sum(dim=-1)
        return Scores(steps.sum(dim=-1), spread, draws, steps)


@dataclass(frozen=True)
class ItemScorer:
    """A scorer of candidates from a reward of items.

    Attributes:
        reward: Scores items.
    """

    reward: Reward

    @property
    def parts(self) -> tuple[Any, ...]:
        """The reward."""
        return (self.reward,)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (B, N, H, A) chunks; see `CandidateScorer`."""
        return self.reward.score(Items.of_candidates(observation, actions), draw=draw)


def as_reward(candidate: object) -> Reward:
    """Whatever scores, as a reward of items.

    Args:
        candidate: A `Reward`, or a `CandidateScorer`, whose scores of decisions are added up.

    Raises:
        ConfigError: It is neither.
    """
    return candidate if isinstance(candidate, Reward) else DecisionReward(_scoring(candidate))


def as_scorer(candidate: object) -> CandidateScorer:
    """Whatever scores, as a scorer of candidates.

    Args:
        candidate: A `CandidateScorer`, or a `Reward`, to which a candidate is an item of one decision.

    Raises:
        ConfigError: It is neither.
    """
    return ItemScorer(candidate) if isinstance(candidate, Reward) else _scoring(candidate)


def outcome_parts(reward: object) -> tuple[str, ...]:
    """Parts of an observation that a reward looks at after each decision; empty if it judges by what was before alone.

    Args:
        reward: A `Reward`, or a `CandidateScorer`.

    Raises:
        ConfigError: It is neither.
    """
    return tuple(key.removeprefix(OUTCOME) for key in as_reward(reward).keys if is_outcome(key))


def _scoring(candidate: object) -> CandidateScorer:
    if not isinstance(candidate, CandidateScorer):
        raise ConfigError(
            f"{type(candidate).__name__} cannot score candidates: it has no score(observation, actions), and is no "
            "reward of items either, which has keys and score(items)"
        )
    return candidate


def _kept(values: Tensor, weight: Tensor) -> Tensor:
    """(R, ...) values of decisions as (B, K, T, ...), weighed; what is said of decisions that are not there is 0."""
    shaped = values.reshape(*weight.shape, *values.shape[1:])
    weight = weight.view(*weight.shape, *[1] * (values.ndim - 1))
    return torch.where(weight > 0, shaped * weight, 0)


def rewards_within(reward: Any) -> Iterator[Any]:
    """A reward and, one after the other, what it is made of, see `ComposedReward`."""
    yield reward
    named: Any = reward.parts if isinstance(reward, ComposedReward) else ()
    # A method of that name says something else.
    for part in named if isinstance(named, Iterable) else ():
        yield from rewards_within(part)
