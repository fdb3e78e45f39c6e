"""Recorded segments: asked what is alike, embedded, and learnt from few pairs; and what is refused."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.asked_features import AskedFeature, FeatureRelevance
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.evaluation.item_map import ItemMap
from robopref.files import read_json
from robopref.learning.stored_models import load_reward
from robopref.records import Feedback, Query
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.mixture import MixtureReward
from tests.cli.tiny import fails
from tests.offline_data import recorded

SETTINGS = ["device=cpu", "workers=1", "label.segments.length=4", "label.segments.count=60", "relabel.pairs=0"]
FEW = ["rewards.segment=null", "reward=embedding", "rewards.embedding.fit.steps=60"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose embedding is trained, beside its data, and with answers to pairs."""
    folder = tmp_path_factory.mktemp("alike")
    data = recorded(folder / "d.zarr", episodes=16, state=3, action=1).path
    words = [f"run={folder / 'run'}", f"data={data}", *SETTINGS]
    assert main(["offline", "label", *words, "label.kind=similarity", "label.alike=[reward]"]) == 0
    assert main(["offline", "similarity", *words, "embedding.fit.steps=150", "embedding.network.width=16"]) == 0
    assert main(["offline", "label", *words, "label.kind=pair", "label.segments.count=20"]) == 0
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "all")
    return tmp_path / "all" / "run"


def words(run: Path, *more: str) -> list[str]:
    return [f"run={run}", f"data={run.parent / 'd.zarr'}", *more]


def test_the_embedding_says_what_it_learnt_and_is_drawn(run: Path) -> None:
    told = read_json(run / "similarity" / "embedding.json")
    assert told["method"] == "from_similarity"
    assert (told["answers"], told["held_out"], told["size"]) == (53, 6, 6)  # of one triplet no two are most alike
    assert 0 <= told["accuracy"] <= 1
    drawn = ItemMap.load(run / "similarity")
    assert drawn is not None
    assert (drawn.said, 0 < drawn.shown <= 1, sum(drawn.asked) > 60) == ("recorded reward", True, True)
    page = (run / "similarity" / "map.html").read_text()
    assert "Map of what is alike" in page
    assert "best third" in page


def test_questions_that_show_no_item_are_no_answers_of_what_is_alike(run: Path) -> None:
    feature = AskedFeature("speed", "d")
    with FeedbackStore(run / "labels.sqlite") as store:
        store.join([Query("bare", "feature", (), "", feature)], [Feedback("bare", FeatureRelevance(1), "ann")], ())
    shutil.rmtree(run / "similarity")
    assert main(["offline", "similarity", *words(run, "embedding.fit.steps=2")]) == 0
    assert read_json(run / "similarity" / "embedding.json")["answers"] == 53


def test_a_head_learns_from_few_pairs_and_relabels(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["offline", "reward", *words(run, *FEW)]) == 0
    reward = load_reward(run / "reward" / "embedding" / "weights.pt")
    assert isinstance(reward, EmbeddingReward)
    assert main(["relabel", *words(run, "relabel.name=few")]) == 0
    store = EpisodeStore.open(run.parent / "d.zarr")
    learnt, true = store.array("reward_few"), store.array("reward")
    assert np.corrcoef(learnt, true)[0, 1] > 0.5
    # An embedding of other answers is another one to begin with, so that the head is trained again.
    assert main(["offline", "label", *words(run, "label.kind=similarity", "label.segments.count=70")]) == 0
    assert main(["offline", "similarity", *words(run)]) == 0
    assert "so it is trained again" in capsys.readouterr().out
    assert main(["offline", "reward", *words(run, *FEW)]) == 0
    assert "so it is trained again" in capsys.readouterr().out


def test_persons_are_told_apart_on_the_embedding(run: Path) -> None:
    more = ["rewards.segment=null", "reward=mixture_of_embedding", "rewards.mixture_of_embedding.fit.steps=5"]
    assert main(["offline", "reward", *words(run, *more)]) == 0
    mixture = load_reward(run / "reward" / "mixture_of_embedding" / "weights.pt")
    assert isinstance(mixture, MixtureReward)
    assert mixture.of_steps


def test_an_embedding_that_is_not_there_is_asked_for(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "similarity")
    told = fails(capsys, "offline", "reward", *words(run, *FEW))
    assert f"no trained embedding at {run / 'similarity' / 'weights.pt'}; run: robopref offline similarity" in told


