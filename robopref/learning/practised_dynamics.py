"""The world model of an agent that has practised, as a dynamics that settings name."""

from __future__ import annotations

from pathlib import Path

from robopref.errors import ConfigError, DataError
from robopref.learning.checkpoint import load_checkpoint
from robopref.learning.planned_policy import stored_world
from robopref.robots.latent_dynamics import LatentDynamics


def practised_dynamics(*, agent: str | None = None) -> LatentDynamics:
    """What an agent foresees.

    Args:
        agent: File of an agent that `robopref online agent=world_model` has trained; it has to be given.

    Raises:
        ConfigError: No agent is named.
        DataError: There is no such agent, or it is damaged.
    """
    if agent is None:
        raise ConfigError(
            "dynamics=world_model imagines as an agent that has practised: dynamics.agent=<run>/agent.pt, which "
            "robopref online agent=world_model makes; with policy=world_model that of the policy is taken"
        )
    return LatentDynamics(stored_world(Path(agent)))


def practised_steps(agent: Path) -> int:
    """Steps that an agent has taken in its task.

    Raises:
        DataError: There is no such agent, or it is damaged.
    """
    steps = load_checkpoint(agent).get("steps")
    if type(steps) is not int or steps < 0:
        raise DataError(f"{agent} is no agent with a world model (it does not say how many steps it took)")
    return steps
