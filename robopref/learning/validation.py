"""Episodes that a policy is not trained on, and its own loss on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.records import Observation
from robopref.scores import Loss
from robopref.seeding import derive

Steps = NDArray[np.int64]
_FEWEST, _MOST, _AT_ONCE = 512, 4096, 256  # states, of which few are looked at several times, with other noise


def put_episodes_aside(episode_ends: NDArray[np.int64], share: float | None, *, seed: int) -> tuple[Steps, Steps]:
    """Part the steps of a dataset by whole episodes.

    Args:
        episode_ends: (episodes,) one past the last step of each.
        share: Of the episodes to put aside, at least one; None puts none aside.
        seed: Which ones.

    Returns:
        Steps to train on, and steps put aside, both in order.

    Raises:
        ConfigError: The share is out of range, or leaves nothing to train on.
    """
    steps, count = np.arange(int(episode_ends[-1]) if len(episode_ends) else 0), len(episode_ends)
    if share is None:
        return steps, steps[:0]
    if not 0 < share < 1:
        raise ConfigError(f"validation is a share of the episodes and must be in (0, 1), got {share}")
    if count < 2:
        raise ConfigError(f"validation={share} would leave nothing to train on, of a dataset of one episode; leave it")
    aside = min(count - 1, max(1, round(share * count)))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derive(seed, "validation") >> 1))
    episode = np.repeat(np.arange(count), np.diff(episode_ends, prepend=0))
    held = np.isin(episode, order[:aside].numpy())
    return steps[~held], steps[held]


@dataclass(frozen=True)
class ValidationLoss:
    """Mean loss of a policy on steps that it is not trained on, at the same noise every time it is asked for.

    Few steps are looked at several times, with other noise; of very many, the same 4096.

    Attributes:
        steps: Which ones.
        batch: Observations and (B, H, A) chunks of some steps.
        loss: Of a policy on such a batch; all its randomness comes from the generator.
        device: Of the generator.
        seed: Of the noise.
    """

    steps: Steps
    batch: Callable[[Steps], tuple[Observation, Tensor]]
    loss: Callable[[nn.Module, Observation, Tensor, torch.Generator], Loss]
    device: torch.device
    seed: int

    @torch.no_grad()
    def __call__(self, policy: nn.Module) -> float:
        """The loss.

        Args:
            policy: In eval mode.
        """
        seed = derive(self.seed, "validation noise") >> 1
        order = torch.randperm(len(self.steps), generator=torch.Generator().manual_seed(seed)).numpy()
        looked_at = np.tile(self.steps[order][:_MOST], max(1, -(-_FEWEST // len(self.steps))))
        generator = torch.Generator(self.device).manual_seed(seed)
        total = 0.0
        for rows in np.split(looked_at, range(_AT_ONCE, len(looked_at), _AT_ONCE)):
            total += float(self.loss(policy, *self.batch(rows), generator).total) * len(rows)
        return total / len(looked_at)
