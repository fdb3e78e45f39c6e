"""What is asked, made of whatever has a ``label(query)``: what a class does not say of itself has a default here."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError, RoboprefError, unknown_name
from robopref.factories import call_part
from robopref.labelers.batch import AnswerTally
from robopref.labelers.subject import Session, Subject
from robopref.records import FEATURE_KINDS, QUERY_KINDS, Feedback, Query, QueryKind


@runtime_checkable
class Bill(Protocol):
    """Says what asking costs."""

    def before(self, queries: int) -> str:
        """What so many questions will take, in a line."""
        ...

    def now(self) -> str | None:
        """What they took so far, in a word; None if that is not known."""
        ...

    def after(self, tally: AnswerTally) -> list[tuple[str, ...]]:
        """What they took, as rows of a table, the first of which are headings."""
        ...


@runtime_checkable
class LaterLabeler(Protocol):
    """Takes questions now and answers them later, one by one and in an order of its own, as people do."""

    def run(self, store: FeedbackStore, choose: Callable[[int], Sequence[Query]], session: Session) -> None:
        """Put questions until nobody answers any more.

        Args:
            store: Where questions and answers go.
            choose: What to ask next, given how many questions nobody has looked at.
            session: Who is told how it goes.
        """
        ...


class AdaptedLabeler:
    """A labeler of which everything is known that asking it takes.

    Args:
        labeler: Has ``label(query)``, and may have

            - ``name``: recorded with its answers; that of its class otherwise,
            - ``version``: tells its answers from those under other settings, which are not to be mixed,
            - ``kinds``: of questions that it answers; all otherwise,
            - ``workers``: how many questions it is asked at a time, by as many threads; 1 otherwise,
            - ``errors``: how many abstentions in a row, because of errors, end the asking; 8 otherwise,
            - ``pool``: questions that it is asked in place of those that others are asked,
            - ``renews``: whether it takes its answers of other versions back; they are refused otherwise,
            - ``bill``: says what it costs, see `Bill`.

            One that is a context manager is entered before the first question and left after the last.

    Raises:
        ConfigError: One of these cannot be.
    """

    def __init__(self, labeler: Any) -> None:
        self.labeler = labeler
        own = getattr(labeler, "name", None)
        self._named = isinstance(own, str) and bool(own)
        self.name: str = own if isinstance(own, str) and own else type(labeler).__name__
        self.version = str(getattr(labeler, "version", ""))
        self.kinds = _kinds_of(labeler) or tuple(QUERY_KINDS)
        self.workers = _count(labeler, "workers", 1)
        self.errors = _count(labeler, "errors", 8)
        self.pool: Sequence[Query] | None = getattr(labeler, "pool", None)
        self.renews = getattr(labeler, "renews", False) is True

    @property
    def bill(self) -> Bill | None:
        """What it says of its cost, if it does; it may know that only once it was entered."""
        bill = getattr(self.labeler, "bill", None)
        return bill if isinstance(bill, Bill) else None

    def __enter__(self) -> AdaptedLabeler:
        if isinstance(self.labeler, AbstractContextManager):
            self.labeler.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        if isinstance(self.labeler, AbstractContextManager):
            self.labeler.__exit__(*raised)

    def label(self, query: Query) -> Feedback:
        """Answer one query, under the name and the version of the labeler.

        Raises:
            DataError: What came is no feedback, or feedback on another query, or of another name or version.
            PartError: The labeler fails.
        """
        given: Any = call_part(f"{self.name}: label(query)", self.labeler.label, query)
        if not isinstance(given, Feedback):
            raise DataError(f"{self.name}: label(query) has to return a Feedback, got {type(given).__name__}")
        if given.query_id != query.id:
            raise DataError(f"{self.name} was asked {query.id!r}, and answered {given.query_id!r}")
        version = given.labeler_version or self.version
        if (self._named and given.labeler != self.name) or (self.version and version != self.version):
            raise DataError(
                f"{self.name}, of version {self.version!r}, answered {query.id!r} as {given.labeler!r}, of version "
                f"{version!r}; both have to agree"
            )
        if (given.labeler, given.labeler_version) == (self.name, version):
            return given
        return dataclasses.replace(given, labeler=self.name, labeler_version=version)


def check_labeler(given: object, kind: str, said: str | None = None) -> None:
    """Require, before any work, what can be known of a labeler to be what asking it takes.

    Args:
        given: A labeler, or what makes one of a `Subject`: a class, a function, settings.
        kind: Of the questions.
        said: What it was chosen by, for messages; None takes the name of its class.

    Raises:
        ConfigError: It lacks something, or answers no such questions.
    """
    maker, named = given.func if isinstance(given, functools.partial) else given, said or _name_of(given)
    answering = isinstance(maker, type) or not callable(maker)
    if answering and not (_has_label(maker) or callable(getattr(maker, "run", None))):
        raise _unable(named)
    if not _is_labeler(given):
        _arguments(given, None, named)
    check_kind(given, kind, said)


def check_kind(given: object, kind: str, said: str | None = None) -> None:
    """Require that a labeler, or what makes one, does not say that it answers other kinds of questions only.

    Args:
        given: A labeler, or what makes one of a `Subject`.
        kind: Of the questions.
        said: What it was chosen by, for messages; None takes the name of its class.

    Raises:
        ConfigError: It answers no such questions.
    """
    kinds = _kinds_of(given.func if isinstance(given, functools.partial) else given)
    if kinds and kind not in kinds:
        models = ", or a model with labeler=vlm or labeler=language" if kind in FEATURE_KINDS else ""
        others = ", or set label.kind=pair" if kind != "pair" and "pair" in kinds else ""
        raise ConfigError(
            f"{said or _name_of(given)} answers questions of kind {' or '.join(kinds)}, not {kind}; ask people with "
            f"labeler=human{models}{others}"
        )


def as_labeler(given: Any, subject: Subject) -> AdaptedLabeler | LaterLabeler:
    """Make what is asked.

    Args:
        given: A labeler, or what makes one of a subject.
        subject: What the questions are about.

    Returns:
        A labeler that answers at once, or one that answers later.

    Raises:
        ConfigError: It is no labeler, cannot be made, or answers no such questions.
    """
    for kind in subject.kinds:
        check_labeler(given, kind)
    made = given if _is_labeler(given) else _made(given, subject)
    if not _has_label(made):
        if isinstance(made, LaterLabeler):
            return made
        raise _unable(type(made).__name__)
    labeler = AdaptedLabeler(made)
    for kind in dict.fromkeys(query.kind for query in labeler.pool or subject.pool):
        check_labeler(made, kind)
    return labeler


def is_named_by(given: object, setting: str) -> bool:
    """Whether what makes a labeler takes a setting of this name."""
    maker: Any = given.func if isinstance(given, functools.partial) else given
    with_settings = maker if isinstance(maker, type) or inspect.isroutine(maker) else type(maker)
    try:
        return setting in inspect.signature(with_settings).parameters
    except (TypeError, ValueError):
        return False


def _has_label(given: object) -> bool:
    return callable(getattr(given, "label", None))


def _is_labeler(given: object) -> bool:
    """Whether it can be asked as it is; a class has to be made one of first."""
    later = isinstance(given, LaterLabeler) and not callable(given)
    return not isinstance(given, type) and (_has_label(given) or later)


def _unable(named: str) -> ConfigError:
    return ConfigError(f"{named} answers no questions: it has no label(query); choose another labeler=")


def _made(maker: Any, subject: Subject) -> Any:
    try:
        return maker(*_arguments(maker, subject, _name_of(maker)))
    except RoboprefError:
        raise
    except Exception as error:  # whatever a class of somebody else raises
        raise ConfigError(
            f"{_name_of(maker)} makes no labeler of a subject: {type(error).__name__}: {error}"
        ) from error


def _name_of(maker: Any) -> str:
    """Name of a class or function, or of the class of something else."""
    named = maker.func if isinstance(maker, functools.partial) else maker
    return named.__name__ if inspect.isroutine(named) or isinstance(named, type) else type(named).__name__


def _arguments(maker: Any, subject: Subject | None, named: str) -> tuple[Any, ...]:
    """What a maker is called with: the subject, if it takes one."""
    try:
        signature = inspect.signature(maker)
    except (TypeError, ValueError):
        return (subject,)
    for given in ((subject,), ()):
        try:
            signature.bind(*given)
        except TypeError:
            continue
        return given
    raise ConfigError(f"{named} has to be made of a subject alone, and takes {signature}; give the rest as labeler.*=")


def _count(labeler: object, name: str, otherwise: int) -> int:
    found = getattr(labeler, name, otherwise)
    if not isinstance(found, int) or found < 1:
        raise ConfigError(f"{name} of {type(labeler).__name__} must be a whole number of at least 1, got {found!r}")
    return found


def _kinds_of(labeler: object) -> tuple[QueryKind, ...]:
    """Kinds of questions that a labeler, or its class, says that it answers; none if it says nothing."""
    said = getattr(labeler, "kinds", None)
    kinds = (said,) if isinstance(said, str) else said
    if not isinstance(kinds, Collection):
        return ()
    for kind in kinds:
        if kind not in QUERY_KINDS:
            raise unknown_name("kind of query that a labeler answers", str(kind), QUERY_KINDS)
    return tuple(kinds)
