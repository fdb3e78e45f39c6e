"""What `robopref label` asks next."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from omegaconf import open_dict

from robopref.__main__ import main
from robopref.cli.building import build
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.label import _SUBJECTS
from robopref.cli.label_asking import ConfiguredSelector
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.errors import ConfigError
from robopref.labelers.oracle import ScriptedTeacher
from robopref.labelers.subject import Subject
from robopref.protocols import Selector
from robopref.querying.candidate_queries import RandomSelector, candidate_queries
from robopref.records import Query
from tests.cli.tiny import ROOT, fails

SELECTORS = sorted(path.stem for path in (ROOT / "configs" / "selector").glob("*.yaml"))
ASK = ["label.kind=pair", "label.budget=2"]


@pytest.fixture(scope="module")
def begun(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two answers to random questions, and rewards trained on them."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("runs") / "begun"))
    (folder / "labels.sqlite").unlink()
    shutil.rmtree(folder / "rewards")
    for command in (["label"], ["train", "reward"]):
        assert main([*command, f"run={folder}", *ASK]) == 0
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "run"))


def asked(run: Path) -> list[Query]:
    with FeedbackStore(run / "labels.sqlite", create=False) as store:
        assert len(store.feedback()) == len(store.queries())
        return store.queries()


def test_it_is_said_that_candidates_are_of_another_temperature(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        capsys.readouterr()
        assert main(["label", f"run={run}", *ASK, *words]) == 0
        return capsys.readouterr().out

    assert "temperature" not in said()
    assert "candidates.zarr was drawn with policy.temperature=1.0, not 0.5, and stays" in said("policy.temperature=0.5")
    assert "candidates.zarr was drawn with policy.likeliest=1, not 4, and stays" in said(
        "policy.temperature=1.0", "policy.likeliest=4"
    )


# That of the other one is to be trained first, see test_train_asker.py.
@pytest.mark.parametrize("name", [name for name in SELECTORS if name != "asker"])
def test_every_selector_is_built_from_its_settings_and_chooses(name: str) -> None:
    made = build(compose_config("config", [f"selector={name}"]).selector)
    drawn = np.random.default_rng(0).normal(size=(5, 4, 3))
    lies = {"embed": lambda item: drawn[:2, item.start, item.candidate]} if name == "embedded" else {}
    selector = made if isinstance(made, Selector) else made(lambda item: drawn[:, item.start, item.candidate], **lies)
    assert isinstance(selector, Selector)
    pool = candidate_queries("drawn", 4, 3, kind="pair")
    assert len({query.id for query in selector.select(pool, 5)}) == 5


@pytest.mark.parametrize(
    ("name", "kind", "able"),
    [("duels", "ranking", "pair"), ("information", "similarity", "pair or ranking"),
     ("diverse", "[pair,similarity]", "pair or ranking")],
)  # fmt: skip
def test_questions_that_a_selector_cannot_choose_among_are_refused_first(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, kind: str, able: str
) -> None:
    monkeypatch.setitem(_SUBJECTS, "candidates", lambda _: pytest.fail("nothing is measured before that is known"))
    told = fails(capsys, "label", f"run={run}", f"selector={name}", f"label.kind={kind}")
    assert f"selector={name} chooses among questions of kind {able}, not " in told
    assert "; ask those, with label.kind=pair, or choose selector=random" in told


def test_who_cannot_answer_is_named_as_it_was_chosen(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "label", f"run={run}", "label.kind=rating")
    assert "labeler=perfect answers questions of kind pair or ranking" in told


def test_a_selector_is_built_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built, of = list[int](), RandomSelector.__init__
    monkeypatch.setattr(RandomSelector, "__init__", lambda self, seed=0: (built.append(seed), of(self, seed))[1])
    assert main(["label", f"run={run}", "selector=random", "selector.seed=7"]) == 0
    assert built == [7]


@pytest.mark.parametrize("name", ["random", "information", "duels"])
def test_the_next_call_asks_as_many_others(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = asked(run)
    assert len(before) == 2
    assert main(["label", f"run={run}", f"selector={name}"]) == 0
    after = asked(run)
    assert after[:2] == before
    assert len({query.id for query in after}) == 4
    assert main(["label", f"run={run}", "label.budget=null"]) == 0
    assert len(asked(run)) == 9  # three pairs in each of three states
    capsys.readouterr()
    assert main(["label", f"run={run}", "label.budget=4"]) == 0
    assert "label.budget=4 was asked, since all 9 questions that there are" in " ".join(capsys.readouterr().out.split())


def test_questions_that_wait_come_before_new_ones(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ScriptedTeacher, "label", lambda *_: 1 / 0)
        assert main(["label", f"run={run}", "selector=information"]) == 1
    with FeedbackStore(run / "labels.sqlite") as store:
        chosen = store.queries()
        assert (len(chosen), len(store.feedback())) == (4, 2)
    assert main(["label", f"run={run}", "selector=information"]) == 0
    assert asked(run) == chosen


@pytest.mark.slow
def test_people_are_asked_what_was_chosen_in_its_order(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "s")  # a question that was only skipped is done with as well
    words = ["labeler=human", "labeler.terminal=true", "labeler.annotator=ann", "selector=information"]
    assert main(["label", f"run={run}", *words]) == 0
    with FeedbackStore(run / "labels.sqlite") as store:
        assert len(store.feedback("ann")) == len(store.queries()) == 2  # those of the teacher, which nobody looked at
    assert main(["label", f"run={run}", *words, "labeler.checks=0.5"]) == 0
    with FeedbackStore(run / "labels.sqlite") as store:
        queries = store.queries()
        assert [given.query_id for given in store.feedback("ann")] == [query.id for query in queries]
        assert len(queries) == 2 + 2 + 1
    assert main(["label", f"run={run}", *words, "labeler.checks=0.5"]) == 0
    with FeedbackStore(run / "labels.sqlite") as store:
        checks = [query.id for query in store.queries() if query.id.endswith("/check")]
    assert len(set(checks)) == 2


@pytest.mark.slow
def test_what_a_selector_lacks_is_explained(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = compose_config("config", [f"run={run}", "selector=information"])
    with open_dict(config):
        del config.rewards["implicit"]
    pool = candidate_queries("candidates", 3, 3, kind="pair")
    subject = Subject("candidates", EpisodeStore.open(run / "candidates.zarr"), pool)
    with pytest.raises(ConfigError, match=r"rewards\.explicit\.members=5"):
        ConfiguredSelector(Context(config, memory(config, [])), subject).select(pool, 2)
    shutil.rmtree(run / "rewards")
    error = fails(capsys, "label", f"run={run}", "selector=information")
    assert "train reward" in error
    assert "begin with selector=random" in error
    assert len(asked(run)) == 2
    rankings = fails(capsys, "label", f"run={run}", "selector=duels", "label.kind=ranking")
    assert "label.kind=pair" in rankings or "train reward" in rankings


@pytest.mark.slow
def test_a_selector_goes_by_rewards_of_actions_and_says_so_first(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One of outcomes, trained or not, says nothing of what was not carried out.
    words = ["label", f"run={run}", "selector=information", "reward=outcome"]
    assert main(words) == 0
    assert len(asked(run)) == 4
    monkeypatch.setitem(_SUBJECTS, "candidates", lambda _: pytest.fail("nothing is drawn before that is known"))
    refused = fails(capsys, *words, "rewards.implicit=null")
    assert "has one beside outcome, which judges what came of an action" in refused
    assert "none beside outcome" in fails(capsys, *words, "rewards.implicit=null", "rewards.explicit=null")
    shutil.rmtree(run / "rewards" / "explicit")
    assert "explicit is not trained" in fails(capsys, *words)


@pytest.mark.slow
def test_orderings_are_chosen_too_by_rewards_of_outcomes_where_outcomes_are_seen(run: Path) -> None:
    (run / "labels.sqlite").unlink()
    shutil.rmtree(run / "rewards")
    alone = [
        "reward=outcome",
        "rewards.outcome.members=2",
        "rewards.implicit=null",
        "rewards.explicit=null",
        "use=outcome",
    ]
    words = [*alone, "label.kind=ranking", "label.budget=1", "label.show=outcome"]
    for command in (["label", f"run={run}"], ["train", "reward", f"run={run}"]):
        assert main([*command, *words]) == 0
    assert main(["label", f"run={run}", "selector=disagreement"]) == 0
    first, second = asked(run)
    assert (first.kind, second.kind) == ("ranking", "ranking")
    assert first.items != second.items


@pytest.mark.slow
def test_events_of_a_deployment_train_a_reward(run: Path, tmp_path: Path) -> None:
    seen = EpisodeStore.open(run / "candidates.zarr")
    events = [
        DeploymentEvent(
            "correct", float(row), 0, row, seen.array("candidates")[row], 1, corrected=seen.array("candidates")[row, 0],
            points=seen.array("points")[row], proprio=seen.array("proprio")[row],
        )
        for row in range(2)
    ]  # fmt: skip
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event.to_json()) + "\n" for event in events))
    for name in ("candidates.zarr", "rewards"):
        shutil.rmtree(run / name)
    (run / "labels.sqlite").unlink()
    assert main(["labels", "import", f"run={run}", f"path={path}", "format=events", "source=candidates"]) == 0
    assert main(["train", "reward", f"run={run}"]) == 0
    assert (run / "rewards" / "explicit" / "weights.pt").exists()


def test_another_labeler_does_not_inherit_settings(run: Path) -> None:
    assert main(["collect", f"run={run}", "labeler=mistaken", "labeler.mistake=0.25"]) == 0
    assert main(["collect", f"run={run}", "labeler=mistaken"]) == 0  # the same group: its settings are remembered
    assert "mistake: 0.25" in (run / "config.yaml").read_text()
    assert main(["collect", f"run={run}", "labeler=human"]) == 0
    assert "mistake: 0.25" not in (run / "config.yaml").read_text()
