"""Agents of stable-baselines3 on disk: written whole or not at all, and read as weights only."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Protocol

import torch

from robopref.errors import DataError
from robopref.files import replacing, require_file


class Agent(Protocol):
    """An algorithm of stable-baselines3, with what it has learnt."""

    policy: Any

    def save(self, path: Path, /) -> None:
        """Write what it has learnt."""
        ...

    def set_parameters(self, path: str, /, *, device: torch.device | str) -> None:
        """Take the weights of a file, and nothing else that is in it."""
        ...


def save_agent(path: Path, agent: Agent) -> None:
    """Write an agent.

    Args:
        path: Where to.
        agent: The agent.

    Raises:
        DataError: The disk refused; whatever was there before is still there.
    """
    with replacing(path) as unfinished:
        agent.save(unfinished)


def restore_agent(agent: Agent, path: Path, device: torch.device | str = "cpu") -> None:
    """Give an agent the weights of a stored one, without running any code that the file may contain.

    Args:
        agent: An agent of the same task and settings.
        path: Where from.
        device: Where its weights are.

    Raises:
        DataError: There is none, it is damaged, or it is of another task.
    """
    require_file(path)
    try:
        _require_stored(path)
        agent.set_parameters(str(path), device=device)
        _require_numbers(agent.policy)
    except Exception as error:  # what a damaged file raises depends on which of its bytes are damaged
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(f"{path} is no agent of this task ({reason}); remove {path.parent} to train again") from error


def _require_stored(path: Path) -> None:
    """A few compressed bytes can stand for any amount of memory; agents are written without."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")


def _require_numbers(policy: torch.nn.Module) -> None:
    for name, weights in policy.state_dict().items():
        if not bool(torch.isfinite(weights).all()):
            raise ValueError(f"{name} is not finite")
