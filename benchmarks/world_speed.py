"""Speed of practice in a world model beside the public TD-MPC2's state agent, at equal sizes: the whole loop.

TDMPC2=<checkout of nicklashansen/tdmpc2> make bench-world-speed; it is imported from there with its device replaced by
the processor, and needs tensordict, torchrl and termcolor (pip install --target <folder>, then PYTHONPATH=<folder>).
Each agent practises PlanarPush from states, one update a step, in turns, round after round. Both search by the same
number of plans, iterations and elites from wide noise, with one actor, five critics and a head for the end of the
task; ours decodes what is observed besides. Beside these stands what our command does: centered plans, five actors and
the lower bound of five critics. Processor time on one thread, so that other work counts little. PARTS=processor takes
a minute of it; compiled lets torch compile TD-MPC2, which takes minutes, and released has the sizes that it was
released with. Some parts keep the records of the others; ROUNDS shortens a trial, which writes no result.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from benchmarks.peers.tdmpc2 import TDMPC2
from benchmarks.records import Record, earlier, write
from robopref.evaluation.statistics import bootstrap_mean
from robopref.interaction import AgentSpec, Transition
from robopref.learning.world_learning import WorldLearning
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.policies.plan_search import CenteredPlans, WidePlans
from robopref.policies.plan_value import LowerBound, SmallestCritic

ROUNDS = int(os.environ.get("ROUNDS", "6"))
LENGTH, SEEDING, HORIZON, LEAST = 90, 270, 3, 1.5
_TASK = "envs:robopref/PlanarPush-v0"


@dataclass(frozen=True)
class Sizes:
    """Of networks, batches and searches, and how many steps are taken in turn."""

    latent: int
    width: int
    batch: int
    samples: int
    elites: int
    iterations: int
    acted: int
    turn: int


_SMALL = Sizes(64, 128, 128, 64, 12, 4, 4, 30)
ALL_PARTS = {
    "processor": (_SMALL, False),
    "compiled": (_SMALL, True),
    "released": (Sizes(512, 512, 256, 512, 64, 6, 24, 2), False),
}


@dataclass
class Loop:
    """An agent that practises, and where its time goes.

    Attributes:
        agent: See `Ours` and `TDMPC2`.
        env: The task.
        spent: Processor time (s) of physics, acting (with remembering) and learning.
        over: Whether an episode has to begin.
        seen: What is observed.
    """

    agent: Any
    env: gym.Env[Any, Any]
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("physics", "acting", "learning"), 0.0))
    over: bool = True
    seen: Any = None

    def seed(self, rng: np.random.Generator) -> None:
        """Act at random until there is something to learn from."""
        for _ in range(SEEDING):
            self._step(lambda: torch.as_tensor(rng.uniform(-1, 1, 2).astype(np.float32)))
        while not self.over:
            self._step(lambda: torch.as_tensor(rng.uniform(-1, 1, 2).astype(np.float32)))
        self.spent = dict.fromkeys(self.spent, 0.0)

    def take(self, steps: int) -> float:
        """Act and learn for some steps; steps a second."""
        begun = sum(self.spent.values())
        for _ in range(steps):
            self._step(lambda: self.agent.act(self.seen))
            self._timed("learning", self.agent.learn)
        return steps / (sum(self.spent.values()) - begun)

    def _step(self, choose: Callable[[], torch.Tensor]) -> None:
        if self.over:
            self.seen = torch.as_tensor(self._timed("physics", self.env.reset)[0]["state"])
            self.agent.begin(self.seen)
        action = self._timed("acting", choose)
        came, _, terminated, truncated, _ = self._timed("physics", lambda: self.env.step(action.numpy()))
        self.seen, self.over = torch.as_tensor(came["state"]), terminated or truncated
        self._timed("acting", lambda: self.agent.remember(
            self.seen, action, float(terminated), terminated=terminated, over=self.over
        ))  # fmt: skip

    def _timed(self, part: str, what: Callable[[], Any]) -> Any:
        begun = time.process_time()
        found = what()
        self.spent[part] += time.process_time() - begun
        return found


class Ours:
    """This project's agent in such a loop."""

    def __init__(self, agent: WorldModelAgent) -> None:
        self.agent, self._before = agent, np.zeros(0, np.float32)

    def begin(self, seen: torch.Tensor) -> None:
        """An episode begins."""
        self._before = seen.numpy()

    def act(self, seen: torch.Tensor) -> torch.Tensor:
        """What it does (A,)."""
        return torch.as_tensor(self.agent.act({"state": seen.numpy()}, explore=True))

    def remember(
        self, seen: torch.Tensor, action: torch.Tensor, reward: float, *, terminated: bool, over: bool
    ) -> None:
        """Take what came of an action."""
        step = Transition({"state": self._before}, action.numpy(), reward, {"state": seen.numpy()}, terminated,
                          over and not terminated)  # fmt: skip
        self.agent.remember(step)
        self._before = seen.numpy()

    def learn(self) -> None:
        """One update."""
        self.agent.learn(1)


class FiveCritics(SmallestCritic):
    """The smallest of as many critics as TD-MPC2 has, for one actor."""

    members = (1, 5)


