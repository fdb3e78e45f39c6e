"""People label the candidates of a run; a browser or a list of lines stands in for the person."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.people.questions import CHECKER
from robopref.records import Preference
from tests.cli.tiny import ROOT, fails
from tests.web.browser import Keys, chromium


@pytest.mark.slow
def test_labels_given_in_a_browser_train_the_reward(finished: Path, tmp_path: Path) -> None:
    """The path of a new user: a run of one's own, some minutes of labelling, a reward from these labels."""
    run = tmp_path / "mine"
    command = [
        sys.executable, "-m", "robopref", "label", f"run={run}", f"base={finished}", "labeler=human", "label.kind=pair",
        "labeler.open=false", "labeler.port=0", "labeler.annotator=ann", "labeler.checks=0.2", "labeler.repeats=0.3",
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    # It is given up with its output, so that a server that does not start ends the test.
    watch = threading.Timer(300, server.kill)
    watch.start()
    try:
        address = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+/", line)))
        with chromium(tmp_path / "profile") as page:
            page.open(address)
            while page.question:
                page.and_then(lambda: page.press(Keys.LEFT))
            assert page.errors() == []
        server.send_signal(signal.SIGINT)
        assert "answers:" in server.stdout.read()
        assert server.wait() == 0
    finally:
        watch.cancel()
        server.kill()
        server.wait()
    with FeedbackStore(run / "labels.sqlite") as store:
        queries, given = store.queries(), store.feedback("ann")
        # Three pairs in each of three states, two checks, three repetitions.
        assert len(queries) == len({answer.query_id for answer in given}) == len(given) == 9 + 2 + 3
        assert len(store.feedback(CHECKER)) == 2
    for answer in given:
        assert answer.answer == Preference(0.75 if answer.order == (0, 1) else 0.25)
    assert main(["train", "reward", f"run={run}"]) == 0
    weights = torch.load(run / "rewards/explicit/weights.pt", weights_only=True)
    assert weights["module"]
    assert (
        EpisodeStore.open(run / "candidates.zarr").fingerprint()
        == EpisodeStore.open(finished / "candidates.zarr").fingerprint()
    )


def test_the_terminal_asks_the_same(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, lines = tmp_path / "mine", iter(["312", "s", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    words = [f"run={run}", f"base={finished}", "labeler=human", "labeler.terminal=true", "labeler.annotator=ann"]
    assert main(["label", *words]) == 0
    assert (run / "question.png").exists()
    with FeedbackStore(run / "labels.sqlite") as store:
        assert len(store.queries()) == 3
        assert len(store.feedback("ann")) == 2


@pytest.mark.slow
def test_people_may_be_shown_what_came_of_candidates_and_segments(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = iter(["1", "q", "1", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    words = ["labeler=human", "labeler.terminal=true", "labeler.annotator=ann", "label.kind=pair", "label.show=outcome"]
    mine, others = (tmp_path / name for name in ("mine", "others"))
    base = shutil.copytree(finished, tmp_path / "base", ignore=shutil.ignore_patterns("outcomes.zarr"))
    assert main(["label", f"run={mine}", f"base={base}", *words, "label.budget=2"]) == 0
    said = "what came of 9 candidates is shown, so each is carried out"
    assert said in " ".join(capsys.readouterr().out.split())
    assert EpisodeStore.open(mine / "outcomes.zarr").array("next_points").shape[:2] == (3, 3)
    assert (mine / "question.png").exists()
    segments = ["label.about=segments", "label.segments.length=1", "label.budget=2"]
    assert main(["label", f"run={others}", f"base={base}", *words, *segments]) == 0
    assert not (others / "outcomes.zarr").exists()  # recordings show what came
    for run in (mine, others):
        with FeedbackStore(run / "labels.sqlite") as store:
            assert [given.labeler_version for given in store.feedback("ann")] == ["1 of outcomes"]
    # What cannot be shown is said before anybody is asked.
    refused = ["label", f"run={others}", *words, *segments]
    assert "label.show must be action or outcome, got 'result'" in fails(capsys, *refused, "label.show=result")
    filmed = EpisodeStore.create(tmp_path / "filmed.zarr", {})
    filmed.append({"image": np.zeros((4, 8, 8, 3), np.uint8), "action": np.zeros((4, 2), np.float32)})
    assert "clouds of before and after, and" in fails(capsys, *refused, f"data={filmed.path}")


def test_clips_show_what_each_candidate_does(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "q")
    words = [
        f"run={tmp_path / 'mine'}",
        f"base={finished}",
        "labeler=human",
        "labeler.terminal=true",
        "labeler.clips=true",
    ]
    assert main(["label", *words, "label.kind=pair", "label.budget=1"]) == 0
    assert len(list((tmp_path / "mine" / "clips" / "candidates").glob("*.mp4"))) == 2


def test_people_are_asked_about_segments(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["1", "22", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    folder = tmp_path / "filmed.zarr"
    source, rng = EpisodeStore.open(finished / "demos.zarr"), np.random.default_rng(0)
    filmed = EpisodeStore.create(folder, source.attrs)
    filmed.append({
        "points": source.array("points", 0, 6), "action": source.array("action", 0, 6),
        "image": rng.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8),
    })  # fmt: skip
    words = [
        "labeler=human",
        "labeler.terminal=true",
        "labeler.annotator=ann",
        "label.about=segments",
        "label.kind=pair",
    ]
    run = [f"run={tmp_path / 'mine'}", f"base={finished}", *words]
    assert main(["label", *run, f"data={folder}", "label.segments.length=2", "label.budget=3"]) == 0
    with FeedbackStore(tmp_path / "mine" / "labels.sqlite") as store:
        queries = store.queries()
        assert len(queries) == 3
        assert {item.source for query in queries for item in query.items} == {"filmed"}
        assert len(store.feedback("ann")) == 2
    assert len(list((tmp_path / "mine" / "clips" / "filmed").glob("*.mp4"))) > 1


def test_a_scripted_teacher_judges_segments_by_their_progress(finished: Path, tmp_path: Path) -> None:
    run = [f"run={tmp_path / 'mine'}", f"base={finished}", "labeler=perfect", "label.about=segments", "label.kind=pair"]
    assert main(["label", *run, "label.segments.length=1", "label.segments.count=4", "labeler.equal=0"]) == 0
    demos = EpisodeStore.open(finished / "demos.zarr")
    gained = demos.array("next_progress") - demos.array("progress")
    with FeedbackStore(tmp_path / "mine" / "labels.sqlite") as store:
        queries = {query.id: query for query in store.queries()}
        answers = store.feedback()
    assert len(answers) == 4
    for given in answers:
        one, two = (gained[item.start] for item in queries[given.query_id].items)
        assert given.answer == Preference(0.5 if one == two else float(one > two))
    assert main(["train", "reward", *run[:1], "rewards.implicit=null", "use=explicit"]) == 0
    assert (tmp_path / "mine" / "rewards" / "explicit" / "weights.pt").exists()


def test_what_cannot_be_asked_about_segments_is_explained(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [f"run={tmp_path / 'mine'}", f"base={finished}", "label.about=segments", "label.kind=pair"]
    words = ["label", *run, "label.segments.length=1"]
    assert "lower label.segments.length" in fails(capsys, "label", *run, "label.segments.length=9")
    assert "try candidates out" in fails(capsys, *words, "labeler=human", "labeler.checks=0.1")
    assert "judge candidates" in fails(capsys, *words, "labeler=perfect", "selector=information")
    assert "label.about must be candidates, explored or segments" in fails(capsys, *words, "label.about=segment")
    store = EpisodeStore.create(tmp_path / "numbers.zarr", {})
    store.append({"state": np.zeros((4, 2), np.float32)})
    words += [f"data={store.path}", "label.about=segments", "selector=random"]
    assert "neither points nor image" in fails(capsys, *words, "labeler=human")
    assert "neither their progress nor their reward" in fails(capsys, *words, "labeler=perfect")


def test_only_answers_of_people_count_when_people_label(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "rewards")
    assert "compares candidates" in fails(capsys, "train", "reward", f"run={run}", "labeler=human")
    assert main(["train", "reward", f"run={run}", "labeler=perfect"]) == 0


def test_what_cannot_be_asked_is_explained(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = f"run={tmp_path / 'mine'}"
    assert "everyone needs a token" in fails(
        capsys, "label", run, f"base={finished}", "labeler=human", "labeler.host=0.0.0.0"
    )
    run = f"run={tmp_path / 'another'}"
    assert "ask people with labeler=human" in fails(capsys, "label", run, f"base={finished}", "label.kind=rating")
    assert "is no run folder" in fails(capsys, "label", f"run={tmp_path / 'third'}", f"base={tmp_path}")


def test_what_the_documentation_says_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "labelling.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"^robopref (?:label|train reward|evaluate|report) (.*)$", text, re.MULTILINE)
    assert len(commands) == 12
    for words in commands:
        compose_config("config", shlex.split(words))
    compose_config("config", ["labeler=human", *re.findall(r"`(labeler\.\w+=[\w.]+)`", text)])
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    *lines, last = script.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert last.startswith("serve(create_app(desk, Access.alone(")
    assert names["desk"].next("ann")["question"]["id"] == "first"
