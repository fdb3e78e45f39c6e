"""What says where actions lead in a run: the simulation of its task, or its learnt dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.learnt_network import FOLDER, load_network, new_network
from robopref.cli.trained_rewards import load_members, together, version_of
from robopref.data.episodes.policy_spec import recorded_spec
from robopref.errors import ConfigError, DataError
from robopref.files import fields, read_json, write_json
from robopref.learning.checkpoint import load_weights
from robopref.learning.dynamics_training import JudgedDynamics
from robopref.learning.practised_dynamics import practised_dynamics, practised_steps
from robopref.rewards.ensemble import symmetric
from robopref.rewards.imagined import ImaginedReward
from robopref.robots.dynamics import SimDynamics
from robopref.robots.latent_dynamics import LatentDynamics
from robopref.robots.learnt_dynamics import LearntDynamics

_NAMES: dict[Any, str] = {SimDynamics: "sim", LearntDynamics: "learnt", practised_dynamics: "world_model"}

IMAGINED = "imagined "  # before a reward of outcomes, in the name of the score that imagines them
PRETRAINED, TUNED = "pretrained", "tuned"


@dataclass(frozen=True)
class DynamicsRecord:
    """What is known of a learnt dynamics beside its weights.

    Attributes:
        transitions: That it was trained on.
        carried_out: Those of them that were executed for learning, and not recorded anyway.
        judge: Reward of outcomes that it was tuned on, if it was.
        version: Of that reward's weights.
        agreement: Share of the pairs of held-out actions that imagined outcomes order as that reward orders the true
            ones, by which weights imagine; empty if nothing was held out.
    """

    transitions: int = 0
    carried_out: int = 0
    judge: str = ""
    version: str = ""
    agreement: Mapping[str, float] = field(default_factory=dict[str, float])


def record_path(context: Context) -> Path:
    """Where a run keeps what it knows of its learnt dynamics."""
    return context.folder / FOLDER / "record.json"


def keep_record(context: Context, record: DynamicsRecord) -> None:
    """Keep what is known of a learnt dynamics.

    Raises:
        DataError: The disk refused.
    """
    write_json(record_path(context), asdict(record))


def load_record(context: Context) -> DynamicsRecord:
    """Read what `keep_record` kept.

    Raises:
        DataError: It is damaged.
    """
    path = record_path(context)
    if not path.exists():
        return DynamicsRecord()
    kinds = {"transitions": int, "carried_out": int, "judge": str, "version": str, "agreement": dict}
    stored: dict[str, Any] = fields(path, read_json(path), kinds)
    stored["agreement"] = fields(path, agreement := stored.get("agreement", {}), dict.fromkeys(agreement, float))
    return DynamicsRecord(**stored)


def simulates(context: Context) -> bool:
    """Whether ``dynamics`` of the settings is the simulation.

    Raises:
        ConfigError: It is neither that nor a learnt one.
    """
    return dynamics_name(context) == "sim"


def dynamics_name(context: Context) -> str:
    """What ``dynamics`` of the settings is called.

    Raises:
        ConfigError: It is none of those that there are.
    """
    made = _factory(context)
    if made.func not in _NAMES:
        raise ConfigError(f"dynamics must be sim, learnt or world_model, and {made.func.__name__} is none of them")
    return _NAMES[made.func]


def imagined_reward(context: Context, name: str) -> ImaginedReward:
    """A reward of outcomes that judges what the run's learnt dynamics imagines.

    Args:
        context: Of the run.
        name: Of the reward, which is trained.

    Raises:
        DataError: No dynamics is trained, or what is known of it is damaged.
        MismatchError: It was trained with other settings.
        ConfigError: What the reward looks at is not imagined; or tuned weights are asked for, and there are none.
    """
    members = load_members(context, [name])[name]
    judge = together(members)
    if _of_practice(context):
        return ImaginedReward(learnt_dynamics(context), symmetric(judge, context.policy().geometry).eval())
    network = load_network(context)
    if _use_tuned(context, name, version_of(members)):
        judged = JudgedDynamics(new_network(context), judge)
        load_weights(tuned_weights(context), judged)
        network, judge = judged.network, judged.judge
    geometry = context.policy().geometry
    dynamics: LearntDynamics = _factory(context)(network, geometry)
    return ImaginedReward(dynamics, symmetric(judge, geometry).eval())


def learnt_dynamics(context: Context) -> LearntDynamics | LatentDynamics:
    """What says without simulation where actions lead: the run's learnt dynamics, or an agent's world model.

    Args:
        context: Of the run.

    Raises:
        ConfigError: No agent is named, or it acts otherwise than the policy.
        DataError: The dynamics is not trained, or the agent is damaged.
        MismatchError: The dynamics was trained with other settings.
    """
    if _of_practice(context):
        return _foreseen(context)
    dynamics: LearntDynamics = _factory(context)(load_network(context), context.policy().geometry)
    return dynamics


def earning_dynamics(context: Context) -> LatentDynamics:
    """What says without simulation what actions earn: an agent's world model.

    Args:
        context: Of the run.

    Raises:
        ConfigError: The settings name no world model, or one that acts otherwise than the policy.
        DataError: The agent is damaged.
    """
    if not _of_practice(context):
        raise ConfigError(
            "ranker=earned_search adds up what a world model says that chunks earn, and dynamics="
            f"{dynamics_name(context)} has none; choose dynamics=world_model dynamics.agent=<run>/agent.pt, which "
            "robopref online agent=world_model makes"
        )
    return _foreseen(context)


def _foreseen(context: Context) -> LatentDynamics:
    policy = context.policy()
    latent: LatentDynamics = _factory(context)(agent=_agent_of(context))
    if latent.world.actions != policy.shape[1]:
        raise ConfigError(
            f"dynamics.agent={_agent_of(context)} acts in {latent.world.actions} dimensions, the policy in "
            f"{policy.shape[1]}; name an agent of the same task"
        )
    known = recorded_spec(context.demonstrations).shapes
    for name, shape in latent.world.encoder.parts.shapes.items():
        if tuple(known.get(name, shape)) != tuple(shape):
            raise ConfigError(
                f"dynamics.agent={_agent_of(context)} observes {name} of {list(shape)} entries, and here they are "
                f"{list(known[name])}; name an agent of the same task"
            )
    latent.world.to(context.device)
    return latent


def carried_out_for(context: Context) -> int:
    """Actions that were executed for what imagines to learn from, beside what was recorded anyway."""
    if not _of_practice(context):
        return load_record(context).carried_out
    agent = _agent_of(context)
    return 0 if agent is None else practised_steps(Path(agent))


def _of_practice(context: Context) -> bool:
    return dynamics_name(context) == "world_model"


def _agent_of(context: Context) -> str | None:
    named = context.config.dynamics.get("agent") or context.config.policy.get("agent")
    return None if named is None else str(named)


def tuned_weights(context: Context) -> Path:
    """Where the weights of dynamics and judge are that were tuned together."""
    return context.folder / FOLDER / "tuned.pt"


def _use_tuned(context: Context, name: str, version: str) -> bool:
    """Whether the weights imagine that were tuned on a reward."""
    record, wanted = load_record(context), context.config.imagine.tuned
    there = record.judge == name and tuned_weights(context).exists()
    hint = f"robopref train dynamics run={context.folder}"
    if wanted is False or not (there or wanted):
        return False
    if not there:
        raise DataError(f"imagine.tuned=true, but no dynamics was tuned on the reward {name}; run: {hint}")
    if record.version != version:
        if wanted:
            raise DataError(f"the dynamics was tuned on other weights of the reward {name}; run: {hint}")
        context.console.print(
            f"the dynamics was tuned on other weights of the reward {name}, so the weights of before imagine; it is "
            f"tuned again by: {hint}", soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip
        return False
    return bool(wanted) or record.agreement.get(TUNED, 0.0) > record.agreement.get(PRETRAINED, 0.0)


def _factory(context: Context) -> partial[Any]:
    made = build(context.config.dynamics)
    if not isinstance(made, partial):
        raise ConfigError(
            f"dynamics makes {type(made).__name__} before the run is known; choose dynamics=sim, learnt or world_model"
        )
    return made
