"""Three simulated persons answer, a fourth comes later, and commands go by the one that ``person`` names."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.cli.persons import shares_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.files import read_json
from robopref.learning.stored_models import load_reward
from robopref.records import Feedback, Preference, Ranking
from robopref.rewards.mixture import MixtureReward
from tests.cli.tiny import fails
from tests.offline_data import recorded

SIGNS = {"ann": 1, "bob": -1, "cat": 1}
MIXTURE = [
    "reward=mixture", "rewards.mixture.scorer.width=16", "rewards.mixture.scorer.size=3", "rewards.mixture.held_out=0",
]  # fmt: skip
OFFLINE = [
    "device=cpu", "label.segments.count=40", "label.segments.length=4", "workers=1", "relabel.pairs=0",
    "rewards.segment=null", "rewards.mixture.fit.steps=150", "rewards.mixture.fit.learning_rate=1e-2", *MIXTURE,
]  # fmt: skip


def answer_as_persons(labels: Path, signs: dict[str, int], *, first: int | None = None, anew: bool = False) -> None:
    """What the teacher said, by people who agree, or want the opposite; `anew` leaves the teacher out."""
    with FeedbackStore(labels) as database:
        queries, given = database.queries(), database.feedback()
    given = [one for one in given if one.labeler in ("scripted-teacher", "ann")][:first]
    said = [turned(one, name, sign) for name, sign in signs.items() for one in given]
    if anew:
        for path in labels.parent.glob(f"{labels.name}*"):
            path.unlink()
    with FeedbackStore(labels) as database:
        database.add_queries(queries, said)


def turned(given: Feedback, name: str, sign: int) -> Feedback:
    answer = given.answer
    if isinstance(answer, Preference):
        answer = Preference(answer.p if sign > 0 else 1 - answer.p)
    elif isinstance(answer, Ranking) and sign < 0:
        answer = Ranking(tuple(max(answer.ranks) - rank for rank in answer.ranks))
    return replace(given, answer=answer, labeler=name, labeler_version="", seconds=2.0)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose reward knows three persons, beside its data."""
    folder = tmp_path_factory.mktemp("persons")
    data = recorded(folder / "d.zarr", episodes=16, state=3, action=1).path
    words = [f"run={folder / 'run'}", f"data={data}", *OFFLINE]
    assert main(["offline", "label", *words]) == 0
    answer_as_persons(folder / "run" / "labels.sqlite", SIGNS, anew=True)
    assert main(["offline", "reward", *words]) == 0
    return folder


@pytest.fixture
def run(offline: Path, tmp_path: Path) -> Path:
    shutil.copytree(offline, tmp_path / "all")
    return tmp_path / "all" / "run"


def relabelled(run: Path, name: str, *words: str) -> np.ndarray:
    data = run.parent / "d.zarr"
    assert main(["relabel", f"run={run}", f"data={data}", f"relabel.name={name}", *words]) == 0
    return EpisodeStore.open(data).array(f"reward_{name}")


def agreement(run: Path, learnt: np.ndarray) -> float:
    return float(np.corrcoef(learnt, EpisodeStore.open(run.parent / "d.zarr").array("reward"))[0, 1])


def test_recordings_are_relabelled_as_each_person_would_have_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agreement(run, relabelled(run, "ann", "person=ann")) > 0.5
    assert "mixture scores for ann" in capsys.readouterr().out
    assert agreement(run, relabelled(run, "bob", "person=bob")) < -0.5
    both = relabelled(run, "both", "person={ann: 1, bob: 3}")
    told = EpisodeStore.open(run.parent / "d.zarr").array_attrs("reward_both")
    assert told["person"] == {"ann": 0.25, "bob": 0.75}
    mixture = load_reward(run / "reward" / "mixture" / "weights.pt")
    assert isinstance(mixture, MixtureReward)
    assert mixture.names == ("ann", "bob", "cat")
    mixture.choose({"ann": 0.25, "bob": 0.75})
    assert not np.allclose(both, relabelled(run, "all", "person=null"))
    assert not np.allclose(both, relabelled(run, "listed", "person=[ann,bob]"))


