"""Filters as commands choose them: shipped ones by name, one's own by the words for it."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf

from robopref.__main__ import main
from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.schema import check
from robopref.cli.trust import is_part
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.learning.checkpoint import load_checkpoint
from robopref.protocols import Filter, LiveFilter
from robopref.records import Feedback, Ranking
from tests.cli.tiny import ROOT, fails
from tests.data.filters.tables import AB, BC, say, table

SHIPPED = sorted(path.stem for path in (ROOT / "configs" / "filter").glob("*.yaml"))
NEEDED = {"by_labeler": ["filter.by_labeler.names=[ann]"]}
ANSWERS = table([say(AB, 1.0), say(AB, 0.0, "bob", confidence=0.5, seconds=0.1), say(BC, 0.5, time=1e9)])


def chosen(*words: str, name: str = "config", folder: str = "nowhere") -> dict[str, Any]:
    config = compose_config(name, [f"run={folder}", *words])
    check(config, name, "train reward")
    return OmegaConf.to_container(config.filter)  # type: ignore[return-value]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_filter_keeps_the_contract(name: str) -> None:
    settings = chosen(f"filter=[{name}]", *NEEDED.get(name, []))
    assert list(settings) == [name], "each YAML puts its filter under its own name"
    assert is_part(settings[name]["_target_"])
    made = build(settings[name])
    if isinstance(made, Filter):
        before = {field.name: np.copy(getattr(ANSWERS, field.name)) for field in dataclasses.fields(Answers)}
        left = made.keep(ANSWERS)
        assert 0 < len(left) <= len(ANSWERS)
        rows = {(q, *item, p) for q, item, p in zip(ANSWERS.query, ANSWERS.item.tolist(), ANSWERS.p, strict=True)}
        assert rows >= {(q, *item, p) for q, item, p in zip(left.query, left.item.tolist(), left.p, strict=True)}
        assert (left.weight >= 0).all()
        assert all(np.array_equal(getattr(ANSWERS, key), value, equal_nan=value.dtype.kind == "f")
                   for key, value in before.items()), "what is filtered stays as it was"  # fmt: skip
        assert len(made.keep(left)) == len(left)
    else:
        assert isinstance(made, LiveFilter)


def test_there_are_filters_and_their_names_are_in_the_documentation() -> None:
    assert {"by_labeler", "confident", "agreeing", "recent", "unhurried"} <= set(SHIPPED)
    text = (ROOT / "docs" / "filters.md").read_text()
    assert all(f"| `{name}` |" in text for name in SHIPPED)


@pytest.mark.parametrize("name", ["config", "demo", "offline", "online"])
def test_nothing_is_filtered_unless_that_is_said(name: str) -> None:
    assert chosen(name=name) == {}
    assert list(chosen("filter=[confident,agreeing]", name=name)) == ["confident", "agreeing"]
    assert list(chosen("filter=[agreeing,confident]", name=name)) == ["agreeing", "confident"]


def test_a_setting_of_a_filter_chooses_it() -> None:
    assert chosen("filter.by_labeler.names=[ann,b@x]")["by_labeler"]["names"] == ["ann", "b@x"]
    both = chosen("filter.confident.least=0.9", "filter=[agreeing]")
    assert list(both) == ["agreeing", "confident"]
    assert both["confident"]["least"] == 0.9
    assert chosen("filter=confident") == chosen("filter.confident={least: 0.7}")
    assert chosen("filter=[confident]", "filter.confident=null") == chosen("filter.confident=null") == {
        "confident": None
    }  # fmt: skip
    assert chosen("filter=null") == chosen("filter=[]") == {}


def test_a_filter_of_ones_own_comes_behind_those_that_are_shipped() -> None:
    words = ["filter.mine._target_=tests.cli.test_filters.Loud", "filter.mine.least=3", "filter=[confident]"]
    settings = chosen(*words)
    assert list(settings) == ["confident", "mine"]
    assert settings["mine"] == {"_target_": "tests.cli.test_filters.Loud", "least": 3}
    assert chosen("+filter.mine._target_=a.b", name="offline") == {"mine": {"_target_": "a.b"}}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("filter=[confdent]", "is no choice of filter; expected a list of agreeing, .*; did you mean confident"),
        ("filter=3", "no choice of filter"),
        ("filters=[confident]", r"no setting 'filters'; did you mean filter\?"),
        ("filter=[confident,confident]", "chooses a filter twice"),
        ("filter=[by_labeler]", r"filter\.by_labeler\.names has to be given: filter\.by_labeler\.names=<a list of"),
        ("filter.by_labler.names=[ann]", r"no filter 'by_labler'; did you mean by_labeler\?"),
        ("filter.by_labeler.names=[]", r"must be a list of names, such as \[ann,bob\], got \[\]"),
        ("filter.by_labeler.names=null", "must be a list of names"),
        ("filter.by_labeler=3", "must be a group of settings"),
        ("filter.confident.leest=1", "no setting 'filter.confident.leest'"),
        ("filter.confident.least=2", r"must be in \[0, 1\], got 2"),
        ("filter.confident.least=null", "got nothing"),
        ("filter.unhurried.seconds=-1", "must be a positive number, got -1"),
        ("filter.recent.days=0", "must be a positive number, got 0"),
        ("filter.agreeing.contradicted=all", "must be majority or none, got 'all'"),
        ("filter.mine._target_=7", "must be a group of settings with a _target_"),
    ],
)  # fmt: skip
def test_what_is_no_filter_or_none_of_its_settings_is_one_line(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chosen(word)


class Loud:
    """A filter of one's own: answers in capital letters count."""

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def keep(self, answers: Answers) -> Answers:
        loud = [name.isupper() and len(name) >= self.least for name in answers.labeler]
        return answers[np.array(loud, bool)]


