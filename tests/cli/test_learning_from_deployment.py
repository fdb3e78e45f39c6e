"""What operators did in a deployment becomes comparisons that rewards learn from, beside those of others."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.cli import train as train_command
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.motion import Event, Intervention, Plan, Reading
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.records import Observation
from tests.cli.tiny import TINY, fails

QUICK = [word for word in TINY if not word.startswith("rewards.implicit.")]
QUICK += ["rewards.implicit=null", "use=explicit"]


def took_over(run: Path, count: int) -> Path:
    """A deployment's folder, in which somebody took over so often, and let one plan of four candidates be executed."""
    demos, folder = EpisodeStore.open(run / "demos.zarr"), run / "deploy"
    folder.mkdir()
    events: list[DeploymentEvent] = []
    for step in range(count + 1):
        seen = {name: demos.array(name, step, step + 1)[0].astype(np.float32) for name in ("points", "proprio")}
        done = demos.array("action", step, step + 1).astype(np.float32)
        if step < count:
            events.append(
                DeploymentEvent("takeover", 1.0, 0, step, -done[None], 0, corrected=done, operator="ann", **seen)
            )
        else:
            chunks = np.stack([done, -done, 0.5 * done, 0 * done])
            events.append(DeploymentEvent("accept", 1.0, 0, step, chunks, 0, (0, 1), operator="ann", **seen))
    (folder / "feedback.jsonl").write_text("".join(json.dumps(one.to_json()) + "\n" for one in events))
    return folder


