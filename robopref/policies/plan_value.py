"""What plans are worth: what they earn in the model, and what critics expect of where they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld


@dataclass(frozen=True)
class Prospect:
    """Where plans have led so far in the model.

    Attributes:
        latents: (..., Z) where they are.
        gain: (...) discounted rewards so far.
        weight: (...) what a reward there counts: the discount, and the probability that the task is not over.
        actions: (..., t, A) of the plans.
    """

    latents: Tensor
    gain: Tensor
    weight: Tensor
    actions: Tensor

    @classmethod
    def at(cls, latents: Tensor) -> Prospect:
        """Plans of no action yet, at latents (..., Z)."""
        zero = latents.new_zeros(latents.shape[:-1])
        return cls(latents, zero, zero + 1, latents.new_zeros(*latents.shape[:-1], 0, 0))

    def further(self, world: LatentWorld, actions: Tensor, discount: float) -> Prospect:
        """The same plans with one more action (..., A)."""
        after = world.advance(self.latents, actions)
        done = actions[..., None, :] if not self.actions.shape[-2] else torch.cat(
            [self.actions, actions[..., None, :]], -2
        )  # fmt: skip
        return Prospect(
            after,
            self.gain + self.weight * world.earned(self.latents, actions),
            self.weight * discount * world.goes_on(after),
            done,
        )

    def flat(self) -> Prospect:
        """The first two dimensions as one."""
        return Prospect(*(part.flatten(0, 1) for part in (self.latents, self.gain, self.weight, self.actions)))


class PlanValue(Protocol):
    """Says what plans are worth."""

    @property
    def discount(self) -> float:
        """Of later rewards."""
        ...

    @property
    def members(self) -> tuple[int, int]:
        """Actors and critics that it goes by."""
        ...

    def scores(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(N,) of N plans, larger is better."""
        ...

    def each(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(E, N) what each critic makes of N plans."""
        ...


class SmallestCritic:
    """The rewards on the way and the smaller of two critics at the end, for the one actor: TD-MPC and MoDem.

    Args:
        discount: Of later rewards.
    """

    members = (1, 2)

    def __init__(self, *, discount: float = 0.97) -> None:
        self.discount = _share(discount)

    @property
    def settings(self) -> dict[str, float]:
        """What it was made with."""
        return {"discount": self.discount}

    def scores(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(N,) of N plans."""
        return self.each(world, prospect).amin(0)

    def each(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(E, N) what each critic makes of N plans."""
        expected = world.numbers.decode(world.judged(prospect.latents, world.act(prospect.latents)[0]))
        return prospect.gain + prospect.weight * expected


class LowerBound:
    """What an ensemble of actor-critics agrees on: the mean of what critics expect less a multiple of their spread.

    ``G_i = gain + weight max_{j != i} Q_i(z, pi_j(z))``: each critic takes the action of that actor whom it likes best
    but for its own, which was trained to please it and so finds what it overrates. The score is ``mean_i G_i -
    pessimism std_i G_i`` (MoDem-V2, with a pessimism of 10 for rewards of 0 and 1).

    Args:
        members: Actors, and as many critics E.
        pessimism: Standard deviations that are taken off.
        discount: Of later rewards.

    Raises:
        ConfigError: There are fewer than two members, or the pessimism is negative.
    """

    def __init__(self, *, members: int = 5, pessimism: float = 10.0, discount: float = 0.97) -> None:
        if members < 2 or pessimism < 0:
            raise ConfigError(
                f"an ensemble needs members >= 2, as no critic scores its own actor, and pessimism >= 0, got {members} "
                f"and {pessimism}"
            )
        self.members, self.pessimism, self.discount = (members, members), pessimism, _share(discount)

    @property
    def settings(self) -> dict[str, float]:
        """What it was made with."""
        return {"members": self.members[0], "pessimism": self.pessimism, "discount": self.discount}

    def scores(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(N,) of N plans."""
        each = self.each(world, prospect)
        return each.mean(0) - self.pessimism * each.std(0, unbiased=False)

    def each(self, world: LatentWorld, prospect: Prospect) -> Tensor:
        """(E, N) what each critic makes of N plans."""
        ends = prospect.latents
        actions = world.act(ends)
        actors = len(actions)
        logits = world.judged(ends.expand(actors, *ends.shape).flatten(0, 1), actions.flatten(0, 1))
        expected = world.numbers.decode(logits).view(len(logits), actors, -1)
        return prospect.gain + prospect.weight * best_of_others(expected)


def best_of_others(expected: Tensor) -> Tensor:
    """The most that each critic expects of an actor that is not its own.

    Args:
        expected: (E, E, N) by critic and actor.

    Returns:
        (E, N).
    """
    own = torch.eye(len(expected), dtype=torch.bool, device=expected.device)[..., None]
    return expected.masked_fill(own, -torch.inf).amax(1)


def _share(discount: float) -> float:
    if not 0 < discount < 1:
        raise ConfigError(f"a discount of later rewards lies between 0 and 1, got {discount}")
    return discount
