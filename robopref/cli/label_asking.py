"""Who answers the questions of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from robopref.cli.context import Context
from robopref.cli.label_choice import next_questions
from robopref.cli.label_metric import ask_metric, measuring
from robopref.cli.label_model import ask_model
from robopref.cli.label_people import ask_people
from robopref.cli.label_subject import Subject, guide, label_database
from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError, MismatchError
from robopref.labelers.metric_settings import MetricSettings
from robopref.labelers.oracle import TEACHER, Imperfection, ScriptedTeacher
from robopref.labelers.people.pictures import pictures_of
from robopref.labelers.people.settings import LabelSettings
from robopref.labelers.vlm_settings import VlmSettings
from robopref.records import Query


def ask(context: Context, labeler: object, subject: Subject, *, more: bool = True) -> bool:
    """Have questions answered, by whoever it is; goes on where it stopped.

    Args:
        context: Of the run.
        labeler: Settings of who answers.
        subject: What the questions are about.
        more: Whether to choose further questions once those of before are answered.

    Returns:
        Whether the labeler was there to the end.

    Raises:
        ConfigError: The labeler does not answer such questions.
        MismatchError: The database holds its answers to something else, or with other settings.
    """
    with FeedbackStore(label_database(context.folder, labeler)) as store:
        _tell_other_kinds(context, store, subject)
        if isinstance(labeler, MetricSettings):
            metric, subject = measuring(context, labeler, subject)
            ask_metric(context, metric, store, lambda: _asked(context, store, subject, metric.name, more))
        elif isinstance(labeler, VlmSettings):
            pictures = pictures_of(subject.dataset, guide(context, subject.dataset))
            return ask_model(
                context, labeler, store, subject.pool[0], pictures,
                lambda: _asked(context, store, subject, labeler.name, more),
            )  # fmt: skip
        elif isinstance(labeler, LabelSettings):
            ask_people(context, labeler, store, subject, _chooser(context, store, subject, more))
        elif isinstance(labeler, Imperfection):
            _ask_teacher(context, labeler, store, subject, more)
        else:
            raise ConfigError(f"{type(labeler).__name__} answers no questions; choose another labeler=")
    return True


def _tell_other_kinds(context: Context, store: FeedbackStore, subject: Subject) -> None:
    """Answers of several kinds may be wanted, but are not to come together unnoticed."""
    kind = subject.pool[0].kind
    others = Counter(query.kind for query in store.queries() if query.kind != kind)
    if others:
        held = " and ".join(f"{count} of kind {other}" for other, count in others.items())
        context.console.print(
            f"note: {store.database.where} holds questions of other kinds already ({held}; these are of kind {kind}); "
            "whoever learns from it gets all that can be compared, so choose another run folder to keep them apart",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip


def _chooser(
    context: Context, store: FeedbackStore, subject: Subject, more: bool
) -> Callable[[int], Sequence[Query]]:  # fmt: skip
    ids = {query.id for query in subject.pool}

    def choose(waiting: int) -> Sequence[Query]:
        begun = any(query.id in ids for query in store.queries())
        return next_questions(context, store, subject, waiting=waiting) if more or not begun else []

    return choose


def _asked(context: Context, store: FeedbackStore, subject: Subject, name: str, more: bool) -> list[Query]:
    """What a labeler is asked now: questions that wait for it, or new ones."""
    ids, budget = {query.id for query in subject.pool}, context.config.label.budget

    def waiting() -> list[Query]:
        return [query for query in store.unanswered(name) if query.id in ids]

    store.add_queries(_chooser(context, store, subject, more)(len(waiting())))
    # Others may have left more questions than this one was to be asked.
    return waiting()[: None if budget is None else int(budget)]


def _ask_teacher(
    context: Context, imperfection: Imperfection, store: FeedbackStore, subject: Subject, more: bool
) -> None:
    kind = subject.pool[0].kind
    if kind not in ("pair", "ranking"):
        raise ConfigError(
            f"a scripted teacher answers pairs and rankings, not label.kind={kind}; ask people with labeler=human"
        )
    answered = {answer.labeler_version for answer in store.feedback(TEACHER)}
    if answered - {imperfection.version(context.seed)}:
        raise MismatchError(
            f"{store.database.where} holds answers of {TEACHER} with other settings of labeler or another seed; give "
            "those of before, or choose another run folder"
        )
    teacher = ScriptedTeacher(subject.rewards(), imperfection, seed=context.seed)
    asked = _asked(context, store, subject, teacher.name, more)
    with context.stage("Ask the teacher", "queries", resumes=True) as bar:
        for first in range(0, len(asked), 100):
            store.add_all([teacher.label(query) for query in asked[first : first + 100]])
            bar(min(first + 100, len(asked)), len(asked))
    context.console.print(f"{len(store.feedback())} answers: {store.database.where}", soft_wrap=True)
