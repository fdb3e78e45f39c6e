"""Of words that say what ranks, the newest holds, and two of one command do not contradict each other."""

import shutil
from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.ranking_words import SAYING, outranked
from robopref.cli.remembered import Memory, recall
from robopref.cli.words import values_of
from robopref.errors import ConfigError
from tests.cli.tiny import fails

WEIGHTED = ["ranker=weighted", "ranker.rule.weights={explicit: 1, implicit: 0.3}"]
_RULES = {"greedy": "best_of_n", "Weighted": "weighted"}


def ranks(folder: Path, *words: str) -> tuple[str, str | None]:
    """Ranker and reward of a command, whose words are remembered."""
    given = [f"run={folder}", *words]
    config = compose_config("config", given)
    memory(config, given, "evaluate").accept()
    return _RULES[config.ranker.rule._target_.rpartition(".")[2]], config.deploy.reward


def test_what_ranks_is_what_was_said_last(tmp_path: Path) -> None:
    assert ranks(tmp_path, *WEIGHTED)[0] == "weighted"
    assert ranks(tmp_path)[0] == "weighted"
    assert ranks(tmp_path, "ranker.rule.weights={explicit: 2}")[0] == "weighted"
    assert ranks(tmp_path, "use=explicit") == ("best_of_n", "explicit")
    assert ranks(tmp_path) == ("best_of_n", "explicit")
    assert not [word for word in recall(tmp_path) if word.startswith("ranker")]
    ranks(tmp_path, *WEIGHTED)
    assert ranks(tmp_path, "deploy.reward=implicit") == ("best_of_n", "implicit")
    assert ranks(tmp_path, *WEIGHTED) == ("weighted", "explicit")
    assert ranks(tmp_path, "deploy.reward=null") == ("best_of_n", None)
    assert ranks(tmp_path, "use=implicit") == ("best_of_n", "implicit")
    assert ranks(tmp_path, "deploy.reward=null", "seed=3") == ("best_of_n", None)
    assert ranks(tmp_path, "reward=cpl") == ("best_of_n", "cpl")
    assert ranks(tmp_path, *WEIGHTED, "reward=inverted") == ("weighted", "inverted")


@pytest.mark.parametrize(
    ("earlier", "words", "lost"),
    [
        (["ranker=look_ahead", "ranker.keep=2"], ["use=outcome"], []),
        (["ranker=look_ahead", "ranker.keep=2"], ["deploy.reward=null"], ["ranker"]),
        (["ranker=softmax"], ["deploy.reward=null"], []),
        (["deploy.reward=null"], ["ranker=look_ahead"], ["deploy.reward"]),
        (["deploy.reward=outcome"], ["ranker=look_ahead"], []),
        (["deploy.reward=null"], ["ranker=best_of_n"], []),
        (["deploy.reward=explicit"], ["ranker.rule.weights={explicit: 1}"], ["deploy.reward"]),
        (["deploy.reward=explicit", *WEIGHTED], ["seed=1"], []),
        (["ranker=earned_search", "ranker.depth=2"], ["use=explicit"], ["ranker"]),
        (["ranker=earned_search", "ranker.depth=2"], ["deploy.reward=null"], ["ranker"]),
        (["use=explicit"], ["ranker=earned_search"], []),
    ],
)
def test_what_contradicts_newer_words_is_lost(earlier: list[str], words: list[str], lost: list[str]) -> None:
    assert outranked(values_of(earlier, SAYING), values_of(words, SAYING)) == set(lost)


def test_what_a_refused_word_replaced_holds_again(tmp_path: Path) -> None:
    Memory(tmp_path, None, WEIGHTED, {}).accept()
    later = Memory(tmp_path, None, ["use=explicit", "seed=1"], {})
    later.accept()
    assert recall(tmp_path) == ["use=explicit", "seed=1"]
    later.refuse(ConfigError("use=explicit cannot be"))
    assert recall(tmp_path) == [*WEIGHTED, "seed=1"]


@pytest.mark.parametrize("command", ["evaluate", "deploy", "demo"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([*WEIGHTED, "deploy.reward=null"], "and deploy.reward=null ranks by none; leave one of them out"),
        ([*WEIGHTED, "deploy.reward=explicit"], "and deploy.reward=explicit ranks by one; leave one of them out"),
        ([*WEIGHTED, "use=explicit"], "ranker=weighted ranks by several rewards, and use=explicit ranks by one;"),
        (
            ["ranker.rule.weights={explicit: 1}", "use=explicit"],
            "ranker.rule.weights ranks by several rewards, and use=",
        ),
        (["ranker=earned_search", "use=explicit"], "says that chunks earn, and use=explicit by a reward; leave one of"),
        (
            ["ranker=look_ahead", "deploy.reward=null"],
            "ranker=look_ahead ranks by a reward, and deploy.reward=null ranks",
        ),
        (
            ["ranker=beam_search", "deploy.reward="],
            "ranker=beam_search ranks by a reward, and deploy.reward=null ranks",
        ),
        (["use=explicit", "deploy.reward=implicit"], "use=explicit and deploy.reward=implicit say two things"),
        (["use=null"], "use must be the name of a reward (for none, the policy's own sample: deploy.reward=null)"),
        (["deploy.reward=none"], "implicit, likelihood, null, tuned likelihood"),
    ],
)
def test_words_that_contradict_each_other_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, words: list[str], told: str
) -> None:
    assert told in fails(capsys, command, f"run={tmp_path / 'run'}", *words)


@pytest.mark.parametrize("ranker", [WEIGHTED, ["ranker=earned_search"]])
def test_a_graph_does_not_stand_for_what_it_cannot_score(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ranker: list[str]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    Memory(run, None, [*recall(run), *ranker], {}).accept()
    told = fails(capsys, "export", f"run={run}")
    assert f"{ranker[0]} ranks by" in told
    assert "a graph scores by one reward; export one with deploy.reward=" in told
    assert not (run / "export").exists()


@pytest.mark.parametrize("command", ["evaluate", "deploy"])
def test_look_ahead_by_a_reward_of_actions_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    words = ["reward=outcome", "rewards.outcome.fit.steps=1", "rewards.outcome.members=1"]
    assert main(["train", "reward", f"run={run}", *words]) == 0
    capsys.readouterr()
    told = fails(capsys, command, f"run={run}", "ranker=look_ahead", "use=explicit")
    assert "ranks by a reward of outcomes, and explicit judges actions; choose ranker=best_of_n, or use=outcome" in told


def test_contradictions_of_earlier_days_are_refused_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "overrides.yaml").write_text(
        "[deploy.reward=explicit, ranker=weighted, 'ranker.rule.weights={implicit: 1}']"
    )
    for command in ("evaluate", "deploy"):
        told = fails(capsys, command, f"run={tmp_path}")
        assert "ranker=weighted ranks by several rewards, and deploy.reward=explicit ranks by one" in told
        assert f"settings run={tmp_path} forget=deploy.reward" in told
