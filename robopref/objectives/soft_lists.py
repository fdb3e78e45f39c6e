"""What a scorer loses against the values that another one gives the same lists."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError


def soft_list_loss(scores: Tensor, values: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Cross-entropy of the top-one probabilities of lists (ListNet, Cao et al. 2007).

    ``-sum_i softmax(values / temperature)_i log softmax(scores)_i``: unlike an ordering, the target says how much
    better an item is, and a common shift of scores or values changes nothing.

    Args:
        scores: (B, K) of what learns.
        values: (B, K) of what it learns from.
        temperature: In units of the values; the smaller, the more counts who is first.

    Returns:
        () mean over the lists.

    Raises:
        ConfigError: The temperature is not positive.
    """
    if not temperature > 0:
        raise ConfigError(f"the temperature of a soft list must be positive, got {temperature}")
    target = torch.softmax(values / temperature, dim=-1)
    return -(target * torch.log_softmax(scores, dim=-1)).sum(dim=-1).mean()
