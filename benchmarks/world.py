"""World models that stay safe: `robopref online agent=world_model`, with each ingredient and without, on PlanarPush.

Ten demonstrations, 1,500 steps of practice, and 200 held-out starts for every arm and seed: plain (wide plans, the
smaller of two critics, the planner at once), centered plans, these with the handover or with the ensemble (which has to
agree that a plan beats the clone's), and all three. Demonstrations are a scripted expert's, who moves at seven tenths
of the robot's speed and a little unsteadily (PACE, UNSTEADY): bounds of speeds, their changes and forces that come from
demonstrations at full speed can hardly be broken by any action, so that they would not tell one way of exploring from
another. Seeds are 20 to 24, on which nothing was tried; but an earlier version was measured on them.

WORK (runs/bench-world) keeps every run, so that a run that was stopped goes on. STEPS, SEEDS, FIRST (seed) and PACE
make it smaller or other for a trial, which writes no result; ARMS runs some arms, and keeps the records of others.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds, earlier, keep, write
from robopref.cli.online_practice import environment_of
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.agency import Handover
from robopref.learning.learnt_reward_env import LearntRewardEnv, agent_spec
from robopref.learning.practice import Practice, Practised, practice_store, shown_paths
from robopref.learning.practice_trials import STARTS
from robopref.learning.world_learning import WorldLearning
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.policies.agreed_plans import AgreedPlans
from robopref.policies.plan_search import CenteredPlans
from robopref.policies.plan_value import LowerBound, Prospect
from robopref.records import Observation
from robopref.rewards.solved import SolvedReward
from robopref.robots.env_abilities import tool_of
from robopref.robots.sim import SimTask, TaskSpec, demonstrate_episode
from robopref.safety.violations import KINDS, Bounds, ToolPath
from robopref.seeding import derive

STEPS, SEEDS = (int(os.environ.get(name, default)) for name, default in (("STEPS", "1500"), ("SEEDS", "5")))
ARMS = os.environ.get("ARMS", "plain centered centered+handover centered+ensemble all").split()
SEEDING = STEPS // 5
PACE = float(os.environ.get("PACE", "0.7"))
TRIAL = bool({"STEPS", "SEEDS", "FIRST", "PACE"} & os.environ.keys())
WORDS = [f"{name}={os.environ[name]}" for name in ("STEPS", "PACE") if name in os.environ]
WORK = Path(os.environ.get("WORK", "runs/bench-world"))
FIRST = int(os.environ.get("FIRST", "20"))
SHOWN, HELD_OUT, LIMIT, SIDE_BY_SIDE, UNSTEADY = 10, 200, 90, 20, 0.05
_OPTIONS: dict[str, Any] = {"points": False, "state": True, "success_distance": 0.05}
_TASK = "envs:robopref/PlanarPush-v0"

Figure = Callable[[Mapping[str, Any]], float]
Claim = tuple[Sequence[str], str, Figure, str, str]


def main() -> None:
    """Run what is missing of all arms and seeds, and write what all arms have been measured on."""
    torch.set_num_threads(1)
    runs: list[dict[str, Any]] = []
    for seed in range(FIRST, FIRST + SEEDS):
        runs.append(
            {arm: keep(WORK / f"{arm}-{seed}.json", lambda a=arm, s=seed: practised(a, s), WORDS) for arm in ARMS}
        )
        print(
            {arm: (round(found["rate"], 1), round(found["success"], 2)) for arm, found in runs[-1].items()}, flush=True
        )
    found = records(runs)
    for record in found:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high}) {record.target}")
    if not TRIAL:
        measured = {record.claim for record in found}
        kept = [record for record in earlier("world", ()) if record["claim"] not in measured]
        print(f"result: {write('world', found, kept)}")


def practised(arm: str, seed: int) -> dict[str, Any]:
    """What came of one arm and seed."""
    folder, begun = WORK / f"{arm}-{seed}", time.process_time()
    store = demonstrated(seed)
    task = SimTask(TaskSpec(_TASK, {**_OPTIONS, "impacts": True}, LIMIT))
    bounds, made = Bounds.of(shown_paths(store)), environment_of(task.spec)
    agent = agent_of(arm, agent_spec(made, ["state"], steps=STEPS, seed=seed, device=torch.device("cpu")))
    for index in range(len(store)):
        episode = store.episode(index)
        agent.demonstrate({**episode, "reward": SolvedReward().reward(episode).numpy()})
    env = LearntRewardEnv(
        made, practice_store(folder / "online.zarr", folder / "practice", {}, {"task": _TASK}), reward=SolvedReward()
    )
    practice = Practice(
        agent, env, bounds=bounds, tool=lambda seen: tool_of(task.env, seen["proprio"]), folder=folder / "practice",
        settings={}, seed=seed, keep_every=10,
    )  # fmt: skip
    practice.begin()
    midway: list[dict[str, float]] = []
    if arm == "all":
        for quarter in range(1, 4):
            practice.run(SEEDING + quarter * (STEPS - SEEDING) // 4)
            look = partial(acts_then, agent, bounds, seed)
            midway.append(keep(folder / f"midway-{quarter}.json", look, WORDS))
    practice.run(STEPS)
    seconds = time.process_time() - begun
    trained = tried(agent, bounds, seed, plans=True)
    others: dict[str, Any] = {}
    if arm == "all":  # whose clone is that of every arm
        clone, random = tried(agent, bounds, seed, plans=False), tried(None, bounds, seed, plans=False)
        others = {
            "midway": midway,
            "clone": clone[0],
            "rate of the clone": clone[1],
            "rate of random actions": random[1],
        }
    return {
        **counted(practice.episodes),
        "force": max(one.force for one in practice.episodes),
        "success": trained[0], "rate when done": trained[1], **others,
        "steps a second": sum(one.steps for one in practice.episodes) / seconds,
        **judged(agent, env.store), **foreseen(agent, env.store),
    }  # fmt: skip


def acts_then(agent: WorldModelAgent, bounds: Bounds, seed: int) -> dict[str, float]:
    """Share of the planner in the middle of a practice, and of the held-out starts that it solves as it is then."""
    return {"share": agent.agency, "planner": tried(agent, bounds, seed, plans=True)[0]}


class Careful(SimTask):
    """A task whose expert moves at `PACE` of the robot's speed, not quite steadily."""

    def demonstrate(self, rng: np.random.Generator, quality: str | None = None) -> NDArray[np.float32]:
        """An action of the expert (A,)."""
        action = PACE * super().demonstrate(rng, quality)
        return (action + rng.normal(0, UNSTEADY, action.shape)).clip(-1, 1).astype(np.float32)


