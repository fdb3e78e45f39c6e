"""Commands at the same time on one run folder: what would clash is refused, what need not clash goes on."""

from pathlib import Path

import pytest

from robopref.__main__ import _COMMANDS, main
from robopref.cli.configuration import compose_config
from robopref.cli.parts import written_by
from robopref.folder_lock import FolderLock
from robopref.web import serving
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
    assert "while robopref collect" in error
    assert not list((tmp_path / "run").glob("*demos*"))
    lock.close()


def test_while_people_label_others_ask_train_and_serve_the_same_questions(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ["label", f"run={run}", "labeler=human", "labeler.open=false", "labeler.port=0"]
    serving_now, done = [], []

    def serve(*_: object) -> None:
        """What happens while the first server serves."""
        serving_now.append(True)
        if len(serving_now) == 1:
            done.append(main([*people, "labeler.annotator=bob"]))
            done.append(main(["label", f"run={run}", "labeler=perfect"]))
            done.append(main(["train", "reward", f"run={run}", "labeler=perfect"]))

    monkeypatch.setattr(serving, "serve", serve)
    assert main([*people, "labeler.annotator=ann"]) == 0
    assert done == [0, 0, 0]
    assert len(serving_now) == 2


def test_one_terminal_asks_at_a_time(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["label", f"run={run}", "labeler=human", "labeler.terminal=true"]

    def answer(_: str) -> str:
        assert "is writing the labels" in fails(capsys, *words)
        return "q"

    monkeypatch.setattr("builtins.input", answer)
    assert main(words) == 0
