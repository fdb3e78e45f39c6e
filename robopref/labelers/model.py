"""A vision-language model that is asked about a subject within a budget, by way of the replies so far."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple
from pathlib import Path
from typing import ClassVar, Protocol

from robopref.errors import ConfigError
from robopref.labelers.batch import AnswerTally
from robopref.labelers.cached_judge import JudgeSettings, cached_judge
from robopref.labelers.judge import Judge, Picture
from robopref.labelers.patience import PatientJudge
from robopref.labelers.request_budget import Guess
from robopref.labelers.subject import Subject
from robopref.labelers.vlm_settings import Estimate
from robopref.protocols import Pictures
from robopref.records import Feedback, Query, QueryKind


class AskingLabeler(Protocol):
    """Puts questions to a judge.

    Attributes:
        version: Tells its answers from those under other settings.
    """

    version: str

    def label(self, query: Query) -> Feedback:
        """Answer one query; it may raise `ConfigError` and `BudgetSpentError`."""
        ...


class ModelSettings(JudgeSettings, Protocol):
    """How a model is asked, within a budget, by some number of threads; `VlmSettings`, say.

    Attributes:
        kinds: Of questions that it answers.
    """

    kinds: ClassVar[tuple[QueryKind, ...]]

    @property
    def name(self) -> str:
        """Recorded as the labeler."""
        ...

    @property
    def workers(self) -> int:
        """Questions at a time."""
        ...

    @property
    def errors(self) -> int:
        """Questions in a row that may fail before asking stops."""
        ...

    @property
    def cache(self) -> str | None:
        """File of the replies."""
        ...

    def asking(self, judge: Judge, pictures: Pictures, task: str, seed: int) -> AskingLabeler:
        """What puts questions to a judge, about items that have pictures, by a task, in orders of a seed."""
        ...

    def estimate(self, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
        """What a question will take, roughly, given the pictures of each of its items."""
        ...


class ModelLabeler:
    """Puts questions to a model until the budget is spent; no reply is paid for twice.

    It is a context manager that holds the file of replies open; it answers within.

    Args:
        settings: How to ask.
        subject: What the questions are about.

    Raises:
        DataError: There is nothing to see of the items.
    """

    def __init__(self, settings: ModelSettings, subject: Subject) -> None:
        self.settings, self.name, self.kinds = settings, settings.name, settings.kinds
        self._seed = subject.seed
        self.workers, self.errors = settings.workers, settings.errors
        self._examples, self._pictures = _one_a_kind(subject.pool), subject.pictures()
        self._shows = "" if subject.after is None else " of outcomes"
        self._task = subject.task or self._examples[0].instruction
        self._path = Path(settings.cache or subject.folder / "replies.sqlite")
        self.version = self._asking(settings.judge).version
        self._open = ExitStack()
        self._labeler: AskingLabeler | None = None
        self.bill: ModelBill | None = None

    def __enter__(self) -> ModelLabeler:
        each = max((self._estimate(query) for query in self._examples), key=lambda one: astuple(one.usage))
        with ExitStack() as stack:
            patient = stack.enter_context(cached_judge(self.settings, self._path, Guess(each.one, each.most)))
            self.bill = ModelBill(patient, each, self.settings)
            self._labeler = self._asking(patient)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._labeler = None
        self._open.close()

    def label(self, query: Query) -> Feedback:
        """Answer one query, see `VlmLabeler.label`.

        Raises:
            ConfigError: It was not entered, or see there.
        """
        if self._labeler is None:
            raise ConfigError("the file of replies is not open; ask this labeler in a with statement")
        return self._labeler.label(query)

    def _estimate(self, query: Query) -> Estimate:
        frames = [list(self._pictures.frames(item)) for item in query.items]
        return self.settings.estimate(query, frames, self._task or query.instruction)

    def _asking(self, judge: Judge) -> AskingLabeler:
        asking = self.settings.asking(judge, self._pictures, self._task, self._seed)
        asking.version += self._shows
        return asking


def _one_a_kind(pool: Sequence[Query]) -> list[Query]:
    """The first question of each kind; the dearest one of them says what any takes."""
    return list({query.kind: query for query in reversed(pool)}.values())[::-1]


class ModelBill:
    """What a model costs.

    Args:
        patient: Who is asked.
        each: What a question will take.
        settings: How it is asked.
    """

    def __init__(self, patient: PatientJudge, each: Estimate, settings: ModelSettings) -> None:
        self._patient, self._each, self._settings = patient, each, settings
        self._before = patient.budget.requests

    def before(self, queries: int) -> str:
        """What so many questions will take, roughly, and what may be spent."""
        requests, prices, usage = self._each.requests * queries, self._patient.prices, self._each.usage
        tokens = (usage.input_tokens + usage.output_tokens) * queries
        cost = "no price known" if prices is None else f"{prices.cost(usage) * queries:.2f} USD"
        limits = self._settings.budget
        caps = [
            f"{cap:g} {unit}" for cap, unit in ((limits.requests, "requests"), (limits.usd, "USD")) if cap is not None
        ]
        return (
            f"{self._patient.name}: {queries} questions, {requests} requests, roughly {tokens:,} tokens, {cost}; "
            f"budget: {' and '.join(caps) or 'none'}"
        )

    def now(self) -> str | None:
        """Money so far."""
        usd = self._patient.budget.usd
        return None if usd is None else f"{usd:.3f} USD"

    def after(self, tally: AnswerTally) -> list[tuple[str, ...]]:
        """Requests, tokens and money."""
        totals, usd = self._patient.budget.totals, self._patient.budget.usd
        silent = f", {totals.silent} without a report of the server among them" if totals.silent else ""
        rows = [("what came of it", "number"), ("answers", str(tally.answers)), ("ties among them", str(tally.ties))]
        rows += [(f"no answer: {reason}", str(count)) for reason, count in tally.abstentions.most_common()]
        return [
            *rows,
            ("requests, now", str(totals.requests - self._before)),
            ("replies from the cache", str(self._patient.cached)),
            (f"requests that may be on a bill, in all{silent}", str(totals.billed)),
            ("tokens read and written, in all", f"{totals.used.input_tokens:,} and {totals.used.output_tokens:,}"),
            ("cost that was reported, in all", "no price known" if usd is None else f"{totals.reported:.4f} USD"),
            ("cost that may be on a bill, in all", "no price known" if usd is None else f"{usd:.4f} USD"),
        ]
