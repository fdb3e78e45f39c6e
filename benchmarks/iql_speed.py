"""Speed of one IQL update beside CORL's and, where it is installed, d3rlpy's: ratios of interleaved rounds.

CORL=<folder of a checkout of tinkoff-ai/CORL> make bench-iql-speed; it is imported from there with its logging and its
simulators stubbed, and runs as it is. D3RLPY=<folder that d3rlpy was installed into, pip install --target> adds d3rlpy.
Every update includes its batch, and each of them drawn from the same 200,000 transitions of 39 numbers and 4 actions.
The matrix products of CORL's update alone show what an update with nothing else would take.
SECONDS and ROUNDS shorten a trial run.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.records import Record, write
from robopref.data.episodes.transitions import Transitions
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.offline import OfflineConfig

STATE, ACTION, COUNT, BATCH = 39, 4, 200_000, 256
ROUNDS = int(os.environ.get("ROUNDS", "15"))
SECONDS = float(os.environ.get("SECONDS", "0.8"))
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SEEDS = (1, 2, 4, 8) if DEVICE == "cpu" else (1, 4, 16, 64)
RESULT = "iql_speed_gpu" if DEVICE == "cuda" else "iql_speed"

Step = Callable[[], None]


def main() -> None:
    """Time every variant in turn, round after round, and write the ratios."""
    folder = os.environ.get("CORL")
    if not folder:
        sys.exit("say where CORL is: CORL=<checkout of tinkoff-ai/CORL> make bench-iql-speed")
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    data = transitions()
    variants: dict[str, tuple[Step, int]] = {}
    if os.environ.get("D3RLPY"):  # needs the modules that are stubbed for CORL
        variants["d3rlpy"] = (d3rlpy(Path(os.environ["D3RLPY"]), data), 1)
    variants["CORL"] = (corl(Path(folder), data), 1)
    variants["matrix products alone"] = (products(), 1)
    variants |= {f"robopref, {seeds} seeds at once": (ours(data, seeds), seeds) for seeds in SEEDS}
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for step, _ in variants.values():
        for _ in range(10):  # also past what a CUDA graph needs before it is captured
            step()
    for number in range(ROUNDS):
        for name, (step, seeds) in variants.items():
            rates[name].append(seeds * rate(step))
        shown = "  ".join(f"{name} {rows[-1]:.0f}/s" for name, rows in rates.items())
        print(f"round {number + 1}: {shown}", flush=True)
    records = [per_second(name, rows) for name, rows in rates.items()]
    for name, rows in rates.items():
        for other in ("CORL", "d3rlpy"):
            if other in rates and name.startswith(("robopref", "matrix")):
                target = (
                    {"cpu": 1.5, "cuda": 5.0}[DEVICE]
                    if (other, name) == ("CORL", f"robopref, {SEEDS[0]} seeds at once")
                    else None
                )
                records.append(ratio(name, other, np.array(rows) / np.array(rates[other]), target))
    for record in records:
        print(f"{record.claim}: {record.value:.2f} ({record.low:.2f} to {record.high:.2f}) {record.holds}")
    if "ROUNDS" not in os.environ:
        print(f"result: {write(RESULT, records)}")


def rate(step: Step) -> float:
    """Updates a second."""
    begun, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < SECONDS:
        step()
        done += 1
    if DEVICE == "cuda":
        torch.cuda.synchronize()
        spent = time.perf_counter() - begun
    return done / spent


def transitions() -> Transitions:
    """Random numbers in place of data."""
    rng = torch.Generator().manual_seed(0)
    return Transitions(
        keys=("state",),
        vector=torch.randn(COUNT, STATE, generator=rng),
        points=None,
        next_vector=None,
        action=torch.rand(COUNT, ACTION, generator=rng) * 2 - 1,
        reward=torch.randn(COUNT, generator=rng),
        terminated=torch.zeros(COUNT, dtype=torch.bool),
        rows=torch.arange(COUNT - 1),
        ends=np.array([COUNT]),
        source="random",
    )


def ours(data: Transitions, seeds: int) -> Step:
    """This project's update of so many seeds."""
    learner = ImplicitQLearning(data, OfflineConfig(batch_size=BATCH), ImplicitQ(), seeds=range(seeds), device=DEVICE)
    done = iter(range(10**9))

    def step() -> None:
        learner.advance(next(done), due=False)

    return step


