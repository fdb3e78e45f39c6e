"""A labeler of one's own is one class and one YAML: every command that asks takes it, as CONTRIBUTING promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Feedback, Preference, Query
from tests.cli.tiny import ROOT, TINY, fails

# What the page shows: a labeler of ten lines, one that looks at what is compared, and how Python asks one.
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "labelers.md").read_text(), re.DOTALL)
YAML = """\
_target_: my_labeler.Always
p: 0.75
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with modules of one's own, which commands run in."""
    (tmp_path / "my_labeler.py").write_text(BLOCKS[0])
    (tmp_path / "my_looking.py").write_text(BLOCKS[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("my_labeler", "my_looking"):
        sys.modules.pop(name, None)


def words(content: str) -> list[str]:
    """A YAML of one's own as words; in a checkout it is a file of configs/labeler/."""
    stored = yaml.safe_load(content)
    target = stored.pop("_target_")
    return [
        "labeler=custom",
        f"labeler._target_={target}",
        *(f"+labeler.{key}={value}" for key, value in stored.items()),
    ]


ALWAYS = words(YAML)
LOOKS = ["labeler=custom", "labeler._target_=my_looking.Brighter", "+labeler._partial_=true"]


def linked(source: Path, target: Path, *inner: str) -> Path:
    """A folder that holds what another one does, to which files can be added in itself and in one of its folders."""
    target.mkdir()
    for path in source.iterdir():
        if path.name != "__pycache__" and (not inner or path.name != inner[0]):
            (target / path.name).symlink_to(path)
    return linked(source / inner[0], target / inner[0], *inner[1:]) if inner else target


def given(run: Path) -> tuple[dict[str, Query], list[Feedback]]:
    with FeedbackStore(run / "labels.sqlite", create=False) as store:
        return {query.id: query for query in store.queries()}, store.feedback()


def bright(path: Path) -> Path:
    """Three episodes of ten steps; a step is a picture whose brightness is its state."""
    store, rng = EpisodeStore.create(path, {}), np.random.default_rng(0)
    for _ in range(3):
        level = rng.permutation(256)[:10]
        store.append({
            "image": np.broadcast_to(level[:, None, None, None], (10, 8, 8, 3)).astype(np.uint8),
            "state": (level[:, None] / 255).astype(np.float32), "action": np.zeros((10, 1), np.float32),
            "terminated": np.arange(10) == 9,
        })  # fmt: skip
    return store.path


def test_candidates_are_compared_by_a_class_of_ones_own_and_train_a_reward(own: Path, run: Path) -> None:
    for name in ("labels.sqlite", "rewards/explicit/weights.pt"):
        (run / name).unlink()
    assert main(["label", f"run={run}", *ALWAYS, "label.kind=pair", "label.budget=4"]) == 0
    answers = given(run)[1]
    assert [(answer.labeler, answer.answer) for answer in answers] == [("Always", Preference(0.75))] * 4
    # What is remembered goes on, once it is trusted again.
    assert main(["train", "reward", f"run={run}", *ALWAYS[:2]]) == 0


def test_segments_are_compared_by_it(own: Path) -> None:
    dataset, run = bright(own / "bright.zarr"), own / "run"
    segments = ["label.about=segments", f"data={dataset}", "label.kind=pair", "label.budget=5"]
    assert main(["label", f"run={run}", *ALWAYS, *segments]) == 0
    assert main(["label", f"run={run}", *ALWAYS[:2]]) == 0  # as many others
    assert {answer.answer for answer in given(run)[1]} == {Preference(0.75)}
    assert len(given(run)[1]) == 10


@pytest.mark.slow
def test_offline_it_is_given_what_it_looks_at_and_the_reward_agrees(own: Path) -> None:
    dataset, run = bright(own / "bright.zarr"), own / "run"
    tiny = ["label.segments.length=1", "label.segments.count=60", "rewards.segment.fit.steps=60"]
    tiny += ["rewards.segment.scorer.members=1"]
    command = [f"run={run}", f"data={dataset}", *LOOKS, *tiny]
    assert main(["offline", "label", *command]) == 0
    queries, answers = given(run)
    level, states = EpisodeStore.open(dataset).array("state")[:, 0], []
    for answer in answers:
        one, two = (level[item.start] for item in queries[answer.query_id].items)
        states.append(answer.answer == Preference(0.5 if one == two else float(one > two)))
    assert len(states) == 60
    assert all(states)
    trusted = [f"run={run}", *LOOKS[:2], "rewards.segment.fit.learning_rate=0.01"]
    assert main(["offline", "reward", *trusted]) == 0
    assert main(["relabel", *trusted]) == 0
    assert np.corrcoef(EpisodeStore.open(dataset).array("reward_learnt"), level)[0, 1] > 0.7


@pytest.mark.slow
def test_in_a_checkout_it_is_one_file_and_one_yaml(tmp_path: Path) -> None:
    labelers = linked(ROOT / "robopref", tmp_path / "robopref", "labelers")
    configs = linked(ROOT / "configs", tmp_path / "robopref" / "configs", "labeler")
    (tmp_path / "robopref" / "assets").symlink_to(ROOT / "assets")
    (labelers / "always.py").write_text(BLOCKS[0])
    (configs / "always.yaml").write_text(YAML.replace("my_labeler", "robopref.labelers.always"))
    words = [f"data={bright(tmp_path / 'd.zarr')}", "run=run", "label.segments.length=1", "label.segments.count=5"]
    command = [sys.executable, "-m", "robopref", "offline", "label", *words, "labeler=always", "labeler.p=0.25"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [(answer.labeler, answer.answer) for answer in given(tmp_path / "run")[1]] == [
        ("Always", Preference(0.25))
    ] * 5


def test_python_asks_it_as_the_page_says(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bright(own / "demos.zarr")
    exec(BLOCKS[0] + BLOCKS[2], {"__name__": "mine"})
    assert capsys.readouterr().out == "100\n"
    with FeedbackStore(own / "labels.sqlite", create=False) as store:
        assert {answer.labeler for answer in store.feedback()} == {"Always"}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["labeler._target_=pathlib.PurePath"], "PurePosixPath answers no questions: it has no label(query)"),
        (["labeler._target_=my_looking.Brighter"], "_partial_"),
        ([*LOOKS[1:], "label.kind=ranking"], "Brighter answers questions of kind pair, not ranking"),
        (["labeler._target_=my_labeler.Nobody"], "my_labeler.Nobody"),
        (["labeler._target_=my_labeler.Always", "+labeler.p=word"], "labeler.p must be a number"),
        ([], "labeler._target_ has to be given"),
    ],
)
def test_who_cannot_be_asked_is_refused_before_any_work(
    own: Path, run: Path, capsys: pytest.CaptureFixture[str], chosen: list[str], message: str
) -> None:
    (run / "labels.sqlite").unlink()
    shutil.rmtree(run / "candidates.zarr")
    error = fails(capsys, "label", f"run={run}", "label.kind=pair", "labeler=custom", *chosen)
    assert message in error
    assert not (run / "labels.sqlite").exists()
    assert not (run / "candidates.zarr").exists()


NOBODY = ["labeler=custom", "labeler._target_=pathlib.PurePath"]


@pytest.mark.parametrize(
    "command",
    [
        ["demo", *TINY],
        ["online", "environment=Pendulum-v1"],
        ["offline", "data={}", "label.segments.length=2"],
        ["offline", "label", "data={}", "label.segments.length=2"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_nobody_before_its_own_work(
    own: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    data = bright(own / "bright.zarr")
    words = [word.format(data) for word in command]
    error = fails(capsys, *words, f"run={own / 'run'}", *NOBODY)
    assert "PurePosixPath answers no questions: it has no label(query)" in error
    assert not any((own / "run").glob("*"))


def test_what_a_folder_remembers_of_it_has_to_be_trusted(
    own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = bright(own / "bright.zarr"), own / "run"
    short = ["label.about=segments", f"data={dataset}", "label.kind=pair", "label.budget=1"]
    assert main(["label", f"run={run}", *ALWAYS, *short]) == 0
    assert "if you trust it, repeat labeler._target_=my_labeler.Always" in fails(capsys, "label", f"run={run}")
    monkeypatch.setenv("ROBOPREF_TRUST", "my_labeler")
    assert main(["label", f"run={run}"]) == 0
    assert len(given(run)[1]) == 2
