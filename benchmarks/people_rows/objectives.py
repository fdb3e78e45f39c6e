"""Two objectives at once on PlanarPush: progress towards the goal against the force of the pushes.

Both are measured, so labels cost simulation and no people: pairs of 8 candidates in 1200 states, each with the share of
voters who would prefer it if the measure over half its spread were log-odds. Of these two sets of labels come two
rewards, once. Weights then choose among 16 candidates of the cloned policy (choice-time weights), or one policy a
weight is tuned on the labels of progress with the reward of gentleness as a margin (MODPO); its own single sample acts.
Scalarised DPO has new labels of the weighted sum for every weight. Points are means over 100 held-out states, volumes
are above the point of the worst candidate by each objective, and over that of the best of 16 by the measures.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.records import Record, across_seeds, keep
from benchmarks.worlds import push_tradeoff as world
from robopref.data.labels.target_operators import believe
from robopref.evaluation.pareto import hypervolume, pareto_flags
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.margin_offsets import Margin, with_margins
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.margins import MultiObjective
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.draws import StratifiedDraw
from robopref.policies.observed import ObservedPolicy
from robopref.policies.weighting import elbo
from robopref.protocols import Objective
from robopref.ranking.weighted import WeightedSum, spread_of
from robopref.records import Observation
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.sim import Moment, SimPool
from robopref.scores import PairTarget

WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of progress; gentleness has the rest
STATES, CANDIDATES, HELD_OUT, CHOICES, SAMPLES = 1200, 8, 100, 16, 4
STEPS, REWARD_STEPS = 300, 2500
EPISODES, CHUNKS = 8, 18
NOISE = 0.5  # of the labels, in spreads of the measure
BETA, RATE = 1.0, 3e-4  # of the tuned policies
_WORK = Path(os.environ.get("OBJECTIVES_WORK", Path(tempfile.gettempdir()) / "robopref_objectives"))
Values = NDArray[np.float64]


def measure(seed: int) -> dict[str, Any]:
    """The figures of a seed, or those that an earlier run that was stopped kept."""
    _WORK.mkdir(parents=True, exist_ok=True)
    return keep(_WORK / f"seed-{seed}.json", lambda: _measure(seed))


def _measure(seed: int) -> dict[str, Any]:
    with SimPool(world.TASK) as pool, tempfile.TemporaryDirectory() as folder:
        policy = world.base_policy(pool, Path(folder), seed, demonstrated=3000, steps=2000)
        trade = _TradeOff(pool, policy, seed)
        found: dict[str, Any] = {"oracle": trade.chosen(trade.true)}
        found |= {"own": trade.held.mean((0, 1)).tolist(), "worst": trade.held.min(1).mean(0).tolist()}
        begun = time.process_time()
        rewards = [trade.reward(k) for k in range(2)]
        shared = time.process_time() - begun
        weighted = trade.weighted(rewards)
        found["choice"] = trade.chosen(lambda weight: weighted(weight).score(trade.seen, trade.actions).value.numpy())
        found["flags"] = float(pareto_flags(trade.held).mean())
        acts: dict[str, list[world.Choose]] = {
            "choice": [_ranked(policy, weighted(weight)) for weight in WEIGHTS], "own": [_own(policy)],
        }  # fmt: skip
        ways = {"MODPO": lambda weight: trade.modpo(rewards[1], weight), "scalarised": trade.scalarised}
        seconds = {"choice": shared, "MODPO": shared, "scalarised": 0.0}
        for name, tune in ways.items():
            begun = time.process_time()
            tuned = [tune(weight) for weight in WEIGHTS]
            seconds[name] += time.process_time() - begun
            found[name] = [trade.sampled(one) for one in tuned]
            acts[name] = [_own(one) for one in tuned]
        pairs = STATES * CANDIDATES * (CANDIDATES - 1) // 2
        found["labels"] = {"choice": 2 * pairs, "MODPO": 2 * pairs, "scalarised": len(WEIGHTS) * pairs}
        found["steps"] = {
            "choice": 2 * REWARD_STEPS, "MODPO": 2 * REWARD_STEPS + len(WEIGHTS) * STEPS,
            "scalarised": len(WEIGHTS) * STEPS,
        }  # fmt: skip
        acts["oracle"] = [trade.foreseen(weight) for weight in WEIGHTS]
        found["episodes"] = {
            name: [
                world.episode_objectives(pool, act, count=EPISODES, chunks=CHUNKS, seed=seed).mean(0).tolist()
                for act in ways_to_act
            ]
            for name, ways_to_act in acts.items()
        }
        return found | {"seconds": seconds}


class _TradeOff:
    """Labelled and held-out candidates of a policy, and what is made of them."""

    def __init__(self, pool: SimPool, policy: ObservedPolicy, seed: int) -> None:
        self.pool, self.policy, self.seed = pool, policy, seed
        moments = world.states(pool, "preferences", STATES, seed)
        chunks = world.candidates(policy, moments, CANDIDATES, seed + 1)
        values = world.achieved(pool, moments, chunks)
        self.spread = np.sqrt(values.var(1).mean(0))  # of each measure, within a state
        self.standard = torch.as_tensor(values / self.spread, dtype=torch.float32)
        self._labelled = world.observed_in(moments), torch.as_tensor(chunks)
        self.moments = world.states(pool, "evaluation", HELD_OUT, seed)
        tried = world.candidates(policy, self.moments, CHOICES, seed + 2)
        self.held = world.achieved(pool, self.moments, tried)
        self.seen, self.actions = world.observed_in(self.moments), torch.as_tensor(tried)

    def comparisons(self, target: PairTarget) -> Comparisons:
        return Comparisons.of_candidates(*self._labelled, target, None)

    def labels(self, values: Tensor) -> PairTarget:
        """Of what is in spreads."""
        return believe(values / NOISE)

    def reward(self, objective: int) -> ExplicitReward:
        """Learnt from an objective's own labels."""
        torch.manual_seed(self.seed)
        reward = ExplicitReward.for_policy(self.policy, hidden=128)
        data = self.comparisons(self.labels(self.standard[..., objective]))
        config = FitConfig(REWARD_STEPS, 1e-3, weight_decay=0.05, warmup=0.1, ema=0.99)
        train_reward(reward, data, bradley_terry, config, seed=self.seed + objective, batches=Batches(32))
        return reward.eval()

    def weighted(self, rewards: Sequence[ExplicitReward]) -> Callable[[float], WeightedSum]:
        """The sum of rewards for each weight of the first, on one scale."""
        named = dict(zip(world.OBJECTIVES, rewards, strict=True))
        scales = {name: spread_of(reward, *self._labelled) for name, reward in named.items()}
        return lambda weight: WeightedSum(named, dict(zip(world.OBJECTIVES, (weight, 1 - weight), strict=True)), scales)

    @torch.no_grad()
    def chosen(self, score: Callable[[float], Values]) -> list[list[float]]:
        """What is achieved by the best of 16 by a score (S, N), for every weight."""
        rows = np.arange(HELD_OUT)
        return [self.held[rows, score(weight).argmax(1)].mean(0).tolist() for weight in WEIGHTS]

    def true(self, weight: float) -> Values:
        """The weighted sum of the measures, (S, N)."""
        return self.held / self.spread @ np.array([weight, 1 - weight])

    def sampled(self, policy: ObservedPolicy) -> list[float]:
        """What single samples achieve."""
        chunks = world.candidates(policy, self.moments, SAMPLES, self.seed + 3)
        return world.achieved(self.pool, self.moments, chunks).mean((0, 1)).tolist()

    def modpo(self, gentleness: ExplicitReward, weight: float) -> ObservedPolicy:
        data = self.comparisons(self.labels(self.standard[..., 0]))
        data = with_margins(data, {"gentleness": Margin(gentleness, 1 - weight)})
        return self._tuned(data, MultiObjective(bradley_terry, weight))

    def scalarised(self, weight: float) -> ObservedPolicy:
        mixed = self.standard @ torch.tensor([weight, 1 - weight])
        return self._tuned(self.comparisons(self.labels(mixed)), bradley_terry)

    def _tuned(self, data: Comparisons, objective: Objective) -> ObservedPolicy:
        """A copy of the policy, tuned as `method=modpo` does, with the weights that make errors log-densities."""
        reward = ImplicitReward(deepcopy(self.policy), StratifiedDraw(32), beta=BETA, cost="error", weighting=elbo)
        config = FitConfig(STEPS, RATE, weight_decay=0.05, warmup=0.1, ema=0.99)
        batches = Batches(16, draws=StratifiedDraw(8))
        train_reward(reward, data, objective, config, seed=self.seed, batches=batches)
        return reward.policy.eval()  # type: ignore[return-value]

    def foreseen(self, weight: float) -> world.Choose:
        """The best of 16 in every decision, by carrying all out."""

        def choose(moments: Sequence[Moment], seen: Observation, generator: torch.Generator) -> Tensor:
            chunks = self.policy.sample(seen, CHOICES, generator=generator)
            values = world.achieved(self.pool, moments, chunks.numpy()) / self.spread
            best = (values @ np.array([weight, 1 - weight])).argmax(1)
            return chunks[torch.arange(len(chunks)), torch.as_tensor(best)]

        return choose


