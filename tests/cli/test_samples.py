"""What an earlier version wrote is read by every command, or one line says what to do; see `tests/samples`."""

import importlib
import json
import re
import shlex
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

import robopref.cli.export
from robopref.__main__ import main
from robopref.cli.building import build
from robopref.cli.words import renamed, written_out
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.decisions import as_scorer
from robopref.learning.preference import _describe
from robopref.learning.stored_models import load_policy, load_reward
from tests.cli.tiny import ROOT, fails

ARCHIVE = ROOT / "tests" / "samples" / "0.1.0-815d7ce.tar.xz"
DEPLOY = ["deploy.view=none", "deploy.candidates=3", "deploy.commands=3"]
Take = Callable[..., None]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    with tarfile.open(ARCHIVE) as archive:
        # Before 3.11.4 Python knows no filters; the archive is ours.
        known: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **known)
    return folder


@pytest.fixture
def take(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Copies some of the samples to where the test runs."""
    monkeypatch.chdir(tmp_path)

    def copy(*names: str) -> None:
        for name in names:
            source = samples / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)

    return copy


def says(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that is to succeed, and return what it prints."""
    status = main(list(words))
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return " ".join(captured.out.split())


def marked(folder: Path) -> Path:
    """Curves whose first line, which an interrupted training wrote, says so."""
    path = folder / "metrics.jsonl"
    first, *others = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in (first, *others)] == [1, 2, 3]
    path.write_text("\n".join([json.dumps(json.loads(first) | {"interrupted": True}), *others, ""]))
    return path


def went_on(path: Path) -> bool:
    """Whether training went on to its end from where it was interrupted, keeping what was recorded until then."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6] and "interrupted" in lines[0]


@pytest.mark.slow
def test_a_run_is_remembered_and_reported_alike(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("loop")
    before = json.loads(Path("loop/summary.json").read_text())
    assert "deploy.commands=6" in says(capsys, "settings", "run=loop")
    assert "report: loop/report.html" in says(capsys, "report", "run=loop")
    after = json.loads(Path("loop/summary.json").read_text())
    assert after["improvement"] == before["improvement"]
    assert after["pair_accuracy"] == before["pair_accuracy"]
    assert after["episodes"] == before["episodes"]


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the tables of questions and answers hold; columns that a later version adds come last."""
    with closing(sqlite3.connect(path)) as database:
        return {
            name: database.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()
            for name in ("queries", "feedback")
        }


