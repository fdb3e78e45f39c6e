"""A weighted sum of several rewards, whose weights are chosen when actions are: no training for another trade-off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from robopref.decisions import as_reward, as_scorer, outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.items import ACTION
from robopref.protocols import CandidateScorer
from robopref.ranking.rules import greedy
from robopref.ranking.weights import checked_weights
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class Weighted:
    """The candidate with the greatest weighted sum of several rewards.

    A rule sees one score; the rewards that it names become one by `scorer`.

    Args:
        weights: By the name of a reward; 0 leaves it out. None are none, which is refused.
        features: Features of candidates that count as rewards, by a name for each, such as ``less mean(jerk(action))``.

    Raises:
        ConfigError: No weight is positive, or one is negative, not finite, or out of all proportion; or a feature has
            none.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, features: Mapping[str, str] | None = None) -> None:
        self.weights, self.features = checked_weights(weights, features)

    def scorer(self, rewards: Mapping[str, Any], scales: Mapping[str, float]) -> WeightedSum:
        """The sum, as one scorer.

        Args:
            rewards: Scorers of actions by name, features among them, at least those that have weights.
            scales: What each is divided by, see `spread_of`.

        Raises:
            ConfigError: There is no such reward, it judges outcomes, or its scale is not positive.
        """
        for name in self.weights:
            if name not in rewards:
                raise unknown_name("reward in ranker.rule.weights", name, rewards)
        used = {name: weight for name, weight in self.weights.items() if weight > 0}
        return WeightedSum({name: rewards[name] for name in used}, used, {name: scales[name] for name in used})

    def __call__(self, scores: Scores, generator: torch.Generator) -> Tensor:
        """Pick candidates by the sum: the greatest of (B, N), as (B,) indices."""
        return greedy(scores, generator)


class WeightedSum:
    """``sum_k w_k (r_k - mean r_k) / scale_k``: several rewards of actions as one.

    Preferences leave open where a reward is zero in a state, and how long its unit is. The mean over the candidates of
    the state settles the first. The scale is fixed for all states: with one of its own for each, a reward to which all
    candidates of a state are alike would decide there by what little they differ.

    Args:
        rewards: Scorers of actions, by name.
        weights: Of each.
        scales: What each is divided by, such as its `spread_of`.

    Raises:
        ConfigError: A reward judges outcomes, or a scale is not positive.
    """

    def __init__(self, rewards: Mapping[str, Any], weights: Mapping[str, float], scales: Mapping[str, float]) -> None:
        for name, reward in rewards.items():
            if outcome_parts(reward):
                raise ConfigError(
                    f"{name} judges what came of an action, which is not known when weights choose; distil it into a "
                    "reward of actions (reward=distilled), or weigh others"
                )
            if not (math.isfinite(scales[name]) and scales[name] > 0):
                raise ConfigError(
                    f"{name} tells no candidates apart (its spread among those of a state is {scales[name]:g}), so "
                    "that no weight can bring it to one scale with others; train it on more answers, or leave it out"
                )
        self.rewards, self.weights, self.scales = dict(rewards), dict(weights), dict(scales)

    @property
    def parts(self) -> tuple[Any, ...]:
        """The rewards that it is made of."""
        return tuple(self.rewards.values())

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that some reward looks at."""
        keys = dict.fromkeys(key for reward in self.rewards.values() for key in as_reward(reward).keys)
        return tuple(key for key in keys if key != ACTION)

    def each(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> dict[str, Tensor]:
        """What each reward says on the common scale, (B, N) by name, before it is weighed; see `score`."""
        return {
            name: _centred(as_scorer(reward).score(observation, actions, draw=draw).value) / self.scales[name]
            for name, reward in self.rewards.items()
        }

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: What the rewards observe, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Handed to every reward.

        Returns:
            (B, N) values with mean zero within a state.
        """
        said = self.each(observation, actions, draw=draw)
        return Scores(torch.stack([self.weights[name] * value for name, value in said.items()]).sum(0))


@torch.no_grad()
def spread_of(scorer: CandidateScorer, observation: Observation, candidates: Tensor) -> float:
    """How much a reward tells the candidates of a state apart: its standard deviation within a state.

    Args:
        scorer: The reward.
        observation: B states, (B, ...) of each part.
        candidates: (B, N, H, A) of them.

    Returns:
        Root mean square over the states, so that states in which all are alike do not count for more.
    """
    values = scorer.score(observation, candidates).value
    return float(_centred(values).square().mean().sqrt())


def _centred(value: Tensor) -> Tensor:
    return value - value.mean(dim=1, keepdim=True)