def _own(policy: ObservedPolicy) -> world.Choose:
    return lambda moments, seen, generator: policy.sample(seen, 1, generator=generator)[:, 0]


def _ranked(policy: ObservedPolicy, scorer: WeightedSum) -> world.Choose:
    @torch.no_grad()
    def choose(moments: Sequence[Moment], seen: Observation, generator: torch.Generator) -> Tensor:
        chunks = policy.sample(seen, CHOICES, generator=generator)
        return chunks[torch.arange(len(chunks)), scorer.score(seen, chunks).value.argmax(1)]

    return choose


def records(found: list[dict[str, Any]]) -> list[Record]:
    shares = {way: [_share(seed, seed[way]) for seed in found] for way in ("choice", "MODPO", "scalarised")}
    own = [_share(seed, [seed["own"]]) for seed in found]
    made = [
        across_seeds("choice-time weights: hypervolume over the oracle's best of 16", shares["choice"], ">= 0.8"),
        across_seeds("MODPO policies, one sample: hypervolume over the oracle's best of 16", shares["MODPO"], ">= 0.8"),
        across_seeds("scalarised DPO, one sample: hypervolume over the oracle's best of 16", shares["scalarised"]),
        across_seeds("the cloned policy, one sample: hypervolume over the oracle's best of 16", own),
        across_seeds(
            "MODPO's share minus scalarised DPO's",
            [one - two for one, two in zip(shares["MODPO"], shares["scalarised"], strict=True)],
        ),
    ]
    made += [
        across_seeds(f"{way}: steps along the weights that go the right way in both objectives",
                     [_monotone(seed[way]) for seed in found], target)
        for way, target in (("choice", ">= 1"), ("MODPO", ">= 1"), ("scalarised", ""))
    ]  # fmt: skip
    made += [
        across_seeds(f"{way}: {what} for five weights", [float(seed[what][way]) for seed in found], unit=unit)
        for what, unit in (("labels", "pairs"), ("steps", "gradient steps"), ("seconds", "CPU-seconds"))
        for way in shares
    ]
    made.append(across_seeds("candidates of a state that no other beats", [seed["flags"] for seed in found]))
    for way in ("choice", "MODPO", "scalarised"):
        whole = [_share(seed, seed["episodes"][way], _episodes(seed)) for seed in found]
        target = "" if way == "scalarised" else ">= 0.8"
        claim = f"{way}, whole episodes: hypervolume of minus time and force over the oracle's"
        made.append(across_seeds(claim, whole, target))
    for way in ("own", "choice", "MODPO", "oracle"):
        for name, weight in ((WEIGHTS[0], 0), (WEIGHTS[-1], -1)):
            of = "" if way == "own" else f", weight {name:g} of progress"
            ends = -np.array([seed["episodes"][way][weight] for seed in found])
            made.append(across_seeds(f"{way}{of}, whole episodes: time, 5.8 s at most", ends[:, 0], unit="s"))
            made.append(across_seeds(f"{way}{of}, whole episodes: mean peak force", ends[:, 1], unit="N"))
            if way == "own":
                break
    return made


def _share(seed: Mapping[str, Any], points: list[list[float]], episodes: Mapping[str, Any] | None = None) -> float:
    """Volume of a front over that of the oracle's."""
    best, floor = (seed["oracle"], seed["worst"]) if episodes is None else (episodes["oracle"], episodes["worst"])
    whole = hypervolume(np.array(best), np.array(floor))
    return hypervolume(np.array(points), np.array(floor)) / whole if whole > 0 else 0.0


def _episodes(seed: Mapping[str, Any]) -> dict[str, Any]:
    """The oracle's front of whole episodes; nothing is worse than no arrival at the greatest force of any way."""
    every = np.array([point for points in seed["episodes"].values() for point in points])
    worst = [-world.SECONDS * world.HORIZON * CHUNKS, float(every[:, 1].min())]
    return {"oracle": seed["episodes"]["oracle"], "worst": worst}


def _monotone(points: list[list[float]]) -> float:
    """Share of the steps to a greater weight of progress that bring more of it, and of those that cost gentleness."""
    change = np.diff(np.array(points), axis=0)
    return float(np.mean([change[:, 0] >= 0, change[:, 1] <= 0]))
