"""Answers that what learns from them contradicts, learnt from as if they might be wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from robopref.errors import ConfigError


@dataclass(frozen=True)
class NoiseAware:
    """Smooths the answers that a reward finds least credible, for labels that it, or its like, made.

    Self-refinement of Selfie (Kim et al., "Spread Preference Annotation", ICLR 2025): of the pairs of a batch, the
    share with the smallest margins ``(2 p - 1) z`` counts with ``(1 - alpha) p + alpha (1 - p)`` in place of ``p``.

    The paper goes by a quantile over the margins of 50 steps; this goes by that of the batch, so that a training that
    goes on depends on nothing but its weights. The paper finds the margins with logits that are extrapolated from the
    reference, ``(1 + lambda) h - lambda h_ref``. Where a density is normalised over whole actions, the normaliser of
    the extrapolated one cancels within a pair, which leaves ``(1 + lambda) z``: the order of ``z``, and the same pairs.

    Attributes:
        alpha: Chance that such an answer is wrong, in [0, 0.5].
        share: Of the pairs of a batch that are doubted, in [0, 1).
        begin: Share of the training before which none is, as margins mean nothing yet.

    Raises:
        ConfigError: A value is out of range.
    """

    alpha: float = 0.1
    share: float = 0.1
    begin: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 0.5:
            raise ConfigError(f"filter.noise_aware.alpha must be in [0, 0.5], got {self.alpha}")
        for name in ("share", "begin"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"filter.noise_aware.{name} must be in [0, 1), got {getattr(self, name)}")

    def weigh(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """Every pair counts, see `robopref.protocols.LiveFilter`."""
        del p, done
        return torch.ones_like(margins)

    def smooth(self, margins: Tensor, p: Tensor, done: float) -> Tensor:
        """The answers as they count for each member, (B, E); see `robopref.protocols.SmoothingFilter`."""
        told = p[:, None].expand_as(margins)
        count = math.ceil(self.share * len(margins))
        if done < self.begin or count == 0:
            return told
        agreed = (2 * told - 1) * margins
        place = agreed.argsort(dim=0, stable=True).argsort(dim=0)
        return torch.where(place < count, (1 - self.alpha) * told + self.alpha * (1 - told), told)
