"""Plans of a practised agent in commands: labelled, ranked, filtered, carried out; and what cannot be exported."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.interaction import AgentSpec
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.policies.agreed_plans import AgreedPlans
from robopref.policies.plan_value import LowerBound
from tests.cli.tiny import fails

TASK = ["env=planar_push", "+env.options.state=true", "+env.options.points=false"]
QUICK = ["deploy.view=none", "deploy.candidates=3", "deploy.commands=3", "deploy.automatic=false", "safety.age=30",
         "safety.hold_after=10", "safety.stop_after=30"]  # fmt: skip

TINY = ["evaluate.starts=2", "evaluate.candidates=3", "evaluate.warm_up=1", "evaluate.episodes=1", "evaluate.steps=1"]


def agent_of(store: EpisodeStore, path: Path, observation: tuple[str, ...] = ("state",)) -> Path:
    """An agent that has learnt nothing, of what was recorded."""
    shapes = {name: store.array(name, 0, 1).shape[1:] for name in observation}
    spec = AgentSpec(shapes, store.array("action", 0, 1).shape[1], 10, 0, torch.device("cpu"))
    centering = AgreedPlans(samples=4)
    WorldModelAgent(spec, centering=centering, ensemble=LowerBound(members=2), latent=8, width=8).save(path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("planner")
    assert main(["collect", f"run={run}", *TASK, "collect.steps=6", "workers=0", "device=cpu"]) == 0
    agent_of(EpisodeStore.open(run / "demos.zarr"), run / "agent.pt")
    return run


@pytest.fixture(scope="module")
def trained(run: Path) -> Path:
    run = shutil.copytree(run, run.with_name(f"{run.name}-trained"))
    planner = ["policy=world_model", f"policy.agent={run}/agent.pt", "rewards.implicit=null"]
    assert main(["label", f"run={run}", *planner, "label.states=3", "label.candidates=3", "label.warm_up=1"]) == 0
    fits = ["rewards.explicit.fit.steps=2", "rewards.outcome.fit.steps=2", "rewards.outcome.members=1"]
    assert main(["train", "reward", f"run={run}", "reward=outcome", *fits]) == 0
    return run


@pytest.mark.slow
def test_plans_are_ranked_filtered_carried_out_and_recorded(trained: Path) -> None:
    run = trained
    assert main(["deploy", f"run={run}", *QUICK, "use=explicit", "+safety.step=0.002"]) == 0
    store = EpisodeStore.open(run / "deploy" / "sim.zarr")
    assert store.episode_ends.tolist() == [3]
    assert {"state", "proprio", "action", "raw_action"} <= set(store.keys)
    # No command goes further than the filter lets it, whatever was planned.
    raw, done = store.array("raw_action"), store.array("action")
    assert np.abs(done).max() < np.abs(raw).max()
    plans = [json.loads(line) for line in (run / "deploy" / "events.jsonl").read_text().splitlines()]
    ranked = [line for line in plans if line["kind"] == "plan"]
    assert [len(line["raw"]) for line in ranked] == [3, 3, 3]
    assert all(line["candidates"] == 3 and np.isfinite(line["score"]) for line in ranked)
    assert main(["evaluate", f"run={run}", *TINY]) == 0
    assert main(["report", f"run={run}"]) == 0  # of decisions without clouds
    assert "look-ahead by outcome" in (run / "report.html").read_text()


@pytest.mark.slow
def test_the_world_model_foresees_for_rankers(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, tiny = f"run={trained}", [*TINY, "dynamics=world_model"]
    assert main(["evaluate", run, *tiny, "ranker=look_ahead", "use=outcome"]) == 0
    found = np.load(trained / "evaluation" / "decisions.npz")
    assert np.isfinite(found["scores_imagined outcome"]).all()
    needs = json.loads((trained / "evaluation" / "needs.json").read_text())
    assert "imagined outcome" in needs["learnt"]
    assert main(["deploy", run, *QUICK, "ranker=look_ahead", "use=outcome"]) == 0
    assert main(["evaluate", run, *tiny, "ranker=beam_search", "use=explicit"]) == 0
    assert np.load(trained / "evaluation" / "decisions.npz")["beams_explicit"].shape == (2, 3)
    capsys.readouterr()
    nowhere = ["dynamics=world_model", f"dynamics.agent={trained}/nowhere.pt"]
    told = fails(capsys, "deploy", run, *QUICK, *nowhere, "ranker=beam_search")
    assert "no checkpoint at" in told
    assert "robopref online agent=world_model run=<folder> makes one" in told


@pytest.mark.slow
def test_plans_are_searched_by_what_the_world_model_says_that_they_earn(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = shutil.copytree(run, tmp_path / "searched")
    given = [f"run={here}", "policy=world_model", f"policy.agent={here}/agent.pt"]
    search = ["ranker=earned_search", "ranker.beams=2", "ranker.candidates=2", "ranker.depth=2"]
    told = fails(capsys, "deploy", *given, *QUICK, *search)
    assert "adds up what a world model says that chunks earn, and dynamics=sim has none; choose dynamics=world" in told
    told = fails(capsys, "evaluate", *given, *TINY, *search, "dynamics=world_model", "use=explicit")
    assert "ranks by what a world model says that chunks earn, and use=explicit by a reward; leave one of them" in told
    # No reward is trained, and none is needed.
    assert main(["evaluate", *given, *TINY, *search, "dynamics=world_model"]) == 0
    found = np.load(here / "evaluation" / "decisions.npz")
    assert found["scores_earned"].shape == found["beams_earned"].shape == (2, 3)
    assert json.loads((here / "evaluation" / "ranked.json").read_text()) == {"by": "beam search by earned"}
    needs = json.loads((here / "evaluation" / "needs.json").read_text())
    assert (needs["beams"], needs["learnt"]["earned"]["answers"]) == ({"earned": 0}, 0)
    assert main(["report", f"run={here}"]) == 0
    assert "beam search by earned, 0 simulated, was" in " ".join(capsys.readouterr().out.split())
    assert main(["deploy", f"run={here}", *QUICK]) == 0
    plans = [json.loads(line) for line in (here / "deploy" / "events.jsonl").read_text().splitlines()]
    assert [np.isfinite(line["score"]) for line in plans if line["kind"] == "plan"] == [True] * 3


def test_a_planner_says_what_it_needs_and_how_it_is_used_elsewhere(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    planner = ["policy=world_model", f"policy.agent={run}/agent.pt"]
    told = fails(capsys, "export", f"run={run}", *planner, "deploy.reward=null")
    assert "and this policy is none; take " in told
    assert f"{run}/agent.pt along: policy.agent=<file> and, from Python, PlannedPolicy" in told
    assert "policy.agent=<run>/agent.pt, which robopref online agent=world_model" in fails(
        capsys, "deploy", f"run={run}", "policy=world_model"
    )
    spec = AgentSpec({"state": (3,)}, 2, 10, 0, torch.device("cpu"))
    WorldModelAgent(spec, ensemble=LowerBound(members=2), latent=8, width=8).save(run / "other.pt")
    elsewhere = ["ranker=earned_search", "dynamics=world_model", f"dynamics.agent={run}/other.pt"]
    told = fails(capsys, "deploy", f"run={run}", *planner, *QUICK, *elsewhere)
    assert "other.pt observes state of [3] entries, and here they are [11]; name an agent of the same task" in told
    nothing = fails(capsys, "deploy", f"run={run / 'nothing'}", *planner, "deploy.reward=null", "env=planar_push")
    assert "and no recordings that say what is observed and done; run: robopref collect" in nothing
    (run / "text.pt").write_text("no agent")
    assert "text.pt is not an agent, or not all of it" in fails(
        capsys, "deploy", f"run={run}", "policy=world_model", f"policy.agent={run}/text.pt"
    )
