"""Parts of a folder that one command writes at a time; a command that is killed holds nothing any more.

A part is held by a lock of the system on the file ``.<part>.lock``, which says who holds it. The lock belongs to the
process: neither what it starts nor what it forks keeps it, and it goes with the process however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from robopref.errors import BusyError, DataError

_log = logging.getLogger(__name__)
_PAUSE = 0.02  # s between attempts
_TOLD = 0.2  # s within which a holder has said who it is
_LARGEST = 4096  # bytes of what a holder says
# What file systems answer that have no locks.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_handles: set[int] = set()


def _forget() -> None:
    """A child that was forked closes what its parent holds, so that a lock ends with the parent."""
    for handle in _handles:
        with contextlib.suppress(OSError):
            os.close(handle)
    _handles.clear()


os.register_at_fork(after_in_child=_forget)


class FolderLock:
    """What one command holds of a folder.

    Args:
        folder: The folder; made when the first part is taken.
        command: Who takes, for those who find a part taken.
    """

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command = folder, command
        self._held: dict[str, int] = {}

    def take(self, part: str, *, wait: float = 0.0) -> None:
        """Hold a part until it is released.

        Where the file system has no locks, a warning says so, and nothing is held.

        Args:
            part: Its name; one that is held already is held on.
            wait: Seconds to wait for another holder.

        Raises:
            BusyError: Another command holds it; the message names it.
            DataError: The folder cannot be written, or something else is in the place of the lock's file.
        """
        if part in self._held:
            return
        path, until = _path(self.folder, part), time.monotonic() + wait
        while True:
            handle = _open(path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(handle)
                let_go(handle)
                if time.monotonic() >= until + (0.0 if holder else _TOLD):
                    raise BusyError(_refusal(self.folder, part, holder)) from None
                time.sleep(_PAUSE)
                continue
            except OSError as error:
                let_go(handle)
                if error.errno not in _NO_LOCKS:
                    raise DataError(f"cannot lock {path} ({error.strerror}); choose another folder") from error
                _log.warning("%s is on a file system without locks; see that no other command uses it", self.folder)
                return
            if is_at(handle, path):
                break
            let_go(handle)  # its holder has just removed it
        self._held[part] = handle
        with contextlib.suppress(OSError):  # a full disk; those who come next are not told who holds it
            os.ftruncate(handle, 0)
            os.pwrite(handle, self._told(), 0)

    def release(self, part: str) -> None:
        """Let go of a part; of one that is not held, nothing happens."""
        handle = self._held.pop(part, None)
        if handle is None:
            return
        with contextlib.suppress(OSError):
            _path(self.folder, part).unlink()
        let_go(handle)

    def close(self) -> None:
        """Let go of everything."""
        for part in list(self._held):
            self.release(part)

    def _told(self) -> bytes:
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        told = {"command": self.command, "process": os.getpid(), "host": socket.gethostname(), "since": now}
        return json.dumps(told).encode()[:_LARGEST]


@contextmanager
def locked(folder: Path, part: str, command: str, *, wait: float = 0.0) -> Generator[None]:
    """Hold a part of a folder for a while.

    Args:
        folder: The folder; made if there is none.
        part: Name of the part.
        command: Who takes it.
        wait: Seconds to wait for another holder.

    Raises:
        BusyError: Another command holds it.
        DataError: The folder cannot be written.
    """
    lock = FolderLock(folder, command)
    lock.take(part, wait=wait)
    try:
        yield
    finally:
        lock.close()


def holder_of(folder: Path, part: str) -> str | None:
    """Who holds a part of a folder, which may be one that cannot be written.

    Args:
        folder: The folder.
        part: Name of the part.

    Returns:
        Command, process, host and since when, in words; None if nobody does.
    """
    try:
        handle = os.open(_path(folder, part), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle) or "another command"
    except OSError:
        return None
    finally:
        os.close(handle)
    return None


def hold(handle: int, *, wait: bool = False) -> bool:
    """Hold an open file for as long as this process has it open; the counterpart is `let_go`.

    Args:
        handle: Of the file.
        wait: Whether to wait until nobody else holds it.

    Returns:
        False if another process holds it. True also where the file system has no locks.
    """
    _handles.add(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        _log.debug("no lock: %s", error)
    return True


def let_go(handle: int) -> None:
    """Close a file that was to be held."""
    _handles.discard(handle)
    os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that lies at a path, and was not removed or replaced meanwhile."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def _path(folder: Path, part: str) -> Path:
    return folder / f".{part}.lock"


def _open(path: Path) -> int:
    """The file of a lock; nothing that a folder of others has in its place is followed, read or written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        if path.parent.exists() and not path.parent.is_dir():
            raise DataError(f"{path.parent} is a file, where a folder was expected; choose another folder") from error
        raise DataError(
            f"cannot write to {path.parent} ({error.strerror}: {path.name}); choose another folder"
        ) from error
    _handles.add(handle)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        let_go(handle)
        raise DataError(f"{path} is no plain file, and is not written to; choose another folder")
    return handle


def _holder(handle: int) -> str:
    """Who holds a file, in words; empty if it has not said so yet."""
    try:
        told = json.loads(os.pread(handle, _LARGEST, 0))
        words = f"robopref {told['command']} (process {told['process']} on {told['host']}, since {told['since']})"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return "".join(letter for letter in words[:300] if letter.isprintable())


def _refusal(folder: Path, part: str, holder: str) -> str:
    return (
        f"{holder or 'another command'} is writing the {part} of {folder}; wait until it is done, end it, or choose "
        "another folder"
    )
