"""Commands that are misspelt, asked for help, or asked for their version."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from robopref.__main__ import main


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("word", ["--version", "-V", "version"])
def test_the_version_is_said(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert said(capsys, word) == (0, f"robopref {importlib.metadata.version('robopref')}\n", "")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["tarin"], "train"),
        (["train", "foo"], "train"),
        (["train", "polcy"], "train policy"),
        (["lable"], "label"),
        (["convert"], "data convert"),
        (["evalute"], "evaluate"),
        (["offline", "lable"], "offline label"),
        (["setings"], "settings"),
        (["\x1b[31m"], None),
    ],
)
def test_an_unknown_command_suggests_the_near_one(
    capsys: pytest.CaptureFixture[str], words: list[str], meant: str | None
) -> None:
    status, out, err = said(capsys, *words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "\x1b" not in err
    if meant is None:
        assert "train reward" in err
    else:
        assert err.rstrip().endswith("?")
        assert re.search(rf"did you mean (.* or )?{meant}( or |\?)", err)


@pytest.mark.parametrize("command", ["labels", "data"])
def test_a_command_of_parts_names_them(capsys: pytest.CaptureFixture[str], command: str) -> None:
    parts = {"labels": "labels import", "data": "data convert"}
    status, _, err = said(capsys, command)
    assert status == 2
    assert "unknown" not in err
    assert parts[command] in err
    for words in ([command, "--help"], ["help", command], [command, "-h"]):
        status, out, _ = said(capsys, *words)
        assert status == 0
        assert f"robopref {parts[command]}" in out


@pytest.mark.parametrize("words", [["info", "--help"], ["help", "info"], ["settings", "--help"]])
def test_commands_without_settings_have_help_too(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    status, out, _ = said(capsys, *words)
    assert status == 0
    assert "robopref" in out


def test_info_takes_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said(capsys, "info", "all")
    assert status == 1
    assert "cannot make sense of 'all'" in err


def test_help_and_refused_settings_wait_for_no_heavy_library(tmp_path: Path) -> None:
    script = """
import sys
from robopref.__main__ import main
codes = [main(["--help"]), main(["collect", "--help"]), main(["label", f"run={sys.argv[1]}", "label.states=abc"])]
sys.exit(str(sorted({"torch", "gymnasium", "mujoco", "envs"} & set(sys.modules)) or codes))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stderr.splitlines()[-1] == "[0, 0, 1]", done.stderr


def test_what_may_not_be_looked_at_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.exists", refuse)  # the rights of folders do not bind an administrator
    assert main(["labels", "quality", f"run={tmp_path / 'run'}"]) == 1
    said = capsys.readouterr().err
    assert "Permission denied" in said
    assert said.count("\n") == 1
