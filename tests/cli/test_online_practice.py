"""`robopref online agent=world_model data=` on tiny settings: from demonstrations to a page, killed on the way."""

import json
from pathlib import Path

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.practice import Practice, read_practice
from robopref.reports.practice_report import newtons
from tests.cli.tiny import fails

TASK = ["env=planar_push", "env.options.success_distance=0.05"]
TINY = ["agent=world_model", *TASK, "device=cpu", "steps=200", "agent.cloning=20", "agent.seeding=70",
        "agent.pretraining=2", "agent.updates=0.05", "agent.handover.last=60", "agent.centering.samples=5",
        "agent.ensemble.members=2", "agent.width=8", "agent.latent=8", "agent.learning.batch_size=8",
        "practice.every=1", "evaluate.episodes=2"]  # fmt: skip


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("push")
    assert main(["collect", f"run={run}", *TASK, "+env.quality=expert", "collect.steps=60", "workers=0",
                 "+env.options.state=true", "+env.options.impacts=true", "+env.options.points=false"]) == 0  # fmt: skip
    return run / "demos.zarr"


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.slow
def test_a_practice_that_was_killed_goes_on_as_if_it_had_not_been(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert main(["online", *TINY, f"data={demos}", f"run={whole}"]) == 0
    out = capsys.readouterr().out
    assert "in 1,000" in out
    assert "agent, filtered" in out
    page = (whole / "practice.html").read_text()
    assert "Steps beyond a bound" in page
    assert page.count("<video") == 2
    assert (whole / "before.mp4").stat().st_size > 1000
    found = json.loads((whole / "evaluation.json").read_text())
    assert {"clone", "agent", "agent, filtered"} <= set(found)

    # Killed after an episode that was stored, but not yet written down.
    keep = Practice._keep

    def killed(practice: Practice) -> None:
        if len(practice.episodes) == 3:
            raise KilledError
        keep(practice)

    monkeypatch.setattr(Practice, "_keep", killed)
    with pytest.raises(KilledError):
        main(["online", *TINY, f"data={demos}", f"run={run}"])
    assert (len(EpisodeStore.open(run / "online.zarr")), len(read_practice(run / "practice"))) == (3, 2)
    monkeypatch.undo()
    assert "was begun with steps=200, not 300" in fails(capsys, "online", f"run={run}", "steps=300")
    assert "was begun with agent.width=8, not 9;" in fails(capsys, "online", f"run={run}", "agent.width=9")
    told = fails(capsys, "online", f"run={run}", "agent.ensemble=null")
    assert "was begun with agent.ensemble=a LowerBound, not None;" in told
    assert main(["online", *TINY, f"data={demos}", f"run={run}"]) == 0
    one, other = (read_practice(folder / "practice") for folder in (run, whole))
    assert one == other
    stored = [EpisodeStore.open(folder / "online.zarr") for folder in (run, whole)]
    for key in stored[0].keys:
        np.testing.assert_array_equal(stored[0].array(key), stored[1].array(key))
    assert sum(episode.planned for episode in one) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "observed", "parts"),
    [
        (["env=valve_turn"], ["+env.options.points=false"], []),
        (["env=planar_push"], [], ["observation=[points,proprio]", "+agent.learning.encoder_rate=0.3"]),
    ],
    ids=["valve", "clouds"],
)
def test_other_tasks_and_clouds_are_practised_to_films(
    task: list[str], observed: list[str], parts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, run = tmp_path / "shown", tmp_path / "run"
    assert main(["collect", f"run={shown}", *task, *observed, "+env.quality=expert", "collect.steps=30", "workers=0",
                 "+env.options.state=true", "+env.options.impacts=true"]) == 0  # fmt: skip
    tiny = [setting for setting in TINY if setting not in TASK]
    assert main(["online", *tiny, *task, *parts, f"data={shown}/demos.zarr", f"run={run}", "steps=130"]) == 0
    assert "agent, filtered" in capsys.readouterr().out
    assert {"before.mp4", "after.mp4", "agent.pt", "practice.html"} <= {path.name for path in run.iterdir()}
    assert sum(episode.planned for episode in read_practice(run / "practice")) > 0


def test_a_force_that_nothing_measured_is_not_shown_as_none() -> None:
    assert [newtons(force) for force in (0.0, 0.6, 41.7)] == ["–", "1", "42"]


def test_what_does_not_fit_is_refused_before_anything_is_learnt(
    demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, given = f"run={tmp_path / 'run'}", [*TINY, f"data={demos}"]
    assert "takes no demonstrations" in fails(capsys, "online", run, f"data={demos}", *TASK, "device=cpu")
    told = fails(capsys, "online", run, *given, "env.options.success_distance=0.03")
    assert "was demonstrated with success_distance=0.05, not 0.03" in told
    elsewhere = ["agent=world_model", "device=cpu", f"data={demos}", "env=bin_pick"]
    assert "name that task with env=" in fails(capsys, "online", f"run={tmp_path / 'bin'}", *elsewhere)
    assert "data= goes with env=" in fails(
        capsys, "online", f"run={tmp_path / 'none'}", "agent=world_model", f"data={demos}"
    )
    assert "both name a task" in fails(capsys, "online", run, *given, "environment=Pendulum-v1")
    told = fails(capsys, "online", run, *given, "observation=[stat]")
    assert "unknown array of" in told
    assert "Did you mean state" in told
    assert "agent.handover.most must be in (0, 1], got 2" in fails(
        capsys, "online", run, *given, "agent.handover.most=2"
    )
    assert not (tmp_path / "run" / "practice").exists()
