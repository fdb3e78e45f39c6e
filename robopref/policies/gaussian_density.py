"""How likely actions are under a Gaussian around a network of the state, as policies of on-policy algorithms are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

_LOG_STD = (-5.0, 2.0)


class GaussianDensity(nn.Module):
    """Log-density of actions: the mean from a network with tanh between its layers, one deviation for all states.

    Args:
        inputs: Numbers of a state's vector V.
        actions: Action size A.
        hidden: Sizes of the hidden layers.
    """

    def __init__(self, inputs: int, actions: int, *, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"inputs": inputs, "actions": actions, "hidden": list(hidden)}
        sizes = (inputs, *hidden, actions)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.Tanh()]
        self.mean = nn.Sequential(*layers[:-1])
        self.log_std = nn.Parameter(torch.zeros(actions))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> GaussianDensity:
        """An untrained density of such settings."""
        return cls(settings["inputs"], settings["actions"], hidden=settings["hidden"])

    def forward(self, vector: Tensor, action: Tensor, *, log_std: Tensor | None = None) -> Tensor:
        """Log-density (...,) of actions.

        Args:
            vector: (..., V) of states.
            action: (..., A).
            log_std: (A,) in place of its own deviation.
        """
        log_std = (self.log_std if log_std is None else log_std).clamp(*_LOG_STD)
        scaled = (action - self.mean(vector)) * (-log_std).exp()
        return -(0.5 * scaled.square() + log_std + 0.5 * math.log(2 * math.pi)).sum(-1)
