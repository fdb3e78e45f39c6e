"""Choosing among candidates of a task by a reward of actions that learnt from answers, some of which are wrong.

In some states candidates, chunks of the demonstrator's actions with noise of many sizes, are compared pair by pair by
what each achieves; a share of the answers is turned round. A reward r(s, a) of three networks learns from these as they
are (plain), with a tenth of the states held out that say when to stop (early), or with members that review each other's
pairs, or doubt them, where the share of wrong answers is estimated. It then chooses among more candidates in other
states, all of which are carried out.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.records import Record, across_seeds, chosen_by
from robopref.data.filters.peer_doubt import PeerDoubt
from robopref.data.filters.peer_review import PeerReview
from robopref.items import Comparisons, Items
from robopref.learning.collect import draw_states, try_candidates
from robopref.learning.cross_validation import held_out_margins
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, put_aside
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.segment import SegmentReward
from robopref.robots.sim import Moment, SimPool, TaskSpec, demonstrate_chunk
from robopref.scores import PairTarget

STATES, CANDIDATES, STARTS, CHOICES = 150, 8, 200, 16
NOISE = 1.5  # largest standard deviation that is added to the demonstrator's actions
WAYS = ("plain", "early", "review", "doubt")
BATCH, FIT = 8, FitConfig(900, 1e-3, 1e-2)
Drawn = tuple[Sequence[Moment], NDArray[np.float32], NDArray[np.float64]]


@dataclass(frozen=True)
class Choices:
    """Where is chosen.

    Attributes:
        task: The task.
        horizon: Actions of a candidate.
        warm_up: Steps of the demonstrator before a state, at most.
    """

    task: TaskSpec
    horizon: int
    warm_up: int

    def drawn(self, pool: SimPool, purpose: str, states: int, candidates: int, seed: int) -> Drawn:
        """States, candidates (S, N, H, A) in each, and what they achieve, (S, N)."""
        moments = draw_states(pool, purpose, count=states, seed=seed, warm_up=self.warm_up)
        jobs = [(one.snapshot, self.horizon, k) for k, one in enumerate(moments)]
        best = np.stack(list(pool.map(demonstrate_chunk, jobs)))
        rng = np.random.default_rng([seed, states])
        size = rng.uniform(0, NOISE, (states, candidates, 1, 1))
        chunks = best[:, None] + size * rng.normal(size=(states, candidates, *best.shape[1:]))
        chunks = chunks.clip(-1, 1).astype(np.float32)
        return moments, chunks, try_candidates(pool, moments, chunks)

    def measured(self, wrong: Sequence[float], seed: int) -> dict[str, Any]:
        """Shares of the gap of one seed, by share of wrong answers and way; and what was estimated."""
        with SimPool(self.task) as pool:
            asked = self.drawn(pool, "preferences", STATES, CANDIDATES, seed)
            held = self.drawn(pool, "evaluation", STARTS, CHOICES, seed)
        return {str(share): _learnt(compared(*asked, share, seed), held, seed) for share in wrong}


def _learnt(data: Comparisons, held: Drawn, seed: int) -> dict[str, float]:
    seen, aside = put_aside(data, 0.1, seed=seed)
    assert aside is not None

    def made() -> SegmentReward:
        torch.manual_seed(seed)
        return SegmentReward.for_items(data.items, members=3)

    def trained(
        data: Comparisons, *, batches: Batches = Batches(BATCH), watch: HeldOut | None = None  # noqa: B008
    ) -> SegmentReward:  # fmt: skip
        reward = made()
        train_reward(reward, data, bradley_terry, FIT, seed=seed, batches=batches, watch=watch)
        return reward

    review, _ = PeerReview().settled(
        *held_out_margins(made, data, bradley_terry, FIT, seed=seed, batches=Batches(BATCH))
    )
    rewards = {
        "plain": trained(data),
        "early": trained(seen, watch=HeldOut(aside)),
        "review": trained(data, batches=Batches(BATCH, filters=(review,))),
        "doubt": trained(data, batches=Batches(BATCH, filters=(PeerDoubt(noise=review.noise),))),
    }
    found = {name: closed(reward, *held) for name, reward in rewards.items()}
    return {**found, "estimated": float(review.noise)}


def items(moments: Sequence[Moment], chunks: NDArray[np.float32]) -> Items:
    """Candidates as single decisions of a state and a chunk."""
    state = torch.as_tensor(np.stack([one.observation["state"] for one in moments]), dtype=torch.float32)
    actions = torch.as_tensor(chunks).flatten(2)
    steps = {"state": state[:, None, None].expand(-1, chunks.shape[1], -1, -1), "action": actions[:, :, None]}
    return Items(steps, torch.ones(*chunks.shape[:2], 1))


def compared(
    moments: Sequence[Moment], chunks: NDArray[np.float32], gained: NDArray[np.float64], wrong: float, seed: int
) -> Comparisons:
    """All pairs of candidates of a state, some answered wrongly."""
    worth = torch.as_tensor(gained)
    p = 0.5 + 0.5 * (worth[:, :, None] - worth[:, None]).sign().float()
    flip = torch.rand(p.shape, generator=torch.Generator().manual_seed(seed)) < wrong
    weight = torch.ones_like(p).triu(diagonal=1)
    return Comparisons(items(moments, chunks), PairTarget(torch.where(flip, 1 - p, p), weight))


def closed(
    reward: SegmentReward, moments: Sequence[Moment], chunks: NDArray[np.float32], gained: NDArray[np.float64]
) -> float:
    """Share of the gap between a random candidate and the best that choosing by a reward closes."""
    with torch.no_grad():
        value: Tensor = reward.score(items(moments, chunks)).value
    random, best = gained.mean(1).mean(), gained.max(1).mean()
    return float((chosen_by(value.numpy(), gained).mean() - random) / (best - random))


def choice_records(found: Sequence[Mapping[str, Any]], wrong: Sequence[float], task: str = "") -> list[Record]:
    """What is claimed of the seeds' figures.

    Args:
        found: Of each seed, see `Choices.measured`.
        wrong: Shares of wrong answers.
        task: Named in the claims; empty where there is one.
    """
    made: list[Record] = []
    for share in map(str, wrong):
        told = f"{task + ', ' if task else ''}{100 * float(share):.0f} % wrong"
        made += [
            across_seeds(f"share of the random-to-best gap closed, {way}, {told}", [one[share][way] for one in found])
            for way in WAYS
        ]
        target = ">= 0" if float(share) >= 0.1 else ""
        for way, other in itertools.product(("review", "doubt"), ("plain", "early")):
            gains = [one[share][way] - one[share][other] for one in found]
            made.append(across_seeds(f"{way} less {other}, {told}", gains, target))
        made.append(
            across_seeds(f"estimated share of wrong answers, {told}", [one[share]["estimated"] for one in found])
        )
    return made
