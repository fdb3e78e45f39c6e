"""A vision-language model that compares and rates what it is shown, after RL-VLM-F (Wang et al. 2024)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args

import numpy as np

from robopref.asked_features import AskedFeature
from robopref.errors import ConfigError, unknown_name
from robopref.labelers.feature_replies import FeatureReply, agreed, question_about, reply_about
from robopref.labelers.judge import (
    Judge,
    NoReplyError,
    NotServedError,
    Part,
    Picture,
    Reply,
    UnreadableReplyError,
    concluded,
)
from robopref.labelers.prompts import FEATURE_EXAMPLES, FEATURE_LOOK, FIRST, LEVELS, TIE, UNSURE, Prompt, prompt_for
from robopref.labelers.readable_answer import (
    CANNOT_TELL,
    CUT,
    ERROR,
    QUOTED,
    REFUSED,
    UNREADABLE,
    UnansweredError,
    fields_of,
    readable_answer,
)
from robopref.labelers.showing import Showing, same_pictures
from robopref.protocols import Pictures
from robopref.records import FEATURE_KINDS, Abstain, Answer, Feedback, Preference, Query, QueryKind, Rating

Orders = Literal["both", "given"]
Disagreement = Literal["abstain", "soft"]
ORDERS, DISAGREEMENTS = get_args(Orders), get_args(Disagreement)
# Why there is no answer, beside what `feature_replies` has. A tie is none of these: it is a Preference of 0.5.
ORDERS_DISAGREE = "orders disagree"
SAME_PICTURES = "same pictures"
_KEPT = 10_000  # characters of what it said that are kept with an answer
_DESCRIBED = 50_000  # characters of a description that the model is shown again


class WayOfAsking(Protocol):
    """How a model is asked, and what is made of its replies: a `Manner`, or another one.

    Attributes:
        orders: See `Manner`.
        disagreement: See `Manner`.
        samples: See `Manner`.
        repairs: See `Manner`.
        key: What tells answers asked for in another way apart, in plain values.
    """

    @property
    def orders(self) -> Orders:
        """See the class."""
        ...

    @property
    def disagreement(self) -> Disagreement:
        """See the class."""
        ...

    @property
    def samples(self) -> int:
        """See the class."""
        ...

    @property
    def repairs(self) -> int:
        """See the class."""
        ...

    @property
    def key(self) -> tuple[object, ...]:
        """See the class."""
        ...

    def prompt(self, kind: QueryKind) -> Prompt:
        """What is asked about queries of a kind; raises `ConfigError` if there is nothing for it."""
        ...

    def requests(self, kind: str) -> int:
        """Requests about a query if nothing goes wrong."""
        ...


@dataclass(frozen=True)
class Manner:
    """How a model is asked, and what is made of its replies.

    Attributes:
        stages: ``two_stage`` lets it describe and compare first and answer from that; ``one_stage`` asks at once.
        orders: ``both`` asks about a pair twice, with the items swapped, because models favour a place; ``given`` asks
            once.
        disagreement: What becomes of a pair to which the replies differ: ``abstain``, or a ``soft`` label, the mean of
            the preferences, each as far from a tie as the model was confident.
        samples: Replies to each question; more than one makes sense with a temperature.
        repairs: How often it is asked again after a reply that cannot be read.
    """

    stages: str = "two_stage"
    orders: Orders = "both"
    disagreement: Disagreement = "abstain"
    samples: int = 1
    repairs: int = 1

    def __post_init__(self) -> None:
        prompt_for(self.stages, "pair")
        if self.orders not in ORDERS:
            raise unknown_name("orders", self.orders, ORDERS)
        if self.disagreement not in DISAGREEMENTS:
            raise unknown_name("disagreement", self.disagreement, DISAGREEMENTS)
        if self.samples < 1 or self.repairs < 0:
            raise ConfigError(f"samples must be at least 1 and repairs 0, got {self.samples} and {self.repairs}")

    @property
    def key(self) -> tuple[object, ...]:
        """What tells answers asked for in another way apart."""
        return astuple(self)

    def prompt(self, kind: QueryKind) -> Prompt:
        """What is asked about queries of a kind.

        Raises:
            ConfigError: There is nothing for this kind.
        """
        return prompt_for(self.stages, kind)

    def requests(self, kind: str) -> int:
        """Requests about a query if nothing goes wrong."""
        orders = 2 if kind == "pair" and self.orders == "both" else 1
        return orders * self.samples * (2 if self.stages == "two_stage" else 1)


@dataclass(frozen=True)
class _Vote:
    """One reply about a query.

    Attributes:
        value: Preference for the query's first item, or rating, in [0, 1]; None if there is none, for the reason.
        confidence: In [0, 1].
        said: What it said.
        reason: Why there is no value.
    """

    value: float | None
    confidence: float
    said: str
    reason: str = ""


class VlmLabeler:
    """Answers pairs and ratings, and questions about features, by showing pictures to a model.

    What is no answer is an `Abstain` with its reason: the model cannot tell, refuses, replies something that cannot be
    read, or contradicts itself when the items are swapped, or the request failed. Equal pictures are not asked about.
    Whether a feature matters and from where on it is bad is asked beside its examples, in one request a sample, of
    which ``stages``, ``orders`` and ``disagreement`` say nothing.

    Args:
        judge: The model; a `PatientJudge` keeps and repeats.
        pictures: Shows the items.
        task: What to judge by; None takes the instruction of each query.
        manner: How to ask.
        showing: How items are shown.
        name: Recorded as the labeler.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("pair", "rating", *FEATURE_KINDS)

    def __init__(
        self,
        judge: Judge,
        pictures: Pictures,
        *,
        task: str | None = None,
        manner: WayOfAsking | None = None,
        showing: Showing | None = None,
        name: str = "vlm",
    ) -> None:
        self.judge, self.pictures, self.task, self.name = judge, pictures, task, name
        self.manner: WayOfAsking = manner or Manner()
        self.showing = showing or Showing()
        prompts = [self.manner.prompt(kind).version for kind in self.kinds if kind not in FEATURE_KINDS]
        settings = (judge.name, task, prompts, self.manner.key, astuple(self.showing))
        self.version = f"{judge.name} {hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}"

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A pair or a rating, or a question about a feature.

        Returns:
            An answer or an abstention, with what the model said.

        Raises:
            ConfigError: The query is of another kind, there is nothing to judge by, or the judge cannot be asked at
                all.
            BudgetSpentError: The budget of the judge is.
        """
        task = self.task or query.instruction
        if not task:
            raise ConfigError(f"query {query.id!r} does not say what to judge by; give a task")
        if query.feature is not None:
            return self._about(query, query.feature, task)
        prompt = self.manner.prompt(query.kind)
        begun = time.monotonic()
        frames = [list(self.pictures.frames(item)) for item in query.items]
        shown = [self.showing.chosen(some) for some in frames]
        if query.kind == "pair" and same_pictures(*shown):
            return self._feedback(query, [_Vote(None, 0.0, "", SAME_PICTURES)], begun)
        swaps = (False, True) if query.kind == "pair" and self.manner.orders == "both" else (False,)
        votes: list[_Vote] = []
        for swapped in swaps:
            parts = self.showing.parts(frames[::-1] if swapped else frames)
            for sample in range(self.manner.samples):
                votes.append(self._vote(prompt, task, parts, swapped, sample))
                if votes[-1].value is None:  # no further reply would change that
                    return self._feedback(query, votes, begun)
        return self._feedback(query, votes, begun)

    def _about(self, query: Query, about: AskedFeature, task: str) -> Feedback:
        """Answer a question about a feature."""
        begun = time.monotonic()
        frames = [list(self.pictures.frames(item)) for item in query.items]
        asked = feature_parts(query.kind, about, task, self.showing, frames)
        replies: list[FeatureReply] = []
        for sample in range(self.manner.samples):
            replies.append(
                reply_about(self.judge, asked, query.kind, about, repairs=self.manner.repairs, sample=sample)
            )
            if isinstance(replies[-1].answer, Abstain):
                break
        given = agreed(replies)
        return Feedback(
            query.id, given.answer, self.name, self.version, given.confidence, time=time.time(),
            rationale=given.said[:_KEPT], seconds=time.monotonic() - begun,
        )  # fmt: skip

    def _vote(self, prompt: Prompt, task: str, shown: list[Part], swapped: bool, sample: int) -> _Vote:
        try:
            asked: list[Part] = [*shown, prompt.look.format(task=task)]
            if prompt.conclude is not None:
                described = self.judge.ask(asked, None, sample=sample)
                if described.refused:
                    return _Vote(None, 0.0, described.text, REFUSED)
                asked = [prompt.conclude.format(task=task, description=_description(described))]
            return readable_answer(
                self.judge, asked, prompt.schema,
                lambda reply: _understood(prompt, fields_of(reply, prompt.schema), swapped),
                repairs=self.manner.repairs, sample=sample,
            )  # fmt: skip
        except NotServedError:
            raise
        except UnansweredError as error:
            return _Vote(None, 0.0, error.said, error.reason)
        except NoReplyError as error:
            return _Vote(None, 0.0, str(error), ERROR)
        except UnreadableReplyError as error:
            return _Vote(None, 0.0, str(error), UNREADABLE)

    def _feedback(self, query: Query, votes: Sequence[_Vote], begun: float) -> Feedback:
        answer, confidence = self._combined(query, votes)
        said = "\n--\n".join(dict.fromkeys(vote.said for vote in votes if vote.said))[:_KEPT]
        order = (0, 1) if query.kind == "pair" and self.manner.orders == "given" else ()
        return Feedback(
            query.id, answer, self.name, self.version, confidence, time=time.time(), rationale=said, order=order,
            seconds=time.monotonic() - begun,
        )  # fmt: skip

    def _combined(self, query: Query, votes: Sequence[_Vote]) -> tuple[Answer, float]:
        if votes[-1].value is None:
            return Abstain(votes[-1].reason), 1.0
        values = np.array([vote.value for vote in votes])
        confidences = np.array([vote.confidence for vote in votes])
        if query.kind == "rating":
            return Rating(float(values.mean())), float(confidences.mean())
        if (values == values[0]).all():
            return Preference(float(values[0])), float(confidences.mean())
        if self.manner.disagreement == "abstain":
            return Abstain(ORDERS_DISAGREE), 1.0
        return Preference(float((0.5 + (values - 0.5) * confidences).mean())), float(confidences.mean())


def feature_parts(
    kind: QueryKind, about: AskedFeature, task: str, showing: Showing, frames: Sequence[Sequence[Picture]]
) -> list[Part]:
    """What a model is asked about a feature.

    Args:
        kind: ``feature`` or ``threshold``.
        about: The feature.
        task: What to judge by.
        showing: How examples are shown.
        frames: Pictures of each example in time order; none is fine.
    """
    captions = [f"{about.words} {about.shown(value)}" for value in about.values] or [""] * len(frames)
    what = about.words if about.values else f"more or less of {about.words}"
    seen = FEATURE_EXAMPLES.format(count=len(frames), feature=what) if frames else ""
    ground = "neither the goal nor the pictures say it" if frames else "the goal does not say it"
    look = FEATURE_LOOK.format(task=task, examples=seen)
    return [*showing.examples(frames, captions), look + question_about(kind, about, ground)]


def _description(reply: Reply) -> str:
    """What a model described, without what it thought to itself.

    Raises:
        UnreadableReplyError: It is empty, was cut off, or is longer than any description.
    """
    said = concluded(reply.text).strip()
    if reply.cut or not said or len(said) > _DESCRIBED:
        problem = CUT if reply.cut else "the description is too long" if said else "the description is empty"
        raise UnreadableReplyError(f"{problem}: {said[:QUOTED]}" if said else problem)
    return said


def _understood(prompt: Prompt, answer: dict[str, Any], swapped: bool) -> _Vote:
    """What an answer says of the items in the order of the query."""
    confidence, said = float(answer["confidence"]), prompt.told(answer, swapped)
    if answer["answer"] == UNSURE:
        return _Vote(None, confidence, said, CANNOT_TELL)
    if "rating" in answer:
        return _Vote(answer["rating"] / LEVELS, confidence, said)
    if answer["answer"] == TIE:
        return _Vote(0.5, confidence, said)
    return _Vote(float((answer["answer"] == FIRST) != swapped), confidence, said)