def test_a_new_person_is_fitted_and_the_others_stay(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, path = f"data={run.parent / 'd.zarr'}", run / "reward" / "mixture" / "weights.pt"
    unknown = fails(capsys, "relabel", f"run={run}", data, "person=dna", "relabel.name=dna")
    assert "unknown person 'dna'; expected one of ann, bob, cat" in unknown
    unanswered = fails(capsys, "offline", "person", f"run={run}", data, "person=dan")
    assert "unknown person among those who answered 'dan'" in unanswered
    assert "say whose wishes to learn" in fails(capsys, "offline", "person", f"run={run}", data, "person=null")
    answer_as_persons(run / "labels.sqlite", {"dan": -1}, first=6)
    before = load_reward(path).state_dict()
    assert main(["offline", "person", f"run={run}", data, "person=dan"]) == 0
    assert "What dan wants, from 6 questions" in capsys.readouterr().out
    mixture = load_reward(path)
    assert isinstance(mixture, MixtureReward)
    assert mixture.names == ("ann", "bob", "cat", "dan")
    assert all((value == mixture.state_dict()[name]).all() for name, value in before.items() if "persons" not in name)
    assert agreement(run, relabelled(run, "dan", "person=dan")) < -0.5


def test_what_was_fitted_of_a_person_outlasts_a_training_that_had_ended(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = run / "reward" / "mixture" / "weights.pt", f"data={run.parent / 'd.zarr'}"
    learnt = load_reward(path).state_dict()["persons.free"]
    assert main(["offline", "person", f"run={run}", data, "person=bob"]) == 0
    fitted = load_reward(path).state_dict()["persons.free"]
    assert not torch.equal(fitted[1], learnt[1])
    assert torch.equal(fitted[[0, 2]], learnt[[0, 2]])
    assert main(["offline", "reward", f"run={run}", data]) == 0
    assert torch.allclose(load_reward(path).state_dict()["persons.free"], fitted, atol=1e-6)
    path.write_bytes(b"damaged")
    assert main(["offline", "reward", f"run={run}", data]) == 0
    assert torch.allclose(load_reward(path).state_dict()["persons.free"], learnt, atol=1e-6)


def test_a_new_person_is_learnt_with_all_others_when_the_reward_is_trained_again(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, path = ["offline", "reward", f"run={run}"], run / "reward" / "mixture" / "weights.pt"
    answer_as_persons(run / "labels.sqlite", {"dan": -1}, first=6)
    few = ["rewards.mixture.fit.steps=3"]
    shutil.rmtree(path.parent)
    assert main([*words, *few, "rewards.mixture.try_prototypes=[1,2]", "filter.by_labeler.names=[ann,bob,cat]"]) == 0
    assert "so it is trained again" not in capsys.readouterr().out
    assert main([*words, "filter=[]"]) == 0
    assert capsys.readouterr().out.count("so it is trained again") == 3  # each number of prototypes, and the reward
    mixture = load_reward(path)
    assert isinstance(mixture, MixtureReward)
    assert mixture.names == ("ann", "bob", "cat", "dan")


def test_another_run_relabels_for_a_person(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = relabelled(run, "bob", "person=bob")
    other = [f"run={run.parent / 'other'}", f"data={run.parent / 'd.zarr'}", "device=cpu", "relabel.pairs=0"]
    file = run / "reward" / "mixture" / "weights.pt"
    for name, model in (("folder", run), ("file", file)):
        word = [f"relabel.name={name}", f"relabel.model={model}"]
        assert main(["relabel", *other, *word, "person=bob"]) == 0
        theirs = EpisodeStore.open(run.parent / "d.zarr").array(f"reward_{name}")
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
        assert "unknown person 'bop'" in fails(capsys, "relabel", *other, *word, "person=bop")


@pytest.mark.slow
def test_prototypes_are_chosen_by_held_out_answers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "reward")
    words = [f"run={run}", "rewards.mixture.try_prototypes=[1,2]", "rewards.mixture.held_out=0.2"]
    assert main(["offline", "reward", *words]) == 0
    told = capsys.readouterr().out
    assert "Prototypes of mixture" in told
    mixture = load_reward(run / "reward" / "mixture" / "weights.pt")
    assert isinstance(mixture, MixtureReward)
    assert mixture.persons.prototypes == 2  # opposite wishes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["person={ann: 0}"], "person must be a name, a list of names"),
        (["rewards.mixture.try_prototypes=[0]"], "try_prototypes must be a list of whole numbers"),
        (["rewards.mixture.scorer.prototypes=0"], "rewards.mixture.scorer.prototypes must be"),
        (["rewards.mixture.scorer.variant=C"], "variant must be"),
        (["person=nobody"], "unknown person among those who answered 'nobody'"),
    ],
)
def test_what_cannot_be_is_said_before_training(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert message in fails(capsys, "offline", "reward", f"run={run}", *words)


def test_who_is_the_same_for_everybody_is_not_asked_for_a_person(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"run={run}", "reward@rewards.plain=segment", "rewards.plain.fit.steps=2", "use=plain"]
    assert main(["offline", "reward", *words]) == 0
    told = fails(capsys, "relabel", f"run={run}", f"data={run.parent / 'd.zarr'}", "person=ann", "relabel.name=a")
    assert "person=ann: plain is the same for everybody" in told


@pytest.mark.parametrize(
    ("word", "shares"),
    [
        ("person=ann", {"ann": 1.0}), ("person=a@b.org", {"a@b.org": 1.0}), ("person=ann lee", {"ann lee": 1.0}),
        ("person=[ann,b b]", {"ann": 0.5, "b b": 0.5}), ("person={ann: 1, bob: 3}", {"ann": 1.0, "bob": 3.0}),
        ("person=null", None),
    ],
)  # fmt: skip
def test_persons_are_named_in_several_ways(tmp_path: Path, word: str, shares: dict[str, float] | None) -> None:
    assert shares_of(compose_config("config", [f"run={tmp_path}", word])) == shares


def test_what_a_reward_makes_of_segments_is_explained_for_a_person(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["offline", "explain", f"run={run}", f"data={run.parent / 'd.zarr'}", "person=bob"]
    assert "person=bob says for whom a reward scores: explain.reward=<name>" in fails(capsys, *words)
    assert main([*words, "explain.reward=mixture", "explain.pairs=60"]) == 0
    assert "mixture scores for bob" in capsys.readouterr().out
    assert main(["explain", "--help"]) == 0
    assert "person: null" in capsys.readouterr().out


@pytest.mark.slow
def test_candidates_are_ranked_for_persons(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    small = ["rewards.mixture.scorer.width=8", "rewards.mixture.scorer.hidden=8", "rewards.mixture.fit.steps=5"]
    answer_as_persons(run / "labels.sqlite", SIGNS, anew=True)
    only = ["rewards.explicit=null", "rewards.implicit=null", *MIXTURE, *small]
    assert main(["train", "reward", f"run={run}", *only]) == 0
    assert "unknown person 'dan'" in fails(capsys, "evaluate", f"run={run}", "person=dan")
    answer_as_persons(run / "labels.sqlite", {"dan": -1}, first=2)
    assert main(["train", "person", f"run={run}", "person=dan"]) == 0
    assert "What dan wants, from 2 questions" in capsys.readouterr().out
    plain = ["reward@rewards.plain=explicit", "rewards.plain.fit.steps=1", "rewards.plain.scorer.width=8", "use=plain"]
    assert main(["train", "reward", f"run={run}", *plain]) == 0
    for command in (["export"], ["explain", "explain.reward=plain"]):
        told = fails(capsys, command[0], f"run={run}", "person=ann", *command[1:])
        assert "person=ann: plain is the same for everybody" in told
    for person in ("dan", "{ann: 2, bob: 1}"):
        assert main(["evaluate", "use=mixture", f"run={run}", f"person={person}"]) == 0
    assert "mixture scores for ann 67%, bob 33%" in capsys.readouterr().out
    assert main(["report", f"run={run}"]) == 0
    assert "mixture scores for" in (page := (run / "report.html").read_text())
    assert "ann 67%, bob 33%" in page
    words = ["deploy.view=none", "deploy.episodes=1", "deploy.commands=1", "deploy.candidates=4", "person=bob"]
    assert main(["deploy", f"run={run}", *words]) == 0
    assert read_json(run / "deploy" / "summary.json")["person"] == "bob"


def test_the_quality_of_labels_says_who_stands_near_whom(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["labels", "quality", f"run={run}"]) == 0
    told = capsys.readouterr().out
    assert "Who stands near whom: mixture" in told
    places = {one["name"]: one for one in read_json(run / "labels.json")["persons"]["mixture"]}
    assert (places["ann"]["nearest"], places["cat"]["nearest"]) == ("cat", "ann")
    assert places["bob"]["distance"] > places["ann"]["distance"]
    page = (run / "labels.html").read_text()
    assert "What each person wants" in page
    assert "Who stands near whom: mixture" in page
    weights = run / "reward" / "mixture" / "weights.pt"
    content = torch.load(weights, weights_only=True)
    content["module"]["persons.letters"] = content["module"]["persons.letters"][1:]
    torch.save(content, weights)
    assert "is damaged" in fails(capsys, "labels", "quality", f"run={run}")
