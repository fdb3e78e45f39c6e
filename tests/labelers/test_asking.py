"""Whoever has `label(query)` is asked in one way, from Python as from the command line."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError, MismatchError, PartError, RoboprefError
from robopref.labelers.asking import ask
from robopref.labelers.metric_settings import MetricSettings
from robopref.labelers.oracle import Imperfection
from robopref.labelers.subject import Session, Subject
from robopref.querying.candidate_queries import RandomSelector
from robopref.querying.segment_queries import segment_queries
from robopref.records import Abstain, Feedback, Preference, Query, QueryKind, Ranking, SimilarityTriplet


class Always:
    """Prefers the first item; says nothing else of itself."""

    def label(self, query: Query) -> Feedback:
        return Feedback(query.id, Preference(1.0), "whoever")


class Odd:
    """Finds the first of three items least like the others."""

    kinds = ("similarity",)

    def label(self, query: Query) -> Feedback:
        return Feedback(query.id, SimilarityTriplet(0), "whoever")


class Longest:
    """Made of a subject; prefers the item with the larger last state."""

    name, version, kinds = "longest", "1", ("pair",)

    def __init__(self, subject: Subject, sign: float = 1.0) -> None:
        self.state, self.sign = subject.lookup(), sign

    def label(self, query: Query) -> Feedback:
        one, two = (self.sign * float(self.state(item)["state"][-1, 0]) for item in query.items)
        return Feedback(query.id, Preference(float(one > two)), self.name, self.version)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "labels.sqlite"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> EpisodeStore:
    store = EpisodeStore.create(tmp_path_factory.mktemp("data") / "steps.zarr", {})
    store.append({"state": np.arange(20.0)[:, None], "image": np.zeros((20, 8, 8, 3), np.uint8)})
    return store


def subject(dataset: EpisodeStore, kind: QueryKind = "pair", count: int = 6, **known: object) -> Subject:
    pool = segment_queries("steps", dataset.episode_ends, length=2, count=count, kind=kind)
    return Subject("steps", dataset, pool, **known)  # type: ignore[arg-type]


def answers(database: Path) -> dict[str, Feedback]:
    with FeedbackStore(database) as store:
        return {given.query_id: given for given in store.feedback()}


def test_a_class_with_nothing_but_label_goes_by_its_own_name(dataset: EpisodeStore, database: Path) -> None:
    assert ask(Always(), subject(dataset), database).answers == 6
    assert {(given.labeler, given.answer) for given in answers(database).values()} == {("Always", Preference(1.0))}
    assert ask(Always(), subject(dataset), database).answers == 0  # nothing is left to ask
    assert ask(partial(Always), subject(dataset, count=8), database).answers == 2


@pytest.mark.parametrize("given", [Longest, partial(Longest), partial(Longest, sign=1.0)])
def test_what_is_made_of_a_subject_is_given_it(dataset: EpisodeStore, database: Path, given: object) -> None:
    about = subject(dataset)
    assert ask(given, about, database).answers == 6
    for query in about.pool:
        assert answers(database)[query.id].answer == Preference(float(query.items[0].start > query.items[1].start))


def test_answers_under_other_settings_are_not_mixed(dataset: EpisodeStore, database: Path) -> None:
    class Second(Longest):
        version = "2"

    ask(Longest, subject(dataset, count=2), database)
    with pytest.raises(MismatchError, match="answers of longest with other settings"):
        ask(Second, subject(dataset), database)
    assert len(answers(database)) == 2
    assert ask(Longest, subject(dataset), database).answers == 4


def dimmest(arrays, weight: float = 1.0) -> float:
    return -weight * float(arrays["state"].sum())


def test_a_metric_is_named_the_same_in_every_process(dataset: EpisodeStore, database: Path) -> None:
    settings = MetricSettings(metric=partial(dimmest, weight=2.0), matched=False)
    ask(settings, subject(dataset), database)
    (version,) = {given.labeler_version.rsplit(" ", 1)[0] for given in answers(database).values()}
    assert version == f"{__name__}.dimmest(weight=2.0)"
    with pytest.raises(MismatchError, match=r"set labeler\.name=<another name>"):
        ask(dataclasses.replace(settings, gap=1.0), subject(dataset), database)


def test_a_metric_that_tells_no_items_apart_is_refused_before_anything_is_asked(
    dataset: EpisodeStore, database: Path
) -> None:
    constant = MetricSettings(metric=partial(dimmest, weight=0.0), matched=False)
    with pytest.raises(DataError, match=r"by metric all items are worth -?0, so that nothing could be learnt"):
        ask(constant, subject(dataset), database)
    assert not database.exists()


def test_labels_of_a_metric_that_was_named_by_its_address_are_gone_on_with(
    dataset: EpisodeStore, database: Path
) -> None:
    about = subject(dataset)
    with FeedbackStore(database) as store:
        store.add_queries(about.pool)
        store.add(Feedback(about.pool[0].id, Preference(1.0), "metric", "<function dimmest at 0x7f01> 0a1b2c3d"))
    assert ask(MetricSettings(metric=dimmest, matched=False), about, database).answers == 5


class Silent:
    """Has no label."""


class Rater(Always):
    kinds = ("rating",)


class Misnamed(Always):
    kinds = ("pairs",)


class Hasty(Always):
    workers = "many"


class Needy(Always):
    def __init__(self, subject: Subject, key: str) -> None: ...


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (Silent(), "pair", "Silent answers no questions: it has no label"),
        (Silent, "pair", "Silent answers no questions: it has no label"),
        (partial(Silent), "pair", "Silent answers no questions: it has no label"),
        (3, "pair", "int answers no questions: it has no label"),
        (lambda _: Silent(), "pair", "Silent answers no questions: it has no label"),
        (Rater(), "pair", "Rater answers questions of kind rating, not pair; ask people with labeler=human"),
        (partial(Rater), "ranking", "Rater answers questions of kind rating, not ranking"),
        (lambda _: Rater(), "pair", "Rater answers questions of kind rating, not pair"),
        (Longest, "ranking", "Longest answers questions of kind pair, not ranking; .* or set label.kind=pair"),
        (
            Imperfection(),
            "rating",
            "Imperfection answers questions of kind pair or ranking or similarity or feature or threshold, not rating",
        ),
        (MetricSettings(matched=False), "similarity", "not similarity"),
        (partial(dimmest), "pair", "dimmest makes no labeler of a subject: TypeError"),
        (Misnamed(), "pair", "unknown kind of query that a labeler answers 'pairs'"),
        (Hasty(), "pair", "workers of Hasty must be a whole number of at least 1, got 'many'"),
        (Needy, "pair", "Needy has to be made of a subject alone"),
        (Imperfection(), "pair", "nothing says what comes of these items"),
    ],
)
def test_who_cannot_be_asked_is_refused_before_there_is_a_database(
    dataset: EpisodeStore, database: Path, given: object, kind: QueryKind, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ask(given, subject(dataset, kind), database)
    assert not database.exists()


class Named(Always):
    name = "another"


class Older(Always):
    version = "2"

    def label(self, query: Query) -> Feedback:
        return Feedback(query.id, Preference(1.0), "Older", "1")


class Confused(Always):
    def label(self, query: Query) -> Feedback:
        return Feedback("elsewhere", Preference(1.0), "Confused")


class Blunt(Always):
    def label(self, query: Query) -> Feedback:
        return Preference(1.0)  # type: ignore[return-value]


class Wrong(Always):
    """Ranks the last of six pairs."""

    def label(self, query: Query) -> Feedback:
        self.asked = getattr(self, "asked", 0) + 1
        return Feedback(query.id, Preference(1.0) if self.asked < 6 else Ranking((0, 1)), "Wrong")


@pytest.mark.parametrize(
    ("given", "message", "kept"),
    [
        (Named(), "another, of version '', answered .* as 'whoever'", 0),
        (Older(), "Older, of version '2', answered .* of version '1'", 0),
        (Confused(), "was asked 'steps/pair/.*', and answered 'elsewhere'", 0),
        (Blunt(), r"label\(query\) has to return a Feedback, got Preference", 0),
        (Wrong(), "Ranking", 5),
    ],
)
def test_an_answer_that_cannot_be_is_one_line_and_what_came_before_is_kept(
    dataset: EpisodeStore, database: Path, given: object, message: str, kept: int
) -> None:
    with pytest.raises(DataError, match=message):
        ask(given, subject(dataset), database)
    assert len(answers(database)) == kept


class Failing(Wrong):
    def label(self, query: Query) -> Feedback:
        given = super().label(query)
        return given if isinstance(given.answer, Preference) else 1 / 0  # type: ignore[return-value]


def test_a_labeler_that_fails_is_one_line_and_what_came_before_is_kept(dataset: EpisodeStore, database: Path) -> None:
    line = r"^Failing: label\(query\) raised ZeroDivisionError: .*\(test_asking\.py, line"
    with pytest.raises(PartError, match=line):
        ask(Failing(), subject(dataset), database)
    assert len(answers(database)) == 5


def test_a_budget_is_chosen_by_a_selector_and_no_more_until_it_is_answered(
    dataset: EpisodeStore, database: Path
) -> None:
    about, chosen = subject(dataset), RandomSelector(3).select(subject(dataset).pool, 2)
    assert ask(Always(), about, database, selector=RandomSelector(3), budget=2).answers == 2
    assert set(answers(database)) == {query.id for query in chosen}
    assert ask(Always(), about, database, budget=2, more=False).answers == 0
    # Another one is asked what waits for it, before anything new is chosen.
    assert ask(Longest, about, database, budget=2).answers == 2
    assert ask(Longest, about, database, budget=2).answers == 2
    with FeedbackStore(database) as store:
        assert len(store.queries()) == 4


def test_questions_of_another_kind_do_not_come_together_unnoticed(dataset: EpisodeStore, database: Path) -> None:
    said: list[str] = []
    session = Session(say=said.append)
    ask(Imperfection(), subject(dataset, rewards=lambda: lambda _: np.zeros(2)), database, session=session)
    assert not any("other kinds" in line for line in said)
    ranked = subject(dataset, "ranking", count=2, rewards=lambda: lambda _: np.zeros(2))
    ask(Imperfection(), ranked, database, session=session)
    assert any("6 of kind pair; these are of kind ranking" in line for line in said)
    # What rewards do not compare comes into nobody's way.
    said.clear()
    ask(Odd(), subject(dataset, "similarity", count=3), database, session=session)
    assert not any("other kinds" in line for line in said)


def test_answers_of_others_do_not_come_together_unnoticed(dataset: EpisodeStore, database: Path) -> None:
    said: list[str] = []
    session, about = Session(say=said.append), subject(dataset)
    with FeedbackStore(database) as store:
        store.add_queries(about.pool, [Feedback(about.pool[0].id, Preference(1.0), "attention-check")])
    ask(Longest, about, database, session=session)
    ask(Longest, about, database, session=session)
    assert not any(line.startswith("note:") for line in said)
    ask(Always(), about, database, session=session)
    assert f"note: {database} holds answers of longest already; " in "".join(said)
    assert "filter.by_labeler.names=[...]" in "".join(said)


def test_people_are_no_others_to_each_other(dataset: EpisodeStore, database: Path) -> None:
    said: list[str] = []
    about = subject(dataset)
    with FeedbackStore(database) as store:
        given = [Feedback(about.pool[0].id, Preference(1.0), "ann", "1", order=(0, 1))]
        store.add_queries(about.pool, [*given, Feedback(about.pool[0].id, Preference(1.0), "imported")])
    ask(Nobody(), about, database, session=Session(say=said.append))
    assert [line.split(" already")[0] for line in said] == [f"note: {database} holds answers of imported"]


class Nobody:
    """People who never come."""

    def run(self, store: FeedbackStore, choose: object, session: Session) -> None:
        del store, choose, session


class Metered(Always):
    """Says what it costs, once it is open; three failures in a row end it."""

    workers, errors = 2, 3

    def __init__(self) -> None:
        self.open, self.bill = False, None

    def __enter__(self) -> None:
        self.open, self.bill = True, self

    def __exit__(self, *_: object) -> None:
        self.open = False

    def label(self, query: Query) -> Feedback:
        assert self.open
        return Feedback(query.id, Abstain("error"), "Metered", rationale="nobody there")

    def before(self, queries: int) -> str:
        return f"{queries} questions"

    def now(self) -> str:
        return "free"

    def after(self, tally: object) -> list[tuple[str, ...]]:
        return [("what", "how much"), ("cost", "none")]


def test_what_a_labeler_says_of_its_cost_is_told_and_it_is_left_in_the_end(
    dataset: EpisodeStore, database: Path
) -> None:
    said: list[str] = []
    tables: list[tuple[str, object]] = []
    metered, session = Metered(), Session(say=said.append, table=lambda title, rows: tables.append((title, rows)))
    tally = ask(metered, subject(dataset), database, session=session)
    assert (tally.failed, metered.open, said[0]) == (True, False, "6 questions")
    assert "nobody there" in said[-1]
    assert tables == [("What Metered said", [("what", "how much"), ("cost", "none")])]
    assert answers(database) == {}


class Postal:
    """Answers later: what it is sent, it answers on the next day."""

    def __init__(self, sent: list[Query]) -> None:
        self.sent = sent

    def run(self, store: FeedbackStore, choose, session: Session) -> None:
        new = choose(len(self.sent))
        store.add_queries(new)
        self.sent += new
        session.say(f"sent {len(new)}")


def test_who_answers_later_takes_the_questions_now(dataset: EpisodeStore, database: Path) -> None:
    sent: list[Query] = []
    for expected in (2, 2):
        assert ask(Postal(sent), subject(dataset), database, budget=2).done == 0
        assert len(sent) == expected  # no new ones as long as these wait
    with FeedbackStore(database) as store:
        assert store.queries() == sent


def test_a_subject_without_questions_is_refused(dataset: EpisodeStore) -> None:
    with pytest.raises(RoboprefError, match="no question about steps"):
        Subject("steps", dataset, [])