def ours(sizes: Sizes, *, as_released: bool) -> Ours:
    """This project's agent: of the same parts as TD-MPC2, or as the command has it."""
    wide = WidePlans(samples=sizes.samples, iterations=sizes.iterations, elites=sizes.elites,
                     acted=sizes.acted / sizes.samples)  # fmt: skip
    spec = AgentSpec({"state": (11,)}, 2, 100_000, 0, torch.device("cpu"))
    return Ours(WorldModelAgent(
        spec, centering=wide if as_released else CenteredPlans(samples=sizes.samples),
        ensemble=FiveCritics() if as_released else LowerBound(),  # type: ignore[arg-type]
        learning=WorldLearning(batch_size=sizes.batch, horizon=HORIZON, encoder_rate=0.3), seeding=SEEDING,
        pretraining=1, planning=HORIZON, latent=sizes.latent, width=sizes.width,
    ))  # fmt: skip


def theirs(checkout: Path, sizes: Sizes, *, compiled: bool) -> TDMPC2:
    """TD-MPC2's agent."""
    return TDMPC2(checkout, 11, 2, steps=100_000, length=LENGTH, settings={
        "episodic": True, "compile": compiled, "batch_size": sizes.batch, "horizon": HORIZON,
        "latent_dim": sizes.latent, "mlp_dim": sizes.width, "enc_dim": sizes.width, "num_q": 5, "num_bins": 51,
        "vmin": -5, "vmax": 5, "num_samples": sizes.samples, "num_elites": sizes.elites,
        "iterations": sizes.iterations, "num_pi_trajs": sizes.acted,
    })  # fmt: skip


def main() -> None:
    """Time every agent in turn, round after round, and write rates, shares and ratios."""
    folder = os.environ.get("TDMPC2")
    if not folder:
        sys.exit("say where TD-MPC2 is: TDMPC2=<checkout of nicklashansen/tdmpc2> make bench-world-speed")
    if not (Path(folder) / "tdmpc2" / "tdmpc2.py").exists():
        sys.exit(f"there is no tdmpc2/tdmpc2.py in TDMPC2={folder}; expected a checkout of nicklashansen/tdmpc2")
    torch.set_num_threads(1)
    parts = os.environ.get("PARTS", " ".join(ALL_PARTS)).split()
    if unknown := set(parts) - set(ALL_PARTS):
        sys.exit(f"no part {', '.join(sorted(unknown))}; expected some of {', '.join(ALL_PARTS)}")
    records: list[Record] = []
    for part in parts:
        records += timed(part, *ALL_PARTS[part], Path(folder).resolve())
    for record in records:
        print(f"{record.claim}: {record.value:.3g} ({record.low:.3g} to {record.high:.3g}) {record.holds}")
    if "ROUNDS" not in os.environ:
        print(f"result: {write('world_speed', records, earlier('world_speed', parts))}")


def timed(part: str, sizes: Sizes, compiled: bool, folder: Path) -> list[Record]:
    """Rates, shares and ratios of one part."""
    agents: dict[str, Any] = {
        "TD-MPC2": theirs(folder, sizes, compiled=compiled),
        "robopref": ours(sizes, as_released=True),
        "robopref as its command": ours(sizes, as_released=False),
    }
    options: dict[str, Any] = {"points": False, "state": True, "success_distance": 0.05}
    loops = {who: Loop(agent, gym.make(_TASK, max_episode_steps=LENGTH, **options)) for who, agent in agents.items()}
    for index, loop in enumerate(loops.values()):
        loop.env.reset(seed=index)
        loop.seed(np.random.default_rng(0))
        loop.take(3)  # also what is compiled
        loop.spent = dict.fromkeys(loop.spent, 0.0)
    rates: dict[str, list[float]] = {who: [] for who in loops}
    for number in range(ROUNDS):
        for who, loop in loops.items():
            rates[who].append(loop.take(sizes.turn))
        print(
            f"{part} {number + 1}: " + "  ".join(f"{who} {rows[-1]:.1f}/s" for who, rows in rates.items()), flush=True
        )
    records: list[Record] = []
    for who, loop in loops.items():
        records.append(of_rounds(f"{part}: steps of {who} a CPU-second, the whole loop", rates[who], unit="1/s"))
        for what, seconds in loop.spent.items():
            share = round(seconds / sum(loop.spent.values()), 4)
            records.append(Record(f"{part}: share of {what} in the loop of {who}", share, share, share, "", None,
                                  "share", ROUNDS))  # fmt: skip
    for who in list(rates)[1:]:
        ratios = [mine / other for mine, other in zip(rates[who], rates["TD-MPC2"], strict=True)]
        least = None if who != "robopref" or part == "released" else LEAST
        records.append(of_rounds(f"{part}: steps a second of {who} over those of TD-MPC2", ratios, least, unit="ratio"))
    return records


def of_rounds(claim: str, rows: list[float], least: float | None = None, *, unit: str) -> Record:
    """Mean over rounds, with a bootstrap interval over them."""
    found = bootstrap_mean(rows)
    value, low, high = (round(x, 4) for x in (found.mean, found.low, found.high))
    holds = None if least is None else value >= least
    return Record(claim, value, low, high, f">= {least}" if least else "", holds, unit, len(rows))


if __name__ == "__main__":
    main()
