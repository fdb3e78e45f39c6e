"""Files are written whole or not at all, leftovers go, and JSON of another form is explained."""

import contextlib
import errno
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import read_labels
from robopref.data.labels.feedback_records import read_lines
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import read_events
from robopref.errors import ConfigError, DataError
from robopref.files import kind_of, likely, open_to_append, read_json, replacing, write_json
from robopref.labelers.reply_cache import ReplyCache, read_replies
from robopref.learning.checkpoint import load_checkpoint
from robopref.policies import graph_archive, onnx
from robopref.recording.journal import read_journal
from robopref.web.access import Access


def test_a_file_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert os.listdir(path.parent) == ["a.json"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(unfinished: Path) -> None:
        unfinished.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="No space left"), replacing(path) as unfinished:
        write(unfinished)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_takes_its_place_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "store.zarr") as unfinished:
        unfinished.mkdir()
        (unfinished / "x").write_text("1")
    assert (tmp_path / "store.zarr" / "x").read_text() == "1"
    assert os.listdir(tmp_path) == ["store.zarr"]


def test_what_a_killed_writer_left_goes_but_not_the_file_of_one_that_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    killed = (
        "import os, sys; from pathlib import Path; from robopref.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as unfinished: unfinished.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    assert len(os.listdir(tmp_path)) == 1
    with replacing(path) as living:
        living.write_text("living")
        with replacing(path) as unfinished:
            unfinished.write_text("new")
        assert living.exists()
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "expected an object, got a list"),
        ("null", "got nothing"),
    ],
)
def test_damaged_json_is_explained(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        read_json(path)


def test_nothing_is_appended_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("untouched\n")
    (tmp_path / "log").symlink_to(tmp_path / "mine")
    with pytest.raises(DataError, match="link"):
        open_to_append(tmp_path / "log")
    for _ in range(2):
        with os.fdopen(open_to_append(tmp_path / "events"), "ab") as file:
            file.write(b"line\n")
    assert (tmp_path / "events").read_text() == "line\nline\n"
    assert (tmp_path / "mine").read_text() == "untouched\n"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    for read in (
        read_json, load_checkpoint, FeedbackStore, ReplyCache, graph_archive.load, onnx.load, read_journal,
        lambda path: next(read_events(path)), lambda path: next(read_lines(path)),
        lambda path: next(read_replies(path)), lambda path: read_labels(path, "label-studio", Naming("s", "l")),
        Access.from_file,
    ):  # fmt: skip
        with pytest.raises((DataError, ConfigError), match="is a pipe, not a file") as raised:
            read(tmp_path / "a")
        assert "remove" not in str(raised.value)  # nobody knows whose it is


def test_no_space_is_asked_for_where_nothing_may_be_written(tmp_path: Path) -> None:
    for number, told in ((errno.EROFS, "choose a place that you may write to"), (errno.ENOSPC, "free some space")):
        with pytest.raises(DataError, match=told), replacing(tmp_path / "a"):
            raise OSError(number, os.strerror(number))


def test_nothing_is_put_in_the_place_of_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"a\.json is a pipe, not a file"):
        write_json(tmp_path / "a.json", {})
    assert kind_of(tmp_path / "a.json") == "a pipe"
    assert kind_of(Path(os.devnull)) == "a character device"
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_was_likely_meant_is_named_first_and_once(tmp_path: Path) -> None:
    for name in ("b.pt", "a.pt", "agent.pt", "c.pt", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in likely(tmp_path, ("agent.pt", "*.pt"))] == ["agent.pt", "a.pt", "b.pt"]
    assert likely(tmp_path / "nowhere", ("*.pt",)) == []


@pytest.mark.parametrize("beside", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("opened", [FeedbackStore, ReplyCache])
def test_a_pipe_that_a_database_would_open_by_itself_is_not_waited_for(
    tmp_path: Path, opened: type[FeedbackStore | ReplyCache], beside: str
) -> None:
    opened(tmp_path / "a").close()
    (tmp_path / f"a{beside}").unlink(missing_ok=True)
    os.mkfifo(tmp_path / f"a{beside}")
    with pytest.raises(DataError, match=f"a{beside} is a pipe, not a file"):
        opened(tmp_path / "a")


def test_what_was_left_goes_although_another_process_has_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as living:
        living.write_text("living")
        other = re.sub(r"-\d+-\d+-", f"-{os.getppid()}-1-", living.name)
        (tmp_path / other).write_text("left by a process whose number the parent of this one has now")
        with replacing(path) as unfinished:
            unfinished.write_text("new")
        assert sorted(os.listdir(tmp_path)) == sorted([living.name, "a.txt"])


def test_what_was_left_of_an_unfinished_place_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "store.zarr"
    killed = (
        "import os, sys; from pathlib import Path; from robopref.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as outer, replacing(outer) as inner:\n"
        "    inner.mkdir(); (inner / 'x').write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    assert len(os.listdir(tmp_path)) == 1
    with replacing(path) as unfinished:
        unfinished.mkdir()
    assert os.listdir(tmp_path) == ["store.zarr"]


def test_a_folder_goes_although_a_thread_that_was_interrupted_still_writes_in_it(tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818  it stands for Ctrl-C
        pass

    def write(folder: Path) -> None:
        until = time.monotonic() + 0.05
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                (folder / f"{time.monotonic_ns()}").touch()

    with pytest.raises(Stopped), replacing(tmp_path / "data.zarr") as unfinished:  # noqa: PT012
        unfinished.mkdir()
        threads = [threading.Thread(target=write, args=(unfinished,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        raise Stopped
    for thread in threads:
        thread.join()
    assert list(tmp_path.iterdir()) == []
