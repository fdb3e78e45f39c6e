"""Plans of which all critics, more or less, agree that they are better than what the first actor would do."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.policies.plan_search import CenteredPlans, Plans, by_start
from robopref.policies.plan_value import PlanValue


class AgreedPlans:
    """Centered plans, but for those of which an ensemble does not agree that they beat the first actor, a clone.

    ``score = mean_i(G_i - G_i0) - doubt std_i(G_i - G_i0)`` over critics i, where ``G_i0`` is what each makes of the
    first actor's plan without noise. What critics disagree on everywhere alike cancels, so that the bound is of the
    improvement alone, as in high-confidence policy improvement (Thomas et al. 2015). Plans below 0 score minus
    infinity: where nothing is agreed to be better, the clone acts.

    Args:
        doubt: Standard deviations of the improvement that are taken off.
        spread: Standard deviation of the noise around actors, in units of the action.
        samples: Plans N; as many of each actor.

    Raises:
        ConfigError: A number is not positive, or the doubt negative.
    """

    def __init__(self, *, doubt: float = 1.0, spread: float = 0.1, samples: int = 60) -> None:
        if not doubt >= 0:
            raise ConfigError(f"agreed plans need doubt >= 0, got {doubt}")
        self.doubt, self.centered = doubt, CenteredPlans(spread=spread, samples=samples)

    @property
    def settings(self) -> dict[str, float]:
        """What it was made with."""
        return {"doubt": self.doubt, **self.centered.settings}

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
        prospect = self.centered.drawn(world, latents, horizon, value.discount, generator=generator)
        each = value.each(world, prospect.flat()).unflatten(1, (world.actors.copies, -1))
        worth = torch.stack([by_start(one, len(latents)) for one in each])  # (E, B, N)
        gain = worth - worth[..., :1]
        score = gain.mean(0) - self.doubt * gain.std(0, unbiased=False)
        return Plans(by_start(prospect.actions, len(latents)), score.masked_fill(score < 0, -torch.inf))
