"""Choosing among candidates of DrawerOpen by a reward of actions that learnt from wrong answers.

In 150 states eight candidates, chunks of eight actions of the demonstrator with noise of many sizes, are compared pair
by pair, 4,200 in all, by how far each opens the drawer; a share of the answers is turned round. A reward r(s, a) of
three networks learns from these as they are (plain), with a tenth of the states held out that say when to stop (early),
or
with members that review each other's pairs, or doubt them, where the share of wrong answers is estimated. It then
chooses among 16 candidates in 200 other states;
all of them are carried out. What is reported is the share of the gap between a random candidate and the best that the
choice closes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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

HORIZON, STATES, CANDIDATES, STARTS, CHOICES = 8, 150, 8, 200, 16
NOISE = 1.5  # largest standard deviation that is added to the demonstrator's actions
WRONG = (0.0, 0.1, 0.3, 0.4)
WAYS = ("plain", "early", "review", "doubt")
BATCH, FIT = 8, FitConfig(900, 1e-3, 1e-2)


def measure(seed: int) -> dict[str, Any]:
    """Shares of the gap of one seed, by share of wrong answers and way; and what was estimated."""
    task = TaskSpec("envs:robopref/DrawerOpen-v0", {"points": False, "state": True}, 60)
    with SimPool(task) as pool:
        asked = drawn(pool, "preferences", STATES, CANDIDATES, seed)
        held = drawn(pool, "evaluation", STARTS, CHOICES, seed)
    found: dict[str, Any] = {}
    for wrong in WRONG:
        data = compared(*asked, wrong, seed)
        seen, aside = put_aside(data, 0.1, seed=seed)
        assert aside is not None
        review, _ = PeerReview().settled(*held_out_margins(
            lambda: made(seed), data, bradley_terry, FIT, seed=seed, batches=Batches(BATCH)
        ))  # fmt: skip
        rewards = {
            "plain": trained(data, seed),
            "early": trained(seen, seed, watch=HeldOut(aside)),
            "review": trained(data, seed, batches=Batches(BATCH, filters=(review,))),
            "doubt": trained(data, seed, batches=Batches(BATCH, filters=(PeerDoubt(noise=review.noise),))),
        }
        found[str(wrong)] = {name: closed(reward, *held) for name, reward in rewards.items()}
        found[str(wrong)]["estimated"] = float(review.noise)
    return found


def drawn(
    pool: SimPool, purpose: str, states: int, candidates: int, seed: int
) -> tuple[Sequence[Moment], NDArray[np.float32], NDArray[np.float64]]:
    """States, candidates (S, N, H, A) in each, and what they achieve, (S, N)."""
    moments = draw_states(pool, purpose, count=states, seed=seed, warm_up=30)
    best = np.stack(list(pool.map(demonstrate_chunk, [(one.snapshot, HORIZON, k) for k, one in enumerate(moments)])))
    rng = np.random.default_rng([seed, states])
    size = rng.uniform(0, NOISE, (states, candidates, 1, 1))
    chunks = best[:, None] + size * rng.normal(size=(states, candidates, *best.shape[1:]))
    chunks = chunks.clip(-1, 1).astype(np.float32)
    return moments, chunks, try_candidates(pool, moments, chunks)


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


def made(seed: int) -> SegmentReward:
    """A reward of actions that is not trained."""
    torch.manual_seed(seed)
    return SegmentReward(["state", "action"], 11 + 4 * HORIZON, members=3)


def trained(
    data: Comparisons, seed: int, *, batches: Batches = Batches(BATCH), watch: HeldOut | None = None  # noqa: B008
) -> SegmentReward:  # fmt: skip
    """A reward that learnt from answers."""
    reward = made(seed)
    train_reward(reward, data, bradley_terry, FIT, seed=seed, batches=batches, watch=watch)
    return reward


def closed(
    reward: SegmentReward, moments: Sequence[Moment], chunks: NDArray[np.float32], gained: NDArray[np.float64]
) -> float:
    """Share of the gap between a random candidate and the best that choosing by a reward closes."""
    with torch.no_grad():
        value: Tensor = reward.score(items(moments, chunks)).value
    random, best = gained.mean(1).mean(), gained.max(1).mean()
    return float((chosen_by(value.numpy(), gained).mean() - random) / (best - random))


def records(found: list[dict[str, Any]]) -> list[Record]:
    made: list[Record] = []
    for wrong in map(str, WRONG):
        told = f"{100 * float(wrong):.0f} % wrong"
        made += [
            across_seeds(f"share of the random-to-best gap closed, {way}, {told}", [one[wrong][way] for one in found])
            for way in WAYS
        ]
        target = ">= 0" if float(wrong) >= 0.1 else ""
        for way, other in itertools.product(("review", "doubt"), ("plain", "early")):
            gains = [one[wrong][way] - one[wrong][other] for one in found]
            made.append(across_seeds(f"{way} less {other}, {told}", gains, target))
        made.append(
            across_seeds(f"estimated share of wrong answers, {told}", [one[wrong]["estimated"] for one in found])
        )
    return made