class Broken:
    """A filter of one's own that fails."""

    def keep(self, answers: Answers) -> Answers:
        raise KeyError(answers.labeler[0])


class Peers:
    """A live filter: members learn from what the others agree with."""

    asked: ClassVar[list[tuple[int, ...]]] = []

    def weigh(self, margins: Any, p: Any, done: float) -> Any:
        self.asked.append((*margins.shape, *p.shape))
        agree = ((margins > 0) == (p > 0.5)[:, None]).float()
        return (agree.sum(1, keepdim=True) - agree > 0).float() if margins.shape[1] > 1 else margins * 0 + 1


def context(folder: Path, *words: str) -> Context:
    config = compose_config("config", [f"run={folder}", "workers=0", "device=cpu", *words])
    return Context(config, memory(config, words))


def test_filters_are_built_static_ones_apart_from_live_ones(tmp_path: Path) -> None:
    mine, peers = (f"filter.{name.lower()}._target_=tests.cli.test_filters.{name}" for name in ("Loud", "Peers"))
    static, live = built_filters(context(tmp_path, mine, peers, "filter=[agreeing,confident]", "filter.agreeing=null"))
    assert list(static) == ["confident", "loud"]
    assert list(live) == ["peers"]
    with pytest.raises(ConfigError, match=r"filter\.x: \w*Path is no filter: it has neither keep.* nor weigh"):
        built_filters(context(tmp_path, "filter.x._target_=pathlib.Path"))


def test_a_run_folder_does_not_bring_code_of_others_as_a_filter(tmp_path: Path, capsys: Any) -> None:
    words = ["filter=[confident,agreeing]", "filter.mine._target_=evil.listen"]
    (tmp_path / "overrides.yaml").write_text(yaml.safe_dump(words))
    told = fails(capsys, "train", "reward", f"run={tmp_path}")
    assert "code outside of robopref: filter.mine._target_=evil.listen" in told
    assert list(chosen("filter.mine=null", folder=str(tmp_path))) == ["confident", "agreeing", "mine"]
    assert list(chosen("filter=[recent]", folder=str(tmp_path))) == ["recent"]
    (tmp_path / "overrides.yaml").write_text(yaml.safe_dump(["filter=[confident,evil]"]))
    assert "no choice of filter; forget it" in fails(capsys, "train", "reward", f"run={tmp_path}")


def test_answers_of_several_kinds_are_learnt_from_only_when_it_is_said_whose(run: Path, capsys: Any) -> None:
    """What people, a teacher and a model say of one question is three opinions, not one."""
    with FeedbackStore(run / "labels.sqlite") as store:
        queries = store.queries()
        store.add_all([
            Feedback(query.id, Ranking(tuple(range(3))), "ann", "1", order=(0, 1, 2), seconds=2.0) for query in queries
        ])  # fmt: skip
    words = ["train", "reward", f"run={run}"]
    for labeler in ("perfect", "human"):
        told = fails(capsys, *words, f"labeler={labeler}")
        assert "ann (people); scripted-teacher (a scripted teacher)" in told
        assert "say whose count: filter.by_labeler.names=[ann,scripted-teacher]" in told
    assert main([*words, "filter.by_labeler.names=[ann]"]) == 0
    assert capsys.readouterr().out.count("so it is trained again") == 2
    assert chosen(folder=str(run))["by_labeler"]["names"] == ["ann"], "the run folder remembers whose"
    assert "no answers of an are there; there are those of ann,scripted-teacher" in fails(
        capsys, *words, "filter.by_labeler.names=[an]"
    )
    assert "leaves none of" in fails(capsys, *words, "filter.mine._target_=tests.cli.test_filters.Loud")
    told = fails(capsys, *words, "filter.mine._target_=tests.cli.test_filters.Broken")
    assert "filter.mine: keep(answers) of Broken raised KeyError: 'ann' (test_filters.py, line " in told