def test_without_answers_of_what_is_alike_nothing_is_learnt(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "labels.sqlite").unlink()
    shutil.rmtree(run / "similarity")
    told = fails(capsys, "offline", "similarity", *words(run))
    assert "robopref offline label run=" in told
    assert "label.kind=similarity" in told
    assert main(["offline", "label", *words(run, "label.kind=pair", "label.segments.count=5")]) == 0
    capsys.readouterr()
    assert "says which two of three items of d are alike" in fails(capsys, "offline", "similarity", *words(run))
    assert not (run / "similarity" / "weights.pt").exists()
    assert main(["offline", "similarity", *words(run, "embedding=vae", "embedding.fit.steps=3")]) == 0
    assert read_json(run / "similarity" / "embedding.json")["method"] == "from_reconstruction"


def test_segments_like_a_given_one_are_listed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(run.parent / "d.zarr")
    assert main(["data", "similar", data, f"model={run}", "to=13", "length=4", "most=3"]) == 0
    told = capsys.readouterr().out
    assert "Like steps 10 to 13, of episode 1" in told  # 10 steps an episode, cut into 4, 4 and 2
    page = (run.parent / "d.zarr.similar.html").read_text()
    assert page.count("<svg") == 4  # it, and the three nearest, whose distances are those of the table
    assert "episode 1, steps 10 to 13: asked for" in page
    distances = re.findall(r"steps \d+ to \d+: distance (\d\.\d{3})", page)
    assert distances == sorted(distances) == re.findall(r"│ +(\d\.\d{3})", told)
    assert main(["data", "similar", data, f"model={run / 'similarity' / 'weights.pt'}", "length=null", "to=0"]) == 0
    assert "Like steps 0 to 9, of episode 0" in capsys.readouterr().out
    assert "to=999 is no step" in fails(capsys, "data", "similar", data, f"model={run}", "to=999")
    assert "there is no folder" in fails(capsys, "data", "similar", data, f"model={run}", f"report={run / 'no' / 'a'}")
    assert "say what tells which segments are alike" in fails(capsys, "data", "similar", data)
    assert "no trained embedding at" in fails(capsys, "data", "similar", data, f"model={run.parent}")
    other = recorded(run.parent / "other.zarr", episodes=2, state=5).path
    assert "numbers a step, as in training" in fails(capsys, "data", "similar", str(other), f"model={run}")


EMBEDDED = ["embedding.network.width=8", "embedding.network.hidden=8", "embedding.points=12", "embedding.fit.steps=2"]
HEADS = ["reward=embedding", "rewards.embedding.fit.steps=2", "rewards.explicit.members=2"]


@pytest.mark.slow
def test_candidates_of_a_policy_are_embedded_ranked_and_asked_about(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    assert main(["label", f"run={run}", "label.kind=similarity"]) == 0
    assert main(["train", "similarity", f"run={run}", *EMBEDDED]) == 0
    drawn = ItemMap.load(run / "similarity")
    assert drawn is not None
    assert (len(drawn.x), drawn.said) == (9, "outcome")
    assert main(["train", "reward", f"run={run}", *HEADS]) == 0
    assert main(["evaluate", f"run={run}"]) == 0
    with np.load(run / "evaluation" / "decisions.npz") as decisions:
        assert np.isfinite(decisions["scores_embedding"]).all()
    assert main(["report", f"run={run}"]) == 0
    assert "Map of what is alike" in (run / "report.html").read_text()
    assert main(["label", f"run={run}", "label.kind=pair", "label.budget=2", "selector=embedded"]) == 0
    assert main(["train", "reward", f"run={run}", "reward=mixture_of_embedding",
                 "rewards.mixture_of_embedding.fit.steps=2"]) == 0  # fmt: skip
    capsys.readouterr()
    data = str(run / "demos.zarr")
    assert "embeds the chunks of a policy" in fails(capsys, "data", "similar", data, f"model={run}")
    words = [f"run={tmp_path / 'offline'}", f"relabel.model={run}", "relabel.use=embedding", f"data={data}"]
    assert main(["relabel", *words, "relabel.name=embedded", "relabel.pairs=0"]) == 0
    assert np.isfinite(EpisodeStore.open(run / "demos.zarr").array("reward_embedded")).all()
    assert main(["export", f"run={run}", "deploy.reward=embedding"]) == 0
    deployed = ["deploy.view=none", "deploy.commands=1", "deploy.candidates=3", "deploy.pace.deadline=30"]
    assert main(["deploy", f"run={run}", *deployed, "deploy.reward=embedding"]) == 0
