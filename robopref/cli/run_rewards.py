"""A reward of candidates that another run has trained, to relabel data with."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.schema import check
from robopref.cli.train import load_members, member_names
from robopref.errors import unknown_name
from robopref.learning.relabel import file_hash
from robopref.rewards.ensemble import Peers, SymmetricReward


def reward_of_run(folder: Path, name: str | None) -> tuple[nn.Module, str]:
    """A trained reward of a run, averaged over its members and the task's symmetries.

    Args:
        folder: The run folder, which is only read.
        name: Of the reward; None takes the one that the run ranks with.

    Returns:
        The reward, and a hash of its members' weights.

    Raises:
        ConfigError: The run has no such reward, or its settings name code that was not typed.
        DataError: It is not trained, or damaged.
    """
    config = compose_config("config", [f"run={folder}"])
    check(config, "config", "train reward")
    context = Context(config, memory(config, []))
    try:
        wanted = str(config.use) if name is None else name
        if wanted not in config.rewards:
            raise unknown_name("relabel.use", wanted, map(str, config.rewards))
        members = load_members(context, [wanted])[wanted]
        geometry = context.policy().geometry
    finally:
        context.finish()
    names = member_names(wanted, config.rewards[wanted]).values()
    told = "".join(file_hash(folder / "rewards" / name / "weights.pt") for name in names)
    return SymmetricReward(Peers(members), geometry).eval(), told
