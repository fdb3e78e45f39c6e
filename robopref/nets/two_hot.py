"""Numbers of any size as a classification: a softmax over bins whose expectation is the number."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import ConfigError


def symlog(values: Tensor) -> Tensor:
    """``sign(x) log(1 + |x|)``, which is near the identity around 0 and tames what is large (Hafner et al. 2023)."""
    return values.sign() * values.abs().log1p()


def symexp(values: Tensor) -> Tensor:
    """Inverse of `symlog`."""
    return values.sign() * values.abs().expm1()


class TwoHot(nn.Module):
    """Numbers as shares of the two bins around their `symlog` (TD-MPC2, Hansen et al. 2024, section 3.1).

    Args:
        bins: How many, evenly from `low` to `high`.
        low: Lowest bin, of the symlog.
        high: Highest bin; numbers beyond count as the last bin.

    Raises:
        ConfigError: There are fewer than two bins, or they are in the wrong order.
    """

    centers: Tensor

    def __init__(self, bins: int = 51, low: float = -5.0, high: float = 5.0) -> None:
        super().__init__()
        if bins < 2 or not low < high:
            raise ConfigError(f"two-hot numbers need bins >= 2 and low < high, got {bins}, {low} and {high}")
        self.bins, self.low, self.width = bins, low, (high - low) / (bins - 1)
        self.register_buffer("centers", torch.linspace(low, high, bins), persistent=False)

    def encode(self, values: Tensor) -> Tensor:
        """Shares (..., bins) of numbers (...): all are 0 but two neighbours at most."""
        place = ((symlog(values) - self.low) / self.width).clamp(0, self.bins - 1)
        lower = place.floor().clamp(max=self.bins - 2)
        above = (place - lower)[..., None]
        index = lower.long()[..., None]
        shares = torch.zeros(*values.shape, self.bins, dtype=values.dtype, device=values.device)
        return shares.scatter(-1, index, 1 - above).scatter(-1, index + 1, above)

    def decode(self, logits: Tensor) -> Tensor:
        """The numbers (...) that logits (..., bins) stand for."""
        return symexp(logits.softmax(-1) @ self.centers)

    def loss(self, logits: Tensor, values: Tensor) -> Tensor:
        """Cross-entropy (...) of logits (..., bins) with numbers (...)."""
        return -(self.encode(values) * functional.log_softmax(logits, -1)).sum(-1)
