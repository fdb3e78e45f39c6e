"""What is kept beside the weights of a reward: what its answers were about, and how many members were trained."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from robopref.cli.context import Context
from robopref.cli.reward_settings import folders_of
from robopref.errors import MismatchError
from robopref.files import fields, read_json, write_json

_FILE = "answers.json"


@dataclass(frozen=True)
class RewardRecord:
    """How a reward was trained.

    Attributes:
        about: What the answers were about, see `robopref.data.labels.self_made.asked_about`, so that others can be told
            from them.
        members: That were trained; None if older versions did that.
    """

    about: frozenset[str]
    members: int | None = None


def keep_record(context: Context, name: str, about: Collection[str]) -> None:
    """Keep how a reward was trained, as its settings are now.

    Args:
        context: Of the run.
        name: Of the reward.
        about: See `RewardRecord`.

    Raises:
        DataError: The disk refused.
    """
    members = len(folders_of(name, context.config.rewards[name]))
    write_json(_path(context, name), {"about": sorted(about), "members": members})


def record_of(context: Context, name: str) -> RewardRecord | None:
    """How a reward was trained; None if nothing is kept of it.

    Args:
        context: Of the run.
        name: Of the reward.

    Raises:
        DataError: What is kept is damaged.
    """
    path = _path(context, name)
    if not path.exists():
        return None
    kept = fields(path, read_json(path), {"about": list, "members": int})
    return RewardRecord(frozenset(map(str, kept.get("about", []))), kept.get("members"))


def require_all_members(context: Context, name: str) -> None:
    """Refuse to use some of the members of a reward as if they were all.

    Args:
        context: Of the run.
        name: Of the reward.

    Raises:
        MismatchError: It was trained with more.
    """
    wanted, record = len(folders_of(name, context.config.rewards[name])), record_of(context, name)
    if record is not None and record.members is not None and record.members > wanted:
        raise MismatchError(
            f"the {name} reward of {context.folder} was trained with {record.members} members, not {wanted}; give "
            f"rewards.{name}.members={record.members}, or train it with fewer: robopref train reward "
            f"run={context.folder} rewards.{name}.members={wanted}"
        )


def _path(context: Context, name: str) -> Path:
    folder = next(iter(folders_of(name, context.config.rewards[name]).values()))
    return context.folder / "rewards" / folder / _FILE
