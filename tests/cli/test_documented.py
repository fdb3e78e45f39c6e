"""Every command line in README and docs: its words exist, and what takes no time is run."""

import importlib.util
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.operator_acts import DeploymentEvent
from tests.cli.cell import record
from tests.cli.documented import ROOT, Documented, documented, inline

COMMANDS = documented()
OURS = [found for found in COMMANDS if found.words[0] == "robopref"]


def shown(found: Documented) -> str:
    return f"{found.place} {' '.join(found.words)[:60]}"


def each(found: list[Documented]) -> list[Documented]:
    """The first place of each command, as what is shown twice does the same twice."""
    return list({one.words: one for one in reversed(found)}.values())[::-1]


def test_pages_show_commands() -> None:
    assert len(OURS) > 40
    assert any(found.words[0] == "make" for found in COMMANDS)
    assert {found.words[1] for found in OURS} >= {"collect", "label", "labels", "data", "deploy", "offline", "online"}


@pytest.mark.parametrize("found", each([*OURS, *inline()]), ids=shown)
def test_its_words_are_settings_of_its_command(
    found: Documented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # where no run folder remembers anything
    assert main([*found.words[1:], "--help"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("found", [found for found in COMMANDS if found.words[0] != "robopref"], ids=shown)
def test_what_it_names_is_there(found: Documented) -> None:
    program, *words = found.words
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words) <= set(targets)
    elif words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None
    else:
        assert (ROOT / words[0]).exists()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that commands of the docs name, as somebody would have them."""
    folder, rng = tmp_path_factory.mktemp("shelf"), np.random.default_rng(0)
    store = EpisodeStore.create(folder / "demos.zarr", {"task": "reach", "fps": 10})
    for _ in range(10):
        steps = {name: rng.normal(size=(6, 3)).astype(np.float32) for name in ("proprio", "action")}
        last = np.arange(6) == 5
        flags = {"terminated": last & False, "truncated": last, "reward": np.ones(6, np.float32)}
        flags["reward_learnt"] = np.linspace(0, 1, 6, dtype=np.float32)
        points = rng.normal(size=(6, 8, 3)).astype(np.float32)
        store.append({**steps, **flags, "next_proprio": steps["proprio"] + 1, "points": points})
    data = open_dataset(folder / "demos.zarr")
    robot = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2}
    felt = data.mapped(
        lambda one: {"action": one["action"], **{key: np.zeros((6, size)) for key, size in robot.items()}}
    )
    write_dataset(folder / "lift.hdf5", replace(felt, attrs={"observations": list(robot)}), "robomimic")
    ended = data.mapped(lambda one: {"proprio": one["proprio"], "action": one["action"], "done": one["truncated"]})
    write_dataset(folder / "so101", ended, "lerobot", Choices(fps=10))
    (folder / "so101/meta/robopref.json").unlink()  # as LeRobot would have written it
    pairs = {name: rng.normal(size=(3, 4, 2)) for name in ("obs_1", "obs_2", "action_1", "action_2")}
    np.savez(folder / "lift_train.npz", label=np.array([0.0, 1.0, 0.0]), **pairs)
    chunks = rng.uniform(-1, 1, (3, 2, 4)).astype(np.float32)
    event = DeploymentEvent("accept", 1.0, 0, 0, chunks, executed=1, shown=(0, 1, 2))
    (folder / "deployment.jsonl").write_text(json.dumps(event.to_json()) + "\n")
    record(folder)
    return folder


@pytest.mark.parametrize("found", [found for found in each(OURS) if found.quick], ids=shown)
def test_what_takes_no_time_does_what_it_says(
    found: Documented, shelf: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(shutil.copytree(shelf, tmp_path / "here"))
    if any(word.startswith("run=") for word in found.words):
        shutil.copytree(finished, "runs/mine")
        for word in found.words:
            if word.startswith("forget="):
                with Path("runs/mine/overrides.yaml").open("a") as remembered:
                    remembered.write(f"- {word.removeprefix('forget=')}=straight\n")
        if "path=runs/mine/deploy" in found.words:
            Path("runs/mine/deploy").mkdir(exist_ok=True)
            shutil.copy("deployment.jsonl", "runs/mine/deploy/feedback.jsonl")
        if {"labels", "export"} <= set(found.words):  # of pairs, which other projects hold
            Path("runs/mine/labels.sqlite").unlink()
            pairs = ["path=lift_train.npz", "format=inverse-preference-learning", "source=lift"]
            assert main(["labels", "import", "run=runs/mine", *pairs]) == 0
    assert main(list(found.words[1:])) == 0, capsys.readouterr().err
    named = [word.removeprefix("path=") for word in found.words[2:] if "=" not in word or word.startswith("path=")]
    assert all(Path(name).exists() for name in named[found.words[1] in ("data", "labels") :])
