"""Rounds through the command: they make runs that can be used, go on where they stopped, and refuse what cannot be."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.cli.remembered import recall, write
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.evaluation.round_record import load_rounds
from tests.cli.test_outcome_reward import OUTCOME
from tests.cli.test_self_labelled import DISTILLED
from tests.cli.tiny import fails

SMALL = [
    "improve.states=4", "improve.candidates=3", "improve.starts=2", "improve.stop.entropy=null", "explore.warm_up=1",
    "improve.imitate.steps=2", "improve.imitate.batch_size=2", "improve.compare.steps=2",
    "improve.compare.batch_size=2",
    "improve.sharpen.states=3", "improve.sharpen.candidates=4", "improve.stop.fall=null",
]  # fmt: skip


def policy(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "policy" / "weights.pt", weights_only=True)["module"]


@pytest.mark.slow
def test_every_round_leaves_a_run_that_can_be_used(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(command: str, *words: str) -> str:
        capsys.readouterr()
        assert main([*command.split(), f"run={run}", *words]) == 0
        return " ".join(capsys.readouterr().out.split())

    assert "judges outcomes; run: robopref train reward" in fails(capsys, "improve", f"run={run}", *SMALL)
    told("train reward", *OUTCOME)
    words = [*SMALL, "improve.rounds=1", "improve.method=irepo", "improve.distil=false"]
    # What is refused before a round has begun binds none.
    told("explore", "explore.states=2", "explore.candidates=3", "explore.warm_up=1")
    refused = fails(capsys, "improve", f"run={run}", *words, "improve.candidates=4")
    assert "holds 3 candidates of each state, not improve.candidates=4; give improve.candidates=3" in refused
    refused = fails(capsys, "improve", f"run={run}", *words, "improve.answers=3", "labeler=reward")
    assert "the judge, which learns nothing from labeler=reward" in refused
    late = ["improve.answers=3", "label.kind=similarity"]
    assert "similarity" in fails(capsys, "improve", f"run={run}", *words, *late)
    words += ["improve.answers=0"]
    told("improve", *words)
    rounds = run / "rounds" / "irepo"
    first = (rounds / "1" / "policy" / "weights.pt").read_bytes()
    assert not all(torch.equal(a, b) for a, b in zip(policy(run).values(), policy(rounds / "1").values(), strict=True))
    # A second round explores with the policy of the first one, in states of its own.
    told("improve", "improve.rounds=2")
    assert (rounds / "1" / "policy" / "weights.pt").read_bytes() == first
    one, two = (EpisodeStore.open(folder / "explored.zarr") for folder in (run, rounds / "1"))
    assert one.attrs["policy"] != two.attrs["policy"]
    assert (one.array("points") != two.array("points")).any()
    records = load_rounds(rounds)
    assert [record.carried_out for record in records] == [9, 9 + 12, 9 + 24]
    assert [record.answers for record in records] == [3, 3, 3]
    assert {record.real for record in records} == {0.0}  # preferences are no demonstrations
    seconds = records[1].seconds
    told("improve")
    assert load_rounds(rounds)[1].seconds == seconds  # what is read back takes none
    # What is kept may be damaged, or somebody else's.
    (kept := rounds / "validation-1.npz").write_bytes(b"PK no archive")
    assert f"{kept} is not readable as an npz file" in fails(capsys, "improve", f"run={run}")
    kept.unlink()
    told("improve")
    # What a round leaves is a run.
    assert main(["evaluate", f"run={rounds / '2'}"]) == 0
    assert json.loads((rounds / "2" / "evaluation" / "needs.json").read_text())["learnt"]["outcome"]["answers"] == 3
    told("evaluate")
    told("report")
    assert "Rounds by irepo" in (run / "report.html").read_text()
    refused = fails(capsys, "improve", f"run={run}", "improve.states=5")
    assert "was made with improve.states=4, not improve.states=5" in refused


@pytest.mark.slow
def test_who_is_asked_teaches_the_judge_and_demonstrations_stay(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
    before = (run / "rewards" / "outcome-1" / "weights.pt").read_bytes()
    words = [*SMALL, "improve.rounds=1", "improve.answers=4", "improve.real=0.5"]
    capsys.readouterr()
    assert main(["improve", f"run={run}", *words, *DISTILLED]) == 0
    record = load_rounds(run / "rounds" / "raft")[1]
    # Of four states that were asked about one is held out.
    assert (record.answers, record.real) == (3 + 3, 0.5)
    made = run / "rounds" / "raft" / "1"
    assert (made / "rewards" / "outcome-1" / "weights.pt").read_bytes() != before
    assert (run / "rewards" / "outcome-1" / "weights.pt").read_bytes() == before
    assert (run / "rounds" / "raft" / "round-0.mp4").exists() == (record.judged > 0.5)
    assert record.best is not None
    # What is imitated is chosen once, by the reward that learnt from what was judged, in all states and others.
    chosen = made / "imitated.npz"
    with np.load(chosen) as stored:
        assert stored["chunks"].shape[0] == 4 + 3
    (made / "policy" / "weights.pt").unlink()
    shutil.rmtree(run / "rounds" / "raft" / "training")
    first = chosen.read_bytes()
    assert main(["improve", f"run={run}"]) == 0
    assert chosen.read_bytes() == first
    shutil.rmtree(run / "rounds" / "raft" / "training")
    chosen.write_bytes(b"PK no archive")
    assert f"{chosen} is not readable as an npz file" in fails(capsys, "improve", f"run={run}")
    chosen.unlink()
    assert main(["improve", f"run={run}"]) == 0
    with np.load(chosen) as stored:
        assert np.isfinite(stored["chunks"]).all()
    # The reward of actions that learnt on the way chooses in the run that the round left.
    assert main(["evaluate", f"run={made}"]) == 0
    learnt = json.loads((made / "evaluation" / "needs.json").read_text())["learnt"]
    assert learnt["distilled"] == {"answers": 6, "carried_out": 9 + 12}
    # Nor can it judge where it would learn from itself.
    told = fails(capsys, "improve", f"run={made}", *SMALL, "improve.judge=distilled")
    assert "improve.judge=distilled cannot judge" in told
    assert not (made / "rounds").exists()


@pytest.mark.slow
def test_all_rounds_go_by_what_the_command_was_given_and_nothing_of_them_is_lost(run: Path) -> None:
    assert main(["train", "reward", f"run={run}", *OUTCOME]) == 0
    words = [*SMALL, "improve.method=irepo", "improve.distil=false", "improve.stop.agreement=null"]
    asked = ["improve.answers=3", "label.kind=pair", "label.demonstrated=false"]
    assert main(["improve", f"run={run}", *words, *asked]) == 0
    rounds = run / "rounds" / "irepo"
    made = rounds / "1"
    for folder in (run, made):
        assert EpisodeStore.open(folder / "explored.zarr").attrs["warm_up"] == 1
        with FeedbackStore(folder / "labels.sqlite", create=False) as database:
            explored = [query for query in database.queries() if query.items[0].source == "explored"]
        assert {len(query.items) for query in explored} == {2}
    # Fewer rounds take nothing from those that were made, nor from what these were used with since.
    write(made, [*(word for word in recall(made) if not word.startswith("evaluate.steps=")), "evaluate.steps=2"])
    kept = load_rounds(rounds)
    assert main(["improve", f"run={run}", "improve.rounds=1"]) == 0
    assert load_rounds(rounds) == kept
    assert len(kept) == 3
    assert "evaluate.steps=2" in recall(made)
    # Rounds of what a round left explore other states than that one, and than itself.
    assert main(["improve", f"run={made}", *words, "improve.answers=0", "improve.rounds=1"]) == 0
    assert "explore.first=10000" in recall(made)
    assert "explore.first=20000" in recall(made / "rounds" / "irepo" / "1")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["improve.method=rafft"], "method=rafft is no choice of method"),
        (["improve.method=raft,awr"], "improve.method=raft,awr names several values; give one, a list"),
        (["improve.rounds=range(1,3)"], "improve.rounds=range(1,3) names several values; give one"),
        (["improve.judge=outcom"], "unknown improve.judge 'outcom'"),
        (["improve.judge=null"], "or name one that judges actions with improve.judge="),
        (["improve.judge=implicit", *DISTILLED, "rewards.distilled.begin_with=dynamics"], "no learnt dynamics at"),
        (["improve.real=1"], "improve.real must be"),
        (["improve.states=0"], "improve.states must be"),
        (["improve.starts=1"], "improve.starts must be"),
        (["improve.sharpen.states=-1"], "improve.sharpen.states must be"),
        (["improve.sharpen.candidates=1"], "improve.sharpen.candidates must be"),
        (["improve.stop.fall=2"], "improve.stop.fall must be"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(
    run: Path, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in fails(capsys, "improve", f"run={run}", *words)
    assert not (run / "rounds").exists()
    assert not (run / "explored.zarr").exists()
