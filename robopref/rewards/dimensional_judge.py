"""A small judge that gives reasons: scores of both items by dimension first, and a verdict that sees nothing else.

After UnifiedReward-Think (Wang et al. 2025), whose judge is a vision-language model: its chain of thought is here a
score of 1 to 10 of each item by each dimension, such as progress and contact, and its answer is made from that chain
alone. So a verdict can be read back to what it rests on, and a rule between dimensions, such as that a collision
outweighs everything, has to be learnt once and not from pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.items import Items
from robopref.rewards.segment import SegmentReward

LEVELS = 10  # scores are 1 to 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SPREAD = 3.0  # levels that one unit of the network's output is, and that the verdict calls one unit


class DimensionalJudge(nn.Module):
    """Scores both items by dimension, and says from the scores which item is better.

    A score is drawn from a normal distribution over the levels, about what a network says of the item and as wide as
    the judge is unsure of that dimension: ``p(l) ~ exp(-(l - m)^2 / 2 s^2)``. The verdict is by the worth of the scores
    of each item, ``w(c_1) - w(c_2)``, so that swapping the items turns it.

    Args:
        steps: Says what is known of each decision, in as many numbers as it has outputs; one member.
        dimensions: Names of what is scored D.

    Raises:
        ConfigError: There is no dimension, or a name twice or unusable.
    """

    def __init__(self, steps: SegmentReward, dimensions: Sequence[str]) -> None:
        super().__init__()
        require_dimensions(dimensions)
        self.steps, self.dimensions = steps, tuple(dimensions)
        width, count = steps.outputs, len(dimensions)
        self.trunk = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU())
        self.scorer = nn.Linear(width, count)
        self.log_width = nn.Parameter(torch.full((count,), 0.5))
        self.worth = nn.Sequential(nn.Linear(count, width), nn.SiLU(), nn.Linear(width, 1))
        self.horizon: int | None = steps.horizon

    @classmethod
    def for_items(cls, items: Items, dimensions: Sequence[str], *, width: int = 32) -> DimensionalJudge:
        """A judge of everything that is known of some items, standardised by them.

        Args:
            items: Such as will be judged.
            dimensions: Names of what is scored.
            width: Of hidden layers.
        """
        steps = SegmentReward.for_items(items, width=width, outputs=width)
        steps.standardise(items)
        return cls(steps, dimensions)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"steps": self.steps.settings, "dimensions": list(self.dimensions)}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> DimensionalJudge:
        """An untrained judge of such settings."""
        return cls(SegmentReward.of(settings["steps"]), settings["dimensions"])

    def features(self, items: Items) -> Tensor:
        """What scores are read from, (B, K, F): mean and largest of what is said of decisions, related."""
        said = self.steps.embed(items)[0]
        there = (items.weight > 0)[..., None]
        mean = (said * there).sum(2) / there.sum(2).clamp(min=1)
        largest = said.masked_fill(~there, -torch.inf).amax(2)
        return self.trunk(torch.cat([mean, largest], dim=-1))

    def log_probs(self, items: Items) -> Tensor:
        """Logarithms of probabilities of each score, (B, K, D, 10)."""
        middle = (LEVELS + 1) / 2 + _SPREAD * self.scorer(self.features(items))
        level = torch.arange(1, LEVELS + 1, dtype=middle.dtype, device=middle.device)
        width = self.log_width.exp()[:, None]
        return (-((level - middle[..., None]) ** 2) / (2 * width**2)).log_softmax(-1)

    def verdict(self, scores: Tensor) -> Tensor:
        """Log-odds (...) that the first item is the better one, from scores (..., 2, D) alone."""
        seen = (scores.to(self.log_width.dtype) - (LEVELS + 1) / 2) / _SPREAD
        worth = self.worth(seen)[..., 0]
        return worth[..., 0] - worth[..., 1]

    @torch.no_grad()
    def judged(self, items: Items) -> tuple[Tensor, Tensor]:
        """The likeliest chain, and the verdict of the mean scores.

        Whole scores round away what tells near items apart, as written scores do of a language model
        (`robopref.labelers.scored`), so the verdict goes by expectations over the levels.

        Args:
            items: Pairs.

        Returns:
            Scores (B, 2, D), and log-odds (B,) that the first item is the better one.
        """
        log_probs = self.log_probs(items)
        return log_probs.argmax(-1) + 1, self.verdict(mean_scores(log_probs))


def mean_scores(log_probs: Tensor) -> Tensor:
    """Expected scores (...), in 1 to 10, of `DimensionalJudge.log_probs` (..., 10)."""
    level = torch.arange(1, LEVELS + 1, dtype=log_probs.dtype, device=log_probs.device)
    return (log_probs.exp() * level).sum(-1)


def drawn(log_probs: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """So many chains of each pair, (count, B, 2, D) scores, of `DimensionalJudge.log_probs`."""
    flat = log_probs.detach().exp().flatten(0, -2)
    found = torch.multinomial(flat, count, replacement=True, generator=generator) + 1
    return found.T.reshape(count, *log_probs.shape[:-1])


def chain_log_prob(log_probs: Tensor, scores: Tensor) -> Tensor:
    """Logarithm of the probability of chains: (..., B) of scores (..., B, 2, D)."""
    wide = log_probs.expand(*scores.shape, LEVELS)
    return wide.gather(-1, (scores - 1)[..., None])[..., 0].sum((-1, -2))


def require_dimensions(dimensions: Sequence[str]) -> None:
    """Require names that can be fields of a reply.

    Raises:
        ConfigError: There is none, or a name twice, or one of other letters.
    """
    if not dimensions or len(set(dimensions)) < len(dimensions):
        raise ConfigError(f"dimensions must be one or more names, none twice, got {list(dimensions)}")
    for name in dimensions:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"a dimension is called by small letters, digits and _, got {name!r}")
