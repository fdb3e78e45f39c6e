"""The three losses of implicit Q-learning (Kostrikov, Nair and Levine 2022), each a function of numbers alone."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError


def expectile_loss(value: Tensor, q: Tensor, expectile: float) -> Tensor:
    """Asymmetric squared error, whose minimiser is an expectile of q (eq. 5).

    ``|tau - 1(q < v)| (q - v)^2``: at ``tau = 0.5`` v becomes the mean of q over actions, and as tau goes to 1 its
    maximum over the actions that the data hold.

    Args:
        value: (..., B) values of states.
        q: (..., B) values of the actions taken in them.
        expectile: tau, in (0, 1).

    Returns:
        (...) mean over the batch.

    Raises:
        ConfigError: The expectile is out of range.
    """
    if not 0 < expectile < 1:
        raise ConfigError(f"expectile must be in (0, 1), got {expectile}")
    error = q - value
    weight = torch.where(error < 0, 1 - expectile, expectile)
    return (weight * error.square()).mean(-1)


def td_loss(q: Tensor, reward: Tensor, discount: Tensor, next_value: Tensor) -> Tensor:
    """Squared error of every critic against ``r + gamma V(s')`` (eq. 6).

    Args:
        q: (..., C, B) what each critic says of the actions taken.
        reward: (..., B).
        discount: (..., B) gamma, and 0 where the task ended for good.
        next_value: (..., B) values of the states that followed.

    Returns:
        (...) mean over the batch, sum over the critics.
    """
    target = reward + discount * next_value
    return (q - target.unsqueeze(-2)).square().mean(-1).sum(-1)


def advantage_weights(advantage: Tensor, temperature: float, *, largest: float = 100.0) -> Tensor:
    """How much each action of the data counts when the actor imitates it, ``exp(beta A)`` (eq. 7).

    Args:
        advantage: (..., B) value of the action less the value of its state.
        temperature: beta, the paper's *inverse* temperature: 0 is behaviour cloning, a large one follows Q.
        largest: Weights are cut off here, as in the released code.

    Returns:
        (..., B) weights in [0, largest].

    Raises:
        ConfigError: The temperature is negative, or the bound is not positive.
    """
    if not temperature >= 0:
        raise ConfigError(f"temperature must not be negative, got {temperature}")
    if not largest > 0:
        raise ConfigError(f"largest must be positive, got {largest}")
    return (temperature * advantage).exp().clamp(max=largest)
