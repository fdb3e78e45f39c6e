"""A planner in a learnt world: what to do next, or candidate chunks for others to choose among."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.policies.plan_search import Plans, PlanSearch
from robopref.policies.plan_value import PlanValue


class WorldPlanner:
    """Draws plans, keeps the best, and does the first action of these.

    Args:
        search: Draws plans.
        value: Says what they are worth.
        horizon: Actions H of a plan.
        elites: Best plans, of which one is carried out while exploring, and else their weighted mean.
        temperature: The larger, the more the best of these counts.
        noise: Smallest standard deviation of the noise of an action while exploring.

    Raises:
        ConfigError: A number is not positive.
    """

    def __init__(
        self,
        search: PlanSearch,
        value: PlanValue,
        *,
        horizon: int = 3,
        elites: int = 12,
        temperature: float = 0.5,
        noise: float = 0.1,
    ) -> None:
        if min(horizon, elites) < 1 or not temperature > 0 or noise < 0:
            raise ConfigError(
                f"a planner needs horizon and elites >= 1, temperature > 0 and noise >= 0, got {horizon}, {elites}, "
                f"{temperature} and {noise}"
            )
        self.search, self.value, self.horizon = search, value, horizon
        self.elites, self.temperature, self.noise = elites, temperature, noise

    def plans(
        self, world: LatentWorld, latents: Tensor, *, before: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Plans:  # fmt: skip
        """All plans that were drawn from B latents (B, Z)."""
        return self.search.search(world, latents, self.horizon, self.value, before=before, generator=generator)

    def mean(self, best: Plans) -> Tensor:
        """What is done of the best plans, best first, when nothing is explored (B, H, A): their weighted mean."""
        weight = self._weights(best)
        return ((weight / weight.sum(1, keepdim=True))[..., None, None] * best.actions).sum(1)

    def _weights(self, best: Plans) -> Tensor:
        """(B, N) of plans, best first, beside that of the best."""
        return (self.temperature * (best.scores - best.scores[:, :1])).exp()

    def act(
        self, world: LatentWorld, latents: Tensor, *, explore: bool, before: Tensor | None = None
    ) -> tuple[Tensor, Plans]:
        """What to do at B latents.

        Args:
            world: Foresees.
            latents: (B, Z).
            explore: Whether to draw one of the best plans and to add noise, by torch's own randomness; else their
                weighted mean is done, in which the noise that they were drawn with all but cancels (MPPI).
            before: (B, H, A) plans that are being carried out, if there are any.

        Returns:
            (B, A) in [-1, 1], and the best plans, of which the first is carried out.
        """
        best = self.plans(world, latents, before=before).elites(self.elites)
        if not explore:
            return self.mean(best)[:, 0], best
        weight = self._weights(best)
        share, first = weight / weight.sum(1, keepdim=True), best.actions[:, :, 0]
        mean = (share[..., None] * first).sum(1, keepdim=True)
        chosen = torch.multinomial(weight, 1)[:, 0]
        rows = torch.arange(len(chosen))
        spread = (share[..., None] * (first - mean).square()).sum(1).sqrt().clamp(min=self.noise)
        kept = Plans(
            torch.cat([best.actions[rows, chosen][:, None], best.actions], 1),
            torch.cat([best.scores[rows, chosen][:, None], best.scores], 1),
        )
        return (first[rows, chosen] + spread * torch.randn_like(spread)).clamp(-1, 1), kept
