"""Questions about features, put in words to a language model that knows what somebody said of a task.

It stands for the person where there is a text to go by: an instruction, a conversation, a work order. What it cannot
know from that it is to leave open, and what cannot be read is no answer.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robopref.asked_features import AskedFeature
from robopref.errors import ConfigError, DataError
from robopref.labelers.asked_model import AskedModelSettings, require_repairs
from robopref.labelers.cached_judge import cached_judge
from robopref.labelers.feature_replies import question_about, reply_about
from robopref.labelers.judge import Judge
from robopref.labelers.subject import Subject
from robopref.records import Feedback, Query, QueryKind

VERSION = "worded-1"
_LONGEST = 100_000  # letters of a text that is read


class WordedLabeler:
    """Answers whether a feature matters, and from where on it is bad, by what a text says.

    What is no answer is an `Abstain` with its reason: the text does not say it, the model refuses, its reply cannot be
    read, or the request failed.

    Args:
        judge: The model.
        said: What is known of the task, in anybody's words.
        repairs: How often it is asked again after a reply that cannot be read.
        name: Recorded as the labeler.

    Raises:
        ConfigError: There is nothing to go by.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("feature", "threshold")

    def __init__(self, judge: Judge, said: str, *, repairs: int = 1, name: str = "language") -> None:
        if not said.strip():
            raise ConfigError("there is no text that a language model could go by; give labeler.said= or task=")
        self.judge, self.said, self.repairs, self.name = judge, said, repairs, name
        digest = hashlib.sha256(repr((judge.name, VERSION, said, repairs)).encode()).hexdigest()[:8]
        self.version = f"{judge.name} {digest}"

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Raises:
            ConfigError: It is of another kind, or the model cannot be asked at all.
            BudgetSpentError: The budget of the judge is.
        """
        about = query.feature
        if about is None:
            raise ConfigError(f"a language model answers questions about features here, not a {query.kind}")
        begun = time.monotonic()
        asked = [question_in_words(query.kind, about, self.said)]
        given = reply_about(self.judge, asked, query.kind, about, repairs=self.repairs)
        return Feedback(
            query.id, given.answer, self.name, self.version, given.confidence, time=time.time(), rationale=given.said,
            seconds=time.monotonic() - begun,
        )  # fmt: skip


def question_in_words(kind: QueryKind, about: AskedFeature, said: str) -> str:
    """What a model is asked about a feature.

    Args:
        kind: ``feature`` or ``threshold``.
        about: The feature.
        said: What is known of the task.
    """
    known = f"What is wanted of a robot, in somebody's words:\n---\n{said[:_LONGEST]}\n---\n"
    return known + question_about(kind, about, "these words do not say it")


@dataclass(frozen=True)
class WordedSettings(AskedModelSettings):
    """How a language model is asked about features.

    Attributes, beside those of `AskedModelSettings`:
        said: What is wanted, in anybody's words, or the path of a text file that holds it; None takes the task.
        repairs: Questions after a reply that cannot be read.

    Raises:
        ConfigError: One is out of range.
    """

    name: str = "language"
    said: str | None = None
    repairs: int = 1

    kinds: ClassVar[tuple[QueryKind, ...]] = WordedLabeler.kinds

    def __post_init__(self) -> None:
        super().__post_init__()
        require_repairs(self.repairs)

    def __call__(self, subject: Subject) -> CachedWordedLabeler:
        """Make a labeler.

        Raises:
            ConfigError: There is nothing to go by.
            DataError: The text cannot be read.
        """
        return CachedWordedLabeler(self, subject)


class CachedWordedLabeler:
    """A `WordedLabeler` by way of the replies so far and within a budget; it answers in a with statement.

    Args:
        settings: How to ask.
        subject: What the questions are about.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = WordedLabeler.kinds

    def __init__(self, settings: WordedSettings, subject: Subject) -> None:
        self.settings, self.name = settings, settings.name
        self.workers, self.errors = settings.workers, settings.errors
        self._said = read_said(settings.said) or subject.task or subject.pool[0].instruction
        self._path = Path(settings.cache or subject.folder / "replies.sqlite")
        self.version = self._asking(settings.judge).version
        self._open = ExitStack()
        self._labeler: WordedLabeler | None = None

    def __enter__(self) -> CachedWordedLabeler:
        with ExitStack() as stack:
            self._labeler = self._asking(stack.enter_context(cached_judge(self.settings, self._path)))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._labeler = None
        self._open.close()

    def label(self, query: Query) -> Feedback:
        """Answer one query, see `WordedLabeler.label`.

        Raises:
            ConfigError: It was not entered, or see there.
        """
        if self._labeler is None:
            raise ConfigError("the file of replies is not open; ask this labeler in a with statement")
        return self._labeler.label(query)

    def _asking(self, judge: Judge) -> WordedLabeler:
        return WordedLabeler(judge, self._said, repairs=self.settings.repairs, name=self.name)


def read_said(said: str | None) -> str:
    """A text, or that of the file that it names; empty if there is none.

    Args:
        said: The text, or a path that ends with ``.txt`` or ``.md``.

    Raises:
        DataError: The file cannot be read, or is no text.
    """
    if said is None or not said.lower().endswith((".txt", ".md")) or "\n" in said:
        return said or ""
    try:
        with Path(said).open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise DataError(f"cannot read labeler.said={said}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"labeler.said={said} is no text") from error
    if len(text) > _LONGEST:
        raise DataError(f"labeler.said={said} has more than {_LONGEST:,} letters")
    return text
