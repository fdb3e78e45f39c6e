"""`robopref label` chooses among questions of several kinds by what is believed of a reward of named features."""

import shlex
import shutil
from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.learning.checkpoint import save_checkpoint
from robopref.querying.asking_policy import AskingPolicy
from robopref.records import Query
from tests.cli.tiny import ROOT, fails

PERSON = """
from robopref.asked_features import FeatureRelevance, Threshold
from robopref.records import Feedback, Preference

class Person:
    name, version = "ann", "1 00000000"

    def label(self, query):
        answer = {"pair": Preference(1.0), "feature": FeatureRelevance(-1)}.get(query.kind)
        if answer is None:
            answer = Threshold(query.feature.low)
        return Feedback(query.id, answer, self.name)
"""
FEATURES = (
    'label.features={far: "greatest(norm(path))", apart: "mean(distance(pick, place))", late: "last(norm(path))"}'
)
WORDS = ["labeler=custom", "labeler._target_=my_person.Person", "label.kind=[pair,feature,threshold]", FEATURES]


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_person.py").write_text(PERSON)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    (folder / "labels.sqlite").unlink()
    return folder


def asked(run: Path) -> list[Query]:
    with FeedbackStore(run / "labels.sqlite", create=False) as store:
        return store.queries()


def about(queries: list[Query]) -> list[str]:
    return [f"{query.kind} {query.feature.name}" for query in queries if query.feature is not None]


@pytest.mark.slow
def test_questions_of_several_kinds_are_chosen_and_a_brief_is_not_asked(run: Path) -> None:
    brief = run.parent / "brief.yaml"
    brief.write_text("features: {far: {direction: less}}")
    words = ["label", f"run={run}", *WORDS, "selector=information", "label.budget=3", f"brief={brief}"]
    assert main(words) == 0
    first = asked(run)
    assert len(first) == 3
    assert about(first)  # they tell more by the second than most pairs
    assert main(words) == 0
    assert len(asked(run)) == 6
    assert "feature far" not in about(asked(run))
    assert len(set(about(asked(run)))) == len(about(asked(run)))


@pytest.mark.slow
def test_other_selectors_and_a_trained_asker_go_by_the_same_belief(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["label", f"run={run}", *WORDS, "label.budget=2"]
    assert "train asker" in fails(capsys, *words, "selector=asker")
    save_checkpoint(run / "asker" / "weights.pt", {"module": AskingPolicy().state_dict()})
    assert main([*words, "selector=asker"]) == 0
    assert len(asked(run)) == 2
    assert main([*words, "label.kind=pair", "selector=diverse"]) == 0
    assert [query.kind for query in asked(run)][2:] == ["pair", "pair"]


def test_features_are_named_as_the_page_says(run: Path) -> None:
    page = (ROOT / "docs" / "labelling.md").read_text().split("### Questions about features")[1]
    block = page.split("```sh\n")[1].split("```")[0].replace("\\\n", " ")
    settings = [word for word in shlex.split(block) if word.startswith("label.")]
    assert [word.partition("=")[0] for word in settings] == ["label.kind", "label.features"]
    assert main(["label", f"run={run}", *WORDS[:2], *settings]) == 0
    matters, limit = asked(run)
    assert (matters.kind, limit.kind) == ("feature", "threshold")
    for feature in (matters.feature, limit.feature):
        assert feature is not None
        assert (feature.name, feature.said, feature.unit, feature.scale, feature.side) == (
            "way", "how far the rope is carried", "cm", 100.0, "high"
        )  # fmt: skip


def test_a_brief_that_is_none_is_refused_before_anything_is_drawn(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "candidates.zarr")
    brief = run.parent / "brief.yaml"
    words = ["label", f"run={run}", *WORDS, "selector=information", f"brief={brief}"]
    assert "cannot read the brief" in fails(capsys, *words)
    brief.write_text("features: {far: {direction: up}}")
    assert "features.far.direction must be more or less, got 'up'" in fails(capsys, *words)
    brief.write_text("features: {fr: {direction: less}}")
    assert "unknown feature in the brief 'fr'; expected one of apart, far, late" in fails(capsys, *words)
    brief.write_text("features: {far: {direction: less}}")
    plain = ["label", f"run={run}", "label.kind=pair", f"brief={brief}"]
    assert "name some with label.features=" in fails(capsys, *plain)
    assert not (run / "candidates.zarr").exists()


@pytest.mark.slow
def test_a_brief_of_other_features_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    brief = run.parent / "brief.yaml"
    brief.write_text("features: {fur: {direction: less}}")
    words = ["label", f"run={run}", *WORDS, "selector=information", f"brief={brief}"]
    assert "unknown feature in the brief 'fur'" in fails(capsys, *words)
    assert not (run / "labels.sqlite").exists() or asked(run) == []