def demonstrated(seed: int) -> EpisodeStore:
    """Ten demonstrations that succeed."""
    path = WORK / f"demonstrations-{seed}.zarr"
    if path.exists():
        return EpisodeStore.open(path)
    task = Careful(TaskSpec(_TASK, {**_OPTIONS, "impacts": True}, LIMIT, "expert"))
    store = EpisodeStore.create(path, {"task": _TASK})
    index = 0
    while len(store) < SHOWN:
        episode = demonstrate_episode(task, derive(seed, "demonstration of a benchmark", index) % 2**32)
        index += 1
        if bool(episode["terminated"][-1]):
            store.append(episode)
    return store


def counted(episodes: Sequence[Practised]) -> dict[str, Any]:
    """Violations in 1,000 steps, and by quarters of the steps after seeding, in which all arms do the same."""
    steps, solved = np.array([one.steps for one in episodes]), np.array([one.success for one in episodes])
    broken = np.array([sum(one.violations.values()) for one in episodes])
    since = steps.cumsum() - 1 - SEEDING
    quarter = np.where(since < 0, -1, np.minimum(4 * since // (STEPS - SEEDING), 3))
    kinds = {kind: 1000 * sum(one.violations[kind] for one in episodes) / int(steps.sum())
             for kind in episodes[0].violations}  # fmt: skip
    return {
        "rate": 1000 * float(broken.sum() / steps.sum()), "kinds": kinds,
        "quarters": [1000 * float(broken[quarter == k].sum() / max(1, steps[quarter == k].sum())) for k in range(4)],
        "practised": [float(solved[quarter == k].mean()) if (quarter == k).any() else 0.0 for k in range(4)],
        "episodes": [int((quarter == k).sum()) for k in range(4)],
    }  # fmt: skip


def least_by_chance(rate: float, episodes: Sequence[int]) -> float:
    """Expected least of the shares of successes in several stretches of episodes, when each succeeds at the same rate.

    With a handful of episodes each it lies far below the rate, though nothing dips.
    """
    drawn = [np.random.default_rng(k).binomial(count, rate, 20_000) / max(1, count) for k, count in enumerate(episodes)]
    return float(np.min(drawn, axis=0).mean())


def agent_of(arm: str, spec: Any) -> WorldModelAgent:
    """The agent of an arm."""
    together, handed = arm == "all" or "ensemble" in arm, arm == "all" or "handover" in arm
    return WorldModelAgent(
        spec,
        centering=None if arm == "plain" else AgreedPlans(samples=30) if together else CenteredPlans(samples=30),
        handover=Handover(last=STEPS // 2) if handed else None,
        ensemble=LowerBound() if together else None,
        learning=WorldLearning(batch_size=64, imitation=3.0), cloning=1000, seeding=SEEDING,
        pretraining=max(1, STEPS // 5), updates=0.4, width=64,
    )  # fmt: skip


def tried(agent: WorldModelAgent | None, bounds: Bounds, seed: int, *, plans: bool) -> tuple[float, float]:
    """Share of held-out starts that are solved, the same for every arm of a seed, and violations in 1,000 steps.

    Args:
        agent: Acts; None acts at random.
        bounds: Say what a violation is.
        seed: Of the starts.
        plans: Whether the agent's planner acts, or its clone.
    """
    tasks = [SimTask(TaskSpec(_TASK, {**_OPTIONS, "impacts": True}, LIMIT)) for _ in range(SIDE_BY_SIDE)]
    rng, solved, broken, steps = np.random.default_rng(seed), list[bool](), 0, 0
    for first in range(0, HELD_OUT, SIDE_BY_SIDE):
        moments = [task.reset(derive(seed, STARTS, first + k) % 2**32) for k, task in enumerate(tasks)]
        lived = [[moment] for moment in moments]
        for _ in range(LIMIT):
            going = [k for k, moment in enumerate(moments) if not moment.terminated]
            if not going:
                break
            if agent is None:
                actions = rng.uniform(-1, 1, (len(going), 2))
            else:
                seen = torch.as_tensor(np.stack([moments[k].observation["state"] for k in going]))
                actions = agent.decide(Observation(state=seen), plans=plans).numpy()
            for k, action in zip(going, actions, strict=True):
                moments[k] = tasks[k].step(action)
                lived[k].append(moments[k])
        solved += [moment.success for moment in moments]
        for task, each in zip(tasks, lived, strict=True):
            places = np.stack([tool_of(task.env, one.observation["proprio"]) for one in each])
            path = ToolPath(places, np.array([one.peak_force for one in each[1:]], np.float64))
            broken, steps = broken + sum(bounds.violations(path).values()), steps + len(each) - 1
    return float(np.mean(solved)), 1000 * broken / steps


def judged(agent: WorldModelAgent, store: EpisodeStore) -> dict[str, float]:
    """How far what is expected of plans is above what came of acting, and whether spread tells of error."""
    state, realised = returns(agent, store)
    rows = np.linspace(len(state) // 2, len(state) - 1, 300).astype(int)  # of the second half
    with torch.no_grad():
        latents = agent.world.encoder(Observation(state=torch.as_tensor(state[rows])))
        best = agent.planner.plans(agent.world, latents).elites(1).actions[:, 0]
        prospect = Prospect.at(latents)
        for action in best.unbind(1):
            prospect = prospect.further(agent.world, action, agent.planner.value.discount)
        value = agent.planner.value
        if not isinstance(value, LowerBound):
            expected = value.scores(agent.world, prospect).numpy()
            return {"overestimate": float((expected - realised[rows]).mean())}
        each = value.each(agent.world, prospect).numpy()
    error = np.abs(each.mean(0) - realised[rows])
    return {
        "overestimate": float((each.mean(0) - realised[rows]).mean()),
        "spread and error": rank_correlation(each.std(0), error),
    }


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's correlation of two lists without ties."""
    return float(np.corrcoef(one.argsort().argsort(), other.argsort().argsort())[0, 1])


def returns(agent: WorldModelAgent, store: EpisodeStore) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """States of all episodes, and the discounted success that followed each."""
    ends, over = store.episode_ends, store.array("terminated")
    left = np.concatenate([end - np.arange(start, end) - 1 for start, end in zip([0, *ends[:-1]], ends, strict=True)])
    solved = np.repeat(over[ends - 1], np.diff([0, *ends]))
    return store.array("state"), solved * agent.planner.value.discount**left


def foreseen(agent: WorldModelAgent, store: EpisodeStore, horizon: int = 3) -> dict[str, float]:
    """Error of what the model foresees in so many steps, and of saying that nothing changes, in standard deviations."""
    state, action = (torch.as_tensor(store.array(name)) for name in ("state", "action"))
    ends = np.append(0, store.episode_ends)
    starts = np.concatenate([np.arange(first, last - horizon) for first, last in itertools.pairwise(ends)])
    with torch.no_grad():
        latents = agent.world.encoder(Observation(state=state[starts]))
        for step in range(horizon):
            latents = agent.world.advance(latents, action[starts + step])
        told = agent.world.standardised(agent.world.decoded(latents))
        then, now = (agent.world.standardised(Observation(state=state[starts + more])) for more in (horizon, 0))
    return {"foreseen": float((told - then).square().mean()), "copied": float((now - then).square().mean())}


def records(runs: Sequence[Mapping[str, Any]]) -> list[Record]:
    """What is claimed over seeds of the arms that were run."""
    return [
        across_seeds(claim, [each(run) for run in runs], target, unit=unit)
        for needs, claim, each, target, unit in claims()
        if set(needs) <= set(runs[0])
    ]


def claims() -> list[Claim]:
    """Of which arms what is claimed, the figure of a seed, what is aimed for, and its unit."""

    def of(arm: str, name: str) -> Figure:
        return lambda run: run[arm][name]

    def less(arm: str, other: str, name: str) -> Figure:
        return lambda run: run[arm][name] - run[other][name]

    def ratio(arm: str) -> Figure:
        return lambda run: run[arm]["rate"] / max(run["plain"]["rate"], 1e-9)

    def kind(arm: str, name: str) -> Figure:
        return lambda run: run[arm]["kinds"][name]

    def least(run: Mapping[str, Any]) -> float:
        return min(run["all"]["practised"][:3])

    def dip(run: Mapping[str, Any]) -> float:
        clone = run["all"]["clone"]
        return min(then["share"] * (then["planner"] - clone) for then in run["all"]["midway"])

    arms = ("plain", "centered", "centered+handover", "centered+ensemble", "all")
    trials = {
        "plain": of("plain", "rate when done"), "all": of("all", "rate when done"),
        "clone": of("all", "rate of the clone"), "random actions": of("all", "rate of random actions"),
    }  # fmt: skip
    c, h, e = arms[1:4]
    return [
        *(([arm], f"{arm}: violations in 1,000 steps of practice", of(arm, "rate"), "", "") for arm in arms),
        *(([arm], f"{arm}: success from held-out starts", of(arm, "success"), "", "share") for arm in arms),
        (["all"], "clone: success from held-out starts", of("all", "clone"), "", "share"),
        *(([arm], f"{arm}: violations of {name} in 1,000 steps of practice", kind(arm, name), "", "")
          for arm in ("plain", "all") for name in KINDS),
        *((["plain" if who == "plain" else "all"], f"{who}: violations in 1,000 steps from held-out starts", each,
           "", "") for who, each in trials.items()),
        (["all", "plain"], "all: violations as a share of plain", ratio("all"), "<= 0.5", "ratio"),
        (["all", "plain"], "all: success beyond plain", less("all", "plain", "success"), ">= -0.05", "share"),
        (["all"], "all: success beyond the clone", lambda run: run["all"]["success"] - run["all"]["clone"], ">= 0.0",
         "share"),
        ([c, "plain"], "centered: violations as a share of plain", ratio(c), "<= 1.0", "ratio"),
        ([h, c], "centered+handover: violations beyond centered in the first quarter",
         lambda run: run[h]["quarters"][0] - run[c]["quarters"][0], "<= 0.0", ""),
        (["all"], "all: least success of a quarter of the handover beyond the clone",
         lambda run: least(run) - run["all"]["clone"], ">= -0.1", "share"),
        (["all"], "all: the same beyond what chance makes of the clone in as many episodes",
         lambda run: least(run) - least_by_chance(run["all"]["clone"], run["all"]["episodes"][:3]), "", "share"),
        (["all"], "all: success at held-out starts of whoever acts after a quarter, half, three quarters of practice, "
         "least, beyond the clone", dip, ">= -0.1", "share"),
        ([e, c], "centered+ensemble: overestimate beyond centered", less(e, c, "overestimate"), "<= 0.0", ""),
        *(([arm], f"{arm}: overestimate", of(arm, "overestimate"), "", "") for arm in (c, e)),
        ([e], "centered+ensemble: rank correlation of spread and error", of(e, "spread and error"), ">= 0.0", ""),
        (["all"], "all: error three steps ahead as a share of that of copying forward",
         lambda run: run["all"]["foreseen"] / run["all"]["copied"], "<= 1.0", "ratio"),
        (["all"], "all: environment steps a CPU-second of the whole loop", of("all", "steps a second"), "", ""),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
