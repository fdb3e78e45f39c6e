"""`robopref offline` on small data: the chain, each step, and what they refuse."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.__main__ import main
from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.learning.offline import OfflineConfig
from robopref.learning.stored_models import load_critics, load_policy, load_reward
from robopref.records import Observation
from tests.offline_data import recorded

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = ["device=cpu", "label.segments.count=60", "label.segments.length=4", "rewards.segment.scorer.width=8",
        "rewards.segment.fit.steps=200", "relabel.pairs=60",
        "fit.steps=6", "fit.batch_size=8", "fit.hidden=[8,8]", "fit.save_every=3", "workers=1"]  # fmt: skip


SHORT = "label.segments.length=4"


def fails(capsys, *words):
    assert main(list(words)) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    return captured.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    data = recorded(folder / "d.zarr", episodes=30, state=3, action=1).path
    words = [f"run={folder / 'run'}", f"data={data}", *TINY, "seeds=2"]
    assert main(["offline", *words, "evaluate.env=Pendulum-v1", "evaluate.episodes=1"]) == 0
    return folder


def test_people_may_be_shown_the_cloud_after_each_segment(tmp_path, monkeypatch, capsys):
    lines = iter(["1", "q"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    words = ["labeler=human", "labeler.terminal=true", "labeler.annotator=ann", "label.show=outcome", SHORT]
    run, data = tmp_path / "run", recorded(tmp_path / "d.zarr", points=8).path
    assert main(["offline", "label", f"run={run}", f"data={data}", *words]) == 0
    with FeedbackStore(run / "labels.sqlite", create=False) as store:
        assert [given.labeler_version for given in store.feedback("ann")] == ["1 of outcomes"]
    refused = ["offline", "label", f"run={tmp_path / 'other'}", *words]
    flat = recorded(tmp_path / "flat.zarr").path
    assert "shows clouds of before and after, and" in fails(capsys, *refused, f"data={flat}")
    assert "label.show must be action or outcome" in fails(capsys, *refused, f"data={flat}", "label.show=result")


@pytest.mark.slow
def test_the_chain_leaves_labels_a_reward_rewards_and_policies(finished):
    run = finished / "run"
    store = EpisodeStore.open(finished / "d.zarr")
    learnt = store.array("reward_learnt")
    assert np.corrcoef(learnt, store.array("reward"))[0, 1] > 0.7
    assert store.array_attrs("reward_learnt")["keys"] == ["state", "action"]
    assert (run / "labels.sqlite").exists()
    for seed in (0, 1):
        observation = Observation(None, None, state=torch.zeros(4, 3))
        assert load_policy(run / "iql" / f"policy-{seed}.pt").act(observation).shape == (4, 1)
        assert load_critics(run / "iql" / f"critics-{seed}.pt").score(observation, torch.zeros(4, 2, 1, 1)).value.shape
    evaluation = json.loads((run / "iql" / "evaluation.json").read_text())
    assert np.shape(evaluation["returns"]) == (2, 1)
    mean, low, high = evaluation["return"]
    assert -2000 < low <= mean <= high < 0
    assert [json.loads(line)["step"] for line in (run / "iql" / "metrics.jsonl").read_text().splitlines()] == [6]


@pytest.mark.parametrize(
    ("reward", "recipe", "told"),
    [("reward_learnt", "by_length", True), ("reward_learnt", "costs", False), ("reward", "by_length", False)],
)
def test_learnt_rewards_of_both_signs_are_pointed_out_where_episodes_end(
    finished, tmp_path, capsys, reward, recipe, told
):
    words = [f"data={finished / 'd.zarr'}", f"run={tmp_path}", *TINY, f"reward_key={reward}", f"recipe={recipe}"]
    assert main(["offline", "train", *words]) == 0
    # Every other one of 30.
    assert ("15 episodes end for good" in " ".join(capsys.readouterr().out.split())) is told


def test_the_chain_says_how_the_reward_does_outside_of_what_was_labelled(finished):
    report = json.loads((finished / "run" / "shift.json").read_text())
    # All data are of one kind, so hardly a step is outside.
    assert report["inside"]["share"] > 0.9
    assert report["inside"]["accuracy"]["right"]["mean"] > 0.7
    assert report["outside"]["pairs"] + report["inside"]["pairs"] == 60
    assert report["warnings"] == []


@pytest.mark.slow
def test_a_reward_is_flagged_on_data_that_are_unlike_what_was_labelled(finished, tmp_path, capsys):
    # Far from the labelled states, and the better the smaller the first number is.
    store = EpisodeStore.create(tmp_path / "other.zarr", {})
    for episode in (EpisodeStore.open(finished / "d.zarr").episode(k) for k in range(30)):
        del episode["reward_learnt"]
        store.append({**episode, "state": episode["state"] + 20, "reward": -episode["reward"]})
    model = finished / "run" / "reward" / "segment" / "weights.pt"
    assert main(["relabel", f"run={tmp_path / 'run'}", f"data={store.path}", f"relabel.model={model}", *TINY]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "the reward was trained on nothing like these data; label segments of these data as well" in out


def test_the_chain_again_does_nothing_twice(finished, capsys):
    before = (finished / "run" / "iql" / "state.pt").read_bytes()
    rewards = (finished / "run" / "reward" / "segment" / "weights.pt").read_bytes()
    assert main(["offline", f"run={finished / 'run'}"]) == 0
    assert (finished / "run" / "iql" / "state.pt").read_bytes() == before
    assert (finished / "run" / "reward" / "segment" / "weights.pt").read_bytes() == rewards
    assert "60 answers" in capsys.readouterr().out


@pytest.mark.parametrize("learner", ["bc", "filtered_bc", "iql", "idql"])
def test_every_learner_learns_from_the_recorded_reward(finished, learner):
    run = finished / learner
    assert main(["offline", "train", f"run={run}", f"data={finished / 'd.zarr'}", f"learner={learner}", *TINY]) == 0
    assert load_policy(run / learner / "policy-0.pt").normalizer.keys == ("state",)
    assert (run / learner / "critics-0.pt").exists() is (learner in ("iql", "idql"))


@pytest.mark.parametrize("rule", ["ranker=best_of_n", "ranker=softmax"])
def test_critics_choose_when_idql_is_evaluated(finished, rule):
    run = finished / "idql"  # trained above
    words = ["evaluate.env=Pendulum-v1", "evaluate.episodes=1", "evaluate.candidates=3", rule]
    assert main(["offline", "train", f"run={run}", f"data={finished / 'd.zarr'}", "learner=idql", *TINY]) == 0
    assert main(["offline", "evaluate", f"run={run}", "+evaluate.make.max_episode_steps=20", *words]) == 0
    (first,) = json.loads((run / "idql" / "evaluation.json").read_text())["returns"]
    assert main(["offline", "evaluate", f"run={run}"]) == 0
    assert json.loads((run / "idql" / "evaluation.json").read_text())["returns"] == [first]


@pytest.mark.slow
def test_clouds_with_colours_go_through_the_whole_chain(tmp_path):
    data = recorded(tmp_path / "d.zarr", points=7, columns=6).path
    words = [f"run={tmp_path / 'run'}", f"data={data}", "observation=[points,proprio]", *TINY, "fit.points=5",
             "fit.encoder=[4,4]", "rewards.segment.scorer.encoder.widths=[4,4]",
             "rewards.segment.fit.steps=3"]  # fmt: skip
    assert main(["offline", *words]) == 0
    assert load_reward(tmp_path / "run" / "reward" / "segment" / "weights.pt").keys == ("points", "proprio", "action")
    assert main(["offline", "train", f"run={tmp_path / 'run'}", "learner=idql"]) == 0
    for learner in ("iql", "idql"):
        policy = load_policy(tmp_path / "run" / learner / "policy-0.pt")
        assert policy.act(Observation(torch.randn(2, 9, 6), torch.randn(2, 1))).shape == (2, 2)


def bright(path: Path) -> Path:
    """Six episodes of ten steps; a step is a picture whose brightness is its state."""
    store, rng = EpisodeStore.create(path, {}), np.random.default_rng(0)
    for _ in range(6):
        level = rng.uniform(0, 255, 10)
        store.append({
            "image": np.broadcast_to(level[:, None, None, None], (10, 8, 8, 3)).astype(np.uint8),
            "state": (level[:, None] / 255).astype(np.float32), "action": np.zeros((10, 1), np.float32),
            "terminated": np.arange(10) == 9,
        })  # fmt: skip
    return store.path


def brightness(frames) -> float:
    return float(np.mean([frame.mean() for frame in frames]))


@pytest.mark.slow
def test_a_model_labels_and_the_chain_goes_on_where_it_stopped(tmp_path, capsys):
    run, data = tmp_path / "run", bright(tmp_path / "d.zarr")
    words = [
        "offline", f"run={run}", f"data={data}", "labeler=vlm", "task=Make it bright, please.", *TINY,
        "labeler.judge.model=simulated", "labeler.judge.input_price=1", "labeler.judge.output_price=4",
        "labeler.patience.wait=0", "labeler.patience.attempts=1", "labeler.errors=3", "labeler.showing.layout=clip",
        "labeler.manner.stages=one_stage", "labeler.budget.usd=5", "label.segments.count=40",
        "rewards.segment.fit.learning_rate=0.01",
    ]  # fmt: skip
    with JudgeServer(PixelJudge(brightness, error=0.0)) as server:
        gone = server.url
    # Nobody is there: no reward is trained, and the questions stay open.
    assert "cannot connect to" in fails(capsys, *words, f"labeler.judge.base_url={gone}")
    assert not (run / "reward").exists()
    with JudgeServer(PixelJudge(brightness, error=0.0)) as server:
        there = [*words, f"labeler.judge.base_url={server.url}"]
        assert main([*there[:1], "label", *there[1:], "budget.requests=20"]) == 0
        first = answers(run)
        assert 0 < len(first) < 40
        capsys.readouterr()
        assert main([*there, "labeler.budget.requests=null"]) == 0
        told = " ".join(capsys.readouterr().out.split())
        # Each of 40 pairs is asked in both orders.
        left = 40 - len(first)
        assert f"{left} questions, {2 * left} requests" in told
        assert told.index("requests, roughly") < told.index("Train the segment reward")
        assert set(server.replied.values()) == {1}
        asked = sum(server.seen.values())
        assert main(["offline", f"run={run}"]) == 0
        assert sum(server.seen.values()) == asked
    assert len(answers(run)) == 40
    assert {key: answers(run)[key] for key in first} == first
    store = EpisodeStore.open(data)
    assert np.corrcoef(store.array("reward_learnt"), store.array("state")[:, 0])[0, 1] > 0.7
    assert load_policy(run / "iql" / "policy-0.pt").normalizer.keys == ("state",)


def answers(run, name="vlm"):
    with FeedbackStore(run / "labels.sqlite") as store:
        return {given.query_id: given for given in store.feedback(name)}


@pytest.mark.slow
def test_a_metric_labels_for_a_reward_and_nothing_is_mixed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")
    run, data = tmp_path / "run", bright(tmp_path / "d.zarr")
    words = [f"run={run}", f"data={data}", *TINY]
    assert main(["offline", "label", *words, "labeler=perfect", "label.truth=action"]) == 0
    metric = [
        "labeler=metric", "labeler.metric={_target_: tests.cli.test_offline.dark, _partial_: true}",
        "labeler.controls=null", "labeler.matched=false",
    ]  # fmt: skip
    assert main(["offline", "label", *words, *metric]) == 0
    # The same questions: ties of the teacher, for all actions are zero, and strict answers of the metric.
    assert len(answers(run, "metric")) == len(answers(run, "scripted-teacher")) == 60
    capsys.readouterr()
    words = ["offline", "reward", f"run={run}", "rewards.segment.fit.learning_rate=0.01"]
    assert main(words) == 1
    assert "say whose count: filter.by_labeler.names=[metric,scripted-teacher]" in capsys.readouterr().err
    assert main([*words, "filter.by_labeler.names=[metric]"]) == 0
    assert main(["relabel", f"run={run}"]) == 0
    store = EpisodeStore.open(data)
    assert np.corrcoef(store.array("reward_learnt"), store.array("state")[:, 0])[0, 1] < -0.8


@pytest.mark.slow
def test_a_discriminator_of_what_was_demonstrated_is_a_reward(tmp_path):
    store = recorded(tmp_path / "d.zarr", episodes=30)
    wanted = store.array("state")[:, 0] > 0.8
    store.attach("demonstrated", [wanted.astype(np.uint8)], {})
    words = [f"run={tmp_path / 'run'}", f"data={store.path}", *TINY, "labeler=demonstrated", "label.kind=rating",
             "label.segments.length=1", "label.segments.count=300", "objective@rewards.segment.objective=success",
             "rewards.segment.action=false"]  # fmt: skip
    for step in (["offline", "label"], ["offline", "reward"], ["relabel"]):
        assert main([*step, *words]) == 0
    learnt = EpisodeStore.open(store.path).array("reward_learnt")
    # The share of pairs of one of each kind in which the demonstrated step is worth more; 0.5 says nothing.
    assert (learnt[wanted][:, None] > learnt[~wanted]).mean() > 0.75


@pytest.mark.slow
def test_members_of_a_reward_of_steps_review_the_answers(tmp_path, capsys):
    words = [f"run={tmp_path / 'run'}", f"data={recorded(tmp_path / 'd.zarr').path}", *TINY, "filter=[peer_review]"]
    assert main(["offline", "label", *words[:-1], "labeler=mistaken"]) == 0
    assert main(["offline", "reward", *words, "rewards.segment.scorer.members=1"]) == 1
    assert "rewards.segment: filter.peer_review compares what members of a reward say" in capsys.readouterr().err
    assert main(["offline", "reward", *words, "rewards.segment.scorer.members=2"]) == 0
    assert "of the answers seem wrong (" in capsys.readouterr().out
    assert (tmp_path / "run" / "reward" / "segment" / "kept.json").exists()
    assert main(["relabel", f"run={tmp_path / 'run'}"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["encoder@rewards.segment.scorer.encoder=image", "rewards.segment.scorer.encoder.channels=[4,8]",
          "rewards.segment.scorer.encoder.side=8", "rewards.segment.observes=[image]",
          "rewards.segment.action=false"], "image"),
        (["history@rewards.segment.scorer.history=transformer", "rewards.segment.scorer.history.width=16",
          "rewards.segment.scorer.members=2", "rewards.segment.scorer.history.length=4"], "history"),
    ],
)  # fmt: skip
def test_rewards_of_pictures_and_of_what_came_before_go_through_the_chain(tmp_path, words, kind):
    run, data = tmp_path / "run", bright(tmp_path / "d.zarr")
    given = [f"run={run}", f"data={data}", *TINY, "label.truth=state", *words, "rewards.segment.fit.learning_rate=0.01"]
    assert main(["offline", *given]) == 0
    store = EpisodeStore.open(data)
    assert np.corrcoef(store.array("reward_learnt"), store.array("state")[:, 0])[0, 1] > 0.7
    reward = load_reward(run / "reward" / "segment" / "weights.pt")
    assert (reward.keys, reward.history) == {"image": (("image",), 0), "history": (("state", "action"), 3)}[kind]


def dark(arrays) -> float:
    return -float(arrays["state"].mean())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["offline", "train"], "say which data to learn from: data="),
        (["offline", "train", "data={}", "reward_key=rewrd"], "unknown array of .* 'rewrd'; expected one of"),
        (["offline", "train", "data={}", "observation=[stat]"], "Did you mean state"),
        (["offline", "reward", "data={}"], "no labels in .*; run: robopref offline label"),
        (["relabel", "data={}"], "no trained reward at .*; run: robopref offline reward"),
        (["relabel", "data={}", "relabel.model={}/data"], "no trained reward at .*/data/rewards/implicit/weights.pt"),
        (["offline", "evaluate", "evaluate.env=Pendulum-v1"], "no trained policy at"),
        (["offline", "label", "data={}", "label.segments.length=99"], "its longest episode has 10 steps"),
        (["offline", "label", "data={}", SHORT, "labeler=human"], "neither points nor image"),
        (["offline", "label", "data={}", SHORT, "labeler=metric"], "no demonstrations to compare with"),
        (["offline", "label", "data={}", SHORT, "selector=entropy"], "choose other items with selector=random"),
        (
            [
                "offline",
                "data={}",
                SHORT,
                "encoder@rewards.segment.scorer.encoder=image",
                "rewards.segment.observes=[points]",
            ],
            "unknown array of .* .points.; expected one of",
        ),
        (["offline", "data={}", SHORT, "label.truth=merit"], "unknown array of .* 'merit'"),
        (["offline", "data={}", SHORT, "label.truth=state"], "label.truth=state must be one number a step"),
        (["offline", "data={}", SHORT, "observation=[stat]"], "Did you mean state"),
        (["offline", "data={}", SHORT, "action_bounds=[-0.5,0.5]"], r"is outside \[-0.5, 0.5\]; say between which"),
        (["offline", "data={}", SHORT, "action_bounds=[1,-1]"], "lower bounds of actions must be below"),
        (["offline", "data={}", SHORT, "action_bounds=3"], r"action_bounds must be \[lower, upper\]"),
        (["offline", "data={}", SHORT, "evaluate.env=Hopper-v5"], "evaluate.env observes 11 numbers and takes 3"),
        (["offline", "data={}", SHORT, "evaluate.env=Hoper-v5"], "Hoper"),
        (["offline", "train", "data={}", "seeds=0"], "seeds must be a whole number"),
        (["offline", "train", "data={}", "learner.method.settings.expectile=2"], "expectile must be in"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, capsys, words, message):
    data = recorded(tmp_path / "d.zarr").path
    error = fails(capsys, *(word.format(data) for word in words), f"run={tmp_path / 'run'}")
    assert re.search(message, error), error
    assert not (tmp_path / "run" / "reward").exists()


def test_nobody_is_asked_about_data_that_nothing_can_be_learnt_from(tmp_path, capsys):
    data = recorded(tmp_path / "d.zarr").path
    run = tmp_path / "run"
    fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, "action_bounds=[-0.5,0.5]")
    fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, "evaluate.env=Hopper-v5")
    assert "relabel.use 'sgment'" in fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, "relabel.use=sgment")
    nowhere = f"relabel.model={tmp_path / 'nowhere.pt'}"
    assert "nowhere.pt" in fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, nowhere)
    objective = "objective@rewards.segment.objective=kto"
    told = fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, objective)
    assert "rewards.segment learns from ratings, which label.kind=pair does not ask for; give label.kind=rating" in told
    (tmp_path / "model.pt").touch()
    for file in (tmp_path / "model.pt", run / "reward" / "segment" / "weights.pt"):
        model = [f"relabel.model={file}", "relabel.use=segment"]
        told = fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, *model)
        assert f"relabel.use=segment chooses among the rewards of a run folder, and {model[0]} is none" in told
    nobody = f"relabel.model={tmp_path}"
    assert "no trained reward" in fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, nobody)
    assert not (run / "labels.sqlite").exists()


def test_everything_is_imitated_without_rewards(tmp_path):
    store = EpisodeStore.create(tmp_path / "d.zarr", {})
    for _ in range(3):
        store.append({"state": np.ones((5, 3), np.float32), "action": np.full((5, 1), 2.0, np.float32)})
    words = [f"data={store.path}", f"run={tmp_path / 'run'}", *TINY, "action_bounds=[-4,4]"]
    assert main(["offline", "train", *words, "learner=bc"]) == 0
    assert main(["offline", "train", *words, "learner=filtered_bc"]) == 1


@pytest.mark.parametrize("path", sorted((CONFIGS / "iql").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_preset_is_short_and_can_be_built(path):
    assert len(path.read_text().splitlines()) <= 15
    config = compose_config("offline", [f"iql={path.stem}"])
    settings = build(config.learner.method).keywords["settings"]
    # Expectile, temperature, dropout and the reward of 1 of two episodes that return 1 and 3, in 2 steps each.
    reward, ends = np.array([0, 1, 2, 1], np.float32), np.array([2, 4])
    got = build(config.recipe)(reward, ends)[1]
    fit = OfflineConfig(**{key: value for key, value in config.fit.items() if key not in ("hidden", "encoder")})
    assert (settings.expectile, settings.temperature, fit.dropout, got) == {
        "locomotion": (0.7, 3.0, 0.0, 500.0),
        "antmaze": (0.9, 10.0, 0.0, 0.0),
        "kitchen": (0.7, 0.5, 0.1, 1.0),
        "adroit": (0.7, 0.5, 0.1, 1.0),
        "learnt_locomotion": (0.7, 3.0, 0.0, 500.5),
        "learnt_antmaze": (0.9, 10.0, 0.0, 249.0),  # (1 - 1 / 2) * 1000 / 2 - 1
    }[path.stem]


def test_help_names_the_groups_and_settings(capsys):
    assert main(["offline", "--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n{group}=" in told for group in ("learner", "ranker", "recipe", "labeler"))
    assert re.search(r"count: 500 +pairs", told)


def test_what_is_no_cloud_is_refused_before_anybody_is_asked(tmp_path, capsys):
    data, run = recorded(tmp_path / "d.zarr", points=7, columns=2).path, tmp_path / "run"
    for seen in ("observation=[points]", "rewards.segment.observes=[points]"):
        error = fails(capsys, "offline", f"data={data}", f"run={run}", SHORT, seen)
        assert "d.zarr must be clouds (P, 3) or (P, 3+C)" in error
    assert not (run / "labels.sqlite").exists()


def test_stores_of_other_projects_are_read_by_the_names_used_here(tmp_path, capsys):
    store = EpisodeStore.create(tmp_path / "dp3.zarr", {})
    store.append({"point_cloud": np.ones((9, 4, 6), np.float32), "action": np.zeros((9, 2), np.float32)})
    words = ["offline", f"data={store.path}", f"run={tmp_path / 'run'}", "observation=[points]", SHORT]
    error = fails(capsys, *words)
    assert "'terminated'; expected one of action, points; read.fill=[terminated] adds it" in error
    assert "'reward'" in fails(capsys, *words, f"run={tmp_path / 'filled'}", "read.fill=[terminated]")
