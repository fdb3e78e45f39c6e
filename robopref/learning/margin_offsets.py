"""Preferences about one objective, with what trained rewards say of the others beside them (MODPO)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from robopref.decisions import as_reward
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.scores import PairTarget

_QUESTIONS = 64  # that are scored at once


@dataclass(frozen=True)
class Margin:
    """Another objective.

    Attributes:
        reward: Says how good items are by it; a `Reward`, or a `CandidateScorer`.
        weight: Of it.
    """

    reward: Any
    weight: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ConfigError(f"the weight of a margin must be finite and not negative, got {self.weight}")


@torch.no_grad()
def with_margins(data: Comparisons, margins: Mapping[str, Margin]) -> Comparisons:
    """Preferences with ``offset = sum_k w_k r_k``, which `MultiObjective` takes off the scores (Zhou et al. 2024).

    Args:
        data: Preferences about the objective that a policy is tuned for.
        margins: The other objectives, by name.

    Returns:
        The same, with the offset (B, K); its mean is 0 within a question, as only differences count.

    Raises:
        ConfigError: What is known of the items are no preferences.
    """
    if not isinstance(data.target, PairTarget):
        raise ConfigError(
            "margins are for preferences, and these labels are turned into successes; leave operator=null"
        )
    offset = torch.zeros(data.items.weight.shape[:2])
    for margin in margins.values():
        reward = as_reward(margin.reward)
        first = next(margin.reward.parameters(), None) if isinstance(margin.reward, nn.Module) else None
        device = torch.device("cpu") if first is None else first.device
        for begin in range(0, len(data), _QUESTIONS):
            rows = torch.arange(begin, min(begin + _QUESTIONS, len(data)))
            value = reward.score(data.items[rows].only(reward.keys).to(device)).value.float().cpu()
            offset[rows] += margin.weight * (value - value.mean(dim=1, keepdim=True))
    return replace(data, target=replace(data.target, offset=offset))
