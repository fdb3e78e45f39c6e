"""The tasks: how fast they are, whether their physics stays sane, and how good their demonstrators are.

``python -m benchmarks.envs ids=GranularPile,RopeShaping measures=speed,sanity,branches,demonstrators,collectors
episodes=200 branches=100 demos=50 steps=50`` takes parts of ids, what to measure and counts; without a word everything,
at the counts shown. Claims that are not measured stay as they are. Timings mean something on a quiet machine only.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

import envs  # noqa: F401  registers the tasks
from benchmarks.records import Record, earlier, write
from envs.extremes import Extremes
from envs.task import QUALITIES, Task
from robopref.evaluation.intervals import wilson
from robopref.evaluation.statistics import bootstrap_mean
from robopref.robots.sim import SimPool, TaskSpec, demonstrate_episode

COUNTS = {"episodes": 200, "branches": 100, "demos": 50, "steps": 50}
PRIMITIVES = {"RopeShaping": 0.15, "Cloth": 1.5, "GranularPile": 0.4}  # s an action, at most


def main(words: Sequence[str] = ()) -> None:
    """Measure every task, or those whose ids contain a given part, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    parts = given.pop("ids", "").split(",")
    measures = {measure.__name__: measure for measure in (speed, sanity, branches, demonstrators, collectors)}
    chosen = [measures[name] for name in given.pop("measures", ",".join(measures)).split(",")]
    count = COUNTS | {key: int(value) for key, value in given.items()}
    for name in sorted(name for name in gym.registry if name.startswith("robopref/") and name != "robopref/Gym-v0"):
        if any(part in name for part in parts):
            made: list[Record] = []
            for measure in chosen:
                for record in measure(name, count):
                    print(f"{record.value:10.4g} {record.unit:<9} {record.target:<10} {record.claim}", flush=True)
                    made.append(record)
            claims = {record.claim for record in made}
            kept = [record for record in earlier("envs", ()) if record["claim"] not in claims]
            print(f"result: {write('envs', made, kept=kept)}")


def speed(name: str, count: dict[str, int]) -> list[Record]:
    """Actions a second, what share of the time is physics, and the time of an observation."""
    task, rng = make(name), np.random.default_rng(0)
    task.reset(seed=0)
    seconds, physics = np.empty(count["steps"]), np.empty(count["steps"])
    for i in range(count["steps"]):
        action = rng.uniform(-1, 1, task.action_space.shape or ()).astype(np.float32)
        with timed_physics() as spent:
            begun = time.perf_counter()
            _, _, over, _, _ = task.step(action)
            seconds[i] = time.perf_counter() - begun
        physics[i] = spent()
        if over or i % limit(name) == limit(name) - 1:
            task.reset(seed=i)
    task.close()
    short = name.removeprefix("robopref/")
    aims = {aim: f"<= {most}" for aim, most in PRIMITIVES.items() if aim in short}
    found = [
        about(f"{short}: actions a second, points off", 1 / seconds, "", "actions/s"),
        about(f"{short}: seconds an action, points off", seconds, next(iter(aims.values()), ""), "s"),
        about(f"{short}: share of physics in a rollout, points off", [physics.sum() / seconds.sum()], ">= 0.7"),
    ]
    for points in (True, False):
        task = make(name, points=points)
        task.reset(seed=0)
        times = [1000 * clock(task._observe) for _ in range(110)][10:]
        aim = "<= 5" if points else ""
        claim = f"{short}: ms an observation, {'1024 points' if points else 'points off'}"
        found.append(about(claim, times, aim, "ms", middle=True))
        task.close()
    return found


def sanity(name: str, count: dict[str, int]) -> list[Record]:
    """The worst of what random episodes did to the physics; of ropes and cloth `benchmarks.physics` says how deep."""
    task, rng = make(name), np.random.default_rng(1)
    data, worst = task.data, Extremes(task.physics)
    warnings, finite = 0, True
    for episode in range(count["episodes"]):
        task.reset(seed=10_000 + episode)  # a start that is put together may overlap for a moment
        for _ in range(limit(name)):
            with worst.watched():
                over = task.step(rng.uniform(-1, 1, task.action_space.shape or ()).astype(np.float32))[2]
            warnings += sum(int(data.warning[kind].number) for kind in BLOWN_UP)
            finite = finite and bool(np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all())
            if over:
                break
    task.close()
    told, n = "in random episodes", count["episodes"]
    short = name.removeprefix("robopref/")
    bad = [warnings + (not finite)]
    found = [about(f"{short}: physics warnings and states that are not finite {told}", bad, "<= 0", "", n=n)]
    if not worst.stretches:
        deepest = 1000 * max(worst.depth, *worst.layers)
        found.append(about(f"{short}: deepest penetration {told}", [deepest], "<= 5", "mm", n=n))
    return found


BLOWN_UP = [mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC]


