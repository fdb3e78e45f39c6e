"""Agents as the settings make them, and on disk: written whole or not at all."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from robopref.errors import ConfigError, DataError, PartError
from robopref.factories import call_part, require_call
from robopref.files import replacing, require_file
from robopref.interaction import Agent, AgentSpec, OffPolicyAgent, OnPolicyAgent
from robopref.protocols import lacking

_SEE = "see robopref/interaction.py"


def make_agent(maker: Any, spec: AgentSpec) -> Agent:
    """An agent that has learnt nothing yet.

    Args:
        maker: Makes it of a spec: what ``agent`` of the settings makes. Algorithms of stable-baselines3 are adapted.
        spec: What it is for.

    Raises:
        ConfigError: It makes no agent.
        PartError: It fails.
    """
    if not callable(maker):
        raise ConfigError(f"agent makes {_kind(maker)} before the task is known; give agent._partial_=true")
    if _is_of_stable_baselines(maker):
        from robopref.learning.stable_baselines import adapted  # takes a moment

        return adapted(maker, spec)
    require_call(maker, "agent is made of an AgentSpec and of its settings", spec)
    made: Any = call_part(f"agent: {_kind(maker.func if isinstance(maker, partial) else maker)}", maker, spec)
    if missing := lacking(made, Agent):
        raise ConfigError(f"agent: {_kind(made)} lacks {', '.join(missing)}; {_SEE}")
    return made


def require_renewable(agent: Agent) -> None:
    """Demand an agent that the reward may change for.

    Raises:
        ConfigError: It would go on learning from old rewards.
    """
    if lacking(agent, OffPolicyAgent) and lacking(agent, OnPolicyAgent):
        raise ConfigError(
            f"agent: {_kind(agent)} has neither relabel, which gives steps that it keeps new rewards, nor collecting, "
            f"which says that it keeps none: it would learn from rewards that no longer hold; {_SEE}"
        )


def save_agent(path: Path, agent: Agent) -> None:
    """Write an agent.

    Args:
        path: Where to.
        agent: The agent.

    Raises:
        DataError: The disk refused; whatever was there before is still there.
        ConfigError: The agent writes no file.
        PartError: The agent fails.
    """
    with replacing(path) as unfinished:
        try:
            call_part(f"agent: save(path) of {_kind(agent)}", agent.save, unfinished)
        except PartError as error:
            if isinstance(error.__cause__, OSError):  # is the disk's fault, as for any file
                raise error.__cause__ from None
            raise
        if not unfinished.exists():
            raise ConfigError(f"agent: save(path) of {_kind(agent)} wrote no file {unfinished}; {_SEE}")


def restore_agent(agent: Agent, path: Path) -> None:
    """Give an agent what a stored one has learnt.

    Args:
        agent: An agent of the same task and settings.
        path: Where from.

    Raises:
        DataError: There is none, it is damaged, or it is of another task.
    """
    require_file(path)
    try:
        agent.load(path)
    except DataError:  # which says so itself
        raise
    except Exception as error:  # what a damaged file raises depends on which of its bytes are damaged
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path} is no agent of this task ({reason}); train it again, or restore a copy") from error


def _is_of_stable_baselines(maker: Callable[..., Any]) -> bool:
    made = maker.func if isinstance(maker, partial) else maker
    return inspect.isclass(made) and any(base.__module__.startswith("stable_baselines3.") for base in made.__mro__)


def _kind(thing: object) -> str:
    return thing.__name__ if inspect.isclass(thing) else type(thing).__name__