@pytest.mark.slow
def test_takeovers_are_learnt_from_beside_other_answers(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = took_over(run, 3)
    words = ["labels", "import", f"run={run}", f"path={deploy}", "format=events"]
    assert main(words) == 0
    assert "added 4 queries and 4 answers" in capsys.readouterr().out
    assert main(words) == 0
    assert "added 0 queries and 0 answers" in capsys.readouterr().out
    train = ["train", "reward", f"run={run}", *QUICK]
    # A person's answers are not mixed with a teacher's without a word.
    assert "filter.by_labeler.names=[ann,scripted-teacher]" in fails(capsys, *train)
    learnt: list[Any] = []
    load = train_command.load_training

    def watched(*asked: Any, **needs: Any) -> Any:
        found = load(*asked, **needs)
        learnt.append(found.comparisons)
        return found

    monkeypatch.setattr(train_command, "load_training", watched)
    everyone = [*train, "filter=[by_labeler]", "filter.by_labeler.names=[ann,scripted-teacher]"]
    assert main(everyone) == 0
    assert len(learnt[0]) == EpisodeStore.open(run / "candidates.zarr").steps + 4
    assert main([*train, "filter.by_labeler.names=[ann]"]) == 0
    assert len(learnt[1]) == 4
    # What was done is better than what was planned.
    action, target = learnt[1].items.part("action")[:, :, 0], learnt[1].target
    demos = EpisodeStore.open(run / "demos.zarr").array("action")
    for row, (better, worse) in enumerate(target.weight.nonzero()[:, 1:].tolist()):
        assert target.p[row, better, worse] == 1
        assert np.abs(action[row, better, 0].cpu().numpy() - demos[row]).max() < 1e-6 or row == 3
        assert (action[row, better] == -action[row, worse]).all()


def test_takeovers_alone_are_enough(run: Path) -> None:
    deploy = took_over(run, 3)
    for name in ("candidates.zarr", "outcomes.zarr"):
        (run / name).rename(run.parent / name)
    (run / "labels.sqlite").unlink()
    assert main(["labels", "import", f"run={run}", f"path={deploy}", "format=events"]) == 0
    assert main(["train", "reward", f"run={run}", *QUICK]) == 0
    with FeedbackStore(str(run / "labels.sqlite"), create=False) as database:
        assert {given.labeler_version for given in database.feedback()} == {"event takeover", "event accept"}


def test_takeovers_of_another_policy_are_left_out_and_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy = took_over(run, 1)
    path = deploy / "feedback.jsonl"
    line = json.loads(path.read_text().splitlines()[0])
    line |= {name: [chunk * 2 for chunk in line[name]] for name in ("candidates",)}
    line["corrected"] *= 2
    path.write_text(json.dumps(line))
    assert main(["labels", "import", f"run={run}", f"path={deploy}", "format=events"]) == 0
    names = "filter.by_labeler.names=[ann,scripted-teacher]"
    assert main(["train", "reward", f"run={run}", *QUICK, names]) == 0
    assert "what operators did there is not learnt from" in capsys.readouterr().out


def test_segments_around_takeovers_are_learnt_from_where_they_were_recorded(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demos, path = EpisodeStore.open(run / "demos.zarr"), run / "deploy/sim.zarr"
    path.parent.mkdir()
    recorded = EpisodeStore.create(path, demos.attrs)
    who = np.array(list("pptooo"))  # the policy, its last step before the take-over, the operator
    steps = {key: demos.array(key, 0, 6) for key in demos.keys}
    marks = {"operator": who == "o", "taken_over": who == "t", "truncated": np.arange(6) == 5}
    recorded.append({**steps, **marks, "terminated": np.zeros(6, bool)})
    words = ["labels", "import", f"run={run}", f"path={path}", "format=takeovers", "labeler=ann"]
    assert "give length=<steps>" in fails(capsys, *words)
    assert main([*words, "length=2"]) == 0
    assert "added 1 queries and 1 answers" in capsys.readouterr().out
    asked = [f"data={path}", "label.about=segments", "filter=[by_labeler]", "filter.by_labeler.names=[ann]"]
    assert main(["train", "reward", f"run={run}", *QUICK, *asked]) == 0
    assert "there are other labels" in capsys.readouterr().out


@pytest.mark.slow
def test_takeovers_of_a_policy_that_sees_pictures_are_learnt_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, store = np.random.default_rng(0), EpisodeStore.create(tmp_path / "arm.zarr", {})
    for _ in range(2):
        pictures = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
        moves = rng.uniform(-1, 1, (12, 2)).astype(np.float32)
        store.append({"image": pictures, "state": moves, "action": moves})
    run = tmp_path / "run"
    words = [f"run={run}", f"data={store.path}", "device=cpu", "policy=observed", "policy.horizon=2"]
    words += ["policy.encoder.width=8", "policy.denoiser.hidden=16"]
    assert main(["train", "policy", *words, "train.fit.steps=2", "train.batch_size=4"]) == 0
    # As they are recorded while it acts.
    feedback, chunk = OperatorFeedback(run / "feedback.jsonl", "ann"), np.ones((1, 2, 2), np.float32)
    for row in range(4):
        seen = Observation(image=store.array("image", row, row + 1)[0], state=store.array("state", row, row + 1)[0])
        reading = Reading(seen, float(row), np.zeros(3), row)
        plan = Plan(reading, 0, chunk[0], chunk[0], chunk, np.zeros(1), 0, 0, {})
        feedback.on_reset(reading)
        feedback.on_plan(plan)
        done = Intervention((reading,), (), -chunk[0], chunk[0])
        feedback.on_event(Event("intervention", 0.0, "", {}, plan, done))
    feedback.close()
    assert main(["labels", "import", f"run={run}", f"path={run / 'feedback.jsonl'}", "format=events"]) == 0
    learn = ["rewards.explicit.fit.steps=2", "rewards.implicit=null", "use=explicit", "label.about=candidates"]
    assert main(["train", "reward", *words, *learn, "labeler=human"]) == 0, capsys.readouterr().err
    with FeedbackStore(str(run / "labels.sqlite"), create=False) as database:
        assert len(list(database.feedback())) == 4
    several = [f"run={tmp_path / 'several'}", *words[1:], "policy.history=2", "train.fit.steps=1"]
    assert main(["train", "policy", *several]) == 0
    assert main(["labels", "import", several[0], f"path={run / 'feedback.jsonl'}", "format=events"]) == 0
    told = fails(capsys, "train", "reward", *several[:1], *learn, "labeler=human")
    assert "holds one observation of each state, and the policy sees the last 2" in told
    assert "with label.about=segments" in fails(capsys, "label", several[0], "label.about=candidates", "env=rope")
    stored = EpisodeStore.open(run / "feedback.zarr")
    np.testing.assert_array_equal(stored.array("image"), store.array("image", 0, 4))
