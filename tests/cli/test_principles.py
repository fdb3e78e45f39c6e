"""A simulated model ranks by two principles, a reward learns from both, and commands go by the one that is said."""

import base64
import io
import json
import re
import shutil
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import imageio.v3 as imageio
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.cli.principles import principle_of
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.files import read_json
from robopref.records import Ranking
from tests.cli.test_improve import SMALL, policy
from tests.cli.test_outcome_reward import OUTCOME
from tests.cli.tiny import fails
from tests.labelers.hostile_server import HostileServer, chat

PRINCIPLED = [
    "reward=principled", "rewards.principled.held_out=0", "rewards.principled.scorer.width=8",
    "rewards.principled.scorer.hidden=8", "rewards.principled.fit.steps=5", "rewards.explicit=null",
    "rewards.implicit=null",
]  # fmt: skip


def ranked(body: dict[str, Any], _: object) -> Any:
    """Ranks pictures by how bright they are, or how dark, as the principle wants it."""
    content = body["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    seen = [imageio.imread(io.BytesIO(base64.b64decode(url.partition(",")[2]))).mean() for url in urls]
    words = " ".join(part["text"] for part in content if part["type"] == "text")
    wanted = re.search(r"Principle: be (bright|dark)", words)
    sign = {"bright": 1, "dark": -1}[wanted[1]] if wanted else 0
    order = sorted(range(len(seen)), key=lambda place: -sign * seen[place])
    scores = {f"score_{ascii_uppercase[place]}": max(1, 5 - at) for at, place in enumerate(order)}
    names = " > ".join(ascii_uppercase[place] for place in order)
    return chat(
        json.dumps({"reasoning": "so", **scores, "best_to_worst": names, "answer": "ranked", "confidence": 0.9})
    )


@pytest.mark.slow
def test_a_model_ranks_by_two_principles_and_a_reward_goes_by_either(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    for path in run.glob("labels.sqlite*"):
        path.unlink()
    with HostileServer(ranked) as server:
        words = [
            "label", f"run={run}", "labeler=principle", "labeler.judge.model=simulated", "label.kind=ranking",
            f"labeler.judge.base_url={server.url}", "labeler.patience.wait=0", "labeler.showing.size=64",
        ]  # fmt: skip
        for principle in ("be bright", "be dark; then be still"):
            assert main([*words, f"principle={principle}"]) == 0
        asked = len(server.bodies)
        assert main([*words, "principle=be bright"]) == 0
        assert len(server.bodies) == asked, "nothing is asked twice"
    with FeedbackStore(run / "labels.sqlite") as store:
        queries, given = {query.id: query for query in store.queries()}, store.feedback("principle")
    said = {queries[one.query_id].instruction.rpartition("\n")[2] for one in given if isinstance(one.answer, Ranking)}
    assert said == {"Principle: be bright", "Principle: be dark; then be still"}
    assert len({tuple(query.items) for query in queries.values()}) * 2 == len(queries)
    capsys.readouterr()
    assert main(["train", "reward", f"run={run}", *PRINCIPLED]) == 0
    for principle in ("be dark", "principle that nobody answered by, with 'quotes' = and [brackets]"):
        assert main(["evaluate", f"run={run}", f"principle={principle}"]) == 0
        assert f"principled scores by “{principle}”" in capsys.readouterr().out.replace("\n", " ")
    words = ["deploy.view=none", "deploy.episodes=1", "deploy.commands=1", "deploy.candidates=4"]
    assert main(["deploy", f"run={run}", *words, "principle=be dark"]) == 0
    assert read_json(run / "deploy" / "summary.json")["principle"] == "be dark"
    # A graph scores by the principle that it was made for.
    assert main(["export", f"run={run}", "principle=be dark"]) == 0
    assert "principled scores by “be dark”" in capsys.readouterr().out.replace("\n", " ")
    plain = ["reward@rewards.plain=explicit", "rewards.plain.fit.steps=1", "rewards.plain.scorer.width=8", "use=plain"]
    assert main(["train", "reward", f"run={run}", *plain]) == 0
    assert "plain is the same whatever is wanted" in fails(capsys, "deploy", f"run={run}", *words, "principle=be fast")
    assert "a principle says how to judge" in fails(capsys, "evaluate", f"run={run}", "principle=;")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("principle=keep the cup upright; then be fast", "keep the cup upright; then be fast"),
        ("principle=be quick, don't {hurry} = [x] $y", "be quick, don't {hurry} = [x] $y"),
        ("principle=null", None),
    ],
)
def test_a_principle_is_typed_as_it_is_said(tmp_path: Path, word: str, said: str | None) -> None:
    assert principle_of(compose_config("config", [f"run={tmp_path}", word])) == said


