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
from robopref.policies.plan_search import Plans, PlanSearch
from robopref.policies.plan_value import PlanValue
from robopref.policies.stored_planner import planner_of
from robopref.policies.world_planner import WorldPlanner
from robopref.policy_shapes import PolicySpec
from robopref.records import Observation

_ALIKE = 1e-5  # of any action, below which plans are the same
_PARTS = 100  # of an observation, each of which is a network


class PlannedPolicy(nn.Module):
    """Candidates are plans in a world model, of which the first is what the agent does when it does not explore.

    That is the weighted mean of its best plans, of those that it keeps: where critics do not agree that a plan beats
    the clone, it is the clone's. The others follow best first by the agent's own judgement, those that it does not keep
    last, for a reward to choose among; what repeats an earlier one comes after all else.

    Args:
        spec: What it is used for.
        agent: File of an agent that `robopref online agent=world_model` has trained; it has to be given.
        horizon: Actions H of a candidate; None takes as many as the agent planned.
        plans: Draws plans; None draws them as the agent did.
        value: Says what they are worth; None judges as the agent did.

    Raises:
        ConfigError: No agent is named, it is of another task, it does not say how it plans, or the value goes by
            another number of critics.
        DataError: There is no such agent, or it is damaged.
    """

    geometry = None  # nothing here looks at the points that actions name

    def __init__(
        self, spec: PolicySpec, *, agent: str | None = None, horizon: int | None = None,
        plans: PlanSearch | None = None, value: PlanValue | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if agent is None:
            raise ConfigError(
                "policy=world_model plans as an agent that has practised: policy.agent=<run>/agent.pt, which robopref "
                "online agent=world_model env=<task> data=<demonstrations> run=<run> makes"
            )
        self.source = path = Path(agent)
        self.world, own = stored_agent(path)
        shapes = self.encoder.shapes
        for name, shape in shapes.items():
            if tuple(spec.shapes.get(name, ())) != shape or spec.actions != self.world.actions:
                raise ConfigError(
                    f"policy.agent={path} observes {shapes} and acts in {self.world.actions} dimensions; here are "
                    f"{dict(spec.shapes)} and {spec.actions}"
                )
        self.planner = _planner(path, self.world, own, plans, value, horizon)
        self.shape, self.observes = (self.planner.horizon, spec.actions), tuple(shapes)

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
        """Sample (B, N, H, A) plans, the agent's own choice first; it is the same however many are asked for."""
        seen = Observation.of({name: observation.part(name) for name in self.observes})
        latents, drawn = self.world.encoder(seen), list[Plans]()
        while not drawn or sum(plans.actions.shape[1] for plans in drawn) < n - 1:
            drawn.append(self.planner.plans(self.world, latents, generator=generator))
        own = self.planner.mean(drawn[0].elites(self.planner.elites))
        others = Plans(torch.cat([one.actions for one in drawn], 1), torch.cat([one.scores for one in drawn], 1))
        ordered = torch.cat([own[:, None], others.elites(others.scores.shape[1]).actions], 1)
        return _distinct_first(ordered)[:, :n]


def _distinct_first(plans: Tensor) -> Tensor:
    """(B, N, H, A) in the same order, but for those that repeat an earlier one, which come last."""
    flat = plans.flatten(2)
    repeats = (torch.cdist(flat, flat, p=torch.inf) < _ALIKE).tril(-1).any(-1)
    order = repeats.int().argsort(dim=1, stable=True)
    return plans[torch.arange(len(plans), device=plans.device)[:, None], order]


def _planner(
    path: Path, world: LatentWorld, own: WorldPlanner | None, plans: PlanSearch | None, value: PlanValue | None,
    horizon: int | None,
) -> WorldPlanner:  # fmt: skip
    """The agent's own planner, but for what is said otherwise."""
    if own is None and (plans is None or value is None):
        raise ConfigError(
            f"{path} does not say how its agent plans; say it with 'policy.plans={{_target_: <class>}}' and "
            "'policy.value={_target_: <class>}', such as robopref.policies.agreed_plans.AgreedPlans and "
            "robopref.policies.plan_value.LowerBound"
        )
    kept: dict[str, Any] = {} if own is None else {"elites": own.elites, "temperature": own.temperature}
    steps = horizon if horizon is not None else 3 if own is None else own.horizon
    made = WorldPlanner(plans or own.search, value or own.value, horizon=steps, **kept)  # type: ignore[union-attr]
    if made.value.members != (has := (world.actors.copies, world.critics.copies)):
        raise ConfigError(
            f"policy.value goes by {made.value.members[0]} actors and {made.value.members[1]} critics, and "
            f"policy.agent={path} has {has[0]} and {has[1]}"
        )
    return made


def stored_world(path: Path) -> LatentWorld:
    """The world model of a stored agent.

    Raises:
        DataError: There is no such agent, or it is damaged.
    """
    return stored_agent(path)[0]


def stored_agent(path: Path) -> tuple[LatentWorld, WorldPlanner | None]:
    """The world model of a stored agent, and how it plans there; None where it does not say.

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
        lengths = [length for shape in shapes.values() for length in shape]
        if max(sizes.values()) > 1 << 14 or len(shapes) > _PARTS or max([0, *lengths]) > 1 << 20:
            raise ValueError("sizes beyond any world model")
        actions = sizes.pop("actions")
        with torch.device("meta"):  # takes no memory, whatever sizes a file claims
            claimed = LatentWorld(shapes, actions, **sizes).state_dict()
        require_alike(claimed, state["world"])
        planner = None if state.get("planner") is None else planner_of(state["planner"])
        if planner is not None and planner.value.members != (sizes["actors"], sizes["critics"]):
            raise ValueError(f"its planner goes by {planner.value.members} actors and critics")
        world = LatentWorld(shapes, actions, **sizes)
        world.load_state_dict(state["world"])
    except UNREADABLE as error:
        raise DataError(f"{path} is no agent with a world model ({reason_of(error)})") from error
    return world.eval(), planner
