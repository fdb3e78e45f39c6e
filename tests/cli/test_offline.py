"""`robopref offline` on small data: the chain, each step, and what they refuse."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.cli.context import build
from robopref.data.episodes import EpisodeStore
from robopref.learning.offline import OfflineConfig
from robopref.learning.stored_models import load_critics, load_policy, load_reward
from robopref.types import Observation
from tests.offline_data import recorded

CONFIGS = Path(__file__).parents[2] / "configs"
TINY = ["device=cpu", "label.pairs=60", "label.length=4", "reward_model.width=8", "reward_model.fit.steps=200",
        "fit.steps=6", "fit.batch_size=8", "fit.hidden=[8,8]", "fit.save_every=3", "workers=1"]  # fmt: skip


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


def test_the_chain_again_does_nothing_twice(finished, capsys):
    before = (finished / "run" / "iql" / "state.pt").read_bytes()
    rewards = (finished / "run" / "reward" / "weights.pt").read_bytes()
    assert main(["offline", f"run={finished / 'run'}"]) == 0
    assert (finished / "run" / "iql" / "state.pt").read_bytes() == before
    assert (finished / "run" / "reward" / "weights.pt").read_bytes() == rewards
    assert "60 answers" in capsys.readouterr().out


@pytest.mark.parametrize("learner", ["bc", "filtered_bc", "iql"])
def test_every_learner_learns_from_the_recorded_reward(finished, learner):
    run = finished / learner
    assert main(["offline", "train", f"run={run}", f"data={finished / 'd.zarr'}", f"learner={learner}", *TINY]) == 0
    assert load_policy(run / learner / "policy-0.pt").normalizer.keys == ("state",)


def test_clouds_go_through_the_whole_chain(tmp_path):
    data = recorded(tmp_path / "d.zarr", points=7).path
    words = [f"run={tmp_path / 'run'}", f"data={data}", "observation=[points,proprio]", *TINY, "fit.points=5",
             "fit.encoder=[4,4]", "reward_model.encoder=[4,4]", "reward_model.fit.steps=3"]  # fmt: skip
    assert main(["offline", *words]) == 0
    assert load_reward(tmp_path / "run" / "reward" / "weights.pt").keys == ("points", "proprio", "action")
    policy = load_policy(tmp_path / "run" / "iql" / "policy-0.pt")
    assert policy.act(Observation(torch.randn(2, 9, 3), torch.randn(2, 1))).shape == (2, 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["offline", "train"], "say which data to learn from: data="),
        (["offline", "train", "data={}", "reward_key=rewrd"], "unknown array of .* 'rewrd'; expected one of"),
        (["offline", "train", "data={}", "observation=[stat]"], "Did you mean state"),
        (["offline", "reward", "data={}"], "no labels in .*; run: robopref offline label"),
        (["relabel", "data={}"], "no trained reward at .*; run: robopref offline reward"),
        (["relabel", "data={}", "relabel.model={}/data"], "is not a readable checkpoint"),
        (["offline", "evaluate", "evaluate.env=Pendulum-v1"], "no trained policy at"),
        (["offline", "label", "data={}", "label.length=99"], "has 0 segments of 99 steps within an episode"),
        (["offline", "label", "data={}", "labeler=human"], "cannot compare segments"),
        (["offline", "train", "data={}", "seeds=0"], "seeds must be at least 1"),
        (["offline", "train", "data={}", "learner.method.settings.expectile=2"], "expectile must be in"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, capsys, words, message):
    data = recorded(tmp_path / "d.zarr").path
    error = fails(capsys, *(word.format(data) for word in words), f"run={tmp_path / 'run'}")
    assert re.search(message, error), error


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
    assert "Groups to choose from: learner, iql, recipe" in told
    assert "pairs: 500" in told
