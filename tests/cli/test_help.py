"""What `--help` says of each command, and what is said of settings that there are not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.worlds.settings import leaves, shipped
from robopref.__main__ import _COMMANDS, _ON_FILES, _ON_LABELS, main
from robopref.cli import comments as commented
from robopref.cli import schema, words
from robopref.cli.comments import Commentary, comments
from robopref.cli.configuration import EVERYWHERE, compose_alone, compose_config, composed
from robopref.cli.usages import USAGES, overview
from tests.cli.test_own_labeler import linked
from tests.cli.tiny import ROOT, fails

CONFIGS = {command: found[0] for command, found in (_COMMANDS | _ON_LABELS | _ON_FILES).items()}
ALONE = ("data", "labels", "cameras", "reasoned", "instruct")


def printed(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    assert main([*typed, "--help"]) == 0
    return capsys.readouterr().out


def commentary(mounted: dict[str, tuple[str, str]], name: str, word: str) -> Commentary:
    """What is said of the settings that a word chooses, where the others are as shipped."""
    group, _, choice = word.partition("=")
    group, _, at = group.partition("@")
    chosen = {"" if group in EVERYWHERE else at or group: (group, choice)} if word else {}
    files = [("alone", f"{name}.yaml")] if name in ALONE else [(f"{name}.yaml",)]
    return Commentary(files, mounted | chosen, words.groups())


def said_of(known: Commentary, path: str) -> bool:
    """Whether a setting, or the group around it, has a comment."""
    parts = path.split(".")
    return any(known.of(".".join(parts[:end])) for end in range(len(parts), 0, -1))


@pytest.mark.parametrize("name", ["config", "offline", "online", *ALONE])
def test_every_setting_has_a_comment_or_is_within_one(name: str) -> None:
    mounted = {} if name in ALONE else composed(name, [])[1]
    silent = {
        path
        for word, settings in shipped(name).items()
        for known in [commentary(mounted, name, word)]
        for path, _ in leaves(settings)
        if not re.search(r"(^|\.)_\w+_$", path) and not said_of(known, path)
    }
    assert silent == set()


def test_every_choice_says_what_it_is() -> None:
    assert [
        (group, one) for group, all_ in words.groups().items() for one in all_ if not commented.of_choice(group, one)
    ] == []


@pytest.mark.parametrize("command", CONFIGS)
def test_help_shows_every_choice_of_what_is_used_and_fits(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = printed(capsys, *command.split())
    assert max(map(len, out.splitlines())) <= 100
    assert "For example:" in out.split("Settings, their values")[0]
    used = {"reward" if one == "rewards" else one for one in USAGES[command].uses}
    shown = set(words.groups()) & used if CONFIGS[command] not in ALONE else set()
    shown |= {group for group, parent in EVERYWHERE.items() if parent in used and shown}
    for group in shown:
        listed = re.search(rf"(?m)^(?:.*, )?{group}(?:@\S+)?=(?:.*\n)+?((?:  [* ] .*\n| {{24}}.*\n)+)", out)
        assert listed, group
        fitting = set(words.groups()[group])
        if group == "recipe":  # one kind weighs steps in cloning, the other scales rewards offline
            cloning = {"reward_weighted", "progress_weighted"}
            fitting = fitting - cloning if command.startswith("offline") else cloning
        assert set(re.findall(r"(?m)^  [* ] (\w+)", listed[1])) == fitting
        left_open = (*EVERYWHERE, "filter", "recipe", *(["env"] if command.startswith("online") else []))
        assert group in left_open or re.search(r"(?m)^  \* ", listed[1]), group


@pytest.mark.parametrize("command", CONFIGS)
def test_what_a_command_uses_is_there_and_its_examples_are_words_of_it(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, usage = CONFIGS[command], USAGES[command]
    for typed, said in usage.examples:
        assert said
        settings = [one for one in words.written_out(typed.split()) if "=" in one]
        config = compose_alone(name, settings) if name in ALONE else compose_config(name, settings)
        schema.check(config, name, command)
        for path in (*usage.uses, *usage.made):
            node = config
            for key in path.split("."):
                assert key in node, path
                node = node[key]


def test_every_setting_is_used_by_a_command() -> None:
    for name in {*CONFIGS.values()}:
        usages = [
            USAGES[command] for command, its in CONFIGS.items() if its == name or {its, name} == {"config", "demo"}
        ]
        used = {path.split(".")[0] for usage in usages for path in usage.uses}
        assert set(shipped(name)[""]) - used == set(), name


def test_the_overview_names_every_command_and_fits() -> None:
    assert set(USAGES) == {*CONFIGS, "info", "settings"}
    assert all(re.search(rf"(?m)^  {command} +\S", overview()) for command in USAGES)
    assert max(map(len, overview().splitlines())) <= 100


def test_what_was_chosen_and_remembered_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "overrides.yaml").write_text("- labeler=human\n- labeler.port=9999\n")
    out = printed(capsys, "label", f"run={tmp_path}", "selector=duels")
    assert re.search(r"\* human +People", out)
    assert re.search(r"\* duels ", out)
    assert re.search(r"port: 9999 +0 takes a free one", out)
    assert "rationality" not in out
    assert "_target_:" not in out


@pytest.mark.parametrize(
    ("typed", "needed", "refusal"),
    [
        (["offline"], "data", "data"),
        (["online"], "environment", "environment"),
        (["labels", "import"], "path", "path"),
        (["label", "labeler=vlm", "label.kind=pair"], "labeler.judge.model", "labeler.judge.model"),
        (["label", "labeler=vlm_local", "label.kind=pair"], "labeler.judge.path", "path"),
        (["label", "labeler=vlm_replay", "label.kind=pair"], "labeler.judge.path", "path"),
        (["deploy", "robot=franka"], "robot.cameras", "robot.cameras"),
        (["label", "labeler=custom"], "labeler._target_", "labeler._target_"),
    ],
)
def test_what_has_to_be_given_is_listed_and_refused_without(
    typed: list[str], needed: str, refusal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    required = printed(capsys, *typed).split("Required:")[1].split("What can be chosen")[0]
    assert f"  {needed}=" in required
    assert refusal in fails(capsys, *typed)


def test_a_setting_that_one_command_needs_is_listed_by_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "  evaluate.env=" in printed(capsys, "offline", "evaluate").split("Required:")[1].split("\n\n")[1]
    assert "evaluate.env is required: the task in which policies act" in fails(capsys, "offline", "evaluate")


def test_what_need_not_be_given_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "evaluate.env=" not in printed(capsys, "offline").split("Required:")[1].split("What can be chosen")[0]
    for typed in (["label"], ["offline", "data=d.zarr"], ["labels", "quality"]):
        assert "Required:" not in printed(capsys, *typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["labeler.judge.model=x"],
            "no setting 'labeler.judge.model' with labeler=perfect; it is one of labeler=",
        ),
        (["labeler.port=1"], "with labeler=perfect; it is one of labeler=human ("),
        (["labeler=vlm", "labeler.jugde.model=x"], "did you mean labeler.judge.model"),
        (["labeler=human", "labeler.prot=1"], "did you mean labeler.port"),
        (["labeler.clip=true"], "labeler.clips of labeler=human"),
        (["robot=franka", "robot.hots=a"], "did you mean robot.host"),
        (["safety=tabletop", "safety.spede=1"], "did you mean safety.speed"),
        (
            ["rewards.explicit.objective.flip=0.2"],
            "it is one of objective@rewards.explicit.objective=conservative or robust (",
        ),
        (["reward=cpl", "rewards.cpl.scorer.betta=2"], "did you mean rewards.cpl.scorer.beta"),
        (["labeler=nobody", "labeler.port=1"], "expected labeler= one of"),
    ],
)
def test_what_was_meant_is_looked_for_in_what_was_chosen(
    typed: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in fails(capsys, "label", f"run={tmp_path}", *typed)
    assert list(tmp_path.iterdir()) == []


def test_comments_are_those_behind_a_value_or_above_it() -> None:
    assert comments(
        """\
