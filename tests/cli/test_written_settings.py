"""Features and checklists that cannot be read are refused before anything is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from robopref.cli.configuration import compose_config
from robopref.cli.written_settings import require_readable
from robopref.errors import RoboprefError
from tests.cli.tiny import fails

_WEIGHTED = ["ranker=weighted", "ranker.rule.weights={explicit: 1, smooth: 0.3}"]
WRONG = [
    ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'less mean(jerky(action))'}"],
     "ranker.rule.features.smooth: unknown quantity or measure 'jerky'"),
    ("deploy", [*_WEIGHTED, "ranker.rule.features={smooth: 'mean(jerk(action))'}"], "which way is better"),
    ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'less duration()'}"], "look at action or path"),
    ("demo", [*_WEIGHTED, "ranker.rule.features={smooth: 'less mean(action'}"], "')' is missing"),
    ("label", ["label.kind=feature", "label.features=['middle(points)']"],
     "label.features.middle(points): unknown summary of a feature 'middle'"),
    ("label", ["label.features={far: {feature: 'last(norm(state))', sides: low}}"],
     "setting of label.features.far 'sides'"),
    ("label", ["label.features={far: 'last(distance(state))'}"], "distance takes 2 series, got 1"),
    ("explain", ["explain.rubric=['less mean(jerky(action))']"], "explain.rubric: unknown quantity or measure 'jerky'"),
    ("explain", ["explain.quantities={hand: 'proprio[3:0]'}"],
     "explain.quantities: 'proprio[3:0]' is no feature: channels [3:0]"),
    ("offline explain", ["proposer.features=['mean(a b)']"], "proposer.features: 'mean(a b)' is no feature"),
    ("evaluate", ["checklist=nonsense"], "unknown checklist (or path of a YAML file) 'nonsense'"),
    ("demo", ["checklist=nowhere.yaml"], "cannot read the checklist nowhere.yaml"),
    ("evaluate", ["checklist=/dev/zero"], "the checklist /dev/zero is no file; a checklist looks like"),
    ("evaluate", ["checklist=tests/.."], "the checklist tests/.. is no file; a checklist looks like"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "words", "told"), WRONG)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, words: list[str], told: str
) -> None:
    assert told in fails(capsys, *command.split(), f"run={tmp_path / 'run'}", *words)
    assert list(tmp_path.iterdir()) == []


def test_neither_networks_nor_simulation_are_imported_to_say_so(tmp_path: Path) -> None:
    script = (
        "import sys; from robopref.__main__ import main\n"
        f"for command, words, _ in {WRONG!r}:\n"
        f"    assert main([*command.split(), 'run={tmp_path / 'run'}', *words]) == 1\n"
        "print(sorted({'torch', 'mujoco', 'gymnasium', 'zarr'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'more last(distance(state[0:3], gripper))'}"]),
        ("label", ["label.features=['last(distance(handle, path))', 'duration()']"]),
        ("explain", ["explain.quantities={hand: 'proprio[0:3]'}", "explain.rubric=['less mean(speed(hand))']"]),
        ("evaluate", ["checklist=feature_reach"]),
        ("collect", ["checklist=nonsense"]),
    ],
)
def test_names_of_arrays_are_left_to_the_data(tmp_path: Path, command: str, words: list[str]) -> None:
    require_readable(compose_config("config", [f"run={tmp_path}", *words]), command)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[{key: upright, object: cup}]", "got [{'key': 'upright', 'object': 'cup'}]"),
        ("{points: {key: upright, object: cup}}", "got {'points': {'key': 'upright'"),
        ("{points: [[upright, cup]]}", "got ['upright', 'cup']"),
        ("", "got None"),
    ],
)
def test_what_is_no_checklist_is_shown(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    config = compose_config("config", [f"run={tmp_path}", f"checklist={tmp_path / 'mine.yaml'}"])
    with pytest.raises(RoboprefError) as raised:
        require_readable(config, "evaluate")
    assert "looks like" in str(raised.value)
    assert told in str(raised.value)
