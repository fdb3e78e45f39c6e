"""A small judge of a run: trained by one command on reasons and verdicts, and asked without a server."""

from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.learning.judge_training import JudgeAnswers, JudgeTraining, as_steps, load_judge
from robopref.querying.segment_queries import segment_queries
from robopref.reasons import Chain, DimensionFinding, read_chains
from robopref.records import Feedback, Item, Preference, Query
from tests.cli.tiny import fails

TINY = [f"training.{name}={value}" for name, value in (("cold", 60), ("sifted", 10), ("hard", 5), ("rounds", 1))]
PAIR = Query("q", "pair", (Item("walks", 0, 2), Item("walks", 2, 4)))


def said(worth: np.ndarray, query: Query) -> Feedback:
    """Reasons of who sees the state: progress is its first number, and contact its second; progress decides."""
    means = [worth[item.start : item.stop].mean(0) for item in query.items]
    findings = tuple(
        DimensionFinding(name, tuple(float(np.clip(round(5.5 + 2 * mean[place]), 1, 10)) for mean in means))
        for place, name in enumerate(("progress", "contact"))
    )
    first = float(means[0][0] > means[1][0])
    return Feedback(query.id, Preference(first), "reasoned", "m 00000000",
                    rationale=Chain((0, 1), findings, first).written())  # fmt: skip


def test_a_small_judge_is_trained_on_a_run_and_answers_with_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    store, state = EpisodeStore.create(tmp_path / "walks.zarr", {}), rng.normal(size=(200, 2)).astype(np.float32)
    for start in range(0, 200, 20):
        part = state[start : start + 20]
        store.append({"state": part, "action": np.zeros((20, 1), np.float32), "flag": np.zeros(20, np.int64)})
    pool, run = segment_queries("walks", store.episode_ends, length=2, count=120), tmp_path / "run"
    run.mkdir()
    with FeedbackStore(str(run / "labels.sqlite")) as labels:
        labels.add_queries(pool)
        reasons = [said(state, query) for query in pool]
        labels.add_all(reasons[:90])
        labels.add_all([Feedback(one.query_id, one.answer, "ann", order=(0, 1)) for one in reasons])
    words = ["reasoned", "train", f"run={run}", f"data={store.path}"]
    assert "labeler in the database" in fails(capsys, *words, "known=bob")
    assert "training.cold must be " in fails(capsys, *words, "known=ann", "training.cold=0")
    assert main([*words, "known=ann", *TINY]) == 0
    out = capsys.readouterr().out
    assert "scores by progress, contact, from action, state" in out
    shares = [int(line.rpartition(" ")[2].rstrip("%")) for line in out.splitlines() if line.startswith("right on 24")]
    assert len(shares) == 3
    assert shares[-1] >= 75
    _, keys, _ = load_judge(run / "judge" / "weights.pt")
    assert keys == ("action", "state")
    with FeedbackStore(str(run / "labels.sqlite")) as labels:
        taken = {query.id for query in labels.queries()}
    asked = ["label", f"run={run}", "labeler=reasoned_local", "label.about=segments", f"data={store.path}"]
    assert main([*asked, "label.kind=pair", "label.segments.length=2", "label.budget=5", "task=Walk.", "seed=1"]) == 0
    with FeedbackStore(str(run / "labels.sqlite")) as labels:
        given = [one for one in labels.feedback() if one.labeler == "self:judge"]
        assert taken < {query.id for query in labels.queries()}
    assert len(given) == 5
    for one in given:
        (chain,) = read_chains(one.rationale)
        assert list(chain.scores) == ["progress", "contact"]
        assert isinstance(one.answer, Preference)
        assert 0 < one.answer.p < 1


def test_what_teaches_nothing_is_refused() -> None:
    reasons = said(np.array([[1.0, 0], [1, 0], [0, 0], [0, 0]]), PAIR)
    with pytest.raises(DataError, match="given no reasons about pairs"):
        JudgeAnswers.of([PAIR], [reasons], judge="vlm", known="reasoned")
    with pytest.raises(DataError, match="has preferred none"):
        JudgeAnswers.of([PAIR], [reasons, Feedback("q", Preference(0.5), "ann")], judge="reasoned", known="ann")
    made = JudgeAnswers.of([PAIR], [reasons], judge="reasoned", known="reasoned")
    # 5.5 + 2 is 7.5, which rounds to 8; 5.5 rounds to 6.
    assert made.scores.tolist() == [[[8, 6], [6, 6]]]
    assert made.first.tolist() == [1.0]
    with pytest.raises(ConfigError, match="held_out"):
        JudgeTraining(held_out=1.0)
    with pytest.raises(DataError, match="robopref reasoned train"):
        load_judge(Path("nowhere/judge/weights.pt"))


def test_the_chunk_of_a_candidate_is_one_decision() -> None:
    found = as_steps({"state": np.zeros((1, 3)), "action": np.zeros((8, 2)), "path": np.zeros((8, 1, 3))})
    assert {name: value.shape for name, value in found.items()} == {"state": (1, 3), "action": (1, 16)}
