"""`robopref explain`, end to end: of segments, of candidates and of trained rewards, and what it refuses."""

import json
import shutil

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Feedback, Item, Preference, Query
from tests.cli.tiny import TINY, fails

LENGTH, PAIRS = 4, 120


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Answers about segments: people go by the first channel, and one of them by the camera."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("answered")
    store = EpisodeStore.create(folder / "arm.zarr", {})
    level, camera = rng.normal(size=(2 * PAIRS, 3)), rng.choice([-1.0, 1.0], 2 * PAIRS)
    steps = np.repeat(np.arange(2 * PAIRS), LENGTH)
    pictures = np.full((len(steps), 8, 8, 3), 40, np.uint8)
    pictures[..., 0] += rng.integers(0, 99, len(steps)).astype(np.uint8)[:, None, None]
    state, action = level[steps] + 0.05 * rng.normal(size=(len(steps), 3)), rng.normal(size=(len(steps), 2))
    store.append({
        "state": state.astype(np.float32), "action": action.astype(np.float32),
        "camera": camera[steps, None].astype(np.float32), "image": pictures,
    })  # fmt: skip
    items = [Item("arm", LENGTH * k, LENGTH * k + LENGTH) for k in range(2 * PAIRS)]
    worth = level[:, 0] + 0.8 * camera
    with FeedbackStore(folder / "labels.sqlite") as database:
        queries = [Query(f"q{k}", "pair", (items[2 * k], items[2 * k + 1]), "Be quick <b>") for k in range(PAIRS)]
        database.add_queries(queries)
        database.add_all([
            Feedback(f"q{k}", Preference(float(better)), ("ann", "<i>bob")[k % 2], order=(0, 1), seconds=2.0)
            for k, better in enumerate(worth[::2] > worth[1::2])
        ])  # fmt: skip
    return folder


@pytest.fixture
def segments(answered, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(answered, tmp_path / "run")


def test_answers_about_segments_are_explained(segments, capsys) -> None:
    rubric = 'explain.rubric=["more mean(hand)","less mean(jerk(action))"]'
    assert main(["explain", f"run={segments}", 'explain.quantities={hand: "state[0]"}', rubric]) == 0
    out = capsys.readouterr().out
    assert "are confirmed" in out
    assert "alarm: they go by how items were shown: more mean(camera)" in out
    assert "not followed" in out
    page = (segments / "explanation.html").read_text()
    assert "<i>bob" not in page
    assert "&lt;i&gt;bob" in page
    assert "Be quick &lt;b&gt;" in page
    assert "data:image/png;base64," in page
    assert "speed (“quick”)" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is loaded from elsewhere
    stored = json.loads((segments / "explanation.json").read_text())
    confirmed = [one for one in stored["explanation"]["findings"] if one["status"] == "confirmed"]
    # The greatest of four steps that are much alike goes with their mean.
    features = {one["hypothesis"]["feature"] for one in confirmed}
    assert "mean(camera)" in features
    assert features & {"mean(hand)", "greatest(hand)"}
    assert {one["name"] for one in confirmed[0]["followers"]} == {"ann", "<i>bob"}
    assert stored["rubric"]["terms"][0]["status"] in ("followed", "not told apart")
    assert [gap["status"] for gap in stored["rubric"]["terms"]][1] == "not followed"
    assert stored["rubric"]["posterior"] is not None


def test_a_list_of_features_is_tested_in_place_of_the_grammars(segments, capsys) -> None:
    features = 'proposer.features=["mean(state[0])","mean(state[1])"]'
    assert main(["explain", f"run={segments}", features, "explain.correction=bh", "explain.examples=1"]) == 0
    stored = json.loads((segments / "explanation.json").read_text())
    tested = {one["hypothesis"]["feature"] for one in stored["explanation"]["findings"]}
    assert {"mean(state[0])", "mean(state[1])", "mean(camera)", "shown_first()"} <= tested
    assert "mean(state[2])" not in tested


def test_a_feature_that_is_none_is_said_before_items_are_measured(segments, capsys) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("robopref.explanation.hypothesis_search.feature_table", None)
        told = fails(capsys, "explain", f"run={segments}", 'proposer.features=["mean(stat[0])"]')
    assert "Did you mean state" in told


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (['explain.rubric=["less mean(jurk(action))"]'], "explain.rubric: unknown quantity or measure 'jurk'"),
        (['explain.rubric=["less"]'], "explain.rubric: '' is no feature"),
        (['explain.quantities={hand: "state[2:0]"}'], "explain.quantities: 'state[2:0]' is no feature"),
        (['explain.rubric=["mean(state[9])"]'], "explain.rubric: mean(state[9]): state has 3 channels"),
        (['proposer.features=["mean(stat[0])"]'], "proposer.features: unknown quantity or measure 'stat'"),
        (["explain.held_out=0.99"], "held_out=0.99 of 120 independent questions leaves 1 to find what"),
        (["explain.held_out=0.01"], "leaves 119 to find what answers go by and 1 to confirm it"),
        (["proposer=model"], "set proposer.judge.model=<name"),
        (["proposer=model", "proposer.judge.model=x", "proposer.budget.usd=-1"], "proposer.budget.usd must"),
        (['explain.quantities={mean: "state[0]"}'], "explain.quantities: 'mean' is the name of"),
        (["explain.presentation=[kamera]"], "Did you mean camera"),
        (["explain.reward=implicitt"], "Did you mean implicit"),
        (["explain.source=rope"], "unknown explain.source 'rope'"),
        (["explain.level=2"], "explain.level must be"),
        (["proposer=replay"], "proposer.judge.path"),
        (["proposer=grammer"], "did you mean grammar"),
    ],
)
def test_what_is_wrong_is_one_line(words, why, segments, capsys) -> None:
    assert why in fails(capsys, "explain", f"run={segments}", *words)
    assert not (segments / "explanation.html").exists()


