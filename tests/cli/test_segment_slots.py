"""Rewards of segments are added, chosen and left out by the words of the main commands, in `offline` and `online`."""

import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.remembered import recall, write
from robopref.cli.words import renamed, written_out
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.items import Items, context_code
from robopref.learning.stored_models import load_reward
from robopref.records import Feedback, Preference
from robopref.scores import NoiseDraw, Scores
from tests.cli.tiny import fails
from tests.offline_data import recorded

TINY = ["device=cpu", "label.segments.count=20", "label.segments.length=4", "rewards.segment.scorer.width=4",
        "rewards.segment.fit.steps=3", "relabel.pairs=0", "workers=1"]  # fmt: skip
OWN = [
    "+rewards.own={fit: {steps: 3}, objective: {_target_: robopref.objectives.pairwise.hinge, _partial_: true}}",
    "+rewards.own.scorer={_target_: tests.cli.test_segment_slots.Own, _partial_: true}",
]


class Own(nn.Module):
    """Nobody's class of the package: a linear function of actions, by who answered."""

    keys = ("action",)
    context = ("labeler",)
    asked: ClassVar[set[int]] = set()

    def __init__(self, items: Items) -> None:
        super().__init__()
        self.linear = nn.Linear(items.part("action").shape[-1], 1)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        Own.asked |= set(items.context.get("labeler", torch.zeros(0)).tolist())
        each = self.linear(items.part("action"))[..., 0]
        return Scores((each * items.weight).sum(-1), steps=each)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slots")
    data = recorded(folder / "d.zarr", episodes=8, state=3, action=1).path
    assert main(["offline", "label", f"run={folder / 'run'}", f"data={data}", *TINY]) == 0
    return folder


@pytest.fixture
def run(labelled: Path, tmp_path: Path) -> Path:
    """A run with labels, and data of its own to be relabelled."""
    shutil.copytree(labelled / "run", tmp_path / "run")
    shutil.copytree(labelled / "d.zarr", tmp_path / "d.zarr")
    return tmp_path / "run"


def relabelled(run: Path, *words: str) -> np.ndarray:
    data = run.parent / "d.zarr"
    assert main(["relabel", f"run={run}", f"data={data}", *words]) == 0
    return EpisodeStore.open(data).array(f"reward_{compose_config('offline', [f'run={run}', *words]).relabel.name}")


@pytest.mark.parametrize("name", ["offline", "online"])
def test_slots_are_added_chosen_and_left_out(tmp_path: Path, name: str) -> None:
    def composed(*words: str) -> tuple[list[str], str]:
        given = [f"run={tmp_path}", *words]
        config = compose_config(name, given)
        memory(config, given).accept()
        return list(config.get("rewards", {})), config.use

    assert composed() == (["segment"], "segment")
    assert composed("reward@rewards.mine=segment", "rewards.mine.members=2") == (["segment", "mine"], "segment")
    assert composed("use=mine") == (["segment", "mine"], "mine")
    assert composed("reward=explicit") == (["segment", "mine", "explicit"], "explicit")
    assert composed("rewards.segment=null", "rewards.explicit=null", "use=mine") == (["mine"], "mine")
    assert composed() == (["mine"], "mine")
    assert compose_config(name, [f"run={tmp_path}"]).rewards.mine.members == 2
    with pytest.raises(ConfigError, match=r"unknown reward 'implicit'; expected one of .*segment"):
        compose_config(name, [f"run={tmp_path / 'other'}", "rewards.implicit=null"])


