"""Where plans of a world model are drawn: around learnt actors, or from wide noise that is narrowed down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.policies.plan_value import PlanValue, Prospect

RADIUS = 4.0  # standard deviations from an actor beyond which nothing is drawn


@dataclass(frozen=True)
class Plans:
    """Sequences of actions, and what is expected of them.

    Attributes:
        actions: (B, N, H, A) in [-1, 1].
        scores: (B, N), larger is better.
    """

    actions: Tensor
    scores: Tensor

    def elites(self, count: int) -> Plans:
        """The `count` best, best first."""
        best = self.scores.topk(min(count, self.scores.shape[1]), dim=1)
        rows = torch.arange(len(best.indices), device=best.indices.device)[:, None]
        return Plans(self.actions[rows, best.indices], best.values)


class PlanSearch(Protocol):
    """Draws plans and says what they are worth."""

    def search(
        self,
        world: LatentWorld,
        latents: Tensor,
        horizon: int,
        value: PlanValue,
        *,
        before: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Plans:
        """Plans from B latents (B, Z) of `horizon` steps.

        Args:
            world: Says where actions lead.
            latents: Where plans begin.
            horizon: Actions H of a plan.
            value: Says what plans are worth.
            before: (B, H, A) what is known to be good from an earlier search, if it is.
            generator: Source of randomness; None is torch's own.
        """
        ...


class CenteredPlans:
    """Plans that learnt actors act out in the model, with little noise: MoDem-V2's exploration centering.

    The model and the critics are right where data are, and actors that began as clones stay there. No plan is refined,
    since refining finds what the model is wrong about. Noise is cut off at `RADIUS` standard deviations, and the first
    plan of each actor has none.

    Args:
        spread: Standard deviation of the noise, in units of the action.
        samples: Plans N; as many of each actor.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(self, *, spread: float = 0.1, samples: int = 60) -> None:
        if not spread > 0 or samples < 1:
            raise ConfigError(f"centered plans need spread > 0 and samples >= 1, got {spread} and {samples}")
        self.spread, self.samples = spread, samples

    @property
    def settings(self) -> dict[str, float]:
        """What it was made with."""
        return {"spread": self.spread, "samples": self.samples}

    @torch.no_grad()
    def search(
        self,
        world: LatentWorld,
        latents: Tensor,
        horizon: int,
        value: PlanValue,
        *,
        before: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Plans:
        """Plans around the actors; see `PlanSearch`."""
        del before
        prospect = self.drawn(world, latents, horizon, value.discount, generator=generator)
        scores = value.scores(world, prospect.flat())
        batch = len(latents)
        return Plans(by_start(prospect.actions, batch), by_start(scores.view(world.actors.copies, -1), batch))

    def drawn(
        self, world: LatentWorld, latents: Tensor, horizon: int, discount: float, *, generator: torch.Generator | None
    ) -> Prospect:
        """Where plans of each actor lead, (actors, B n); the first of the n plans of each is without noise."""
        actors, batch = world.actors.copies, len(latents)
        each = -(-self.samples // actors)
        at = latents[:, None].expand(batch, each, -1).reshape(1, batch * each, -1).expand(actors, -1, -1)
        prospect = Prospect.at(at)
        for _ in range(horizon):
            center = world.act(prospect.latents)
            noise = torch.randn(center.shape, generator=generator, device=center.device).clamp(-RADIUS, RADIUS)
            noise.view(actors, batch, each, -1)[:, :, 0] = 0
            prospect = prospect.further(world, (center + self.spread * noise).clamp(-1, 1), discount)
        return prospect


class WidePlans:
    """Plans from wide noise that is narrowed down around the best of them, as in MoDem and TD-MPC (MPPI).

    Args:
        spread: Standard deviation to begin with, in units of the action.
        samples: Plans N of each iteration.
        iterations: How often the noise is fitted to the best plans.
        elites: How many of the best it is fitted to.
        acted: Share of the plans that actors act out.
        temperature: Of the weights of the elites.
        least: Smallest standard deviation.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(
        self,
        *,
        spread: float = 2.0,
        samples: int = 60,
        iterations: int = 4,
        elites: int = 12,
        acted: float = 0.05,
        temperature: float = 0.5,
        least: float = 0.1,
    ) -> None:
        if min(spread, least, temperature) <= 0 or not 1 <= elites <= samples or iterations < 1 or not 0 <= acted <= 1:
            raise ConfigError(
                "wide plans need spread, least and temperature > 0, 1 <= elites <= samples, iterations >= 1 and acted "
                f"within [0, 1]; got {spread}, {least}, {temperature}, {elites}, {samples}, {iterations} and {acted}"
            )
        self.spread, self.samples, self.iterations, self.elites = spread, samples, iterations, elites
        self.temperature, self.least = temperature, least
        self.share, self.acted = acted, CenteredPlans(spread=least, samples=max(1, round(acted * samples)))

    @property
    def settings(self) -> dict[str, float]:
        """What it was made with."""
        names = ("spread", "samples", "iterations", "elites", "temperature", "least")
        return {"acted": self.share, **{name: getattr(self, name) for name in names}}

    @torch.no_grad()
    def search(
        self,
        world: LatentWorld,
        latents: Tensor,
        horizon: int,
        value: PlanValue,
        *,
        before: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Plans:
        """Plans of the last iteration; see `PlanSearch`."""
        batch, device = len(latents), latents.device
        mean = torch.zeros(batch, horizon, world.actions, device=device)
        if before is not None:  # what comes next of the plan that is being carried out, the last action again
            mean = torch.cat([before[:, 1:], before[:, -1:]], 1)[:, :horizon]
        std = torch.full_like(mean, self.spread)
        acted = self.acted.search(world, latents, horizon, value, generator=generator)
        found = acted
        for _ in range(self.iterations):
            drawn = torch.randn(batch, self.samples, horizon, world.actions, generator=generator, device=device)
            actions = (mean[:, None] + std[:, None] * drawn).clamp(-1, 1)
            prospect = Prospect.at(latents[:, None].expand(-1, self.samples, -1).flatten(0, 1))
            for action in actions.flatten(0, 1).unbind(1):
                prospect = prospect.further(world, action, value.discount)
            scores = value.scores(world, prospect).view(batch, self.samples)
            found = Plans(torch.cat([acted.actions, actions], 1), torch.cat([acted.scores, scores], 1))
            best = found.elites(self.elites)
            weight = (self.temperature * (best.scores - best.scores[:, :1])).exp()[..., None, None]
            weight = weight / weight.sum(1, keepdim=True)
            mean = (weight * best.actions).sum(1)
            std = (weight * (best.actions - mean[:, None]).square()).sum(1).sqrt().clamp(self.least, self.spread)
        return found


def by_start(values: Tensor, batch: int) -> Tensor:
    """(actors, B n, ...) as (B, actors n, ...)."""
    return values.unflatten(1, (batch, -1)).transpose(0, 1).flatten(1, 2)
