"""Implicit process rewards of single steps, from outcomes of whole rollouts alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.items import ACTION, Items
from robopref.policies.gaussian_density import GaussianDensity
from robopref.scores import NoiseDraw, Scores

_VIEWS = ("points", "image")


class ImplicitProcessReward(nn.Module):
    """``beta * (log pi_phi - log pi_ref)`` of every step, whose sum over a rollout says whether it succeeds.

    Trained by cross-entropy of success on sums of whole rollouts, the summands become rewards of steps (Yuan et al.
    2024, eq. 5; PRIME, Cui et al. 2025, eq. 3). Both densities begin alike, so that an untrained reward is zero. How
    much narrower than the reference the trained one is is learnt as well, and stays when the reference changes: means
    alone say in which direction a step was better, not that it should have been less random.

    Args:
        keys: Vectors of a step, in this order, that the densities look at; ``action`` is not among them.
        density: Its mean is trained; a copy of it as it is now becomes the reference.
        beta: Scale; larger keeps the trained density nearer to its reference.

    Attributes:
        widening: (A,) logarithm of the trained density's deviation over the reference's.
        base: Log-odds of success that no step accounts for; learnt, no reward.

    Raises:
        ConfigError: Beta is not positive, or there is nothing to look at.
    """

    history = 0
    ahead = 0
    horizon: int | None = None

    def __init__(self, keys: Sequence[str], density: GaussianDensity, *, beta: float = 1.0) -> None:
        super().__init__()
        if not beta > 0:
            raise ConfigError(f"beta must be positive, got {beta}")
        if not keys:
            raise ConfigError("an implicit process reward looks at vectors of a step, such as state; there are none")
        self.seen, self.beta, self.density = tuple(keys), float(beta), density
        self.reference = copy.deepcopy(density).requires_grad_(False)
        density.log_std.requires_grad_(False)
        self.widening = nn.Parameter(torch.zeros_like(density.log_std))
        self.base = nn.Parameter(torch.zeros(()))

    @classmethod
    def for_items(cls, items: Items, *, beta: float = 1.0, hidden: Sequence[int] = (64, 64)) -> ImplicitProcessReward:
        """A reward of all vectors that are known of the steps of some items, around actions of deviation one.

        Args:
            items: What is to be scored.
            beta: Scale.
            hidden: Sizes of the hidden layers.
        """
        keys = [key for key in items.steps if key not in (*_VIEWS, ACTION)]
        inputs = sum(items.steps[key].shape[3:].numel() for key in keys)
        reward = cls(keys, GaussianDensity(inputs, items.steps[ACTION].shape[3:].numel(), hidden=hidden), beta=beta)
        reward.horizon = items.horizon
        return reward

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a step that it looks at."""
        return (*self.seen, ACTION)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"keys": list(self.seen), "beta": self.beta, **self.density.settings}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ImplicitProcessReward:
        """An untrained reward of such settings."""
        return cls(settings["keys"], GaussianDensity.of(settings), beta=settings["beta"])

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items.

        Args:
            items: With the arrays of `keys`; actions (B, K, T, A) or chunks (B, K, T, H, A).
            draw: Not needed.

        Returns:
            (B, K) values, log-odds of success: the sums of their steps, and `base`.

        Raises:
            DataError: What is seen of a step has another size than in training.
        """
        del draw
        action = items.part(ACTION).flatten(3)
        parts = [items.part(key).flatten(3).float().expand(*action.shape[:3], -1) for key in self.seen]
        vector = torch.cat(parts, -1)
        if vector.shape[-1] != (inputs := self.density.settings["inputs"]):
            raise DataError(
                f"{', '.join(self.seen)} must be {inputs} numbers a step, as in training, got {vector.shape[-1]}"
            )
        steps = self.step_rewards(vector, action) * items.weight
        return Scores(self.base + steps.sum(-1), steps=steps)

    def refer_to(self, reference: GaussianDensity) -> None:
        """Reward from now on what is likelier than under another density, such as the present policy of an agent.

        Raises:
            RuntimeError: It is of another size.
        """
        self.reference.load_state_dict(reference.state_dict())

    def step_rewards(self, vector: Tensor, action: Tensor, *, reference: GaussianDensity | None = None) -> Tensor:
        """Rewards of steps.

        Args:
            vector: (..., V) what is seen, end to end.
            action: (..., A).
            reference: In place of the present one.

        Returns:
            (...,).
        """
        reference = self.reference if reference is None else reference
        with torch.no_grad():
            before = reference(vector, action)
        log_std = reference.log_std.detach() + self.widening
        return self.beta * (self.density(vector, action, log_std=log_std) - before)
