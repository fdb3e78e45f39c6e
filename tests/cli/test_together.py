"""Commands at the same time on one run folder: what would clash is refused, what need not clash goes on."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from robopref.__main__ import _COMMANDS, main
from robopref.cli.configuration import compose_config
from robopref.cli.parts import written_by
from robopref.data.feedback import FeedbackStore
from robopref.folder_lock import FolderLock, holder_of
from tests.cli.tiny import fails

APART = ("relabel",)  # writes beside its dataset, not into the run folder


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", [name for name in _COMMANDS if name not in APART])
def test_the_same_command_twice_on_one_folder_is_refused_and_nothing_is_touched(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run={tmp_path}", "seed=7"]
    parts = written_by(command, compose_config(_COMMANDS[command][0], words))
    assert parts, f"{command} says nothing of what it writes"
    for part in parts:
        lock = FolderLock(tmp_path, command)
        lock.take(part)
        before = state(tmp_path)
        error = fails(capsys, *command.split(), *words)
        assert f"robopref {command} (process " in error
        assert f"is writing the {part} of {tmp_path}" in error
        assert state(tmp_path) == before
        lock.close()
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_ended_or_failed_holds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert "no demonstrations" in fails(capsys, "train", "policy", f"run={tmp_path}")
    assert not list(tmp_path.glob(".*.lock"))


def test_a_run_does_not_begin_with_what_is_being_written(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"
    (base / "demos.zarr").mkdir(parents=True)
    lock = FolderLock(base, "collect")
    lock.take("demonstrations")
    error = fails(capsys, "label", f"run={tmp_path / 'run'}", f"base={base}")
    assert "cannot be copied while robopref collect" in error
    assert not list((tmp_path / "run").glob("*demos*"))
    lock.close()


def test_while_people_label_others_ask_train_and_serve_the_same_questions(run: Path) -> None:
    words = [sys.executable, "-m", "robopref", "label", f"run={run}", "labeler=human", "labeler.browser=false"]
    pipes = {"stdout": subprocess.PIPE, "text": True}
    servers = []
    try:
        for name in ("ann", "bob"):
            with subprocess.Popen([*words, "labeler.port=0", f"labeler.annotator={name}"], **pipes) as server:  # type: ignore[call-overload]
                servers.append(server)
                watch = threading.Timer(60, server.kill)
                watch.start()
                assert any(line.startswith("Label at") for line in server.stdout), name
                watch.cancel()
                if name == "ann":
                    assert holder_of(run, "labels") is None
                    assert main(["label", f"run={run}", "labeler=perfect"]) == 0
                    assert main(["train", "reward", f"run={run}", "labeler=perfect"]) == 0
                server.send_signal(signal.SIGINT)
                assert server.wait(60) == 0
    finally:
        for server in servers:
            server.kill()
    with FeedbackStore(run / "labels.sqlite") as store:
        assert store.feedback("scripted-teacher")