def corl(folder: Path, data: Transitions) -> Step:
    """CORL's batch and update, with what it logs each step."""
    module = imported(folder / "algorithms" / "offline", "iql", ("d4rl", "gym", "pyrallis", "wandb"))
    torch.manual_seed(0)
    critic, value = module.TwinQ(STATE, ACTION).to(DEVICE), module.ValueFunction(STATE).to(DEVICE)
    actor = module.GaussianPolicy(STATE, ACTION, 1.0).to(DEVICE)
    trainer = module.ImplicitQLearning(
        1.0, actor, torch.optim.Adam(actor.parameters(), lr=3e-4), critic,
        torch.optim.Adam(critic.parameters(), lr=3e-4), value, torch.optim.Adam(value.parameters(), lr=3e-4),
        iql_tau=0.7, beta=3.0, device=DEVICE,
    )  # fmt: skip
    buffer = module.ReplayBuffer(STATE, ACTION, COUNT, DEVICE)
    following = torch.roll(data.vector, -1, 0)
    buffer.load_d4rl_dataset({
        "observations": data.vector.numpy(), "actions": data.action.numpy(), "rewards": data.reward.numpy(),
        "next_observations": following.numpy(), "terminals": data.terminated.numpy(),
    })  # fmt: skip

    def step() -> None:
        trainer.train([part.to(DEVICE) for part in buffer.sample(BATCH)])

    return step


def products() -> Step:
    """The matrix products of an update and nothing else: of three passes ahead and of four trained networks."""
    batch = torch.randn(BATCH, 256, device=DEVICE)

    def network(inputs: int, outputs: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        sizes = [(inputs, 256), (256, 256), (256, outputs)]
        return [(batch[:, :inputs].contiguous() if i < 256 else batch, torch.randn(i, o, device=DEVICE) / i**0.5)
                for i, o in sizes]  # fmt: skip

    value, critic, actor = network(STATE, 1), network(STATE + ACTION, 1), network(STATE, ACTION)
    ahead, trained = [value, critic, critic], [value, critic, critic, actor]

    def step() -> None:
        for layers in (*ahead, *trained):
            for inputs, weight in layers:
                inputs @ weight
        for layers in trained:
            for k, (inputs, weight) in reversed(list(enumerate(layers))):
                error = batch[:, : weight.shape[1]]
                inputs.T @ error
                if k:
                    error @ weight.T

    return step


def d3rlpy(folder: Path, data: Transitions) -> Step:
    """d3rlpy's batch and update."""
    sys.path.append(str(folder))
    library = importlib.import_module("d3rlpy")
    count = 1000
    ends = np.zeros(COUNT)
    ends[count - 1 :: count] = 1
    dataset = library.dataset.MDPDataset(
        data.vector.numpy(), data.action.numpy(), data.reward.numpy()[:, None], np.zeros(COUNT), timeouts=ends
    )
    learner = library.algos.IQLConfig(batch_size=BATCH, expectile=0.7, weight_temp=3.0).create(device=DEVICE)
    learner.build_with_dataset(dataset)

    def step() -> None:
        learner.update(dataset.sample_transition_batch(BATCH))

    return step


def imported(folder: Path, name: str, stubbed: tuple[str, ...]) -> types.ModuleType:
    """A module of a folder, without what it needs for logging and simulation only."""
    for missing in stubbed:
        if missing not in sys.modules and importlib.util.find_spec(missing) is None:
            stub = sys.modules[missing] = types.ModuleType(missing)
            stub.Env, stub.wrap = object, lambda: lambda function: function  # type: ignore[attr-defined]
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def per_second(name: str, rows: list[float]) -> Record:
    """Updates a second, median with the range over rounds."""
    claim = f"{name}: updates of a seed a second, {_where()}"
    return Record(claim, float(np.median(rows)), min(rows), max(rows), "", None, "1/s", len(rows))


def ratio(name: str, other: str, rows: np.ndarray, target: float | None) -> Record:
    """Median over rounds of a ratio, with the interval that a bootstrap of the rounds gives."""
    value = float(np.median(rows))
    rng = np.random.default_rng(0)
    drawn = np.median(rows[rng.integers(len(rows), size=(10_000, len(rows)))], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    claim = f"{name}: updates of a seed a second over those of {other}, {_where()}"
    holds = None if target is None else value >= target
    return Record(claim, value, float(low), float(high), f">= {target}" if target else "", holds, "ratio", len(rows))


def _where() -> str:
    return f"{torch.get_num_threads()} threads" if DEVICE == "cpu" else torch.cuda.get_device_name()


if __name__ == "__main__":
    main()
