"""A model whose scores are expectations over the tokens that it might have written, and soft answers from these.

Scores by several criteria, several times over and in both orders are averaged, and long lists are ordered by a
tournament against a pivot, after verifiers that read scores off the probabilities of their tokens.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any, ClassVar

import numpy as np

from robopref.errors import ConfigError, unknown_name
from robopref.labelers.judge import Judge, Part, Picture, Reply, Schema
from robopref.labelers.metric import ranks_of
from robopref.labelers.pivot_tournament import pivot_tournament
from robopref.labelers.prompts import FIRST, SECOND, UNSURE
from robopref.labelers.readable_answer import CANNOT_TELL, UnansweredError, fields_of, readable_answer
from robopref.labelers.reasoned import DIMENSIONS, finding_fields, named_dimensions
from robopref.labelers.score_tokens import UntoldError, expected_score
from robopref.labelers.showing import Showing, same_pictures
from robopref.labelers.vlm import ORDERS, SAME_PICTURES, Orders
from robopref.protocols import Pictures
from robopref.reasons import Chain, DimensionFinding
from robopref.records import Abstain, Answer, Feedback, Preference, Query, QueryKind, Ranking
from robopref.seeding import derive

LEAST, MOST = 1, 9  # of a score, each of which is one digit and so one token
VERSION = "scored-1"  # changes whenever a word does
_SCORED = "scored"
_KEPT = 10_000  # characters of what it said that are kept with an answer
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredManner:
    """How scores are asked for.

    Attributes:
        dimensions: By name, the criteria; all are scored in one reply, and count alike. Null leaves one out.
        orders: ``both`` asks about two items twice, with the items swapped, and takes the mean; ``given`` asks once.
        samples: Replies to each question.
        repairs: How often it is asked again after a reply that cannot be read.
        sharpness: Log-odds of a preference for each point by which mean scores differ.
    """

    dimensions: Mapping[str, str | None] = field(default_factory=lambda: dict(DIMENSIONS))
    orders: Orders = "both"
    samples: int = 1
    repairs: int = 1
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        named_dimensions(self.dimensions)
        if self.orders not in ORDERS:
            raise unknown_name("orders", self.orders, ORDERS)
        if self.samples < 1 or self.repairs < 0 or not 0 < self.sharpness <= 1000:
            raise ConfigError(
                "labeler.manner.samples must be at least 1, repairs 0 and sharpness in (0, 1000], got "
                f"{self.samples}, {self.repairs} and {self.sharpness}"
            )

    @property
    def asked(self) -> dict[str, str]:
        """Criteria that are not left out, with what they mean."""
        return named_dimensions(self.dimensions)

    @property
    def swaps(self) -> tuple[bool, ...]:
        """Whether the items are shown the other way round, by order that is asked in."""
        return (False, True) if self.orders == "both" else (False,)

    @property
    def key(self) -> tuple[object, ...]:
        """What tells answers asked for in another way apart."""
        return (tuple(self.asked.items()), self.orders, self.samples, self.repairs, self.sharpness)

    @property
    def schema(self) -> Schema:
        """Of a reply: findings and scores by criterion."""
        fields = finding_fields(self.asked, (FIRST, SECOND), MOST)
        fields["answer"] = {"type": "string", "enum": [_SCORED, UNSURE]}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    def look(self, instruction: str) -> str:
        """What follows the pictures."""
        listed = "\n".join(f"- {name}: {said}" for name, said in self.asked.items())
        return (
            f"The goal is: {instruction}\nJudge both items by each of these criteria, one by one. Say in a sentence "
            f"what you see that matters for it, and give each item a whole score from {LEAST} (as bad as can be) to "
            f'{MOST} (as good as can be):\n{listed}\nAnswer "{_SCORED}", or "{UNSURE}" if the pictures do not show '
            "enough."
        )


class ScoredLabeler:
    """Answers pairs and rankings by scores, softly.

    A pair is answered by ``sigmoid(sharpness (S_1 - S_2))`` of mean scores S over criteria, repeats and orders, a
    ranking by a `pivot_tournament` of such log-odds. What is no answer is an `Abstain` with its reason, of a ranking
    if any of its comparisons is. Where the server gives no usable log-probabilities the scores are those that were
    written, which is logged once, and told by each answer.

    Args:
        judge: The model.
        pictures: Shows the items.
        task: What to judge by where a query does not say it.
        manner: How to ask.
        showing: How items are shown.
        seed: Of the orders in which the items of rankings meet.
        name: Recorded as the labeler.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "ranking")

    def __init__(
        self,
        judge: Judge,
        pictures: Pictures,
        *,
        task: str = "",
        manner: ScoredManner | None = None,
        showing: Showing | None = None,
        seed: int = 0,
        name: str = "scored",
    ) -> None:
        self.judge, self.pictures, self.task, self.name, self.seed = judge, pictures, task, name, seed
        self.manner, self.showing = manner or ScoredManner(), showing or Showing()
        settings = (judge.name, VERSION, task, self.manner.key, astuple(self.showing), seed)
        self.version = f"{judge.name} {hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}"
        self._turn = threading.Lock()
        self._told = False

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A pair or a ranking.

        Returns:
            A soft preference, a ranking with strengths or an abstention, with findings and mean scores.

        Raises:
            ConfigError: The query is of another kind, there is nothing to judge by, or the judge cannot be asked at
                all.
            BudgetSpentError: The budget of the judge is.
        """
        if query.kind not in self.kinds:
            raise ConfigError(f"query {query.id!r}: scores are of pairs and rankings, got a {query.kind}")
        instruction = query.instruction or self.task
        if not instruction:
            raise ConfigError(f"query {query.id!r} does not say what to judge by; give a task")
        begun = time.monotonic()
        frames = [list(self.pictures.frames(item)) for item in query.items]
        said: list[str] = []

        def log_odds(one: int, other: int) -> float:
            chains = self._chains(instruction, frames[one], frames[other], said)
            first, second = np.mean([finding.scores for chain in chains for finding in chain.findings], axis=0)
            return self.manner.sharpness * float(first - second)

        try:
            answer = self._answer(query, frames, log_odds)
        except UnansweredError as error:
            answer, said = Abstain(error.reason), [error.said]
        order = (0, 1) if query.kind == "pair" and self.manner.orders == "given" else ()
        return Feedback(
            query.id, answer, self.name, self.version, time=time.time(), rationale="\n--\n".join(said)[:_KEPT],
            order=order, seconds=time.monotonic() - begun,
        )  # fmt: skip

    def _answer(self, query: Query, frames: Sequence[Sequence[Picture]], log_odds: Any) -> Answer:
        shown = [self.showing.chosen(some) for some in frames]
        if all(same_pictures(shown[0], one) for one in shown[1:]):
            raise UnansweredError(SAME_PICTURES, "")
        if query.kind == "pair":
            return Preference(_sigmoid(log_odds(0, 1)))
        met = np.random.default_rng(derive(self.seed, f"scored {query.id}")).permutation(len(frames)).tolist()
        strengths = pivot_tournament(
            met, lambda one, pivot: 0.0 if same_pictures(shown[one], shown[pivot]) else log_odds(one, pivot)
        )
        return Ranking(ranks_of(np.array(strengths), 0.0), strengths)

    def _chains(
        self, instruction: str, one: Sequence[Picture], other: Sequence[Picture], said: list[str]
    ) -> list[Chain]:
        """Scores of two items in the order that is given, from each reply."""
        found: list[Chain] = []
        for swapped in self.manner.swaps:
            pair = [other, one] if swapped else [one, other]
            asked: list[Part] = [*self.showing.parts(pair), self.manner.look(instruction)]
            for sample in range(self.manner.samples):
                chain, written = readable_answer(
                    self.judge, asked, self.manner.schema, lambda reply, swapped=swapped: self._read(reply, swapped),
                    repairs=self.manner.repairs, sample=sample,
                )  # fmt: skip
                found.append(chain)
                said.append(chain.written() if not written else f"{chain.written()}\nscores as written: {written}")
        return found

    def _read(self, reply: Reply, swapped: bool) -> tuple[Chain, str]:
        """The scores of a reply, and why they are those that were written if they are."""
        fields = fields_of(reply, self.manner.schema)
        if fields["answer"] == UNSURE:
            raise UnansweredError(CANNOT_TELL, reply.text)
        turn, written, findings = -1 if swapped else 1, "", list[DimensionFinding]()
        for name in self.manner.asked:
            scores = [float(fields[f"{name}_{place}"]) for place in (FIRST, SECOND)]
            try:
                scores = [expected_score(reply, f"{name}_{place}", LEAST, MOST) for place in (FIRST, SECOND)]
            except UntoldError as error:
                written = written or str(error)
            findings.append(DimensionFinding(name, tuple(scores[::turn]), str(fields[f"{name}_finding"])))
        if written:
            self._tell(written)
        gap = np.mean([finding.scores[0] - finding.scores[1] for finding in findings])
        order = (1, 0) if swapped else (0, 1)
        return Chain(order, tuple(findings), _sigmoid(self.manner.sharpness * float(gap))), written

    def _tell(self, why: str) -> None:
        with self._turn:
            told, self._told = self._told, True
        if not told:
            _logger.warning("%s: scores are those that are written, not expectations: %s", self.name, why)


def _sigmoid(log_odds: float) -> float:
    return 0.5 + 0.5 * math.tanh(log_odds / 2)
