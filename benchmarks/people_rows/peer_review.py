"""Peer review of wrong answers about segments of DrawerOpen, beside plain training and stopping early.

Four demonstrators' episodes are cut into segments of 15 steps, of which pairs are drawn; an answer follows the true
return, and is turned round with a known chance. All rewards are those of ``reward=segment``, three networks of 64, for
24 epochs of the pairs, with these ways to deal with wrong answers: none (plain), a tenth of the wrong answers held out
that says when to stop (early), and the members' review of each other's pairs. Accuracy is on clean pairs of other
episodes.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.offline import MIXTURE
from benchmarks.records import Record, across_seeds
from robopref.data.episodes.store import EpisodeStore
from robopref.data.filters.peer_review import PeerReview
from robopref.items import Comparisons, Items
from robopref.learning.collect import collect_demonstrations
from robopref.learning.cross_validation import held_out_margins, pair_margins
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, put_aside
from robopref.learning.preference import Batches, kept_shares, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.protocols import LiveFilter
from robopref.rewards.segment import SegmentReward
from robopref.robots.sim import SimPool, TaskSpec
from robopref.scores import PairTarget

LENGTH, BATCH, EPOCHS, TEST = 15, 32, 24, 2500
MANY, FEW, WRONG = 4000, 1000, 0.4
WIDTH = 15  # values of a state and an action


def measure(seed: int) -> dict[str, Any]:
    """Accuracies of one seed by what was done, and what was kept."""
    test, many = worlds(seed)
    found: dict[str, Any] = {}
    for label, data, wrong in (
        ("many", many, WRONG), ("few", many[torch.arange(FEW)], WRONG), ("clean", many, 0.0), ("coins", many, 0.5),
    ):  # fmt: skip
        told, right = answered(data, wrong, seed)
        found[label] = compared(told, right, test, wrong, seed)
    return found


def worlds(seed: int) -> tuple[Comparisons, Comparisons]:
    """Clean pairs to be tested on, and others to learn from."""
    with tempfile.TemporaryDirectory() as folder:
        test, many = (pairs(Path(folder) / name, 2 * seed + k, count) for k, (name, count) in enumerate(
            {"test": TEST, "train": MANY}.items()
        ))  # fmt: skip
    return test, many


def compared(data: Comparisons, right: Tensor, test: Comparisons, wrong: float, seed: int) -> dict[str, float]:
    """Accuracies on clean pairs of the ways to deal with wrong answers; of the review, what it kept."""
    seen, aside = put_aside(data, 0.1, seed=seed)
    assert aside is not None
    found = {
        "plain": accuracy(trained(data, seed), test),
        "early": accuracy(trained(seen, seed, watch=HeldOut(aside)), test),
    }
    given = min(wrong, 0.49)
    review = PeerReview(noise=given)
    reward = trained(data, seed, review=review)
    found["review"] = accuracy(reward, test)
    rows, share = kept_shares(reward, data, Batches(BATCH, filters=(review,)), seed=seed)
    kept = share > 0.5
    found["kept that are right"] = float(right[rows[:, 0]][kept].float().mean())
    found["right that are kept"] = float(kept[right[rows[:, 0]]].float().mean())
    if wrong == WRONG:
        for off in (-0.1, 0.08):
            review = PeerReview(noise=wrong + off)
            found[f"review, {off:+.2f}"] = accuracy(trained(data, seed, review=review), test)
    settled, _ = PeerReview().settled(*held_out_margins(
        lambda: made(seed), data, bradley_terry, config(len(data)), seed=seed, batches=Batches(BATCH)
    ))  # fmt: skip
    found["estimated"] = float(settled.noise)
    found["review, estimated"] = accuracy(trained(data, seed, review=settled), test)
    return found


def made(seed: int) -> SegmentReward:
    """A reward that is not trained."""
    torch.manual_seed(seed)
    return SegmentReward(["state", "action"], WIDTH, members=3)


def config(pairs: int) -> FitConfig:
    """Of the shipped reward, but for the steps."""
    return FitConfig(EPOCHS * pairs // BATCH, 1e-3, 1e-2)


def trained(
    data: Comparisons, seed: int, *, review: LiveFilter | None = None, watch: HeldOut | None = None
) -> SegmentReward:
    """A reward that learnt from answers."""
    batches, reward = Batches(BATCH, filters=() if review is None else (review,)), made(seed)
    train_reward(reward, data, bradley_terry, config(len(data)), seed=seed, batches=batches, watch=watch)
    return reward


def accuracy(reward: SegmentReward, test: Comparisons) -> float:
    """Share of pairs that a reward orders as the answers do."""
    margins, p = pair_margins(reward, test)
    return float(((margins > 0) == (p > 0.5)).float().mean())


def pairs(path: Path, seed: int, count: int) -> Comparisons:
    """Pairs of segments of new episodes, and which has the greater return."""
    task = TaskSpec("envs:robopref/DrawerOpen-v0", {"points": False, "state": True}, 60)
    with SimPool(task) as pool:
        store = collect_demonstrations(pool, path, steps=8000, seed=seed, mixture=MIXTURE)
    starts = segment_starts(store)
    rng = np.random.default_rng(seed)
    chosen = np.stack([rng.choice(starts, 2, replace=False) for _ in range(2 * count)])
    rows = chosen[..., None] + np.arange(LENGTH)
    worth = store.array("reward")[rows].sum(-1)
    apart = np.flatnonzero(worth[:, 0] != worth[:, 1])[:count]
    steps = {name: torch.as_tensor(store.array(name)[rows[apart]], dtype=torch.float32) for name in ("state", "action")}
    p, weight = torch.full((len(apart), 2, 2), 0.5), torch.zeros(len(apart), 2, 2)
    p[:, 0, 1], weight[:, 0, 1] = torch.as_tensor(worth[apart, 0] > worth[apart, 1], dtype=torch.float32), 1
    return Comparisons(Items(steps, torch.full((len(apart), 2, LENGTH), 1 / LENGTH)), PairTarget(p, weight))


def segment_starts(store: EpisodeStore) -> Any:
    """First steps of all segments that lie in an episode."""
    ends = np.asarray(store.episode_ends)
    begins = np.concatenate([[0], ends[:-1]])
    return np.concatenate([np.arange(a, b - LENGTH + 1) for a, b in zip(begins, ends, strict=True)])


def answered(data: Comparisons, wrong: float, seed: int) -> tuple[Comparisons, Tensor]:
    """The same pairs with some answers turned round, and which were not, (B,)."""
    right = torch.rand(len(data), generator=torch.Generator().manual_seed(seed)) >= wrong
    assert isinstance(data.target, PairTarget)
    p = data.target.p.clone()
    p[:, 0, 1] = torch.where(right, p[:, 0, 1], 1 - p[:, 0, 1])
    return replace(data, target=replace(data.target, p=p)), right


def records(found: list[dict[str, Any]]) -> list[Record]:
    def share(name: str, case: str, way: str, target: str = "") -> Record:
        return across_seeds(f"{name}, {TOLD[case]}", [one[case][way] for one in found], target)

    def gain(case: str, over: str, target: str) -> Record:
        values = [one[case]["review"] - one[case][over] for one in found]
        return across_seeds(f"review less {over}, {TOLD[case]}", values, target)

    made = [share(f"accuracy, {way}", case, way) for case in TOLD for way in ("plain", "early", "review")]
    made += [
        gain("many", "plain", ">= 0.05"), gain("many", "early", ">= -0.005"), gain("few", "plain", ""),
        gain("few", "early", ""), gain("clean", "plain", ">= -0.01"),
        share("pairs kept that are right", "many", "kept that are right", ">= 0.75"),
        share("right pairs that are kept", "many", "right that are kept", ">= 0.5"),
        across_seeds(
            "largest accuracy of the three, trained on coin flips",
            [max(one["coins"][way] for way in ("plain", "early", "review")) for one in found], "<= 0.52",
        ),
    ]  # fmt: skip
    made += [share("estimated share of wrong answers", case, "estimated") for case in ("many", "few", "clean")]
    made += [share(f"accuracy, {way}", "many", way) for way in ("review, estimated", "review, -0.10", "review, +0.08")]
    return made


TOLD = {
    "many": "4,000 pairs, 40 % wrong", "few": "1,000 pairs, 40 % wrong", "clean": "4,000 pairs, none wrong",
    "coins": "4,000 coin flips",
}  # fmt: skip
