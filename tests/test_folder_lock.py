"""Parts of a folder that one command holds: told by name, and let go of however a process ends."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from robopref.errors import BusyError, DataError
from robopref.folder_lock import FolderLock, holder_of, locked
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
HOLD = """
import sys, pathlib
from robopref.folder_lock import FolderLock
lock = FolderLock(pathlib.Path(sys.argv[1]), "deploy")
lock.take("deployment")
{then}
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, then: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that holds a part until its input ends; yielded when it does."""
    words = [sys.executable, "-c", HOLD.format(then=then), str(folder)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.kill()


def test_a_part_that_is_held_is_refused_with_who_holds_it_and_since_when(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as process:
        with pytest.raises(BusyError) as caught:
            FolderLock(tmp_path / "run", "deploy").take("deployment")
        told = str(caught.value)
        assert f"robopref deploy (process {process.pid} on {socket.gethostname()}, since 20" in told
        assert f"the deployment of {tmp_path / 'run'}" in told
        assert "\n" not in told
        FolderLock(tmp_path / "run", "train").take("policy")  # another part is free
        assert str(process.pid) in (holder_of(tmp_path / "run", "deployment") or "")
    assert holder_of(tmp_path / "run", "deployment") is None


def test_a_killed_holder_holds_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    lock = FolderLock(tmp_path, "deploy")
    lock.take("deployment")
    lock.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "then",
    [
        "import os\nchild = os.fork()\nif not child: import signal; signal.pause()",
        "import subprocess\nsubprocess.Popen(['sleep', '100'], close_fds=False, stdin=-3, stdout=-3, stderr=-3)",
        "import multiprocessing as m, time, threading\n"
        "m.get_context('fork').Process(target=threading.Event().wait, daemon=False).start()",
    ],
    ids=["fork", "another program", "multiprocessing"],
)
def test_children_do_not_keep_what_their_parent_held(tmp_path: Path, then: str) -> None:
    # A process group of its own, whose orphans end with the test.
    with holder(tmp_path, f"import os\nos.setpgid(0, 0)\n{then}") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            os.killpg(process.pid, 0)  # the orphan is there
            with locked(tmp_path, "deployment", "deploy", wait=PATIENCE):  # it may still be about to close what it has
                pass
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_who_waits_gets_it_when_it_is_let_go(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()  # it ends soon
        with locked(tmp_path, "deployment", "deploy", wait=PATIENCE):
            assert process.wait() == 0


def test_one_process_is_kept_out_by_itself_and_holds_a_part_once(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path, "collect"), FolderLock(tmp_path, "train policy")
    first.take("demonstrations")
    first.take("demonstrations")
    with pytest.raises(BusyError, match=f"robopref collect .process {os.getpid()} "):
        second.take("demonstrations")
    first.release("demonstrations")
    first.release("demonstrations")
    second.take("demonstrations")
    second.close()


def test_what_a_holder_says_is_shown_as_plain_words(tmp_path: Path) -> None:
    path = tmp_path / ".policy.lock"
    path.write_text(json.dumps({"command": "\x1b[31mred\n", "process": 1, "host": "a" * 999, "since": ""}))
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError) as caught:
            FolderLock(tmp_path, "train").take("policy")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", ["", "[1]", '{"command": 1}', "[" * 3000])
def test_a_holder_that_says_nothing_readable_still_holds(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".policy.lock"
    path.write_text(content)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another command is writing the policy"):
            FolderLock(tmp_path, "train").take("policy")
        assert holder_of(tmp_path, "policy") == "another command"


@pytest.mark.parametrize("kind", ["symbolic link", "hard link", "pipe", "folder"])
def test_nothing_that_lies_in_the_place_of_a_lock_is_written(tmp_path: Path, kind: str) -> None:
    mine, place = tmp_path / "mine", tmp_path / "run" / ".policy.lock"
    place.parent.mkdir()
    mine.write_text("precious")
    makers: dict[str, Any] = {
        "symbolic link": lambda: place.symlink_to(mine), "hard link": lambda: place.hardlink_to(mine),
        "pipe": lambda: os.mkfifo(place), "folder": place.mkdir,
    }  # fmt: skip
    makers[kind]()
    with pytest.raises(DataError, match=r"\.policy\.lock"):
        FolderLock(place.parent, "train").take("policy")
    assert mine.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write to"):
        FolderLock(tmp_path / "file" / "run", "train").take("policy")


def test_without_locks_a_warning_says_so_and_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path, "policy", "train"):
        assert "without locks" in caplog.text


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_text("mine")
    with pytest.raises(DataError, match="run is a file, where a folder was expected"):
        FolderLock(path, "label").take("labels")
    assert path.read_text() == "mine"
