"""How much the candidates of a state agree, as a score that needs no labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class CandidateAgreement(nn.Module):
    """The density of the other candidates where a candidate is, by Gaussian kernels.

    The mode of many samples is more often right than one of them (self-consistency, Wang et al. 2023); of actions,
    which are never equal, the density stands for the vote. It needs no model, and at least two candidates.

    Args:
        bandwidth: Standard deviation of a kernel, in units of the action.

    Raises:
        ConfigError: The bandwidth is not positive.
    """

    def __init__(self, bandwidth: float = 0.2) -> None:
        super().__init__()
        if not bandwidth > 0:
            raise ConfigError(f"bandwidth must be positive, got {bandwidth}")
        self.bandwidth = bandwidth

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates by each other.

        Args:
            observation: Not needed.
            actions: (B, N, H, A).
            draw: Not needed.

        Returns:
            (B, N) log of the mean kernel over the N - 1 others; 0 for a single candidate.
        """
        del observation, draw
        chunks, others = actions.flatten(2), actions.shape[1] - 1
        if others == 0:
            return Scores(actions.new_zeros(actions.shape[:2]))
        exponent = -torch.cdist(chunks, chunks).square() / (2 * self.bandwidth**2)
        itself = torch.eye(others + 1, dtype=torch.bool, device=actions.device)
        return Scores(exponent.masked_fill(itself, -math.inf).logsumexp(dim=2) - math.log(others))
