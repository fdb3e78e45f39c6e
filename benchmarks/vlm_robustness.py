"""A thousand questions to a server that fails in every way, and what became of each.

The server is the simulator of `benchmarks.worlds.pixel_judge`: real HTTP on loopback, no model. ``QUERIES=100`` asks
fewer.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.records import Record, write
from benchmarks.worlds.pixel_judge import FAULTS, JudgeServer, PixelJudge
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.evaluation.statistics import bootstrap_mean
from robopref.labelers import vlm
from robopref.labelers.batch import label_all
from robopref.labelers.patience import Patience, PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.request_budget import RequestBudget
from robopref.labelers.served import ServedJudge
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.records import Abstain, Feedback, Item, Preference, Query

QUERIES = int(os.environ.get("QUERIES", "1000"))
ERROR = 0.2
RATES = dict.fromkeys(FAULTS, 0.02) | {"429": 0.1, "500": 0.1, "timeout": 0.01}
SIDE = 48
REASONS = {vlm.CANNOT_TELL, vlm.REFUSED, vlm.UNREADABLE, vlm.ERROR, vlm.ORDERS_DISAGREE}


class Bars:
    """Item k is a picture with a bar; its length is the k-th, and grey noise is all around."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def frames(self, item: Item) -> np.ndarray:
        """One picture, (1, side, side, 3)."""
        picture = np.random.default_rng(item.start).integers(0, 120, (SIDE, SIDE, 3), dtype=np.uint8)
        picture[SIDE // 2 - 3 : SIDE // 2 + 3, : self.lengths[item.start]] = (255, 40, 0)
        return picture[None]


def length(frames) -> float:
    """Red pixels of the last frame."""
    return float(((frames[-1][..., 0] > 200) & (frames[-1][..., 1] < 100)).sum())


def main() -> None:
    """Ask, count, and write the result."""
    rng = np.random.default_rng(0)
    lengths = np.concatenate([rng.choice(SIDE, 2, replace=False) for _ in range(QUERIES)])
    queries = [
        Query(f"q{k}", "pair", (Item("bars", 2 * k, 2 * k + 1), Item("bars", 2 * k + 1, 2 * k + 2)), "A long bar.")
        for k in range(QUERIES)
    ]
    records: list[Record] = []
    for stages in ("one_stage", "two_stage"):
        with tempfile.TemporaryDirectory() as folder:
            records += measure(stages, queries, Bars(lengths), Path(folder))
    for record in records:
        print(f"{record.value:10.4f} {record.unit}, target {record.target or 'none'}: {record.claim}")
    if QUERIES < 1000:
        sys.exit("a try with fewer questions; no result is written")
    print(f"result: {write('vlm_robustness', records)}")


def measure(stages: str, queries: list[Query], pictures: Bars, folder: Path) -> list[Record]:
    """Ask everything twice, the second time without labels but with the replies."""
    with JudgeServer(PixelJudge(length, error=ERROR), RATES, stall=3.0) as server:
        begun = time.monotonic()
        given, patient = ask(server, stages, queries, pictures, folder)
        seconds, before, retried = time.monotonic() - begun, sum(server.seen.values()), server.injected.copy()
        billed, twice = list(server.usage), sum(count > 1 for count in server.replied.values())
        (folder / "labels.sqlite").unlink()
        again, _ = ask(server, stages, queries, pictures, folder)
        more = sum(server.seen.values()) - before
    reasons = Counter(one.answer.reason for one in given if isinstance(one.answer, Abstain))
    ended = sum(isinstance(one.answer, Preference) or one.answer.reason in REASONS for one in given)  # type: ignore[union-attr]
    answers = {one.query_id: one.answer.p for one in given if isinstance(one.answer, Preference)}
    right = [
        float(answers[query.id] == (pictures.lengths[query.items[0].start] > pictures.lengths[query.items[1].start]))
        for query in queries
        if query.id in answers
    ]
    share = bootstrap_mean(right)
    judged = {
        query.id: float(server.judge.decide(*([*pictures.frames(item)] for item in query.items)) == "first")
        for query in queries
    }
    misread = sum(answers[name] != judged[name] for name in answers)
    print(f"{stages}: {dict(retried)}; {dict(reasons)}; {len(answers)} answers in {seconds:.0f} s")
    injected = ", ".join(f"{kind} {rate:.0%}" for kind, rate in RATES.items())
    changed = sum(a.answer != b.answer for a, b in zip(by_id(given), by_id(again), strict=True))
    n = len(queries)
    return [
        exact(stages, f"queries that did not end in one answer or one abstention with its reason ({injected})",
              n - ended + abs(len({one.query_id for one in given}) - n) + len(given) - n, n),
        exact(stages, "requests that were replied to twice", twice, before),
        exact(stages, "tokens by which the recorded usage differs from the server's bill",
              abs(patient.budget.input_tokens - billed[0]) + abs(patient.budget.output_tokens - billed[1]), n),
        exact(stages, "requests that are counted wrongly", abs(patient.budget.requests - before), before),
        exact(stages, "requests when asked again with the replies on disk and the labels lost", more, n),
        exact(stages, "answers that are then different", changed, n),
        exact(stages, "labels that are not what the simulator decided", misread, len(answers)),
        Record(f"{stages}: answers that are right, of a simulator that is right about 80 % of pairs",
               round(share.mean, 4), round(share.low, 4), round(share.high, 4), "0.78 to 0.82",
               0.78 <= share.mean <= 0.82, "share", len(right)),
        Record(f"{stages}: abstentions ({', '.join(f'{count} {reason}' for reason, count in reasons.most_common())})",
               reasons.total(), reasons.total(), reasons.total(), "", None, "queries", n),
        Record(f"{stages}: requests a second with 8 workers, server, pictures and failures in the same process",
               round(before / seconds, 1), round(before / seconds, 1), round(before / seconds, 1), "", None, "1/s", 1),
    ]  # fmt: skip


def ask(
    server: JudgeServer, stages: str, queries: list[Query], pictures: Bars, folder: Path
) -> tuple[list[Feedback], PatientJudge]:
    """Label all queries."""
    judge = ServedJudge("simulated", base_url=server.url, timeout=2.0, input_price=1.0, output_price=4.0)
    with ReplyCache(folder / "replies.sqlite") as cache, FeedbackStore(folder / "labels.sqlite") as store:
        patient = PatientJudge(judge, cache, RequestBudget(prices=judge.prices), Patience(12, wait=0.02, longest=1.0))
        store.add_queries(queries)
        label_all(VlmLabeler(patient, pictures, manner=Manner(stages)), queries, store, workers=8)
        return store.feedback(), patient


def by_id(given: list[Feedback]) -> list[Feedback]:
    """In the order of the queries' names."""
    return sorted(given, key=lambda one: one.query_id)


def exact(stages: str, claim: str, value: float, n: int) -> Record:
    """A count that has to be zero."""
    return Record(f"{stages}: {claim}", value, value, value, "0", value == 0, "count", n)


if __name__ == "__main__":
    main()
