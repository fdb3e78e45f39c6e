"""Files that are written whole or not at all, and JSON that is read with care."""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import math
import os
import re
import shutil
import socket
import stat
import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robopref.errors import DataError
from robopref.plain_json import GivenTwiceError, plain_json

_KINDS_OF_FILES = (
    (stat.S_ISREG, "a file"), (stat.S_ISDIR, "a folder"), (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
)  # fmt: skip
_KINDS = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number", bool: "true or false"}


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Write a file or folder beside its place, and put it there when it is complete.

    What a writer that was killed left behind for the same place goes first.

    Args:
        path: Where the file or folder is to be; a folder must not be there yet.

    Yields:
        Where to write it, with the same suffix.

    Raises:
        DataError: The disk refused, or the place is a device, a pipe or a socket; nothing is left behind, and what was
            at the place is as it was.
    """
    unfinished = _unfinished(path)
    require_file(path)  # whoever may replace a device would leave the machine without it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"cannot write {path} ({reason}); {remedy(error)}") from error
    finally:
        _remove(unfinished)


def open_to_append(path: Path) -> int:
    """Open a file to append to, and make it if there is none.

    A link in its place is not followed: in a folder of somebody else it may lead to any file.

    Args:
        path: The file; its folder is made.

    Returns:
        Its handle.

    Raises:
        DataError: It cannot be written, or something else is in its place.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644)
    except OSError as error:
        reason = "it is a link, which is not followed" if path.is_symlink() else error.strerror or str(error)
        raise DataError(f"cannot write {path} ({reason}); choose another folder") from error


@contextmanager
def scratch(path: Path) -> Generator[Path]:
    """A folder beside a place, for what is written on the way to it.

    What a process that was killed left behind for the same place goes first.

    Args:
        path: The place.

    Yields:
        The folder, which is there and goes in the end.

    Raises:
        OSError: The disk refused.
    """
    folder = _unfinished(path.with_name(f"{path.name}.scratch"))
    remove_leftovers(path.with_name(f"{path.name}.scratch"))
    try:
        folder.mkdir(parents=True)
        yield folder
    finally:
        _remove(folder)


def remove_leftovers(path: Path) -> None:
    """Remove what writers of this machine that are gone have left unfinished beside a file or folder.

    Args:
        path: The file or folder that they were to write.
    """
    # Leading dots, as what is written may itself be the unfinished form of something else.
    named = re.compile(rf"\.+{re.escape(path.stem)}\.{_host()}-(\d+)-(\d+)-[0-9a-f]{{8}}\..*partial.*", re.DOTALL)
    for other in path.parent.glob(f"*{glob.escape(path.stem)}.*"):
        found = named.fullmatch(other.name)
        if found and not _alive(*map(int, found.groups())):
            _remove(other)


def remedy(error: OSError) -> str:
    """What helps where the disk refuses to be written."""
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "choose a place that you may write to"
    return "free some space, or choose another place"


def kind_of(path: Path) -> str:
    """What is at a path, in words, such as ``a folder`` or ``a character device``; empty if nothing is."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # what no path can hold
        return ""
    return next((said for is_one, said in _KINDS_OF_FILES if is_one(mode)), "something else")


def likely(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """What in a folder may have been meant where one file was wanted, at most three.

    Args:
        folder: The folder; of one that may not be entered, nothing is.
        patterns: Of names in it, the likeliest first.
    """
    found: dict[Path, None] = {}
    with contextlib.suppress(OSError):
        for pattern in patterns:
            found |= dict.fromkeys(sorted(folder.glob(pattern)))
    return list(found)[:3]


def require_file(path: Path) -> None:
    """See that a file of a folder that may come from somebody else is one.

    Args:
        path: The file; there may be none.

    Raises:
        DataError: It is a pipe, a socket or a device, reading which may never end.
    """
    if (kind := kind_of(path)) not in ("", "a file", "a folder"):
        raise DataError(f"{path} is {kind}, not a file, and is not opened; name a file, or choose another folder")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        path: Where to.
        content: Plain values.

    Raises:
        DataError: The disk refused.
    """
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1), encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        DataError: It cannot be written.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}")
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", errors="replace")


def read_json(path: Path, kind: type = dict) -> Any:
    """Read a JSON file that may be damaged, or from somebody else.

    Args:
        path: The file.
        kind: What it has to hold at its top: dict or list.

    Returns:
        What it holds.

    Raises:
        DataError: It cannot be read, is no JSON, gives a key twice, or holds something else.
    """
    require_file(path)
    try:
        found = plain_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror or error})") from error
    except GivenTwiceError as error:
        raise DataError(f"{path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: it is not JSON ({error})") from error
    if not isinstance(found, kind):
        raise DataError(f"{path} is damaged: expected {_KINDS[kind]}, got {_KINDS.get(type(found), 'nothing')}")
    return found


def fields(path: Path, stored: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    """Take named values from what a file holds; those that it lacks are left out.

    Args:
        path: The file, for messages.
        stored: What it holds.
        kinds: What each may be: str, int, float (any finite number), bool, dict or list.

    Returns:
        The values by name.

    Raises:
        DataError: A value is of another kind, or it holds others.
    """
    if others := [name for name in stored if name not in kinds]:
        raise DataError(f"{path} is damaged: it holds {others[0][:40]!r}, expected {', '.join(kinds)}")
    for name, value in stored.items():
        if not _is(value, kinds[name]):
            raise DataError(f"{path} is damaged: {name} has to be {_KINDS[kinds[name]]}, got {str(value)[:40]!r}")
    return {name: kinds[name](value) for name, value in stored.items()}


def number(value: Any) -> float | None:
    """Take a finite number from a file, or None if it holds something else there."""
    return float(value) if _is(value, float) else None


def _is(value: Any, kind: type) -> bool:
    if kind not in (int, float):
        return isinstance(value, kind)
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number larger than any float
        return False


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{_writer()}-{uuid.uuid4().hex[:8]}.partial{path.suffix}")


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z]", "", socket.gethostname())[:24] or "here"


def _writer() -> str:
    return f"{_host()}-{os.getpid()}-{_begun(os.getpid())}"


def _begun(pid: int) -> int:
    """When a process began, in the system's own counting, as its number may be another one's later; 0 if unknown."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(told.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def _alive(pid: int, begun: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return 0 in {begun, _begun(pid)} or begun == _begun(pid)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
            return
        for wait in (0, 0.02, 0.1, 0.5):  # a thread that was interrupted may still put something there
            time.sleep(wait)
            shutil.rmtree(path, ignore_errors=True)
            if not path.exists():
                return
