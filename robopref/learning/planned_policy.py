"""The planner of a practised agent as a policy: a source of candidates that others rank, filter and carry out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, reason_of, require_alike
from robopref.nets.latent_world import LatentWorld
from robopref.nets.parts_encoder import PartsEncoder
from robopref.policies.plan_search import CenteredPlans
from robopref.policies.plan_value import LowerBound, SmallestCritic
from robopref.policies.world_planner import WorldPlanner
from robopref.policy_shapes import PolicySpec
from robopref.records import Observation


class PlannedPolicy(nn.Module):
    """Candidates are plans around the actors of a world model, best first by its own judgement.

    Args:
        spec: What it is used for.
        agent: File of an agent that `robopref online agent=world_model` has trained; it has to be given.
        horizon: Actions H of a candidate.
        spread: Standard deviation of the noise around actors, in units of the action.
        samples: Plans that are drawn, at least; as many as are asked for come back.
        pessimism: Standard deviations of the critics that are taken off.

    Raises:
        ConfigError: No agent is named, or it is of another task.
        DataError: There is no such agent, or it is damaged.
    """

    geometry = None  # nothing here looks at the points that actions name

    def __init__(
        self, spec: PolicySpec, *, agent: str | None = None, horizon: int = 3, spread: float = 0.1, samples: int = 30,
        pessimism: float = 10.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if agent is None:
            raise ConfigError(
                "policy=world_model plans as an agent that has practised: policy.agent=<run>/agent.pt, which robopref "
                "online agent=world_model env=<task> data=<demonstrations> run=<run> makes"
            )
        self.source = path = Path(agent)
        self.world = stored_world(path)
        shapes = self.encoder.shapes
        for name, shape in shapes.items():
            if tuple(spec.shapes.get(name, ())) != shape or spec.actions != self.world.actions:
                raise ConfigError(
                    f"policy.agent={path} observes {shapes} and acts in {self.world.actions} dimensions; here are "
                    f"{dict(spec.shapes)} and {spec.actions}"
                )
        self.shape, self.observes = (horizon, spec.actions), tuple(shapes)
        self.samples, self.spread = samples, spread
        value = LowerBound(members=self.world.actors.copies, pessimism=pessimism)
        self.value = value if self.world.actors.copies > 1 else SmallestCritic()

    @property
    def elsewhere(self) -> str:
        """How to use it on another machine, where it cannot be exported."""
        return (
            f"take {self.source} along: policy.agent=<file> and, from Python, PlannedPolicy and stored_world of "
            "robopref.learning.planned_policy read it, as numbers and nothing else"
        )

    @property
    def encoder(self) -> PartsEncoder:
        """What looks at each part of an observation, for rewards to begin with."""
        return self.world.encoder.parts

    @property
    def proprio_mean(self) -> Tensor:
        """Mean (D,) of the proprioception that it was trained on."""
        return self.encoder.proprio_mean

    @property
    def proprio_std(self) -> Tensor:
        """Standard deviation (D,) of the same."""
        return self.encoder.proprio_std

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample (B, N, H, A) plans, best first."""
        search = CenteredPlans(spread=self.spread, samples=max(n, self.samples))
        planner = WorldPlanner(search, self.value, horizon=self.shape[0])
        latents = self.world.encoder(Observation.of({name: observation.part(name) for name in self.observes}))
        return planner.plans(self.world, latents, generator=generator).elites(n).actions


def stored_world(path: Path) -> LatentWorld:
    """The world model of a stored agent.

    Raises:
        DataError: There is no such agent, or it is damaged.
    """
    if not path.exists():
        raise DataError(
            f"no checkpoint at {path}, which policy.agent= or dynamics.agent= names; robopref online "
            "agent=world_model run=<folder> makes one, <folder>/agent.pt"
        )
    state: dict[str, Any] = load_checkpoint(path)
    try:
        made = dict(state["made"])
        shapes = {str(name): tuple(map(int, shape)) for name, shape in made.pop("shapes").items()}
        sizes = {name: int(made[name]) for name in ("actions", "latent", "width", "actors", "critics")}
        if max(sizes.values()) > 1 << 14:
            raise ValueError("sizes beyond any world model")
        actions = sizes.pop("actions")
        with torch.device("meta"):  # takes no memory, whatever sizes a file claims
            claimed = LatentWorld(shapes, actions, **sizes).state_dict()
        require_alike(claimed, state["world"])
        world = LatentWorld(shapes, actions, **sizes)
        world.load_state_dict(state["world"])
    except UNREADABLE as error:
        raise DataError(f"{path} is no agent with a world model ({reason_of(error)})") from error
    return world.eval()