def scored(body: dict[str, Any], _: object) -> Any:
    """Scores pictures by how bright they are, in a schema of `labeler=scored`, without log-probabilities."""
    content = body["messages"][-1]["content"]
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    seen = [imageio.imread(io.BytesIO(base64.b64decode(url.partition(",")[2]))).mean() for url in urls]
    fields = body["response_format"]["json_schema"]["schema"]["properties"]
    said = {name: "so" if field["type"] == "string" else 3 for name, field in fields.items()}
    said |= {name: 7 for name in said if name.endswith("first" if seen[0] > seen[1] else "second")}
    return chat(json.dumps(said | {"answer": "scored"}))


@pytest.mark.slow
def test_a_tournament_of_scores_gives_rankings_with_strengths_that_a_reward_learns_from(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    for path in run.glob("labels.sqlite*"):
        path.unlink()
    with HostileServer(scored) as server:
        words = [
            "label", f"run={run}", "labeler=scored", "labeler.judge.model=simulated", "label.kind=ranking",
            f"labeler.judge.base_url={server.url}", "labeler.patience.wait=0", "labeler.showing.size=64",
        ]  # fmt: skip
        assert main(words) == 0
    with FeedbackStore(run / "labels.sqlite") as store:
        given = [one.answer for one in store.feedback("scored") if isinstance(one.answer, Ranking)]
    assert given
    assert all(max(one.strengths) == 0 > min(one.strengths) for one in given)
    # Four of each question are compared with a pivot, in two orders.
    assert len(server.bodies) <= len(given) * (len(given[0].ranks) - 1) * 2
    capsys.readouterr()
    assert main(["train", "reward", f"run={run}", *PRINCIPLED]) == 0


@pytest.mark.slow
def test_rounds_judge_by_the_principle_of_the_command(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    for path in run.glob("labels.sqlite*"):
        path.unlink()
    with HostileServer(ranked) as server:
        by = [
            "labeler=principle", "labeler.judge.model=simulated", "labeler.showing.size=64", "label.kind=ranking",
            f"labeler.judge.base_url={server.url}", "labeler.patience.wait=0",
        ]  # fmt: skip
        for principle in ("be bright", "be dark"):
            assert main(["label", f"run={run}", f"principle={principle}", *by]) == 0
    assert main(["train", "reward", f"run={run}", *PRINCIPLED]) == 0
    assert main(["explore", f"run={run}", "explore.states=4", "explore.candidates=3", "explore.warm_up=1"]) == 0
    words = [*SMALL, "improve.rounds=1", "improve.method=irepo", "improve.distil=false", "improve.judge=principled"]
    tuned = list[dict[str, torch.Tensor]]()
    for principle in ("be bright", "be dark"):
        made = Path(shutil.copytree(run, tmp_path / principle))
        assert main(["improve", f"run={made}", *words, f"principle={principle}"]) == 0
        tuned.append(policy(made / "rounds" / "irepo" / "1"))
    assert not all(torch.equal(one, two) for one, two in zip(*(each.values() for each in tuned), strict=True))
    refused = fails(capsys, "improve", f"run={made}", "principle=be bright")
    assert "was made with principle=be dark, not principle=be bright" in refused


@pytest.mark.slow
def test_rounds_ask_a_model_by_the_principle_of_the_run(run: Path) -> None:
    for path in run.glob("labels.sqlite*"):
        path.unlink()
    with HostileServer(ranked) as server:
        by = [
            "labeler=principle", "principle=be bright", "labeler.judge.model=simulated", "labeler.showing.size=64",
            f"labeler.judge.base_url={server.url}", "labeler.patience.wait=0",
        ]  # fmt: skip
        assert main(["label", f"run={run}", "label.kind=ranking", *by]) == 0
        assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
        rounds = ["improve.rounds=1", "improve.method=irepo", "improve.distil=false", "improve.answers=3"]
        before = len(server.bodies)
        assert main(["improve", f"run={run}", *SMALL, *rounds, *by]) == 0
        asked = len(server.bodies)
        told = [part.get("text", "") for body in server.bodies[before:] for part in body["messages"][-1]["content"]]
        assert any("Principle: be bright" in text for text in told)
        assert main(["improve", f"run={run}"]) == 0
        assert len(server.bodies) == asked, "what was answered is not asked again"
    assert (run / "rounds" / "irepo" / "1" / "policy").is_dir()
    with FeedbackStore(run / "labels.sqlite") as store:
        assert len(store.feedback("principle")) == 6  # of three states before, and of three that were explored