def test_those_who_are_asked_are_not_taken_for_others(run: Path, capsys: Any) -> None:
    told = fails(capsys, "train", "reward", f"run={run}", "labeler=metric", "labeler.name=mine")
    assert "no answer of mine in" in told
    assert "to learn from these: filter.by_labeler.names=[scripted-teacher]" in told
    assert main(["train", "reward", f"run={run}", "labeler=human", "filter.by_labeler.names=[scripted-teacher]"]) == 0


def test_members_that_review_each_other_train_at_once(run: Path, capsys: Any) -> None:
    words = ["train", "reward", f"run={run}", "rewards.explicit.members=3", "rewards.explicit.batch_size=2"]
    peers = "filter.mine._target_=tests.cli.test_filters.Peers"
    shutil.rmtree(run / "rewards")  # which was trained without
    Peers.asked.clear()
    assert main([*words, peers]) == 0
    assert {members for _, members, _ in Peers.asked} == {3, 1}  # the implicit reward has one
    assert all(pairs == again for pairs, _, again in Peers.asked)
    folders = [run / "rewards" / f"explicit-{member}" for member in (1, 2, 3)]
    first, second, third = (load_checkpoint(folder / "weights.pt")["module"] for folder in folders)
    matrix = next(name for name, value in first.items() if isinstance(value, torch.Tensor) and value.ndim == 2)
    assert not torch.equal(first[matrix], second[matrix])
    assert not torch.equal(second[matrix], third[matrix])
    # What is finished stays finished.
    Peers.asked.clear()
    assert main([*words, peers]) == 0
    assert Peers.asked == []


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")


def test_a_list_of_filters_that_is_given_again_takes_the_others_out(tmp_path: Path) -> None:
    for words in (["filter=[confident]"], ["filter.confident.least=0.8"], ["filter.recent.days=3"]):
        given = [f"run={tmp_path}", *words]
        memory(compose_config("config", given), given).accept()
    assert list(chosen(folder=str(tmp_path))) == ["confident", "recent"]
    again = chosen("filter=[confident]", folder=str(tmp_path))
    assert list(again) == ["confident"]
    assert again["confident"]["least"] == 0.8
    for _ in range(2):
        given = [f"run={tmp_path}", "filter=[]"]
        memory(compose_config("config", given), given).accept()
        assert not chosen(folder=str(tmp_path))
        given = [f"run={tmp_path}", "filter.recent.days=3"]
        memory(compose_config("config", given), given).accept()


def test_rewards_review_the_answers_and_the_quality_of_labels_says_which_they_doubt(run: Path, capsys: Any) -> None:
    train = ["train", "reward", f"run={run}", "filter=[peer_review]", "rewards.explicit.members=2"]
    told = fails(capsys, *train)
    assert "rewards.implicit: filter.peer_review compares what members of a reward say, at least 2, and there is 1" in (
        told
    )
    assert main([*train, "rewards.implicit=null"]) == 0
    assert "of the answers seem wrong (" in capsys.readouterr().out
    kept = run / "rewards" / "explicit-peers" / "kept.json"
    shares = json.loads(kept.read_text())["share"]
    assert len(shares) == sum(len(query.items) * (len(query.items) - 1) // 2 for query in asked(run))
    assert "other filters" in fails(capsys, *train, "filter.peer_review.noise=0.45")
    shutil.rmtree(kept.parent)
    assert main([*train, "rewards.implicit=null", "filter.peer_review.noise=0.45"]) == 0
    assert "seem wrong" not in capsys.readouterr().out
    assert 0.4 < np.mean(json.loads(kept.read_text())["share"]) < 0.7
    written = kept.stat().st_mtime_ns
    assert main(train[:3]) == 0  # the folder remembers the settings
    assert kept.stat().st_mtime_ns == written, "what is finished stays finished"
    capsys.readouterr()
    assert main(["labels", "quality", f"run={run}"]) == 0
    assert "doubted: " in (out := capsys.readouterr().out)
    assert "left out by the review of explicit" in out
    doubted = json.loads((run / "labels.json").read_text())["doubted"]
    assert doubted
    assert {one["query"] for one in doubted} <= {query.id for query in asked(run)}
    assert "Doubted by rewards" in (run / "labels.html").read_text()
    kept.write_text('{"sources": ["a"], "first": [[3, 0, 1, 0]], "second": [[0, 0, 1, 0]], "share": [0.5]}')
    assert "kept.json is damaged" in fails(capsys, "labels", "quality", f"run={run}")
    other = kept.parent.with_name("explicit") / kept.name
    other.parent.mkdir(exist_ok=True)
    other.write_text(kept.read_text())
    assert main(train[:3]) == 0
    assert not other.exists(), "what other numbers of members left is forgotten"
    assert main([*train[:3], "filter=[]"]) == 0
    assert not kept.exists(), "what a filter of before left is forgotten"


def asked(run: Path) -> list[Any]:
    with FeedbackStore(run / "labels.sqlite") as store:
        return list(store.queries())
