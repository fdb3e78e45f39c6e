"""Diffusion policies cloned from recordings of states, clouds and pictures, closed loop, and SimpleDP3 beside them.

Policies have the settings of `configs/policy/observed.yaml` but for what `ARMS` says, which was chosen on seed 3, are
trained in as many steps as it says, no more than ten CPU-minutes, and act from 50 starts that no demonstration has.
Every training has a process of its own and leaves a file in WORK (runs/bench-recordings), so that a later call goes on.
ONLY=drawer-image and SEEDS=0,1 run some of them; the result has all that there are.

PACED=1 measures as well how fast a policy of pictures is trained on two threads, which says something on a quiet
machine alone; what it found is kept in WORK, too.

SimpleDP3 is run if DP3 names a checkout, see the head of `speed.py`; its code needs einops and termcolor.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers.simple_dp3 import EXECUTED as PEER_EXECUTED
from benchmarks.peers.simple_dp3 import SEEN as PEER_SEEN
from benchmarks.peers.simple_dp3 import SimpleDP3Clone
from benchmarks.records import Record, exactly, write
from robopref.data.episodes.policy_spec import recorded_spec
from robopref.data.episodes.store import EpisodeStore
from robopref.evaluation.compare import Act, EpisodePace, compare_episodes, own_sample
from robopref.evaluation.intervals import clopper_pearson
from robopref.evaluation.statistics import LEVEL
from robopref.files import write_json
from robopref.learning.clone import CloneBatches, clone_policy
from robopref.learning.collect import collect_demonstrations
from robopref.learning.fit import FitConfig
from robopref.nets.picture_part import PicturePart
from robopref.policies.observed import ObservedPolicy
from robopref.processes import process_pool
from robopref.robots.sim import SimPool, TaskSpec

WORK = Path(os.environ.get("WORK", "runs/bench-recordings"))
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "0,1,2").split(",")]
POLICY = Path(__file__).parents[1] / "configs" / "policy" / "observed.yaml"
LIMIT, STARTS, DATA, EXECUTED, SIDE = 60, 50, 2500, 4, 96
MINUTES = 10  # of a processor, of a training at most
PEER_STEPS, PEER_BATCH = 600, 32
PEER_SOONER = 57  # steps that take SimpleDP3 as many CPU-minutes as 600 of ours


@dataclass(frozen=True)
class Arm:
    """A policy of some parts of a task's observation.

    Attributes:
        task: Gymnasium id.
        options: What is observed of it.
        parts: What the policy looks at.
        steps: Gradient steps.
        batch: States of one.
        target: Least success, in words.
        settings: What is set otherwise than in `POLICY`.
        peer: Whether it is SimpleDP3.
    """

    task: str
    options: dict[str, Any]
    parts: tuple[str, ...]
    steps: int
    batch: int = 64
    target: str = ""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    peer: bool = False

    @property
    def pace(self) -> EpisodePace:
        """How it acts."""
        executed, history = (PEER_EXECUTED, PEER_SEEN) if self.peer else (EXECUTED, 1)
        return EpisodePace(math.ceil(LIMIT / executed), executed, history)


_DRAWER, _BINS = "envs:robopref/DrawerOpen-v0", "envs:robopref/BinPick-v0"
_STATE, _CLOUD = {"points": False, "state": True}, {"points": True}
_PICTURE = {"points": False, "image_size": SIDE}
_SAMPLE = {"denoiser": {"_target_": "robopref.nets.denoiser.SampleDenoiser"}}
_MOVING = {"encoder": {"background": 0.2}}
ARMS = {
    "drawer-image": Arm(_DRAWER, _PICTURE, ("image", "proprio"), 1500, batch=32, target=">= 0.8"),
    "drawer-points": Arm(_DRAWER, _CLOUD, ("points", "proprio"), PEER_STEPS, batch=PEER_BATCH, settings=_SAMPLE),
    "drawer-state": Arm(_DRAWER, _STATE, ("state",), 1500, target=">= 0.9"),
    "bin-points": Arm(_BINS, _CLOUD, ("points", "proprio"), 1500, settings=_SAMPLE | _MOVING),
    "bin-state": Arm(_BINS, _STATE, ("state",), 1500),
    "bin-state-sample": Arm(_BINS, _STATE, ("state",), 1500, settings=_SAMPLE),
    "simple-dp3-equal-steps": Arm(_DRAWER, _CLOUD, ("points", "proprio"), PEER_STEPS, batch=PEER_BATCH, peer=True),
    "simple-dp3-equal-minutes": Arm(_DRAWER, _CLOUD, ("points", "proprio"), PEER_SOONER, batch=PEER_BATCH, peer=True),
}


def main() -> None:
    """Run what is not done, and write what there is."""
    chosen = os.environ.get("ONLY", ",".join(ARMS)).split(",")
    if unknown := set(chosen) - ARMS.keys():
        sys.exit(f"ONLY={','.join(sorted(unknown))}: choose among {', '.join(ARMS)}")
    torch.set_num_threads(1)
    if "DP3" not in os.environ:
        print("DP3 is not set to a checkout; SimpleDP3 is left out")
        chosen = [name for name in chosen if not ARMS[name].peer]
    for seed in SEEDS:
        for name in chosen:
            if not _done(name, seed).exists():
                # The peak of memory is that of a process.
                with process_pool(1) as pool:
                    pool.submit(run, name, seed).result()
    if os.environ.get("PACED"):
        write_json(_paced(), asdict(paced()))
    records = [*outcomes(), encoder()]
    if _paced().exists():
        records.append(Record(**json.loads(_paced().read_text())))
    for record in records:
        print(f"{record.value:8.3f} ({record.low:.3f} to {record.high:.3f}) {record.unit}: {record.claim}")
    print(f"result: {write('recordings', records)}")


def run(name: str, seed: int) -> None:
    """Train and evaluate one policy, and keep what was found."""
    torch.set_num_threads(1)
    arm, store = ARMS[name], demonstrations(ARMS[name], seed)
    load, begun, spent = os.getloadavg()[0], time.perf_counter(), time.process_time()
    act = _peer(arm, store, seed) if arm.peer else own_sample(cloned(arm, store, seed))
    wall, spent = time.perf_counter() - begun, time.process_time() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # it is in KiB on Linux
    found = {
        "cpu_minutes": spent / 60, "steps_a_second": arm.steps / wall, "peak_mib": peak, "episodes": len(store),
        "load": [load, os.getloadavg()[0]], "date": time.strftime("%Y-%m-%d"), "solved": solved(arm, act, seed),
    }  # fmt: skip
    write_json(_done(name, seed), found)
    print(f"{name}, seed {seed}: {found}", flush=True)


def demonstrations(arm: Arm, seed: int) -> EpisodeStore:
    """Episodes of the scripted expert, which no evaluation begins as."""
    kind = "-".join(key for key, value in arm.options.items() if value)
    path = WORK / f"{arm.task.split('/')[1]}-{kind}-{seed}.zarr"
    path.parent.mkdir(parents=True, exist_ok=True)
    with SimPool(TaskSpec(arm.task, arm.options, LIMIT, "expert")) as pool:
        return collect_demonstrations(pool, path, steps=DATA, seed=seed)


def cloned(arm: Arm, store: EpisodeStore, seed: int, progress: Callable[..., None] | None = None) -> ObservedPolicy:
    """The policy that `robopref train policy policy=observed` makes of the demonstrations."""
    torch.manual_seed(seed)
    settings = OmegaConf.merge(OmegaConf.load(POLICY), arm.settings)
    policy = instantiate(settings, observation=list(arm.parts))(recorded_spec(store))
    config = FitConfig(steps=arm.steps)
    return clone_policy(policy, store, config, seed=seed, batches=CloneBatches(arm.batch), progress=progress)


def solved(arm: Arm, act: Act, seed: int) -> int:
    """From how many held-out starts a policy solves the task, as `robopref evaluate` has it act."""
    with SimPool(TaskSpec(arm.task, arm.options, LIMIT), workers=0) as pool:
        rollouts = compare_episodes(
            pool, {"policy": act}, count=STARTS, pace=arm.pace, seed=seed, device=torch.device("cpu")
        )  # fmt: skip
    return int((rollouts["policy"].solved >= 0).sum())


def outcomes() -> list[Record]:
    """Success, time, memory and pace of every arm of which there is something."""
    made: list[Record] = []
    for name, arm in ARMS.items():
        seeds = [json.loads(path.read_text()) for path in sorted(WORK.glob(f"{name}-seed-*.json"))]
        if not seeds:
            continue
        loads = [load for one in seeds for load in one["load"]]
        count = f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
        setting = f"{arm.steps} steps of {arm.batch} states, {count}, load {min(loads):.0f} to {max(loads):.0f}"
        starts = STARTS * len(seeds)
        share = clopper_pearson(sum(one["solved"] for one in seeds), starts, level=LEVEL)
        holds = share.mean >= float(arm.target.split()[1]) if arm.target else None
        rounded = [round(x, 3) for x in (share.mean, share.low, share.high)]
        made.append(Record(f"{name}: success ({setting})", *rounded, arm.target, holds, "share", starts))
        for key, unit, target in (
            ("cpu_minutes", "CPU-minutes", f"<= {MINUTES}"), ("peak_mib", "MiB", ""), ("steps_a_second", "1/s", ""),
        ):  # fmt: skip
            made.append(_spread(f"{name}: {key}", [one[key] for one in seeds], unit, target))
        rates = [arm.steps / (60 * one["cpu_minutes"]) for one in seeds]
        made.append(_spread(f"{name}: training steps a CPU-second, one thread", rates, "1/s"))
    return made


def encoder() -> Record:
    """Work of the picture encoder."""
    with FlopCounterMode(display=False) as counter:
        PicturePart(width=64)(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8))
    work = counter.get_total_flops() // 2
    counted = exactly(f"picture encoder: multiply-adds of one {SIDE} x {SIDE} picture", work, "count", 1)
    return replace(counted, target="<= 10000000", holds=work <= 10_000_000)


def paced() -> Record:
    """Steps a second of training a policy of pictures, in batches of 32, on two threads."""
    arm, times = ARMS["drawer-image"], list[float]()
    store = demonstrations(arm, 0)
    torch.set_num_threads(2)
    load = os.getloadavg()[0]
    cloned(replace(arm, steps=150), store, 0, lambda *_: times.append(time.perf_counter()))
    rates = [20 / (later - sooner) for sooner, later in zip(times[10:-20:20], times[30::20], strict=True)]
    claim = f"drawer-image: training steps a second, batch 32, {SIDE} x {SIDE}, two threads, load {load:.0f}"
    return _spread(claim, rates, "1/s", ">= 10")


def _peer(arm: Arm, store: EpisodeStore, seed: int) -> Act:
    torch.manual_seed(seed)
    clone = SimpleDP3Clone(Path(os.environ["DP3"]), store, steps=arm.steps, batch_size=arm.batch)
    clone.train()
    return clone.act


def _done(name: str, seed: int) -> Path:
    return WORK / f"{name}-seed-{seed}.json"


def _paced() -> Path:
    return WORK / "paced.json"


def _spread(claim: str, values: Sequence[float], unit: str, target: str = "") -> Record:
    """Median and range of some measurements."""
    low, value, high = min(values), statistics.median(values), max(values)
    holds = None
    if target:
        sign, bound = target.split()
        holds = high <= float(bound) if sign == "<=" else value >= float(bound)
    return Record(
        claim, round(value, 2), round(low, 2), round(high, 2), target, holds, unit, len(values)
    )  # fmt: skip


if __name__ == "__main__":
    main()
