"""Scores from several scorers, and scores that respect a task's symmetries exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from robopref.data.episodes.augment import transform
from robopref.decisions import as_reward, as_scorer, outcome_parts
from robopref.errors import ConfigError
from robopref.items import ACTION, Items
from robopref.protocols import Standardised
from robopref.records import ActionGeometry, Observation
from robopref.rewards.outcome import SymmetricOutcomeReward
from robopref.scores import NoiseDraw, Scores


class EnsembleReward(nn.Module):
    """Mean of its members' scores; their disagreement is the spread.

    Scores trained through the logistic link are log-odds of winning, so members share one scale; preferences leave
    the offset of a state open, which is taken out.

    Args:
        members: Scorers of the same candidates; any mixture of explicit and implicit ones.

    Raises:
        ConfigError: No members.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ConfigError("an ensemble needs at least one member")
        self.members = nn.ModuleList(members)
        self.horizon = getattr(members[0], "horizon", None)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The rewards that it is made of."""
        return tuple(self.members)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that some member looks at."""
        return _observed(self.members)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: What the members observe, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Handed to every member.

        Returns:
            (B, N) values with mean zero within a state, and the standard deviation between members.
        """
        values = torch.stack(
            [_centred(as_scorer(member).score(observation, actions, draw=draw).value) for member in self.members]
        )
        spread = values.std(dim=0) if len(self.members) > 1 else torch.zeros_like(values[0])
        return Scores(values.mean(dim=0), spread)


class Peers(nn.Module):
    """Members that train at once, so that filters can compare what they say of the same batches.

    Args:
        members: Modules that are a `Reward`, or a `CandidateScorer`.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The rewards that it is made of."""
        return tuple(self.members)

    @property
    def count(self) -> int:
        """Members E."""
        return len(self.members)

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H, where they score chunks."""
        return getattr(self.members[0], "horizon", None)

    @property
    def history(self) -> int:
        """Decisions before one on which its worth depends."""
        return max(int(getattr(member, "history", 0)) for member in self.members)

    def standardise(self, items: Items) -> None:
        """Let members take mean and spread of what they look at, if they do."""
        for member in self.members:
            if isinstance(member, Standardised):
                member.standardise(items)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that they look at."""
        return tuple(dict.fromkeys(key for member in self.members for key in as_reward(member).keys))

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Mean (B, K) of the members, and their standard deviation; the mean of probabilities of grades, if any."""
        each = [as_reward(member).score(items, draw=draw) for member in self.members]
        values = torch.stack([one.value for one in each])
        known = [one.grades.exp() for one in each if one.grades is not None]
        grades = torch.stack(known).mean(0).log() if len(known) == len(each) else None
        return Scores(values.mean(0), values.std(0) if len(values) > 1 else None, grades=grades)

    def score_each(self, items: Items, *, draw: NoiseDraw | None = None) -> Tensor:
        """What each member says of items that all share, (E, B, K)."""
        return torch.stack([as_reward(member).score(items, draw=draw).value for member in self.members])


def symmetric(reward: nn.Module, geometry: ActionGeometry | None) -> nn.Module:
    """A reward averaged over the symmetries of the task; as it is where none are known."""
    if geometry is None:
        return reward
    return SymmetricOutcomeReward(reward, geometry) if outcome_parts(reward) else SymmetricReward(reward, geometry)


class SymmetricReward(nn.Module):
    """Averages a scorer over the symmetries of the task, so that equivalent actions get equal scores.

    Args:
        scorer: What to average.
        geometry: Holds the symmetries.
    """

    def __init__(self, scorer: nn.Module, geometry: ActionGeometry) -> None:
        super().__init__()
        self.scorer, self.geometry = scorer, geometry
        self.horizon, self.history = getattr(scorer, "horizon", None), int(getattr(scorer, "history", 0))

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The rewards that it is made of."""
        return (self.scorer,)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that symmetries change, or the scorer looks at."""
        return tuple(dict.fromkeys(("points", "proprio", *_observed([self.scorer]))))

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: points (B, P, 3), proprio (B, D).
            actions: (B, N, H, A).
            draw: Handed to the scorer.

        Returns:
            (B, N) mean over G symmetries, and the mean of the scorer's spread if it has one.
        """
        batch, value, spread = len(actions), [], []
        for turn in range(len(self.geometry.symmetry_points)):
            choice = torch.full((batch,), turn, device=actions.device)
            turned, turned_actions = transform(observation, actions, self.geometry, choice)
            scores = as_scorer(self.scorer).score(turned, turned_actions, draw=draw)
            value.append(scores.value)
            if scores.spread is not None:
                spread.append(scores.spread)
        return Scores(torch.stack(value).mean(dim=0), torch.stack(spread).mean(dim=0) if spread else None)


def _observed(scorers: Iterable[nn.Module]) -> tuple[str, ...]:
    """Parts of an observation that some of them look at."""
    keys = dict.fromkeys(key for scorer in scorers for key in as_reward(scorer).keys)
    return tuple(key for key in keys if key != ACTION)


def _centred(value: Tensor) -> Tensor:
    return value - value.mean(dim=1, keepdim=True)