def test_a_run_is_finished_already(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("loop")
    files = [*Path("loop/rewards").glob("*/state.pt"), Path("loop/policy/state.pt")]
    before, labels = [path.read_bytes() for path in files], rows(Path("loop/labels.sqlite"))
    assert len(before) == 3
    assert all(labels.values())
    says(capsys, "train", "policy", "run=loop")
    assert "3 answers of scripted-teacher (0 of them now" in says(capsys, "label", "run=loop")
    says(capsys, "train", "reward", "run=loop")
    assert [path.read_bytes() for path in files] == before
    after = rows(Path("loop/labels.sqlite"))
    assert {name: [row[: len(labels[name][0])] for row in after[name]] for name in labels} == labels


@pytest.mark.slow
def test_a_run_is_evaluated(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("loop")
    says(capsys, "evaluate", "run=loop", "evaluate.starts=1")
    assert Path("loop/evaluation/decisions.npz").exists()


def test_a_run_is_deployed_and_what_was_recorded_is_added_to(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("loop")
    assert "Of 1 episodes" in says(capsys, "data", "inspect", "loop/deploy/sim.zarr")
    says(capsys, "deploy", "run=loop", *DEPLOY)
    assert "Of 2 episodes" in says(capsys, "data", "inspect", "loop/deploy/sim.zarr")


def test_policy_and_reward_of_a_run_are_exported(
    take: Take, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take("loop")
    asked: list[tuple[tuple[int, ...], bool]] = []

    def export(policy: Any, scorer: Any, folder: Path, observations: Any, **settings: Any) -> dict[str, float]:
        for observation in observations:
            drawn = policy.sample(observation, settings["candidates"], generator=settings["generator"])
            scores = as_scorer(scorer).score(observation, drawn).value
            asked.append((tuple(drawn.shape), bool(scores.isfinite().all())))
        assert (folder, settings["form"]) == (Path("loop/export"), "torch")
        return {"policy": 0.0}

    monkeypatch.setattr(robopref.cli.export, "export", export)  # tracing takes seconds, whoever wrote the weights
    assert "exported: loop/export" in says(capsys, "export", "run=loop", "deploy.candidates=3")
    assert [shape[:2] for shape, _ in asked] == [(1, 3)] * 3
    assert all(finite for _, finite in asked)


def test_another_run_begins_with_it(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("loop")
    out = says(capsys, "label", "run=next", "base=loop", "label.budget=1")
    assert "1 answers of scripted-teacher (1 of them now" in out


@pytest.mark.parametrize(
    ("run", "command", "trained"),
    [
        ("halfway-policy", ["train", "policy"], "policy"),
        ("halfway-reward", ["train", "reward"], "rewards/explicit"),
        ("halfway-method", ["train", "reward"], "rewards/implicit"),
        ("offline-halfway", ["offline", "train"], "iql"),
    ],
)
def test_an_interrupted_training_goes_on(
    take: Take, capsys: pytest.CaptureFixture[str], run: str, command: list[str], trained: str
) -> None:
    take(run, "recorded.zarr")
    curves = marked(Path(run) / trained)
    says(capsys, *command, f"run={run}")
    assert went_on(curves)


def test_a_method_that_was_renamed_is_trained_already(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("method")
    assert "method=outcome" in Path("method/overrides.yaml").read_text()
    before = Path("method/rewards/implicit/state.pt").read_bytes()
    assert "method=implicit_prm" in says(capsys, "settings", "run=method")
    says(capsys, "train", "reward", "run=method")
    assert Path("method/rewards/implicit/state.pt").read_bytes() == before


def test_answers_of_several_kinds_are_told_apart(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("people")
    before = Path("people/rewards/explicit/state.pt").read_bytes()
    assert "filter.by_labeler.names=[ann,scripted-teacher]" in fails(capsys, "train", "reward", "run=people")
    # It was trained before the scripted teacher answered as well.
    out = says(capsys, "train", "reward", "run=people", "filter.by_labeler.names=[ann]")
    assert "trained again" not in out
    assert Path("people/rewards/explicit/state.pt").read_bytes() == before
    assert "ann" in says(capsys, "labels", "quality", "run=people")


def test_a_person_goes_on_where_they_stopped(
    take: Take, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take("people")
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt="": asked.append(prompt) or "q")
    words = ["labeler=human", "labeler.terminal=true", "labeler.annotator=ann"]
    assert "2 of 3 answers" in says(capsys, "label", "run=people", *words)
    assert asked == []  # two are answered, one was skipped
    says(capsys, "label", "run=people", *words[:2], "labeler.annotator=bob")
    assert len(asked) == 1


def test_a_database_holds_what_its_exports_say(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("mixed", "judged.jsonl", "people.jsonl")
    out = says(capsys, "labels", "export", "run=mixed", "path=mixed.jsonl")
    assert "9 queries and 12 answers" in out
    written = [set(map(str, map(json.loads, Path(name).read_text().splitlines())))
               for name in ("mixed.jsonl", "judged.jsonl", "people.jsonl")]  # fmt: skip
    assert written[0] == written[1] | written[2]
    says(capsys, "labels", "quality", "run=mixed")
    for name in ("judged", "people"):
        assert "added 0 queries and 0 answers" in says(capsys, "labels", "import", "run=mixed", f"path={name}.jsonl")


def test_replies_of_a_model_are_not_asked_for_again(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("judged", "bright.zarr")
    with FeedbackStore(Path("judged/labels.sqlite")) as store:
        before = {given.query_id: given.answer for given in store.feedback("vlm")}
    Path("judged/labels.sqlite").unlink()
    assert "6 answers of vlm (6 of them now" in says(capsys, "label", "run=judged", "budget.requests=0")
    with FeedbackStore(Path("judged/labels.sqlite")) as store:
        assert {given.query_id: given.answer for given in store.feedback("vlm")} == before


def test_a_store_with_learnt_rewards_is_learnt_from(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("recorded.zarr")
    assert "Of 12 episodes 6 terminated" in says(capsys, "data", "inspect", "recorded.zarr")
    words = ["data=recorded.zarr", "reward_key=reward_learnt", "device=cpu", "fit.steps=2", "fit.hidden=[8]"]
    assert "1 of iql from reward_learnt" in says(capsys, "offline", "train", "run=next", *words, "fit.batch_size=8")


def advised(line: str) -> list[str]:
    """The command that a line says to run."""
    found = re.search(r": robopref (offline \w+ run=[\w-]+)", line)
    assert found is not None, line
    return shlex.split(found[1])


def test_policies_of_another_form_are_written_anew(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("offline", "recorded.zarr")
    before = Path("offline/iql/state.pt").read_bytes()
    line = fails(capsys, "offline", "evaluate", "run=offline")
    assert "offline/iql/policy-0.pt was written by an earlier version" in line
    assert "reward_key=reward_learnt" in line
    says(capsys, *advised(line), "reward_key=reward_learnt")
    assert Path("offline/iql/state.pt").read_bytes() == before
    assert load_policy(Path("offline/iql/policy-0.pt")).normalizer.keys == ("state",)
    assert "return" in says(capsys, "offline", "evaluate", "run=offline")


@pytest.mark.parametrize("run", ["offline", "offline-parts"])
def test_rewards_of_another_form_are_trained_again(take: Take, capsys: pytest.CaptureFixture[str], run: str) -> None:
    take(run, "recorded.zarr")
    line = fails(capsys, "relabel", f"run={run}", "relabel.name=again")
    assert f"{run}/reward/weights.pt was written by an earlier version" in line
    says(capsys, *advised(line))
    assert load_reward(Path(run) / "reward" / "segment" / "weights.pt").keys == ("state", "action")
    says(capsys, "relabel", f"run={run}", "relabel.name=again")


def test_an_agent_is_trained_already(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("online")
    assert "online/agent.zip is trained already" in fails(capsys, "online", "run=online")
    assert "12 answers" not in says(capsys, "labels", "quality", "run=online")


def test_an_agent_records_no_more_than_was_asked_for(take: Take, capsys: pytest.CaptureFixture[str]) -> None:
    take("collected")
    before = Path("collected/agents/all.zip").read_bytes()
    assert "4 episodes, 80 steps" in says(capsys, "online", "collect", "run=collected")
    assert Path("collected/agents/all.zip").read_bytes() == before


def test_parts_are_known_by_the_modules_that_they_had(samples: Path) -> None:
    targets = (samples / "targets.txt").read_text().split()
    assert len(targets) > 80
    for target in targets:
        name = renamed(f"+some._target_={target}").partition("=")[2]
        assert written_out([f"+some={{_target_: {target}, _partial_: true}}"]) == [
            f"+some={{_target_: {name}, _partial_: true}}"
        ]
        parts = name.split(".")
        owner = parts[:-2] if parts[-2][0].isupper() else parts[:-1]
        found = importlib.import_module(".".join(owner))
        for part in parts[len(owner) :]:
            found = getattr(found, part)


def test_objectives_are_described_as_checkpoints_have_them(samples: Path) -> None:
    for name, described in json.loads((samples / "objectives.json").read_text()).items():
        choice = renamed(f"objective={name}").partition("=")[2]
        assert _describe(build(OmegaConf.load(ROOT / "configs" / "objective" / f"{choice}.yaml"))) == described
