"""Where a setting names a folder, a device or half a file, the line says so before anything is loaded."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from robopref.cli.named_files import FILES
from robopref.cli.setting_rules import RULES
from tests.cli.tiny import fails


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder beside a pipe, a file, an agent and its first half."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "demos.zarr" / "data").mkdir(parents=True)
    for name in ("labels.sqlite", "config.yaml", "agent.pt"):
        (tmp_path / "run" / name).touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with zipfile.ZipFile(tmp_path / "agent.pt", "w") as archive:
        archive.writestr("weights", "0" * 100)
    (tmp_path / "half.pt").write_bytes((tmp_path / "agent.pt").read_bytes()[:100])
    return tmp_path


WRONG = [
    ("labels quality", ["database=run"], "database=run is a folder, where a label database was expected; "
     "did you mean run/labels.sqlite?"),
    ("label", ["labeler=human", "labeler.database=run"], "did you mean run/labels.sqlite?"),
    ("train policy", ["data=run"], "data=run is a folder, where a dataset was expected; did you mean run/demos.zarr?"),
    ("offline train", ["data=[run/demos.zarr,pipe]"], "data=pipe is a pipe, not a file; data= names a dataset"),
    ("evaluate", ["policy=world_model", "policy.agent=run"], "did you mean run/agent.pt?"),
    ("evaluate", ["policy=world_model", "policy.agent=/dev/zero"], "policy.agent=/dev/zero is a character device"),
    ("evaluate", ["policy=world_model", "policy.agent=half.pt"], "policy.agent=half.pt is not an agent, or not all of"),
    ("deploy", ["dynamics=world_model", "dynamics.agent=half.pt"], "it has 100 bytes and lacks its end"),
    ("deploy", ["robot=replay", "robot.path=pipe"], "robot.path=pipe is a pipe, not a file"),
    ("label", ["labeler=human", "labeler.tokens=run"], "there is none in it, name a file such as run/<name>"),
    ("label", ["labeler=vlm_replay", "labeler.judge.path=run"], "a file of recorded replies was expected"),
    ("label", ["labeler=vlm_local", "labeler.judge.path=file"], "labeler.judge.path=file is a file, not a folder"),
    ("label", ["brief=pipe"], "brief=pipe is a pipe, not a file; brief= names a brief"),
    ("train", ["base=file"], "base=file is a file, not a folder; base= names a run folder"),
    ("report", ["run=file"], "run=file is a file, not a folder"),
    ("labels export", ["path=/dev/null"], "path=/dev/null is a character device, not a file"),
    ("instruct", ["path=run"], "path=run is a folder, where a file of instructions was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "words", "told"), WRONG)
def test_what_is_there_is_said_for_what_it_is(
    there: Path, capsys: pytest.CaptureFixture[str], command: str, words: list[str], told: str
) -> None:
    before = sorted(there.rglob("*"))
    said = fails(capsys, *command.split(), *([] if command == "report" else ["run=new"]), *words)
    assert told in said
    assert "remove" not in said
    assert sorted(there.rglob("*")) == before


def test_neither_networks_nor_simulation_are_imported_to_say_so(there: Path) -> None:
    script = (
        "import sys; from robopref.__main__ import main\n"
        f"for command, words, _ in {[one for one in WRONG if 'data=' not in one[1][0]]!r}:\n"
        "    assert main([*command.split(), *([] if command == 'report' else ['run=new']), *words]) == 1\n"
        "print(sorted({'torch', 'mujoco', 'gymnasium', 'zarr'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_settings_that_a_command_does_not_go_by_are_left_alone(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "brief=" not in fails(capsys, "train", "policy", "run=new", "brief=pipe")
    assert "policy.agent" not in fails(capsys, "report", "run=new", "policy=world_model", "policy.agent=half.pt")


def test_every_name_is_one_of_a_setting() -> None:
    known = {name.rpartition(":")[2].rpartition(".")[2] for rules in RULES.values() for name in rules}
    assert {name.rpartition(":")[2].rpartition(".")[2] for name in FILES} <= known
