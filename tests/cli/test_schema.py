"""Every setting of every command is checked, whatever it is set to, before anything is begun."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from robopref.cli.configuration import compose_alone
from robopref.cli.schema import checked, rule_of
from robopref.errors import ConfigError
from tests.cli.tiny import fails

CONFIGS = Path(__file__).parents[2] / "configs"
PRIMARY = ("config", "demo", "offline", "online", "data", "labels", "cameras")
# Groups by where their settings are.
_LOOP = {
    "env": "env", "policy": "policy", "labeler": "labeler", "selector": "selector", "robot": "robot",
    "safety": "safety", "ranker": "ranker", "": "method", "rewards.explicit": "reward", "rewards.implicit": "reward",
    "rewards.explicit.objective": "objective", "rewards.implicit.objective": "objective",
}  # fmt: skip
_STEPS = {
    "labeler": "labeler", "selector": "selector", "reward_model.objective": "objective",
    "reward_model.encoder": "encoder", "reward_model.history": "history",
}  # fmt: skip
GROUPS = {
    "config": _LOOP, "demo": _LOOP, "online": {**_STEPS, "agent": "agent"},
    "offline": {**_STEPS, "learner": "learner", "ranker": "ranker", "": "iql", "recipe": "recipe"},
}  # fmt: skip

# Numbers that may be zero, or below it; all others are above it.
MAY_BE_ZERO = {
    "seed", "workers", "warm_up", "weight_decay", "ema", "warmup", "dropout", "mistake", "equal", "repeats", "checks",
    "gap", "tolerance", "temperature", "repairs", "wait", "longest", "requests", "usd", "input_price", "output_price",
    "guidance", "episode", "flip", "strength", "weight", "pairs", "pessimism", "held_out", "shift", "skip", "tail",
    "discount", "gamma", "learning_starts", "depth", "port", "clearance", "still", "share", "floor",
}  # fmt: skip
MAY_BE_NEGATIVE = {"skip", "shift", "clearance"}
MAY_BE_NULL = {
    "deploy.reward", "labeler.judge.temperature", "robot.topics.reset", "recipe.scale", "robot.deadman",
}  # fmt: skip


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        elif key not in ("_target_", "_partial_"):
            yield f"{prefix}{key}", value


def put(settings: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path."""
    first, _, rest = path.partition(".")
    return {**settings, first: put(settings[first], rest, value) if rest else value}


@functools.cache
def shipped(name: str) -> dict[str, dict[str, Any]]:
    """Settings of a primary config, as shipped and with every choice of every group."""
    plain: Any = OmegaConf.to_container(compose_alone(name, []))
    found = {"": plain}
    for path, group in GROUPS.get(name, {}).items():
        for file in sorted((CONFIGS / group).glob("*.yaml")):
            given: Any = OmegaConf.to_container(OmegaConf.load(file))
            given.pop("defaults", None)
            if not path:
                merged: Any = OmegaConf.to_container(OmegaConf.merge(plain, given))
            else:
                kept = plain
                for key in path.split("."):
                    kept = (kept or {}).get(key)
                objective = {"objective": kept["objective"]} if group == "reward" else {}
                merged = put(plain, path, {**given, **objective})
            merged = resolved(
                merged, {"${seed}": 0, "${env}": plain.get("env"), "${run}/demos.zarr": "runs/demos.zarr"}
            )
            found[f"{path}={file.stem}"] = merged
    return found


def resolved(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, dict):
        return {key: resolved(value, values) for key, value in node.items()}
    return values.get(node, node) if isinstance(node, str) else node


def every_setting() -> list[tuple[str, str, str, Any]]:
    """Config, choice, path and shipped value; each path of a config once for every kind of value."""
    found: dict[tuple[str, str, str], tuple[str, str, str, Any]] = {}
    for name in PRIMARY:
        for choice, settings in shipped(name).items():
            for path, value in leaves(settings):
                found.setdefault((name, path, type(value).__name__), (name, choice, path, value))
    return list(found.values())


@pytest.mark.parametrize("name", PRIMARY)
def test_what_is_shipped_is_accepted_and_every_setting_has_a_rule(name: str) -> None:
    without = {
        path
        for settings in shipped(name).values()
        for path, _ in leaves(settings)
        if rule_of(name, path) is None and path != "env.options"
    }
    assert without == set()
    for settings in shipped(name).values():
        assert checked(settings, name) == {}


def wrong(path: str, value: Any) -> Iterator[Any]:
    """Values that a setting cannot have."""
    last = path.rsplit(".", maxsplit=1)[-1]
    yield from ({"a": 1}, [[1]]) if last not in ("mixture", "qualities", "controls", "keep_out") else ()
    if last not in ("source", "mask", "keep_out"):
        yield ""
    if isinstance(value, bool):
        yield from ("abc", 0, 5, [True], None)
    elif isinstance(value, int | float):
        yield from ("abc", True, [1], float("nan"), 1e30, -1e30)
        yield from () if path in MAY_BE_NULL or path.startswith("safety.") else (None,)
        yield from () if last in ("skip", "rationality") else (float("inf"),)
        yield from () if last in MAY_BE_NEGATIVE else (-5,)
        yield from () if last in MAY_BE_ZERO or path == "robot.points" else (0,)
    elif isinstance(value, str):
        yield from (True, 0.5)
        yield from () if path in MAY_BE_NULL else (None,)
    elif isinstance(value, list) and last != "keep_out":
        yield from ("abc", 5, None)


def test_no_setting_takes_a_wrong_value() -> None:
    taken: list[str] = []
    tried = 0
    for name, choice, path, value in every_setting():
        if path == "env.options":
            continue
        for bad in wrong(path, value):
            tried += 1
            try:
                checked(put(shipped(name)[choice], path, bad), name)
            except ConfigError as error:
                if not str(error).startswith(f"{path} must be ") or "\n" in str(error):
                    taken.append(f"{name} {choice} {path}={bad!r} says {error}")
            else:
                taken.append(f"{name} {choice} {path}={bad!r}")
    assert taken == []
    assert tried > 3000


# One command of each kind, with a setting that it has.
COMMANDS = {
    "collect": "collect.steps", "train": "train.fit.steps", "train policy": "train.fit.learning_rate",
    "label": "label.states", "train reward": "rewards.explicit.fit.steps", "evaluate": "evaluate.starts",
    "report": "evaluate.episodes", "deploy": "deploy.candidates", "export": "deploy.candidates", "demo": "label.states",
    "offline": "fit.steps", "offline label": "label.segments.count", "offline reward": "reward_model.width",
    "offline train": "fit.batch_size", "offline evaluate": "evaluate.episodes", "relabel": "relabel.pairs",
    "online": "steps", "online collect": "collect.episodes", "labels quality": "floor", "labels import": "length",
    "labels export": "length",
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