# A file of the tests.
first: "a # b"   # behind a text
# another block
second: {a: null,
  b: null}
third:           # of a group
  inner: [1, 2]  # begins here
                 # and goes on
  plain: 3
defaults:
  - labeler: x   # who answers
"""
    ) == {
        "first": "behind a text", "second": "another block", "third": "of a group",
        "third.inner": "begins here and goes on", "defaults.labeler": "who answers",
    }  # fmt: skip


def test_a_part_of_ones_own_is_shown_with_its_comments(tmp_path: Path) -> None:
    (tmp_path / "robopref").mkdir()
    for path in (ROOT / "robopref").iterdir():
        if path.name not in ("configs", "__pycache__"):
            (tmp_path / "robopref" / path.name).symlink_to(path)
    (linked(ROOT / "configs", tmp_path / "robopref" / "configs", "labeler") / "always.yaml").write_text(
        "# Says the same whatever is asked.\n_target_: my_labeler.Always\np: 0.75  # that the first one is better\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "robopref", "label", "labeler=always", "--help"], capture_output=True, text=True,
        check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"\* always +Says the same whatever is asked\.", done.stdout)
    assert re.search(r"_target_: my_labeler\.Always\n", done.stdout)
    assert re.search(r"p: 0\.75 +that the first one is better", done.stdout)
