"""What a run begins with: demonstrations, policy and candidates of the run that ``base`` names."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path

from robopref.cli.context import Context
from robopref.cli.recordings import IMPORTED
from robopref.errors import BusyError, ConfigError, DataError, MismatchError
from robopref.files import fields, read_json, replacing, write_json
from robopref.folder_lock import holder_of, locked

_RECORD = "base.json"
# In the order in which they come of each other, and as which part of a run folder each is written.
_PARTS = {
    "demos.zarr": "demonstrations", IMPORTED: "demonstrations", "policy": "policy", "candidates.zarr": "labels",
    "outcomes.zarr": "labels", "explored.zarr": "exploration", "explored_outcomes.zarr": "exploration",
}  # fmt: skip
# What commands build on; the others have nothing to begin with, or their data elsewhere.
_BEGIN = (
    "train", "label", "explore", "train reward", "train person", "train similarity", "train dynamics", "evaluate",
    "improve", "deploy", "export", "demo",
)  # fmt: skip
_TAKEN = {"train policy": ("demos.zarr", IMPORTED), **dict.fromkeys(_BEGIN, tuple(_PARTS))}
_COPYING = 600.0  # s to wait while another command copies what a run begins with


def begin(context: Context, command: str) -> None:
    """Take over what a command builds on from the run that a typed ``base`` names, once.

    Args:
        context: Of the run; what its folder has already is left as it is.
        command: The command.

    Raises:
        ConfigError: The command makes what a run begins with itself.
        MismatchError: The run began with another one.
        DataError: There is no such run, a command is writing to it, or it cannot be copied.
    """
    # What the folder remembers may be somebody else's word.
    if context.config.base is None or not context.memory.gives("base"):
        return
    base, record = Path(context.config.base), context.folder / _RECORD
    if command == "collect":
        raise ConfigError(
            f"base={base} begins a run with demonstrations that are there, and collect records others; leave base, or "
            f"go on with: robopref train policy run={context.folder} base={base}"
        )
    if command not in _TAKEN:
        return
    if record.exists():
        _require_same(context.folder, record, base)
        return
    if not (base / "demos.zarr").is_dir() and context.config.data is None:
        raise DataError(f"base={base} is no run folder with demonstrations; run: robopref collect run={base}")
    with locked(context.folder, "beginning", context.lock.command, wait=_COPYING):
        if [name for name in _TAKEN[command] if _copied(context.folder, base, name)]:
            write_json(record, {"base": str(base.resolve())})
            context.memory.accept()  # what was copied was made with the settings that come with it


def take_demonstrations(folder: Path, base: Path) -> None:
    """Copy what the policy of a run was cloned from into another run folder, once.

    Args:
        folder: The other run folder.
        base: The run.

    Raises:
        BusyError: A command is writing them.
        DataError: They cannot be copied.
    """
    for name, part in _PARTS.items():
        if part == "demonstrations":
            _copied(folder, base, name)


def _require_same(folder: Path, record: Path, base: Path) -> None:
    before = str(fields(record, read_json(record), {"base": str}).get("base"))
    if Path(before) != base.resolve():
        raise MismatchError(f"{folder} began with base={before}, not {base}; leave base, or choose another run folder")


def _copied(folder: Path, base: Path, name: str) -> bool:
    """Copy a part if the folder lacks it, and say whether it did."""
    source, target = base / name, folder / name
    drawn = _PARTS[name] in ("labels", "exploration")
    others = drawn and not _same_policy(folder, base)  # what another policy drew
    if not source.exists() or target.exists() or others:
        return False
    if holder := holder_of(base, _PARTS[name]):
        raise BusyError(f"{source} cannot be copied while {holder} is at work on it; wait until it is done")
    with replacing(target) as unfinished:
        try:
            shutil.copytree(source, unfinished)
        except shutil.Error as error:  # a list of all files with their reasons
            _, _, reason = error.args[0][0]
            raise DataError(f"cannot copy {source} into {folder} ({reason})") from error
    return True


def _same_policy(folder: Path, base: Path) -> bool:
    """Whether candidates of the base are of the policy that the folder has."""
    ours, theirs = (one / "policy" / "weights.pt" for one in (folder, base))
    return ours.exists() == theirs.exists() and (not ours.exists() or filecmp.cmp(ours, theirs, shallow=False))
