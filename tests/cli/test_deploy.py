"""`robopref deploy` without hardware, and what it refuses."""

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.data.episodes.store import EpisodeStore
from robopref.motion import Reading
from robopref.robots.sim import TaskSpec
from robopref.robots.simulators.rosbridge_simulator import RosbridgeSimulator
from robopref.robots.task_robot import TaskRobot
from tests.cli.tiny import fails
from tests.robots.toy import PointRobot

QUICK = ["deploy.view=none", "deploy.candidates=3", "safety.age=30", "safety.hold_after=10", "safety.stop_after=30"]


class PickingRobot(PointRobot):
    """A real one, as far as anybody can tell, that takes points to pick and place."""

    made: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        super().__init__(real=True)
        from dataclasses import replace

        from robopref.robots.maps import AnchorMap
        from tests.geometry import pick_and_place

        self.spec = replace(self.spec, points=2, primitive=True)
        self.actions = AnchorMap(pick_and_place())  # type: ignore[assignment]
        self.made.append(self)

    def observe(self) -> Reading:
        return super().observe()


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_simulated_episode_is_executed_and_recorded(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", f"run={run}", *QUICK, "deploy.commands=2", "deploy.episodes=2"]) == 0
    out = capsys.readouterr().out
    assert "2 commands" in out
    store = EpisodeStore.open(run / "deploy" / "sim.zarr")
    assert store.episode_ends.tolist() == [2, 4]
    assert {"points", "proprio", "action", "raw_action", "command", "progress"} <= set(store.keys)
    assert np.abs(store.array("action")).max() <= 1
    kinds = [line["kind"] for line in lines(run / "deploy" / "events.jsonl")]
    assert kinds.count("step") == 4
    summary = json.loads((run / "deploy" / "summary.json").read_text())
    assert [one["commands"] for one in summary["episodes"]] == [2, 2]
    assert {"sample", "filter", "rank"} <= summary["timing"].keys()
    assert summary["person"] is None, "no reward of the run knows any"


@pytest.mark.slow
def test_who_is_asked_is_offered_a_drawn_order_unless_it_is_greedy(run: Path) -> None:
    asked = ["deploy", f"run={run}", *QUICK, "deploy.pace.ask=true", "deploy.seconds=1"]
    assert main(asked) == 0
    (plan, *_) = (line for line in lines(run / "deploy" / "events.jsonl") if line["kind"] == "plan")
    assert sorted(plan["order"]) == [0, 1, 2]
    assert plan["index"] == plan["order"][0]
    assert sum(plan["chances"]) == pytest.approx(1)
    (run / "deploy" / "events.jsonl").unlink()
    assert main([*asked, "deploy.temperature=0"]) == 0
    (plan, *_) = (line for line in lines(run / "deploy" / "events.jsonl") if line["kind"] == "plan")
    assert not {"order", "chances"} & plan.keys()


@pytest.mark.slow
def test_rope_through_rosbridge_goes_as_in_simulation(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["deploy", f"run={run}", *QUICK, "deploy.automatic=false", "deploy.commands=2"]
    assert main(words) == 0
    # 10 nm of noise: a camera that lives, but tips no balance between candidates.
    with RosbridgeSimulator(lambda: TaskRobot(TaskSpec("envs:robopref/RopeShaping-v0")), noise=1e-8) as simulator:
        robot = ["robot=rosbridge", f"robot.port={simulator.port}", "robot.points=2", "robot.primitive=true",
                 "robot.longest=60", "robot.timeout=60", "robot.topics.proprio=/robopref/proprio",
                 "deploy.send=true", "deploy.operator=test"]  # fmt: skip
        assert main([*words, *robot]) == 1
        refusal = re.sub(r"\s+", " ", capsys.readouterr().err)
        assert "cannot be armed without limits: give safety.frozen" in refusal
        assert main([*words, *robot, "+safety.frozen=60"]) == 1
        assert "does not hold by itself" in re.sub(r"\s+", " ", capsys.readouterr().err)
        assert main([*words, *robot, "+safety.frozen=60", "robot.deadman=0.5"]) == 0
    simulated, bridged = (EpisodeStore.open(run / "deploy" / f"{name}.zarr") for name in ("sim", "rosbridge"))
    np.testing.assert_allclose(bridged.array("points"), simulated.array("points"), atol=1e-3)
    np.testing.assert_allclose(bridged.array("proprio"), simulated.array("proprio"), atol=1e-4)
    np.testing.assert_allclose(bridged.array("action"), simulated.array("action"), atol=1e-3)


def test_a_recording_is_played(run: Path) -> None:
    words = ["robot=replay", "deploy.reward=null", "deploy.commands=1", "ranker=best_of_n"]
    assert main(["deploy", f"run={run}", *QUICK, *words]) == 0
    stored, played = EpisodeStore.open(run / "demos.zarr"), EpisodeStore.open(run / "deploy" / "replay.zarr")
    np.testing.assert_array_equal(played.array("points", 0, 1), stored.array("points", 0, 1))


@pytest.mark.slow
def test_a_real_robot_is_only_read_unless_it_is_said_otherwise_every_time(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "tests")
    custom = ["robot=custom", "robot._target_=tests.cli.test_deploy.PickingRobot", "deploy.seconds=0.5"]
    PickingRobot.made.clear()
    assert main(["deploy", f"run={run}", *QUICK, *custom]) == 0
    out = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "dry run: nothing is sent to the robot" in out
    assert "needs safety.frozen" in out
    assert PickingRobot.made[-1].calls == []
    assert main(["deploy", f"run={run}", *QUICK, *custom, "deploy.send=true"]) == 1
    assert "give safety.frozen" in capsys.readouterr().err
    assert main(["deploy", f"run={run}", *QUICK, *custom, "deploy.send=true", "+safety.frozen=30"]) == 1
    assert "armed by a person" in capsys.readouterr().err
    assert PickingRobot.made[-1].calls == []
    armed = ["deploy.send=true", "+safety.frozen=30", "deploy.operator=ann", "deploy.seconds=30", "deploy.commands=1"]
    assert main(["deploy", f"run={run}", *QUICK, *custom, *armed]) == 0, capsys.readouterr().err
    assert PickingRobot.made[-1].named("execute")
    told = [line["cause"] for line in lines(run / "deploy" / "events.jsonl") if line["kind"] == "armed"]
    assert "by ann" in told
    # Remembered is which robot it was, but not that it may move.
    again = compose_config("config", [f"run={run}"])
    assert again.robot._target_.endswith("PickingRobot")
    assert again.deploy.send is False
    assert again.deploy.operator is None


def test_a_reward_that_does_not_exist_is_named_with_those_that_do(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deploy", f"run={run}", *QUICK, "deploy.reward=implicid"]) == 1
    assert "Did you mean implicit" in capsys.readouterr().err


def test_a_run_without_rewards_says_how_to_do_without(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "rewards")
    told = fails(capsys, "deploy", f"run={run}", *QUICK)
    assert f"no trained reward in {run}; run: robopref train reward run={run}, or take the policy's own sample" in told
    assert "deploy.reward=null" in told


def test_something_that_is_no_robot_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["robot=custom", "robot._target_=builtins.dict"]
    assert main(["deploy", f"run={run}", *QUICK, *words]) == 1
    assert "dict is no robot" in capsys.readouterr().err


def test_a_run_has_a_page_and_a_port_that_is_taken_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = ["deploy.view=browser", "deploy.page.open=false", "deploy.commands=1"]
    assert main(["deploy", f"run={run}", *QUICK, *page, "deploy.page.port=0"]) == 0
    assert re.search(r"Watch at http://127\.0\.0\.1:\d+/#\S{20,}", capsys.readouterr().out)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["deploy", f"run={run}", *QUICK, *page, f"deploy.page.port={port}"]) == 1
    assert f"cannot listen at 127.0.0.1:{port}" in capsys.readouterr().err
    assert main(["deploy", f"run={run}", *QUICK, "deploy.view=window"]) == 1
    assert "terminal, browser or none" in capsys.readouterr().err


@pytest.mark.slow
def test_every_start_is_run_with_ranking_and_without(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*QUICK, "deploy.automatic=false", "deploy.control=true", "deploy.commands=1"]
    assert main(["deploy", f"run={run}", *words]) == 0
    out = re.sub(r"\s+", " ", capsys.readouterr().out)
    folder = run / "deploy" / "control"
    store = EpisodeStore.open(folder / "sim.zarr")
    starts, ranked = store.array("start").tolist(), store.array("ranked").tolist()
    assert starts == [0, 0]
    assert sorted(ranked) == [False, True]
    np.testing.assert_array_equal(*store.array("points"))
    told = [line for line in lines(folder / "events.jsonl") if line["kind"] == "episode"]
    assert [(line["start"], line["ranked"]) for line in told] == list(zip(starts, ranked, strict=True))
    plans = [line for line in lines(folder / "events.jsonl") if line["kind"] == "plan"]
    assert {line["candidates"] for line in plans} == {3}
    summary = json.loads((folder / "summary.json").read_text())
    assert [one["ranked"] for one in summary["trials"]] == ranked
    matched = summary["matched"]["strategies"]["ranked by implicit"]
    assert matched["success"]["gain"]["n"] == 1
    assert np.isfinite(matched["final_distance"]["gain"]["mean"])
    assert "start 1, run 2 of 2: " in out
    assert "Final shape distance [cm] with and without, on the same 1 start" in out
    assert not (run / "deploy" / "sim.zarr").exists()


def test_what_cannot_be_compared_is_refused_before_anything_moves(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["deploy", f"run={run}", *QUICK, "deploy.control=true"]
    assert main([*words, "deploy.reward=null"]) == 1
    assert "name what ranks by deploy.reward=<name>" in capsys.readouterr().err
    assert main([*words, "robot=replay"]) == 1
    assert "replay carries none out" in capsys.readouterr().err
    assert main([*words, "deploy.control=perhaps"]) == 1
    assert "deploy.control" in capsys.readouterr().err
    assert not (run / "deploy").exists()
