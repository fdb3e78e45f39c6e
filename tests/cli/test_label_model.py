"""A model or a metric labels from the command line; a simulated server stands in for the model."""

import itertools
import json
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.__main__ import main
from robopref.asked_features import FeatureRelevance, Threshold
from robopref.cli.configuration import compose_config
from robopref.cli.words import written_out
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget
from robopref.records import Preference
from tests.cli.tiny import ROOT, fails
from tests.labelers.hostile_server import GOOD, HostileServer, chat
from tests.labelers.people.desks import candidate_store
from tests.waiting import PATIENCE, until

TASK = "task=Make the picture bright."


def brightness(frames) -> float:
    return float(frames[-1].mean())


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two episodes of ten steps; step k is a picture of brightness 10 k."""
    store = EpisodeStore.create(tmp_path / "bright.zarr", {})
    levels = 10 * np.arange(20)
    frames = np.broadcast_to(levels[:, None, None, None], (20, 16, 16, 3)).astype(np.uint8)
    for part in (slice(0, 10), slice(10, 20)):
        store.append(
            {"image": frames[part], "action": np.zeros((10, 2), np.float32), "state": levels[part, None] / 10.0}
        )
    return store.path


def given(run: Path, name: str = "vlm"):
    with FeedbackStore(run / "labels.sqlite") as store:
        return store.queries(), {one.query_id: one for one in store.feedback(name)}


def segments(dataset: Path) -> list[str]:
    return ["label.about=segments", f"data={dataset}", "label.segments.length=3", "label.kind=pair"]


def words(server: JudgeServer | HostileServer, run: Path, dataset: Path, *more: str) -> list[str]:
    return [
        "label", f"run={run}", "labeler=vlm", *segments(dataset), "label.budget=12", TASK,
        "labeler.judge.model=simulated", f"labeler.judge.base_url={server.url}", "labeler.judge.input_price=1",
        "labeler.judge.output_price=4", "labeler.patience.wait=0", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_segments_of_an_unlabelled_dataset_are_compared(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with JudgeServer(PixelJudge(brightness, error=0.0), {"429": 0.1, "500": 0.1}) as server:
        # The budget is spent before the work is done; the same command with more goes on from there.
        assert main(words(server, run, dataset, "labeler.budget.requests=30")) == 0
        out = capsys.readouterr().out
        assert "12 questions, 48 requests" in out
        assert "stopped: the budget of 30 requests is spent" in out
        assert sum(server.seen.values()) == 30
        first = given(run)[1]
        assert 0 < len(first) < 12
        assert main(words(server, run, dataset, "labeler.budget.usd=1", "labeler.budget.requests=null")) == 0
        out = capsys.readouterr().out
        assert max(server.replied.values()) == 1
        cost = (server.usage[0] + 4 * server.usage[1]) / 1e6
        assert f"{cost:.4f} USD" in out
        queries, answers = given(run)
        assert len(queries) == len(answers) == 12
        for query in queries:
            # The last frame of the later segment is the brighter one.
            one, two = query.items
            assert answers[query.id].answer == Preference(float(one.start > two.start))
            assert "Measured" in answers[query.id].rationale
        assert {key: answers[key] for key in first} == first
        # All is known, also to a run folder that is new but for the replies.
        before = sum(server.seen.values())
        cache = f"labeler.cache={run / 'replies.sqlite'}"
        assert main(words(server, tmp_path / "again", dataset, cache)) == 0
        assert "requests, now" in capsys.readouterr().out
        assert sum(server.seen.values()) == before


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, dataset: Path) -> None:
    killed, looked = threading.Event(), itertools.count()

    def until_killed(frames) -> float:
        if next(looked) >= 60:  # of 96, four a question
            killed.wait(PATIENCE)
        return brightness(frames)

    run = tmp_path / "run"
    with JudgeServer(PixelJudge(until_killed, error=0.0)) as server:
        command = words(server, run, dataset, "label.budget=24", "labeler.workers=2")
        process = subprocess.Popen([sys.executable, "-m", "robopref", *command], stdout=subprocess.DEVNULL)
        try:
            until(lambda: sum(server.replied.values()) >= 32)
        finally:
            process.kill()
            process.wait()
            killed.set()
        # Four replies a question: of at least 32 replies, 8 questions but those under way are answered.
        first = given(run)[1]
        assert 6 <= len(first) < 24
        asked = sum(server.seen.values())
        assert main(command) == 0
        answers = given(run)[1]
        assert len(answers) == 24
        assert {key: answers[key] for key in first} == first
        # What was under way when it was killed is asked again, and nothing else: 24 questions of four requests.
        assert 96 <= sum(server.seen.values()) <= 96 + 2
        assert sum(server.seen.values()) > asked
        # Those that were under way when it was killed are remembered.
        with ReplyCache(run / "replies.sqlite") as cache:
            assert RequestBudget(ledger=cache.ledger).requests >= sum(server.seen.values())


@pytest.mark.slow
def test_a_server_that_reports_nothing_is_stopped_also_when_the_run_goes_on(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with HostileServer(lambda *_: chat(GOOD, usage=None)) as server:
        # Two pictures and a reply of 1,024 tokens are at most some 0.025 USD.
        command = words(server, tmp_path / "run", dataset, "labeler.budget.usd=0.1", "labeler.manner.stages=one_stage")
        assert main(command) == 0
        asked = len(server.bodies)
        assert 4 <= asked <= 6
        out = " ".join(capsys.readouterr().out.split())
        assert "the budget of 0.1 USD is spent" in out
        assert f"{asked} without a report" in out
        assert main(command) == 0
        assert len(server.bodies) == asked
        out = " ".join(capsys.readouterr().out.split())
        assert re.search(r"requests, now\W+0", out)


def test_recorded_replies_label_without_a_server(tmp_path: Path, dataset: Path) -> None:
    run, recorded = tmp_path / "run", tmp_path / "replies.jsonl"
    with JudgeServer(PixelJudge(brightness, error=0.3)) as server:
        assert main(words(server, run, dataset)) == 0
    with ReplyCache(run / "replies.sqlite") as cache:
        cache.export(recorded)
    replayed = [
        "label", f"run={tmp_path / 'replayed'}", "labeler=vlm_replay", f"labeler.judge.path={recorded}",
        *segments(dataset), "label.budget=12", TASK,
    ]  # fmt: skip
    assert main(replayed) == 0
    original, again = (given(folder)[1] for folder in (run, tmp_path / "replayed"))
    assert {key: one.answer for key, one in original.items()} == {key: one.answer for key, one in again.items()}


def test_candidates_are_drawn_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    candidate_store(run)
    with JudgeServer(PixelJudge(lambda frames: -brightness(frames), error=0.0)) as server:
        settings = [
            "label", f"run={run}", "labeler=vlm", "workers=0", "label.states=4", "label.candidates=4",
            "labeler.judge.model=simulated", f"labeler.judge.base_url={server.url}", "labeler.manner.stages=one_stage",
        ]  # fmt: skip
        assert main([*settings, "label.kind=pair", "label.budget=6"]) == 0
        # They were drawn by a robot that nobody simulates.
        assert "holds no state to start from; choose label.show=action" in fails(
            capsys, *settings, "label.kind=pair", "label.show=outcome"
        )
    queries, answers = given(run)
    assert len(queries) == len(answers) == 6
    assert queries[0].instruction == "Straighten it."
    # The longer the arrow, the darker the picture.
    for query in queries:
        one, two = query.items
        assert answers[query.id].answer == Preference(float((one.candidate or 0) > (two.candidate or 0)))


def test_features_are_asked_about_beside_their_examples(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def replies(body: Mapping[str, Any], _: object) -> Any:
        asked = json.dumps(body["messages"])
        if "is too much for this" in asked:
            return chat('{"reasoning": "", "answer": "value", "value": 10, "confidence": 0.5}')
        return chat('{"reasoning": "brighter", "answer": "more is better", "confidence": 0.9}')

    kinds = ["label.kind=[feature,threshold]", 'label.features={light: "mean(state)"}', "labeler.showing.layout=clip"]
    with HostileServer(replies) as server:
        assert main(words(server, tmp_path / "run", dataset, *kinds)) == 0
        assert len(server.bodies) == 2
        assert "2 questions, 2 requests" in " ".join(capsys.readouterr().out.split())
        # Two examples and five, of three frames each; two are asked at a time, so either may arrive first.
        assert sorted(json.dumps(body).count('"image_url"}') for body in server.bodies) == [6, 15]
    queries, answers = given(tmp_path / "run")
    assert [answers[query.id].answer for query in queries] == [FeatureRelevance(1), Threshold(10)]
    assert answers[queries[0].id].rationale == "brighter"


def test_what_cannot_be_asked_is_explained(tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = [*segments(dataset), TASK], f"run={tmp_path / 'run'}"
    assert "labeler.judge.model" in fails(capsys, "label", run, "labeler=vlm", *data)
    told = fails(capsys, "label", run, "labeler=vlm", *data, "label.kind=[pair,similarity]")
    assert "labeler=vlm answers questions of kind pair or rating or feature or threshold, not similarity" in told
    assert not (tmp_path / "run" / "labels.sqlite").exists()
    assert "neither their progress nor their reward" in fails(capsys, "label", f"run={tmp_path / 'b'}", *data)
    capped = ["labeler=vlm", "labeler.judge.model=m", "labeler.judge.base_url=http://127.0.0.1:1/v1"]
    assert "labeler.judge.input_price" in fails(capsys, "label", run, *capped, "labeler.budget.usd=1", *data)
    with JudgeServer(PixelJudge(brightness)) as server:
        few = words(server, tmp_path / "c", dataset, "label.budget=2")
        assert main([*few, "labeler.manner.stages=one_stage"]) == 0
        assert "labeler.name=<another name>" in fails(capsys, *few, "labeler.manner.stages=two_stage")


def test_a_server_that_is_down_ends_it_and_leaves_the_questions(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JudgeServer(PixelJudge(brightness)) as server:
        command = words(server, tmp_path / "run", dataset)
    assert "cannot connect to http://127.0.0.1" in fails(capsys, *command)
    assert given(tmp_path / "run")[1] == {}


def test_a_metric_compares_what_is_alike(tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    command = [
        "label", f"run={run}", "labeler=metric", *segments(dataset), "label.budget=40", TASK,
        f"labeler.demonstrations={dataset}", "labeler.features=[state]", "labeler.radius=0.5",
        "labeler.controls=null",
    ]  # fmt: skip
    # All segments are demonstrated, so nothing differs.
    assert "no two items differ" in fails(capsys, *command)
    shorter = EpisodeStore.create(tmp_path / "few.zarr", {})
    shorter.append({"state": np.arange(5.0)[:, None]})
    run = f"run={tmp_path / 'few'}"
    words = [word for word in command[2:] if "demonstrations" not in word]
    assert main(["label", run, *words, f"labeler.demonstrations={shorter.path}"]) == 0
    queries, answers = given(tmp_path / "few", "metric")
    assert len(queries) > 0
    for query in queries:
        # Steps 0 to 4 are demonstrated: of a segment of three, how many of them are?
        covered = [max(0, min(item.stop, 5) - item.start) for item in query.items]
        assert covered[0] != covered[1]
        assert answers[query.id].answer == Preference(float(covered[0] > covered[1]))


def test_candidates_are_measured_against_demonstrations(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    store = candidate_store(run)
    # The demonstrator does what candidate 1 does, in the same states.
    demos = EpisodeStore.create(run / "demos.zarr", {"geometry": store.attrs["geometry"]})
    demos.append({"points": store.array("points"), "action": store.array("candidates")[:, 1, 0]})
    settings = [
        "label", f"run={run}", "labeler=metric", "workers=0", "label.states=4", "label.candidates=4", "label.kind=pair",
        "labeler.controls.path_length.tolerance=1000",
    ]  # fmt: skip
    assert main(settings) == 0
    queries, answers = given(run, "metric")
    # One pair a state: candidate 1 against one of the others, of which none is covered.
    assert len(queries) == 4
    for query in queries:
        one, two = query.items
        assert 1 in (one.candidate, two.candidate)
        assert answers[query.id].answer == Preference(float(one.candidate == 1))


def test_what_the_documentation_says_works() -> None:
    text = (ROOT / "docs" / "vlm.md").read_text()
    commands = re.findall(r"^robopref label (.*?[^\\])$", text.replace("\\\n", " "), re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        compose_config("config", written_out(shlex.split(command)))
    settings: dict[str, list[str]] = {}
    for choice, setting in re.findall(r"`labeler=(\w+) (labeler\.[\w.]+=[\w.]+)`", text):
        settings.setdefault(choice, [f"labeler={choice}"]).append(setting)
    for words in settings.values():
        compose_config("config", words)


@pytest.mark.parametrize(
    "sentence",
    [
        "Open the drawer.",
        'Fold it, then {press} it: don\'t tear "it" [much]; cost < $5 = fine',
        "Schließe die Tür",
        "a\\b",
    ],
)
def test_a_task_is_taken_as_it_is_typed(sentence: str) -> None:
    assert compose_config("config", [f"task={sentence}"]).task == sentence
    assert compose_config("config", ["task=null"]).task is None
