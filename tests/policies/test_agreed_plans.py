"""Which plans an ensemble agrees on, beside what the first actor would do."""

from typing import Any

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.policies.agreed_plans import AgreedPlans
from robopref.policies.plan_value import LowerBound
from robopref.policies.world_planner import WorldPlanner

# Of two actors, two starts and two plans each, in this order: what two critics make of them.
CRITICS = torch.tensor([[1.0, 2, 11, 12, 3, 0, 13, 8], [5.0, 6, 25, 24, 5, 9, 25, 35]])


class Told(LowerBound):
    def each(self, world: LatentWorld, prospect: Any) -> Tensor:
        return CRITICS


def plans(doubt: float) -> tuple[LatentWorld, Tensor, Any]:
    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=8, actors=2, critics=2)
    latents = torch.rand(2, 8)
    return world, latents, AgreedPlans(doubt=doubt, samples=4).search(world, latents, 2, Told(members=2))


def test_what_is_gained_over_the_first_actor_is_bounded_and_what_is_not_agreed_on_is_out() -> None:
    world, latents, found = plans(1.0)
    # First start: gains of (0, 1, 2, -1) and (0, 1, 0, 4), so 0, 1, 1 - 1 and 1.5 - 2.5. Second: of (0, 1, 2, -3) and
    # (0, -1, 0, 10), so 0, 0 - 1, 1 - 1 and 3.5 - 6.5.
    none = -torch.inf
    torch.testing.assert_close(found.scores, torch.tensor([[0, 1, 0, none], [0, none, 0, none]]))
    assert plans(0.4)[2].scores[0].tolist() == pytest.approx([0, 1, 1 - 0.4, 1.5 - 0.4 * 2.5])
    # The first plan of a start is what the first actor does there, at first without noise.
    torch.testing.assert_close(found.actions[:, 0, 0], world.act(latents)[0])


def test_where_nothing_is_agreed_on_the_first_actor_acts() -> None:
    class Worse(LowerBound):
        def each(self, world: LatentWorld, prospect: Any) -> Tensor:
            return torch.tensor([[1.0, 0, 0, 0]] * 2)

    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=8, actors=2, critics=2)
    latents = torch.rand(1, 8)
    planner = WorldPlanner(AgreedPlans(samples=4), Worse(members=2), noise=0.0)
    for explore in (False, True):
        torch.testing.assert_close(planner.act(world, latents, explore=explore)[0], world.act(latents)[0])
    with pytest.raises(ConfigError, match="doubt >= 0, got -1"):
        AgreedPlans(doubt=-1)
