"""Every setting of every command is checked, whatever it is set to, before anything is begun."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.worlds.settings import PRIMARY, every_setting, leaves, put, shipped
from robopref.cli import schema
from robopref.cli.listed_parts import LISTED
from robopref.cli.schema import checked, ruled
from robopref.cli.setting_rules import RULES
from robopref.cli.trust import shipped_targets
from robopref.cli.value_rules import Rule, number, whole
from robopref.errors import ConfigError
from tests.cli.tiny import fails

# Numbers that may be zero, or below it; all others are above it.
MAY_BE_ZERO = {
    "seed", "workers", "warm_up", "weight_decay", "ema", "warmup", "dropout", "mistake", "equal", "repeats", "checks",
    "gap", "tolerance", "temperature", "repairs", "wait", "longest", "requests", "usd", "input_price", "output_price",
    "guidance", "episode", "flip", "strength", "weight", "pairs", "pessimism", "held_out", "shift", "skip", "tail",
    "discount", "gamma", "learning_starts", "depth", "port", "clearance", "still", "share", "floor", "least", "kappa",
    "first", "answers", "real", "entropy", "agreement", "cloud", "fall", "fastest", "cost", "alpha", "begin", "watched",
    "to", "returns", "doubt",
    "imitated", "price", "others", "surely", "equals", "top_logprobs",
}  # fmt: skip
MAY_BE_NEGATIVE = {"skip", "shift", "clearance", "equals"}
MAY_BE_NULL = {
    "deploy.reward", "labeler.judge.temperature", "robot.topics.reset", "recipe.scale", "robot.deadman",
    "improve.stop.entropy", "improve.stop.agreement", "improve.stop.fall", "improve.stop.watched", "threads",
    "labeler.reward", "length", "label.segments.length", "rewards.explicit.begin_with", "rewards.implicit.begin_with",
    *(f"labeler.manner.dimensions.{name}" for name in ("progress", "contact", "smoothness", "clearance")),
}  # fmt: skip


@pytest.mark.parametrize("name", PRIMARY)
def test_what_is_shipped_is_accepted_and_every_setting_has_a_rule(name: str) -> None:
    for settings in shipped(name).values():
        rules = {path: rule for path, _, rule in ruled(settings, name)}
        assert {path for path, _ in leaves(settings) if rules[path] is None} == set()
        assert checked(settings, name) == {}


def test_every_part_and_task_that_is_listed_is_shipped() -> None:
    parts = {".".join(target.split(".")[-2:]) for target in shipped_targets()}
    tasks = {one["env"]["id"] for one in shipped("config").values()}
    assert parts | tasks >= LISTED


def test_no_shipped_part_is_imported_to_find_out_what_its_settings_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = set[str]()
    monkeypatch.setattr(schema, "rule_of_parameter", lambda owner, key: imported.add(f"{owner}: {key}"))
    for name in PRIMARY:
        for settings in shipped(name).values():
            list(ruled(settings, name))
    assert imported == set()


def test_annotations_alone_admit_what_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LISTED", frozenset())
    for name in ("config", "offline", "online"):
        for settings in shipped(name).values():
            # The environment to be made is left open in what is shipped.
            assert checked(_named(settings), name) == {}


@pytest.mark.parametrize(("name", "path"), [("online", "make"), ("offline", "evaluate.make")])
def test_what_an_environment_takes_is_its_own(name: str, path: str) -> None:
    # ``points`` is a number elsewhere; here it says whether the task shows them.
    (settings, *_) = shipped(name).values()
    assert checked(put(put(settings, f"{path}.id", "a:B-v0"), f"{path}.points", False), name) == {}


def _named(settings: dict[str, Any]) -> dict[str, Any]:
    for path in ("make", "evaluate.make"):
        node: Any = settings
        for key in path.split("."):
            node = node.get(key, {})
        if node:
            settings = put(settings, f"{path}.id", "Hopper-v5")
    return settings


def wrong(path: str, value: Any) -> Iterator[Any]:
    """Values that a setting cannot have."""
    last = path.rsplit(".", maxsplit=1)[-1]
    free = ("mixture", "qualities", "quantities", "controls", "keep_out", "person", "margins", "measures", "elsewhere")
    free += ("ranker.rule.weights", "ranker.rule.features", "label.features")
    yield from ({"a": 1}, [[1]]) if last not in free and path not in free else ()
    if last not in ("source", "mask", "keep_out"):
        yield ""
    if isinstance(value, bool):
        yield from ("abc", 0, 5, [True], None)
    elif isinstance(value, int | float):
        yield from ("abc", True, [1], float("nan"), 1e30, -1e30)
        yield from () if path in MAY_BE_NULL or path.startswith("safety.") else (None,)
        yield from () if last in ("skip", "rationality") else (float("inf"),)
        yield from () if last in MAY_BE_NEGATIVE else (-5,)
        none = path in ("robot.points", "improve.sharpen.states") or path.endswith(".scorer.noise")
        yield from () if last in MAY_BE_ZERO or none else (0,)
    elif isinstance(value, str):
        yield from (True, 0.5)
        yield from () if path in MAY_BE_NULL else (None,)
    elif isinstance(value, list) and last != "keep_out":
        yield from ("abc", 5, None)


def test_no_setting_takes_a_wrong_value() -> None:
    taken: list[str] = []
    tried = 0
    every = every_setting()
    looped = {(path, type(value)) for name, _, path, value in every if name == "config"}
    assert RULES["demo"] is RULES["config"]
    for name, choice, path, value in every:
        if name == "demo" and (path, type(value)) in looped:
            continue  # by the same rule
        for bad in wrong(path, value):
            tried += 1
            try:
                checked(put(shipped(name)[choice], path, bad), name)
            except ConfigError as error:
                if not str(error).startswith(f"{path} must be ") or "\n" in str(error):
                    taken.append(f"{name} {choice} {path}={bad!r} says {error}")
            else:
                taken.append(f"{name} {choice} {path}={bad!r}")
    assert not taken, "\n".join(taken)
    assert tried > 3000


# One command of each kind, with a setting that it has.
COMMANDS = {
    "collect": "collect.steps", "train": "train.fit.steps", "train policy": "train.fit.learning_rate",
    "label": "label.states", "train reward": "rewards.explicit.fit.steps", "train person": "rewards.explicit.fit.steps",
    "train similarity": "embedding.fit.steps", "offline similarity": "embedding.batch_size",
    "evaluate": "evaluate.starts",
    "report": "evaluate.episodes", "deploy": "deploy.candidates", "export": "deploy.candidates", "demo": "label.states",
    "offline": "fit.steps", "offline label": "label.segments.count", "offline reward": "rewards.segment.scorer.width",
    "offline person": "rewards.segment.scorer.width",
    "offline train": "fit.batch_size", "offline evaluate": "evaluate.episodes", "relabel": "relabel.pairs",
    "online": "steps", "online collect": "collect.episodes", "labels quality": "floor", "labels import": "length",
    "labels export": "length", "reasoned hard": "showing.size",
}  # fmt: skip


@pytest.mark.parametrize(("command", "setting"), COMMANDS.items(), ids=str)
def test_a_refused_setting_is_one_line_and_leaves_nothing(
    command: str, setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = fails(capsys, *command.split(), f"run={tmp_path / 'run'}", f"{setting}=-5")
    assert f"{setting} must be " in error
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_looked_at_with_a_refused_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["data", "split", "a", "b", "c", "fraction=0"], ["cameras", "a.json", "voxel=abc"]):
        assert "must be " in fails(capsys, *words)


@pytest.mark.parametrize("word", ["run=", "run=''", "base=", "run=null"])
def test_an_empty_folder_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "must be text that is not empty" in fails(capsys, "collect", word)


def test_whole_numbers_may_be_written_as_powers_and_names_as_numbers() -> None:
    settings = put(put(shipped("config")[""], "collect.steps", 2e2), "run", 2026)
    assert checked(settings, "config") == {"collect.steps": 200, "run": "2026"}
    assert type(checked(settings, "config")["collect.steps"]) is int


def test_what_is_taken_away_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "collect.steps is missing" in fails(capsys, "collect", f"run={tmp_path / 'run'}", "~collect.steps=200")


def test_what_a_command_needs_has_to_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = f"run={tmp_path / 'run'}"
    assert "robot._target_ has to be given" in fails(capsys, "deploy", run, "robot=custom")
    assert "robot.cameras has to be given" in fails(capsys, "deploy", run, "robot=universal_robots")
    assert "env.id has to be given" in fails(capsys, "collect", run, "env=other")
    assert not (tmp_path / "run").exists()


def test_parts_and_tasks_of_others_have_settings_of_their_own() -> None:
    settings = put(shipped("config")[""], "labeler", {"_target_": "lab.Teacher", "port": "ttyUSB0", "gap": -1})
    settings = put(settings, "env", {**settings["env"], "id": "lab:Task-v0", "options": {"target": 3, "hold": None}})
    assert checked(settings, "config") == {}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (number(0, above=True), "x must be a positive number, no larger than 1e9, got 1000000000000.0"),
        (number(), "x must be a number, no larger than 1e9, got 1000000000000.0"),
        (number(0, 5), "x must be in [0, 5], got 1000000000000.0"),
        (whole(1), "x must be a whole number of at least 1, no larger than 1e9, got 1000000000000.0"),
    ],
)
def test_a_number_beyond_all_ranges_is_said_to_be_too_large(rule: Rule, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule.check("x", 1e12)
    assert str(caught.value) == said
