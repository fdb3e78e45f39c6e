"""Asking a labeler about a subject, whoever it is: what it cannot answer is refused first, and every answer is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import MismatchError
from robopref.labeler_kinds import SELF, UNCOUNTED, labeler_kinds, listed_names
from robopref.labelers.adapter import AdaptedLabeler, LaterLabeler, as_labeler, is_named_by
from robopref.labelers.batch import AnswerTally, label_all
from robopref.labelers.people.label_settings import LabelSettings
from robopref.labelers.subject import Session, Subject
from robopref.protocols import Selector
from robopref.querying.choice import QuestionChoice
from robopref.records import COMPARED_KINDS, QueryKind


def label_database(folder: Path, settings: object) -> str:
    """Where the labels of a run are.

    Args:
        folder: The run folder.
        settings: Of the labeler.

    Returns:
        Path or URL.
    """
    url = settings.database if isinstance(settings, LabelSettings) else None
    return url or str(folder / "labels.sqlite")


def ask(
    given: object,
    subject: Subject,
    database: str | Path,
    *,
    selector: Selector | None = None,
    budget: int | None = None,
    more: bool = True,
    session: Session | None = None,
) -> AnswerTally:
    """Have questions answered; goes on where it stopped.

    Args:
        given: Who answers: anything with ``label(query)``, what makes that of a subject, or a `LaterLabeler`; see
            `AdaptedLabeler` for what else it may have.
        subject: What the questions are about.
        database: Path or URL of the database of questions and answers.
        selector: Chooses what to ask; None takes the pool in its order.
        budget: How many questions to choose; None takes all.
        more: Whether to choose further questions once those of before are answered.
        session: Who is told how it goes.

    Returns:
        What came of the questions that were asked; of a labeler that answers later, nothing.

    Raises:
        ConfigError: It is no labeler, or answers no such questions.
        MismatchError: The database holds its answers with other settings.
        DataError: An answer cannot be stored.
    """
    session = session or Session()
    labeler = as_labeler(given, subject)
    pool = (isinstance(labeler, AdaptedLabeler) and labeler.pool) or subject.pool
    with FeedbackStore(database) as store:
        name = labeler.name if isinstance(labeler, AdaptedLabeler) else None
        if name is None or not name.startswith(SELF):  # whose answers are never taken for those of others
            _tell_other_kinds(store, tuple(dict.fromkeys(query.kind for query in pool)), session)
            _tell_other_labelers(store, name, session)
        choice = QuestionChoice(store, pool, selector, budget=budget, more=more)
        if isinstance(labeler, LaterLabeler):
            labeler.run(store, choice.new, session)
            return AnswerTally()
        if labeler.renews:
            _take_back_others(store, labeler, session)
        else:
            _require_same_settings(store, labeler, is_named_by(given, "name"))
        with labeler:
            tally = _ask(labeler, choice, session)
        if (wanted := choice.budget) is not None and more and choice.ended and tally.done < wanted:
            session.say(
                f"note: less than label.budget={wanted} was asked, since all {len(pool)} questions that there are "
                "have been chosen"
            )
        reasons = "".join(f", {count} without: {reason}" for reason, count in tally.abstentions.most_common())
        session.say(
            f"{len(store.feedback(labeler.name))} answers of {labeler.name} ({tally.answers} of them now, "
            f"{tally.ties} ties{reasons}): {store.database.where}"
        )
    if tally.stopped:
        session.say(f"stopped: {tally.stopped}; the same command goes on from here")
    return tally


def _ask(labeler: AdaptedLabeler, choice: QuestionChoice, session: Session) -> AnswerTally:
    asked, bill = choice.asked_of(labeler.name), labeler.bill
    if bill is not None:
        session.say(bill.before(len(asked)))
    with session.stage(f"Ask {labeler.name}", "queries") as bar:

        def show(tally: AnswerTally) -> None:
            bar(tally.done, len(asked), None if bill is None else bill.now())

        tally = label_all(labeler, asked, choice.store, workers=labeler.workers, errors=labeler.errors, done=show)
    if bill is not None:
        session.table(f"What {labeler.name} said", bill.after(tally))
    return tally


def _tell_other_kinds(store: FeedbackStore, kinds: Sequence[QueryKind], session: Session) -> None:
    """Answers of several kinds that rewards compare may be wanted, but are not to come together unnoticed."""
    if not COMPARED_KINDS.intersection(kinds):
        return
    answered: dict[bool, set[str]] = {True: set(), False: set()}
    for given in store.feedback():
        answered[given.labeler.startswith(SELF)].add(given.query_id)
    own = answered[True] - answered[False]
    others = Counter(
        query.kind
        for query in store.queries()
        if query.kind in COMPARED_KINDS.difference(kinds) and query.id not in own
    )
    if others:
        held = " and ".join(f"{count} of kind {other}" for other, count in others.items())
        these = " and ".join(kinds)
        session.say(
            f"note: {store.database.where} holds questions of other kinds already ({held}; these are of kind {these}); "
            "whoever learns from it gets all that can be compared, so choose another run folder to keep them apart"
        )


def _tell_other_labelers(store: FeedbackStore, name: str | None, session: Session) -> None:
    """Whoever learns from answers of several kinds asks whose count, which is worth knowing before more are paid for.

    Args:
        store: Questions and answers.
        name: Of who is asked; None asks people.
        session: Who is told.
    """
    kinds = labeler_kinds(store.feedback()).items()
    people = name is None
    others = [who for who, kind in kinds if kind not in (*UNCOUNTED, *(["person"] if people else [])) and who != name]
    if others:
        session.say(
            f"note: {store.database.where} holds answers of {listed_names(others)} already; what learns from it asks "
            "whose count, which filter.by_labeler.names=[...] says"
        )


def _take_back_others(store: FeedbackStore, labeler: AdaptedLabeler, session: Session) -> None:
    """What the labeler said before it changed is none of its answers any more."""
    if taken := store.take_back(labeler.name, but=labeler.version):
        session.say(f"{taken} answers that {labeler.name} gave when it was another are taken back")


def _require_same_settings(store: FeedbackStore, labeler: AdaptedLabeler, renamed: bool) -> None:
    """Answers of one name are not to be of several minds, unnoticed."""
    versions = {given.labeler_version for given in store.feedback(labeler.name)}
    known = {version for version in versions if " at 0x" not in version}  # an address of earlier ones says nothing
    if labeler.version and known - {labeler.version}:
        another = "set labeler.name=<another name>, " if renamed else ""
        raise MismatchError(
            f"{store.database.where} holds answers of {labeler.name} with other settings of labeler, or another seed, "
            f"task or model; give those of before, {another}or choose another run folder"
        )