def test_several_are_trained_one_after_another_and_one_relabels(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = ["reward@rewards.mine=segment", "rewards.mine.scorer.width=5", "rewards.mine.fit.steps=2"]
    assert main(["offline", "reward", f"run={run}", *mine]) == 0
    told = capsys.readouterr().out
    assert told.index("segment reward of 18 pairs") < told.index("mine reward of 18 pairs")
    weights = {name: run / "reward" / name / "weights.pt" for name in ("segment", "mine")}
    assert {name: load_reward(path).width for name, path in weights.items()} == {"segment": 4, "mine": 5}
    store = EpisodeStore.open(run.parent / "d.zarr")
    steps = {"state": store.array("state"), "action": store.array("action")}
    by = {name: load_reward(path).reward(steps).numpy() for name, path in weights.items()}
    np.testing.assert_allclose(relabelled(run), by["segment"], rtol=1e-5)
    np.testing.assert_allclose(relabelled(run, "use=mine", "relabel.name=mine"), by["mine"], rtol=1e-5)
    np.testing.assert_allclose(relabelled(run, "relabel.use=segment", "relabel.name=again"), by["segment"], rtol=1e-5)
    wrong = fails(capsys, "relabel", f"run={run}", f"data={store.path}", "relabel.use=mien")
    assert "unknown relabel.use 'mien'; expected one of mine, segment. Did you mean mine?" in wrong
    # Another run takes one of them from this folder.
    other = ["relabel", f"run={run.parent / 'other'}", f"data={store.path}", f"relabel.model={run}", "device=cpu"]
    assert "has several rewards; say which with relabel.use= one of mine, segment" in fails(capsys, *other)
    assert main([*other, "relabel.use=mine", "relabel.name=taken", "relabel.pairs=0"]) == 0
    np.testing.assert_allclose(EpisodeStore.open(store.path).array("reward_taken"), by["mine"], rtol=1e-5)


def test_a_reward_of_several_members_is_their_mean(run: Path) -> None:
    words = ["rewards.segment.members=2", "rewards.segment.scorer.members=1"]
    assert main(["offline", "reward", f"run={run}", *words]) == 0
    store = EpisodeStore.open(run.parent / "d.zarr")
    steps = {"state": store.array("state"), "action": store.array("action")}
    members = [load_reward(run / "reward" / f"segment-{k}" / "weights.pt").reward(steps) for k in (1, 2)]
    assert not torch.equal(*members)
    np.testing.assert_allclose(relabelled(run), torch.stack(members).mean(0), rtol=1e-4, atol=1e-6)
    # To another run they are one reward, too, and the same: nothing is relabelled twice.
    other = ["relabel", f"run={run.parent / 'other'}", f"data={store.path}", f"relabel.model={run}", "device=cpu"]
    assert main([*other, "relabel.pairs=0"]) == 0
    shutil.rmtree(run / "reward" / "segment-1")
    assert main([*other, "relabel.pairs=0", "relabel.use=segment-2", "relabel.name=second"]) == 0
    np.testing.assert_allclose(EpisodeStore.open(store.path).array("reward_second"), members[1], rtol=1e-5)


def test_settings_that_weights_were_not_made_with_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offline", "reward", f"run={run}"]) == 0
    told = fails(capsys, "offline", "reward", f"run={run}", "rewards.segment.scorer.width=5")
    assert "rewards.segment.scorer.width was 4, is 5" in told


def test_a_reward_in_the_folder_of_before_is_found_and_not_trained_again(run: Path) -> None:
    assert main(["offline", "reward", f"run={run}"]) == 0
    before = relabelled(run)
    (run / "reward" / "segment" / "weights.pt").rename(run / "reward" / "weights.pt")
    shutil.rmtree(run / "reward" / "segment")
    # Nothing is relabelled twice: it is the same reward.
    np.testing.assert_array_equal(relabelled(run), before)
    learn = ["fit.steps=2", "fit.batch_size=8", "fit.hidden=[4]"]
    assert main(["offline", f"run={run}", f"data={run.parent / 'd.zarr'}", *learn]) == 0
    assert not (run / "reward" / "segment").exists()


def test_a_class_of_ones_own_learns_who_answered(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")
    data = run.parent / "d.zarr"
    with FeedbackStore(run / "labels.sqlite") as answers:
        answers.add_all(Feedback(query.id, Preference(0.0), "bob") for query in answers.queries())
    both = ["filter.by_labeler.names=[scripted-teacher,bob]"]
    Own.asked = set()
    assert main(["offline", "reward", f"run={run}", *OWN, "use=own", *both]) == 0
    assert Own.asked == {context_code("scripted-teacher"), context_code("bob")}
    linear = torch.load(run / "reward" / "own" / "weights.pt", weights_only=True)["module"]
    given = EpisodeStore.open(data).array("action") * linear["linear.weight"].numpy() + linear["linear.bias"].numpy()
    np.testing.assert_allclose(relabelled(run), given[:, 0], rtol=1e-5)


def test_online_trains_against_the_reward_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")
    words = [
        "device=cpu", "environment=Pendulum-v1", "+make.max_episode_steps=20", "agent.learning_starts=20",
        "agent.batch_size=4", "+agent.policy_kwargs={net_arch: [8]}", "steps=50", "first=45", "every=25", "rounds=1",
        "label.segments.length=5", "label.segments.count=6", "evaluate.episodes=1",
    ]  # fmt: skip
    assert main(["online", f"run={tmp_path / 'run'}", *words, *OWN, "use=own"]) == 0
    assert sorted(path.name for path in (tmp_path / "run" / "reward").iterdir()) == ["own"]
    assert (tmp_path / "run" / "reward" / "own" / "round-1" / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reward=explicit"], "rewards.explicit: this reward scores the chunks of a policy, and recorded steps"),
        (["rewards.segment=null"], "no reward is left to be trained"),
        (["rewards=[a]"], r"rewards=[a] names no reward; reward=<name> adds one"),
        (["+rewards.mine.members=3"], "rewards.mine has no scorer, objective, fit; a reward is chosen with"),
        (["use=nonsense"], "unknown use 'nonsense'; expected one of segment"),
        (["reward_model={width: 3}"], "this is called rewards.segment; give its settings one by one"),
    ],
)
@pytest.mark.parametrize("command", ["offline", "offline reward", "online"])
def test_what_cannot_be_is_said_before_anything_is_done(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, words: list[str], message: str
) -> None:
    needed = ["environment=Pendulum-v1"] if command == "online" else [f"data={labelled / 'd.zarr'}"]
    assert message in fails(capsys, *command.split(), f"run={tmp_path / 'run'}", *needed, *words)
    assert not (tmp_path / "run").exists()


WORDS = {
    "reward_model.members=2": "rewards.segment.scorer.members=2",
    "reward_model.observation=[image]": "rewards.segment.observes=[image]",
    "reward_model.fit.steps=7": "rewards.segment.fit.steps=7",
    "reward_model.encoder.widths=[4]": "rewards.segment.scorer.encoder.widths=[4]",
    "objective@reward_model.objective=kto": "objective@rewards.segment.objective=kto",
    "history@reward_model.history=transformer": "history@rewards.segment.scorer.history=transformer",
    "+reward_model.objective.margin=2": "+rewards.segment.objective.margin=2",
    "objective@reward_model.objective=outcome": "objective@rewards.segment.objective=success",
    "reward_models=3": "reward_models=3",
}


@pytest.mark.parametrize(("former", "word"), WORDS.items())
def test_words_of_before_are_those_of_the_slot(former: str, word: str) -> None:
    assert renamed(former) == word
    if "outcome" not in former:
        assert written_out([former]) == [word]


def test_a_run_folder_of_before_means_the_same(tmp_path: Path) -> None:
    write(
        tmp_path, ["reward_model.members=2", "history@reward_model.history=transformer", "reward_model.history.width=8"]
    )
    segment = compose_config("offline", [f"run={tmp_path}"]).rewards.segment
    assert (segment.scorer.members, segment.scorer.history.width) == (2, 8)
    assert "reward_model" not in " ".join(recall(tmp_path))