def test_a_run_without_answers_says_how_to_get_them(tmp_path, capsys) -> None:
    assert "robopref label run=" in fails(capsys, "explain", f"run={tmp_path / 'run'}")


def test_too_few_answers_are_said(segments, capsys) -> None:
    words = ["explain", f"run={segments}", "explain.source=few"]
    with FeedbackStore(segments / "labels.sqlite") as database:
        few = Query("few", "pair", (Item("few", 0, 1), Item("few", 1, 2)))
        database.add_queries([few])
        database.add(Feedback("few", Preference(1.0), "ann", order=(0, 1), seconds=1.0))
    assert "several datasets" in fails(capsys, *words[:2])
    assert "no such dataset" in fails(capsys, *words)
    EpisodeStore.create(segments / "few.zarr", {}).append({"state": np.zeros((2, 3), np.float32)})
    assert "1 independent questions are too few" in fails(capsys, *words)


def test_a_reward_is_never_explained_because_it_was_before(segments, capsys) -> None:
    fails(capsys, "explain", f"run={segments}", "explain.reward=implicit")
    assert main(["explain", f"run={segments}"]) == 0
    assert (segments / "explanation.html").exists()


@pytest.mark.slow
def test_answers_about_candidates_and_their_reward_are_explained(tmp_path, capsys) -> None:
    run = f"run={tmp_path / 'rope'}"
    words = [*TINY, "label.states=24"]
    for command in ("collect", "train policy", "label", "train reward"):
        assert main([*command.split(), run, *words]) == 0
    assert main(["explain", run]) == 0
    assert main(["explain", run, "explain.reward=explicit", "explain.pairs=60"]) == 0
    assert "report:" in capsys.readouterr().out
    for name in ("explanation", "explanation_explicit"):
        stored = json.loads((tmp_path / "rope" / f"{name}.json").read_text())
        tested = {one["hypothesis"]["feature"] for one in stored["explanation"]["findings"]}
        assert "least(nearest(points, pick))" in tested
        assert "shown_first()" not in tested


@pytest.mark.slow
def test_a_reward_of_recorded_segments_is_explained(segments, capsys) -> None:
    data, run = f"data={segments / 'arm.zarr'}", f"run={segments}"
    small = ["rewards.segment.fit.steps=5", "label.segments.length=4", "device=cpu"]
    assert main(["offline", "reward", data, run, "observation=[state]", *small]) == 0
    assert main(["offline", "explain", run]) == 0
    assert main(["offline", "explain", run, "explain.reward=segment", "explain.pairs=80"]) == 0
    assert (segments / "explanation.html").exists()
    assert (segments / "explanation_segment.html").exists()
