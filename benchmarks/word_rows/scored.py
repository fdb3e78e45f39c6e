"""Scores as expectations over tokens beside the scores that are written, in the same replies of a simulated server.

24 lists a seed of six pictures by their brightness; the server is `benchmarks.worlds.scoring_server`, whose noise is
ours. Every pair of a list is asked about in both orders, over HTTP; a tournament asks about five of its fifteen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.rank_agreement import kendall_tau
from benchmarks.worlds.scoring_server import ScoringServer
from robopref.labelers.judge import Judge, Part, Prices, Reply, Schema
from robopref.labelers.patience import PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.scored import ScoredLabeler, ScoredManner
from robopref.labelers.served import ServedJudge
from robopref.records import Item, Preference, Query, Ranking

LISTS, ITEMS, ERROR, SPREAD = 24, 6, 1.0, (60, 196)
MANNER = ScoredManner({"progress": "how bright it is"})


class Pictures:
    """Item k is a picture of the k-th brightness."""

    def __init__(self, brightness: np.ndarray) -> None:
        self.brightness = brightness

    def frames(self, item: Item) -> np.ndarray:
        return np.full((1, 8, 8, 3), self.brightness[item.start], np.uint8)


class Written:
    """The same replies without what else their scores might have been."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    @property
    def name(self) -> str:
        return f"{self.judge.name} as written"

    @property
    def prices(self) -> Prices | None:
        return self.judge.prices

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        return replace(self.judge.ask(parts, schema, sample=sample), tokens=None)


def measure(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    lists = np.array([rng.choice(np.arange(*SPREAD), ITEMS, replace=False) for _ in range(LISTS)], np.float64)
    pictures, found = Pictures(lists.reshape(-1)), dict[str, Any]()
    with (
        tempfile.TemporaryDirectory() as folder,
        ScoringServer(ERROR, seed) as server,
        ReplyCache(Path(folder) / "replies.sqlite") as cache,
    ):
        judge = PatientJudge(ServedJudge("simulated", base_url=server.url, top_logprobs=9), cache)
        for name, asked in (("expected", judge), ("written", Written(judge))):
            labeler = ScoredLabeler(asked, pictures, task="Be bright.", manner=MANNER)
            before = server.asked
            strengths = np.array([_tournament(labeler, place) for place in range(LISTS)])
            found[f"{name} tournament"] = kendall_tau(strengths, lists)
            if name == "expected":
                found["tournament requests"] = (server.asked - before) / LISTS
            found |= {f"{name} {what}": value for what, value in _pairs(labeler, lists).items()}
        found["pairs requests"] = server.asked / LISTS
    return found


def _items(place: int) -> tuple[Item, ...]:
    return tuple(Item("grey", one, one + 1) for one in range(place * ITEMS, (place + 1) * ITEMS))


def _tournament(labeler: ScoredLabeler, place: int) -> tuple[float, ...]:
    answer = labeler.label(Query(f"list-{place}", "ranking", _items(place))).answer
    assert isinstance(answer, Ranking)
    return answer.strengths


def _pairs(labeler: ScoredLabeler, lists: np.ndarray) -> dict[str, float]:
    """What answers to all pairs are worth, and lists that are ordered by the sum of their log-odds."""
    right, ties, loss, strength = list[float](), list[float](), list[float](), np.zeros(lists.shape)
    for place, brightness in enumerate(lists):
        items = _items(place)
        for one, two in combinations(range(ITEMS), 2):
            answer = labeler.label(Query(f"{place}-{one}-{two}", "pair", (items[one], items[two]))).answer
            assert isinstance(answer, Preference)
            better = answer.p if brightness[one] > brightness[two] else 1 - answer.p
            right.append(0.5 + 0.5 * float(np.sign(better - 0.5)))
            ties.append(float(better == 0.5))
            loss.append(-float(np.log(better)))
            odds = float(np.log(answer.p / (1 - answer.p)))
            strength[place, [one, two]] += (odds, -odds)
    return {"right": float(np.mean(right)), "ties": float(np.mean(ties)), "loss": float(np.mean(loss)),
            "all pairs": kendall_tau(strength, lists)}  # fmt: skip


def records(found: list[dict[str, Any]]) -> list[Record]:
    def of(claim: str, name: str, unit: str = "share", target: str = "") -> Record:
        return across_seeds(claim, [float(seed[name]) for seed in found], target, unit=unit)

    def gain(claim: str, one: str, other: str, unit: str = "share", target: str = ">= 0") -> Record:
        return across_seeds(claim, [float(seed[one] - seed[other]) for seed in found], target, unit=unit)

    made = [
        gain("right pairs by expectations minus by written scores, in the same replies", "expected right",
             "written right"),
        gain("log loss of soft labels from written scores minus from expectations", "written loss", "expected loss",
             "nats"),
        gain("tournament: Kendall's tau by expectations minus by written scores", "expected tournament",
             "written tournament", "tau"),
        of("tournament: requests a list", "tournament requests", "requests"),
        of("all pairs: requests a list", "pairs requests", "requests"),
    ]  # fmt: skip
    for name, said in {"expected": "expectations", "written": "written scores"}.items():
        made += [
            of(f"{said}: right pairs, a tie counts half", f"{name} right"),
            of(f"{said}: pairs that tie", f"{name} ties"),
            of(f"{said}: log loss of soft labels", f"{name} loss", "nats"),
            of(f"{said}: Kendall's tau of lists by a tournament", f"{name} tournament", "tau"),
            of(f"{said}: Kendall's tau of lists by all pairs", f"{name} all pairs", "tau"),
        ]
    return made
