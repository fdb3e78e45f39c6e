"""A Gaussian policy: the mean from a network, one standard deviation for all states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ActionError
from robopref.nets.state import StateInputs, StateNetwork, StateNormalizer

_LOG_STD = (-5.0, 2.0)


class GaussianActor(nn.Module):
    """Mean ``tanh(network(s))`` and a standard deviation that is the same in every state.

    The mean is bounded and the distribution is not squashed, as in the code released with IQL (Kostrikov et al. 2022).

    Args:
        inputs: Numbers of a state's vector V.
        actions: Action size A.
        hidden: Sizes of the hidden layers.
        encoder: Sizes of the layers of the point encoder; empty for states without a cloud.
    """

    def __init__(
        self, inputs: int, actions: int, *, hidden: Sequence[int] = (256, 256), encoder: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "inputs": inputs, "actions": actions, "hidden": list(hidden), "encoder": list(encoder),
        }  # fmt: skip
        self.network = StateNetwork(inputs, actions, hidden=hidden, encoder=encoder)
        self.log_std = nn.Parameter(torch.zeros(1, 1, actions))

    def forward(self, inputs: StateInputs, masks: Sequence[Tensor] = ()) -> Tensor:
        """Mean action (S, B, A) of each state."""
        return self.network(self.network.features(inputs), masks=masks)[:, 0].tanh()

    def negative_log_likelihood(self, mean: Tensor, action: Tensor) -> Tensor:
        """How unlikely actions are.

        Args:
            mean: (S, B, A) of the policy.
            action: (S, B, A).

        Returns:
            (S, B) sum over the dimensions of an action.
        """
        log_std = self.log_std.clamp(*_LOG_STD)
        scaled = (action - mean) * (-log_std).exp()
        return (0.5 * scaled.square() + log_std).sum(-1) + 0.5 * math.log(2 * math.pi) * mean.shape[-1]


class GaussianPolicy(nn.Module):
    """A trained actor together with the normalisation of its observations.

    Args:
        normalizer: From observations to inputs.
        actor: Of one seed.
    """

    def __init__(self, normalizer: StateNormalizer, actor: GaussianActor) -> None:
        super().__init__()
        self.normalizer, self.actor = normalizer, actor

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"normalizer": self.normalizer.settings, "actor": self.actor.settings}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> GaussianPolicy:
        """An untrained policy of such settings."""
        return cls(StateNormalizer(**settings["normalizer"]), GaussianActor(**settings["actor"]))

    @torch.no_grad()
    def act(self, observation: object) -> Tensor:
        """The most likely action, for evaluation.

        Args:
            observation: See `StateNormalizer`.

        Returns:
            (B, A) in [-1, 1].

        Raises:
            ActionError: It is not finite.
        """
        mean = self.actor(self.normalizer(observation))[0]
        if not bool(mean.isfinite().all()):
            raise ActionError("the policy's action is not finite; look for bad values in the observation")
        return mean

    @torch.no_grad()
    def sample(self, observation: object, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample chunks of one action.

        Args:
            observation: See `StateNormalizer`.
            n: Chunks N a state.
            generator: Source of the noise.

        Returns:
            (B, N, 1, A) in [-1, 1].
        """
        mean = self.act(observation)
        std = self.actor.log_std[0, 0].clamp(*_LOG_STD).exp()
        noise = torch.randn(len(mean), n, 1, mean.shape[-1], generator=generator, device=mean.device)
        return (mean[:, None, None] + std * noise).clamp(-1, 1)
