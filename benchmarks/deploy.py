"""Latency of deployment here: candidates sampled and ranked, the loop with a deadline, safety filter and recording.

`make bench-deploy` takes about five minutes; `python -m benchmarks.deploy minutes=30` runs the loop for as long and
watches its memory. With DP3=<checkout>/3D-Diffusion-Policy a single prediction of SimpleDP3 is timed in between.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, write
from benchmarks.speed import peer_prediction
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import StratifiedDraw
from robopref.recording.episode_writer import EpisodeWriter
from robopref.recording.event_log import EventLog
from robopref.recording.timing import Timing
from robopref.records import ActionGeometry, Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.maps import StepMap
from robopref.runtime.budget import DeadlineBudget
from robopref.runtime.control_loop import ControlPace, Runtime, Tally
from robopref.runtime.planner import Planner
from robopref.safety.guard import Guard
from robopref.scores import NoiseDraw
from tests.robots.toy import LIMITS, PointRobot

ROUNDS, CANDIDATES, DRAWS = 30, 64, 16


def main() -> None:
    """Measure everything and write the result."""
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    rounds, minutes = int(options.get("rounds", ROUNDS)), float(options.get("minutes", 2))
    torch.manual_seed(0)
    records = [*planning(rounds), *looping(float(options.get("seconds", 30))), *lasting(minutes), overhead()]
    for record in records:
        print(f"{record.value:9.3f} ({record.low:.3f} to {record.high:.3f}) {record.unit}, target "
              f"{record.target or '-'}: {record.claim}")  # fmt: skip
    if rounds == ROUNDS:
        print(f"result: {write('deploy', records)}")


def pick_and_place() -> ActionGeometry:
    """The geometry of the default task, without its symmetries."""
    matrix = np.zeros((2, 3, 4), np.float32)
    matrix[0, :2, :2] = matrix[1, :2, 2:] = 0.4 * np.eye(2)
    return ActionGeometry(
        matrix, np.full((2, 3), [0, 0, 0.012], np.float32), np.eye(3, dtype=np.float32)[None],
        np.eye(4, dtype=np.float32)[None], 0.4, ("pick", "place"),
    )  # fmt: skip


def following() -> ActionGeometry:
    """Actions that say where the tool is next, for chunks of many steps."""
    matrix = 0.4 * np.eye(3, dtype=np.float32)[None]
    return ActionGeometry(
        matrix, np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)[None], np.eye(3, dtype=np.float32)[None], 0.4,
        ("tool",),
    )  # fmt: skip


def ranked(geometry: ActionGeometry, denoiser: Any, **sizes: int) -> tuple[DiffusionPolicy, ImplicitReward]:
    """A policy and the implicit reward of a copy of it, by energies or errors, with 16 draws."""
    policy = DiffusionPolicy(geometry, 4, denoiser=denoiser, **sizes).eval()
    energy = isinstance(policy.denoiser, EnergyDenoiser)
    return policy, ImplicitReward(policy, StratifiedDraw(DRAWS), cost="energy" if energy else "error").eval()


def planning(rounds: int) -> list[Record]:
    """64 candidates, 10 DDIM steps, 16 draws, by stage and by denoiser."""
    observation = Observation(torch.rand(1, 1024, 3) * 0.4, torch.zeros(1, 4))
    small = {"hidden": 128, "depth": 0}
    kinds: dict[str, Any] = {
        "default policy (energy, hidden 128, no blocks)": partial(EnergyDenoiser, **small),
        "noise denoiser, hidden 128, no blocks": partial(NoiseDenoiser, **small),
        "noise denoiser, hidden 256, 2 blocks": partial(NoiseDenoiser, hidden=256, depth=2),
        "energy denoiser, hidden 256, 2 blocks": partial(EnergyDenoiser, hidden=256, depth=2),
    }
    stages = {name: _stages(ranked(pick_and_place(), kind), observation) for name, kind in kinds.items()}
    peer = peer_prediction(Path(os.environ["DP3"])) if "DP3" in os.environ else None
    taken: dict[tuple[str, str], list[float]] = {}
    ratios: list[float] = []
    for _ in range(rounds + 2):
        for name, parts in stages.items():
            for stage, function in parts.items():
                taken.setdefault((name, stage), []).append(_timed(function))
        if peer is not None:
            first = taken[next(iter(stages)), "sample"][-1] + taken[next(iter(stages)), "rank"][-1]
            ratios.append(first / _timed(peer))
    records: list[Record] = []
    for name, parts in stages.items():
        times = {stage: np.array(taken[name, stage][2:]) for stage in parts}
        whole = times["sample"] + times["rank"]
        aim = "<= 250" if name.startswith("default") else ""
        records.append(
            _milliseconds(f"{CANDIDATES} candidates sampled (10 steps) and ranked ({DRAWS} draws): {name}", whole, aim)
        )
        records += [_milliseconds(f"of that, {stage}: {name}", values) for stage, values in times.items()]
    if ratios:
        claim = "time of that with the default policy over one prediction of SimpleDP3"
        records.append(_quantiles(claim, np.array(ratios[2:]), "<= 2.5", "ratio"))
    return records


def _stages(parts: tuple[DiffusionPolicy, ImplicitReward], observation: Observation) -> dict[str, Callable[[], Any]]:
    policy, reward = parts
    actions = torch.rand(1, CANDIDATES, *policy.shape) * 2 - 1

    @torch.no_grad()
    def score() -> None:
        reward.score(observation, actions)

    @torch.no_grad()
    def encode() -> None:
        policy.encoder(observation)

    return {
        "encode": encode,
        "sample": lambda: policy.sample(observation, CANDIDATES, generator=torch.Generator().manual_seed(0)),
        "rank": score,
    }


def run_loop(rate: float, seconds: float, extra: list[Any]) -> tuple[Tally, Timing, list[tuple[int, int]]]:
    """A point robot led by a policy with chunks of 16 steps, at a rate, with a budget that fits the deadline."""
    robot = _Follower(rate)
    policy, reward = ranked(following(), partial(NoiseDenoiser, hidden=128, depth=0), horizon=16, nodes=32)
    deadline = 4 / rate

    def draw(count: int) -> NoiseDraw:
        return StratifiedDraw(count)(1, policy.shape, torch.Generator().manual_seed(0))

    budget = DeadlineBudget(deadline, candidates=CANDIDATES, draws=DRAWS)
    planner = Planner(policy, reward, budget=budget, draws=draw)
    guard, timing, spent = Guard(robot, LIMITS_OF_LOOP), Timing(), list[tuple[int, int]]()
    runtime = Runtime(guard, planner, ControlPace(6, deadline, "continue"), [timing, *extra])
    observation = Observation(torch.rand(1, 1024, 3), torch.zeros(1, 4))
    while not budget.ready:
        reading, _ = guard.observe()
        planner.plan(observation, reading, 0, guard.screen)
    choose = budget.choose

    def noted() -> Any:
        chosen = choose()
        spent[:] = [*spent[-999:], (chosen.candidates, chosen.draws)]
        return chosen

    budget.choose = noted  # type: ignore[method-assign]
    guard.arm("benchmark")
    tally = runtime.run(seed=0, seconds=seconds)
    guard.close()
    return tally, timing, spent


def looping(seconds: float) -> list[Record]:
    """The loop at 20 Hz on the processor."""
    tally, timing, spent = run_loop(20.0, seconds, [])
    if tally.halted:
        raise SystemExit(f"the loop was halted: {tally.cause}")
    sizes = np.array([n for n, _ in spent], float)
    draws = np.median([m for _, m in spent])
    rate = (tally.commands - 1) / max(tally.seconds, 1e-9)
    late = (tally.missed + tally.overrun) / tally.ticks
    period = np.array([timing.quantile("period", share) for share in (0.5, 0.025, 0.975)]) * 1000
    return [
        Record("commands a second of the asynchronous loop at 20 Hz, chunks of 16, deadline 200 ms", rate, rate, rate,
               ">= 19.5", rate >= 19.5, "Hz", tally.commands),
        Record("deadlines missed, of plans and of ticks", late, late, late, "<= 0.01", late <= 0.01, "share",
               tally.ticks),
        Record("time between readings of successive commands", *period, "", None, "ms", tally.commands),
        Record(f"candidates that the budget chose (median draws {draws:.0f})", float(np.median(sizes)),
               float(sizes.min()), float(sizes.max()), "", None, "candidates", len(sizes)),
    ]  # fmt: skip


def lasting(minutes: float) -> list[Record]:
    """The loop at 10 Hz with everything recorded, and the memory that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        memory = _Memory()
        extra = [EpisodeWriter(Path(folder) / "e.zarr", {}), EventLog(Path(folder) / "events.jsonl"), memory]
        tally, _, _ = run_loop(10.0, 60 * minutes, extra)
    late = (tally.missed + tally.overrun) / tally.ticks
    half = len(memory.seen) // 2
    grown = (
        float(np.mean(memory.seen[-half // 2 :]) - np.mean(memory.seen[half : half + half // 2])) if half > 3 else 0.0
    )
    return [
        Record(f"deadlines missed in {minutes:g} minutes at 10 Hz, recorded ({tally.cause})", late, late, late,
               "<= 0.01", late <= 0.01 and not tally.halted, "share", tally.ticks),
        Record(f"growth of memory within the second half of {minutes:g} minutes", grown, grown, grown, "<= 5",
               grown <= 5, "MB", len(memory.seen)),
    ]  # fmt: skip


def overhead() -> Record:
    """The safety filter and the recording of a step, 1,024 points."""
    with tempfile.TemporaryDirectory() as folder:
        cost = _Cost([EpisodeWriter(Path(folder) / "e.zarr", {}), EventLog(Path(folder) / "events.jsonl"), Timing()])
        tally, timing, _ = run_loop(50.0, 10.0, [cost])
    if tally.halted:
        raise SystemExit(f"the loop was halted: {tally.cause}")
    own = np.array(cost.times) * 1000
    # `execute` of the point robot itself takes microseconds: what it takes is the safety filter.
    whole = own + 1000 * timing.quantile("execute", 0.5)
    return _quantiles("filter (median) and recording of a step with 1,024 points", whole, "<= 1", "ms")


class _Follower(PointRobot):
    """A point robot with a cloud of the usual size that takes small steps."""

    def __init__(self, rate: float) -> None:
        super().__init__(rate=rate)
        self.actions = StepMap(0.002)

    def _read(self) -> Any:
        reading = super()._read()
        cloud = (np.tile(reading.observation.points, (32, 1))).astype(np.float32)
        return type(reading)(
            Observation(cloud, reading.observation.proprio), reading.time, reading.tool, reading.sequence
        )

    def execute(self, command: Any) -> None:
        super().execute(command)
        self.trail.clear()
        self.calls.clear()

    def hold(self) -> None:
        self.calls.clear()


class _Passive:
    """A subscriber that does nothing."""

    def on_reset(self, reading: Any) -> None: ...

    def on_plan(self, plan: Any) -> None: ...

    def on_step(self, step: Any) -> None: ...

    def on_event(self, event: Any) -> None: ...

    def on_end(self, reading: Any, cause: str) -> None: ...


class _Memory(_Passive):
    """Resident memory every ten commands, MB."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_step(self, step: Any) -> None:
        if step.number % 10 == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.seen.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


class _Cost(_Passive):
    """How long other subscribers take."""

    def __init__(self, others: list[Any]) -> None:
        self.others, self.times = others, list[float]()

    def on_reset(self, reading: Any) -> None:
        for one in self.others:
            one.on_reset(reading)

    def on_step(self, step: Any) -> None:
        begun = time.perf_counter()
        for one in self.others:
            one.on_step(step)
        self.times.append(time.perf_counter() - begun)

    def on_end(self, reading: Any, cause: str) -> None:
        for one in self.others:
            one.on_end(reading, cause)


LIMITS_OF_LOOP = type(LIMITS)(
    workspace=LIMITS.workspace, step=0.05, speed=0.5, acceleration=20.0, jerk=2000.0, age=0.5, clamps=1000,
    hold_after=0.5, stop_after=2.0,
)  # fmt: skip


def _timed(function: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def _milliseconds(claim: str, seconds: np.ndarray, target: str = "") -> Record:
    return _quantiles(claim, 1000 * seconds, target, "ms")


def _quantiles(claim: str, values: np.ndarray, target: str, unit: str) -> Record:
    """Median, from the fastest to the 99th percentile."""
    value, low, high = float(np.median(values)), float(values.min()), float(np.quantile(values, 0.99))
    holds = value <= float(target.split()[1]) if target else None
    rounded = (round(x, 3) for x in (value, low, high))
    return Record(f"{claim} (median, least, 99 %)", *rounded, target, holds, unit, len(values))


if __name__ == "__main__":
    main()