def branches(name: str, count: dict[str, int]) -> list[Record]:
    """Share of actions that do the same again, bit for bit, from a snapshot."""
    task, rng = make(name, state=True), np.random.default_rng(2)
    exact: list[bool] = []
    for branch in range(count["branches"]):
        if branch % limit(name) == 0:
            task.reset(seed=branch)
        before, action = task.snapshot(), task.demonstrate(rng, "poor")
        first, after = task.step(action), task.snapshot()
        task.restore(before)
        task.step(task.demonstrate(rng, "random"))
        task.restore(before)
        again = task.step(action)
        alike = all(np.array_equal(part, again[0][key]) for key, part in first[0].items())
        exact.append(alike and first[1:] == again[1:] and np.array_equal(task.snapshot(), after))
        if first[2]:
            task.reset(seed=10_000 + branch)
    task.close()
    claim = f"{name.removeprefix('robopref/')}: branches from snapshots that are exact"
    return [about(claim, [float(np.mean(exact))], ">= 1.0", n=len(exact))]


def demonstrators(name: str, count: dict[str, int]) -> list[Record]:
    """Success and final progress of every quality, and whether they are in order."""
    task, short = make(name), name.removeprefix("robopref/")
    final: dict[str, list[float]] = {}
    found: list[Record] = []
    for quality in QUALITIES:
        ends, solved = [], 0
        for episode in range(count["demos"]):
            task.reset(seed=20_000 + episode)
            rng = np.random.default_rng(episode)
            for _ in range(limit(name)):
                over = task.step(task.demonstrate(rng, quality))[2]
                if over:
                    break
            solved += over
            ends.append(task.progress)
        final[quality] = ends
        share, aimed = wilson(solved, count["demos"], level=0.95), quality == "expert"
        rounded = (round(float(x), 4) for x in (share.mean, share.low, share.high))
        holds = share.mean >= 0.9 if aimed else None
        claim = f"{short}: success of the {quality} demonstrator within {limit(name)} actions"
        found.append(Record(claim, *rounded, ">= 0.9" if aimed else "", holds, "share", count["demos"]))
        found.append(about(f"{short}: final progress of the {quality} demonstrator", ends, "", "progress"))
    task.close()
    means = [float(np.mean(final[quality])) for quality in QUALITIES]
    order = all(better > worse for better, worse in itertools.pairwise(means))
    return [*found, about(f"{short}: qualities are in order of final progress", [float(order)], ">= 1.0", "")]


def collectors(name: str, count: dict[str, int]) -> list[Record]:
    """Demonstrations a second by two processes over those by one."""
    spec = TaskSpec(f"envs:{name}", {"points": False}, max_steps=limit(name))
    rates = []
    for workers in (0, 2):
        with SimPool(spec, workers) as pool:
            list(pool.map(demonstrate_episode, [(k,) for k in range(2)]))  # starts the processes
            jobs = [(100 + k,) for k in range(max(4, count["demos"] // 5))]
            begun = time.perf_counter()
            steps = sum(len(episode["action"]) for episode in pool.map(demonstrate_episode, jobs))
            rates.append(steps / (time.perf_counter() - begun))
    claim = f"{name.removeprefix('robopref/')}: rate of collecting with two processes over one without"
    return [about(claim, [rates[1] / rates[0]], ">= 1.0", "ratio")]


def make(name: str, **settings: Any) -> Task:
    """The task itself, without wrappers and by default without points."""
    env: Any = gym.make(name, disable_env_checker=True, **({"points": False} | settings)).unwrapped
    return env


def limit(name: str) -> int:
    """Its registered time limit."""
    return int(gym.spec(name).max_episode_steps or 100)


@contextmanager
def timed_physics() -> Iterator[Callable[[], float]]:
    """Sum up the time that MuJoCo spends on the physics: its steps, and what follows from a state without one."""
    originals, spent = {name: getattr(mujoco, name) for name in ("mj_step", "mj_forward")}, 0.0

    def timed(name: str) -> Callable[..., None]:
        def call(*args: Any, **settings: Any) -> None:
            nonlocal spent
            begun = time.perf_counter()
            originals[name](*args, **settings)
            spent += time.perf_counter() - begun

        return call

    for name in originals:
        setattr(mujoco, name, timed(name))
    try:
        yield lambda: spent
    finally:
        for name, original in originals.items():
            setattr(mujoco, name, original)


def clock(function: Callable[[], Any]) -> float:
    """Seconds of one call."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def about(
    claim: str, values: Any, target: str, unit: str = "share", *, middle: bool = False, n: int | None = None
) -> Record:
    """A record of the mean, or the median, of some values with a 95 % bootstrap interval."""
    values = np.asarray(values, dtype=np.float64)
    found = bootstrap_mean(values)
    mean, low, high = (float(np.median(values)), *np.quantile(values, [0.025, 0.975])) if middle else (
        found.mean, found.low, found.high
    )  # fmt: skip
    holds = None
    if target:
        comparison, bound = target.split()
        holds = mean <= float(bound) if comparison == "<=" else mean >= float(bound)
    return Record(claim, *(round(float(x), 5) for x in (mean, low, high)), target, holds, unit, n or len(values))


if __name__ == "__main__":
    main(sys.argv[1:])
