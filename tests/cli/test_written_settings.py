"""Features and checklists that cannot be read are refused before anything is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from robopref.cli.configuration import compose_config
from robopref.cli.written_settings import require_readable
from robopref.errors import ConfigError, RoboprefError
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
    ("evaluate", ["ranker=weighted", "ranker.rule.weights={explicit: 1, implizit: 0.3}"],
     "in ranker.rule.weights 'implizit'; expected one of explicit, implicit. Did you mean implicit"),
    ("deploy", ["ranker=weighted", "ranker.rule.weights={explicit: -1}"], "must be finite and not negative, got -1"),
    ("evaluate", ["checklist=nonsense"], "unknown checklist (or path of a YAML file) 'nonsense'"),
    ("demo", ["checklist=nowhere.yaml"], "cannot read the checklist nowhere.yaml"),
    ("evaluate", ["checklist=/dev/zero"], "/dev/zero is a character device, not a file; a checklist looks like"),
    ("evaluate", ["checklist=tests/.."], "the checklist tests/.. is a folder, not a file; a checklist looks like"),
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
        ("evaluate", ["checklist=feature_reach", "env=feature_reach"]),
        ("collect", ["checklist=nonsense"]),
    ],
)
def test_names_of_arrays_are_left_to_the_data(tmp_path: Path, command: str, words: list[str]) -> None:
    require_readable(compose_config("config", [f"run={tmp_path}", *words]), command)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A run of which a demonstrated ``state`` and the anchor ``hook`` are recorded."""
    store = tmp_path / "run" / "demos.zarr"
    for name in ("state", "action", "proprio"):
        (store / "data" / name).mkdir(parents=True)
    (store / ".zattrs").write_text('{"geometry": {"labels": ["hook"]}}')
    return tmp_path / "run"


UNKNOWN = [
    ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'more last(distance(staate[0:3], path))'}"],
     "ranker.rule.features.smooth: unknown quantity or measure 'staate'"),
    ("label", ["label.kind=feature", "label.features=['mean(staate)']"],
     "label.features.mean(staate): unknown quantity or measure 'staate'"),
    ("explain", ["explain.rubric=['less mean(staate)']"], "explain.rubric: unknown quantity or measure 'staate'"),
    ("explain", ["explain.quantities={hand: 'staate[0:3]'}"], "explain.quantities: unknown quantity or measure"),
    ("explain", ["proposer.features=['mean(staate)']"], "proposer.features: unknown quantity or measure 'staate'"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "words", "told"), UNKNOWN)
def test_names_that_nothing_recorded_has_are_refused(recorded: Path, command: str, words: list[str], told: str) -> None:
    for run in (f"run={recorded}", f"data={recorded / 'demos.zarr'}"):
        config = compose_config("config", [f"run={recorded.parent / 'other'}", run, *words])
        with pytest.raises(ConfigError) as raised:
            require_readable(config, command)
        assert str(raised.value).startswith(told)
        assert "Did you mean state?" in str(raised.value)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'more last(distance(state[0:3], hook))'}"]),
        ("evaluate", [*_WEIGHTED, "ranker.rule.features={smooth: 'less mean(norm(hook))'}"]),
        ("label", ["label.features=['last(distance(hook, path[0:3]))', 'change(progress)', 'mean(snapshot[0])']"]),
        ("explain", ["explain.quantities={state: 'proprio[0:3]'}", "explain.rubric=['less mean(speed(state))']"]),
        ("explain", ["explain.quantities={hand: 'proprio[0:3]'}", "proposer.features=['last(distance(hand, hook))']"]),
    ],
)
def test_names_that_are_recorded_or_drawn_are_taken(recorded: Path, command: str, words: list[str]) -> None:
    require_readable(compose_config("config", [f"run={recorded}", *words]), command)


def test_a_checklist_that_the_task_knows_nothing_of_is_refused_without_networks(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("points: [{key: hand, hand: left}]")
    script = (
        "import sys; from robopref.__main__ import main\n"
        f"assert main(['evaluate', 'run={tmp_path / 'run'}', 'checklist={tmp_path / 'mine.yaml'}']) == 1\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "RopeShaping-v0 knows nothing of what it asks for" in done.stderr
    assert done.stdout == "False\n"


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
