"""What is kept beside the weights of a reward: what its answers were about, and how many members were trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from robopref.errors import DataError, MismatchError
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


def keep_record(rewards: Path, folders: Sequence[str], about: Collection[str]) -> None:
    """Keep how a reward was trained.

    Args:
        rewards: Folder of a run's rewards.
        folders: Of its members, in there.
        about: See `RewardRecord`.

    Raises:
        DataError: The disk refused.
    """
    write_json(rewards / folders[0] / _FILE, {"about": sorted(about), "members": len(folders)})


def record_of(rewards: Path, folders: Sequence[str]) -> RewardRecord | None:
    """How a reward was trained; None if nothing is kept of it.

    Args:
        rewards: Folder of a run's rewards.
        folders: Of its members, in there.

    Raises:
        DataError: What is kept is damaged.
    """
    path = rewards / folders[0] / _FILE
    if not path.exists():
        return None
    kept = fields(path, read_json(path), {"about": list, "members": int})
    if kept.get("members", 1) < 1:
        raise DataError(f"{path} is damaged: members has to be at least 1, got {kept['members']}")
    return RewardRecord(frozenset(map(str, kept.get("about", []))), kept.get("members"))


def require_all_members(rewards: Path, folders: Sequence[str], name: str) -> None:
    """Refuse to use some of the members of a reward as if they were all.

    Args:
        rewards: Folder of a run's rewards.
        folders: Of the members that are asked for, in there.
        name: Of the reward.

    Raises:
        MismatchError: It was trained with more.
    """
    wanted, record = len(folders), record_of(rewards, folders)
    if wanted == 1 and not (rewards / folders[0]).exists():  # the first of several lies in a folder of its number
        record = record_of(rewards, [f"{folders[0]}-1"])
    if record is not None and record.members is not None and record.members > wanted:
        raise MismatchError(
            f"the {name} reward of {rewards.parent} was trained with {record.members} members, not {wanted}; give "
            f"rewards.{name}.members={record.members}, or train it with fewer: robopref train reward "
            f"run={rewards.parent} rewards.{name}.members={wanted}"
        )
