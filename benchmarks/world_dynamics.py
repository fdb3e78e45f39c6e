"""A world model as a `Dynamics`, beside the true simulator: choosing outcomes, and searching by rewards.

After `make bench-world`, whose recordings of practice with all three ingredients (seeds 20 to 24) it learns from: a
world model with an encoder of its own, from states and the task's own reward. MOMENTS held-out starts are followed
for a while by the clone, and from there three decisions are made, each among eight chunks of three actions of the
clone with noise of WIDE: by the task's reward of the outcome that is imagined; by what the model itself says that
chunks earn; and by a search two decisions further by that. What the task gave for the nine actions, beyond that for
random candidates, is a share of what the simulator gains with the same method. WORK (runs/bench-world) as there; SEEDS,
FIRST and MOMENTS make it smaller or other for a trial, which writes no result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.records import Record, across_seeds, keep, write
from benchmarks.world import FIRST, LIMIT, WORK, agent_of, demonstrated, foreseen
from robopref.cli.online_practice import environment_of
from robopref.data.episodes.store import EpisodeStore
from robopref.learning.learnt_reward_env import agent_spec
from robopref.learning.practice_trials import STARTS
from robopref.learning.sequence_memory import SequenceMemory
from robopref.learning.world_learning import WorldLearner, WorldLearning
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.nets.latent_world import LatentWorld
from robopref.ranking.chunk_judges import EarnedChunks
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.robots.dynamics import SimDynamics, observe
from robopref.robots.latent_dynamics import LatentDynamics
from robopref.robots.sim import Moment, SimPool, SimTask, TaskSpec
from robopref.seeding import derive

SEEDS, MOMENTS = (int(os.environ.get(name, default)) for name, default in (("SEEDS", "5"), ("MOMENTS", "60")))
TRIAL = bool({"SEEDS", "MOMENTS", "FIRST"} & os.environ.keys())
EIGHT, CHUNK, DECISIONS, WIDE, UPDATES, DISCOUNT = 8, 3, 3, 0.5, 1500, 0.97
WAYS = ("outcome", "reward", "search")

Chooses = Callable[[list[Moment], Observation, Tensor], Tensor]


def main() -> None:
    """Measure what is missing, and write the shares."""
    torch.set_num_threads(1)
    runs = [
        keep(WORK / f"dynamics-{seed}.json", lambda s=seed: measured(s), [f"MOMENTS={MOMENTS}"] if TRIAL else [])
        for seed in range(FIRST, FIRST + SEEDS)
    ]
    found = records(runs)
    for record in found:
        print(f"{record.claim}: {record.value} ({record.low} to {record.high}) {record.target}")
    if not TRIAL:
        print(f"result: {write('world_dynamics', found)}")


def measured(seed: int) -> dict[str, float]:
    """What nine actions earn by each way to choose, on average over moments, and how well the model foresees."""
    folder, cpu = WORK / f"all-{seed}", torch.device("cpu")
    told, own = demonstrated(seed), EpisodeStore.open(folder / "online.zarr")
    options = {"points": False, "state": True, "success_distance": 0.05}
    pool = SimPool(TaskSpec(told.attrs["task"], options, LIMIT))
    agent = agent_of("all", agent_spec(environment_of(pool.task.spec), ["state"], steps=1, seed=seed, device=cpu))
    agent.load(next((folder / "practice").glob("agent-*.pt")))
    policy, world = Noisy(agent), learnt(seed, told, own)
    simulator, model = SimDynamics(pool, cpu, seed=seed), LatentDynamics(world)
    moments = on_the_way(pool.task, agent, seed)
    ways: dict[str, Chooses] = {
        "random": lambda _, seen, chunks: torch.zeros(len(chunks), dtype=torch.long),
        "outcome, simulator": lambda now, _, chunks: _best(now, chunks, lambda rows, acts: judged(
            simulator.advance(rows, acts).observation)),
        "outcome, model": lambda _, seen, chunks: judged(model.imagine(seen, chunks)).argmax(1),
        "reward, simulator": lambda now, _, chunks: _best(now, chunks, lambda rows, acts: simulator.advance(
            rows, acts).reward),
        "reward, model": lambda _, seen, chunks: _best(_each(seen), chunks, lambda rows, acts: model.advance(
            rows, acts).reward),
        "search, simulator": lambda now, seen, chunks: BeamSearch(policy, EarnedChunks(), simulator).choose(
            now, seen, chunks).index,
        "search, model": lambda _, seen, chunks: BeamSearch(policy, EarnedChunks(), model).choose(
            _each(seen), seen, chunks).index,
    }  # fmt: skip
    found = {name: lived(choose, policy, simulator, moments, seed) for name, choose in ways.items()}
    agent.world = world
    return found | foreseen(agent, own)


class Noisy:
    """Chunks of a clone that holds its action, each with noise of its own.

    Args:
        agent: Whose clone it is.
    """

    def __init__(self, agent: WorldModelAgent) -> None:
        self.agent = agent

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """(B, N, H, A)."""
        center = self.agent.clone(Observation(state=observation.part("state")))[:, None, None]
        noise = torch.randn(len(center), n, 1, center.shape[-1], generator=generator)
        return (center + WIDE * noise).clamp(-1, 1).expand(-1, -1, CHUNK, -1)


def learnt(seed: int, told: EpisodeStore, own: EpisodeStore) -> LatentWorld:
    """A world model of demonstrations and practice, and of the task's own reward."""
    memory = SequenceMemory({"state": (11,)}, 2, torch.device("cpu"), discount=DISCOUNT)
    for store, demonstrated_ in ((told, True), (own, False)):
        for index in range(len(store)):
            episode = store.episode(index)
            after = episode["next_state"] if "next_state" in episode else episode["state"]
            memory.add(
                {"state": np.concatenate([episode["state"], after[-1:]])}, episode["action"],
                episode["reward"].astype(np.float32), over=bool(episode["terminated"][-1]), demonstrated=demonstrated_,
            )  # fmt: skip
    torch.manual_seed(seed)
    world = LatentWorld({"state": (11,)}, 2, latent=64, width=64, actors=1, critics=2)
    world.encoder.parts.fit({"state": memory.all_seen("state")})
    learner = WorldLearner(world, WorldLearning(batch_size=64, judged=1.0), discount=DISCOUNT)
    for _ in range(UPDATES):
        learner.update(memory.draw(64, CHUNK, 0.3), encoder=1.0)
    return world


def on_the_way(task: SimTask, agent: WorldModelAgent, seed: int) -> list[Moment]:
    """Where a clone is from held-out starts, after 5 to 34 steps."""
    moments: list[Moment] = []
    for index in range(MOMENTS):
        moment = task.reset(derive(seed, STARTS, index) % 2**32)
        for _ in range(5 + index % 30):
            seen = Observation(state=torch.as_tensor(moment.observation["state"])[None])
            after = task.step(agent.decide(seen, plans=False)[0].detach().numpy())
            if after.terminated:
                break
            moment = after
        moments.append(moment)
    return moments


def lived(choose: Chooses, policy: Noisy, simulator: SimDynamics, moments: list[Moment], seed: int) -> float:
    """What the task gives for three decisions, on average over moments; nothing follows where it is over."""
    rng, total, going = torch.Generator().manual_seed(seed), 0.0, list(moments)
    for _ in range(DECISIONS):
        seen = observe(going, torch.device("cpu"))
        chunks = policy.sample(seen, EIGHT, generator=rng)
        index = choose(going, seen, chunks)
        came = simulator.advance(going, chunks[torch.arange(len(chunks)), index])
        total += float(came.reward.sum())
        going = [moment for moment in came.states if not moment.terminated]
    return total / len(moments)


def judged(seen: Observation) -> Tensor:
    """The task's own reward of what is observed, ``-(|puck - goal| + 0.25 |tool - puck|)``."""
    state = seen.part("state")
    tool, puck, goal = state[..., 0:2], state[..., 7:9], state[..., 9:11]
    return -((puck - goal).norm(dim=-1) + 0.25 * (tool - puck).norm(dim=-1))


def _each(seen: Observation) -> list[Observation]:
    return [seen.map(lambda part, row=row: part[row]) for row in range(len(seen.part("state")))]


def _best(states: Sequence[Any], chunks: Tensor, worth: Callable[[list[Any], Tensor], Tensor]) -> Tensor:
    """Of each state the candidate after which most is seen."""
    rows = [state for state in states for _ in range(chunks.shape[1])]
    return worth(rows, chunks.flatten(0, 1)).view(chunks.shape[:2]).argmax(1)


def records(runs: Sequence[dict[str, float]]) -> list[Record]:
    """What is claimed, over seeds."""
    found = [
        across_seeds(f"{way}: gain over random candidates in nine actions, simulator",
                     [run[f"{way}, simulator"] - run["random"] for run in runs], unit="reward")
        for way in WAYS
    ]  # fmt: skip
    found += [
        across_seeds(f"{way}: gain of the model as a share of the simulator's",
                     [(run[f"{way}, model"] - run["random"]) / (run[f"{way}, simulator"] - run["random"])
                      for run in runs], unit="ratio")
        for way in WAYS
    ]  # fmt: skip
    ratios = [run["foreseen"] / run["copied"] for run in runs]
    claim = "error three steps ahead as a share of that of copying forward"
    return [*found, across_seeds(claim, ratios, "<= 1.0", unit="ratio")]


if __name__ == "__main__":
    main()
