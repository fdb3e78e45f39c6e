"""Label database: an answer that was taken stays, as it was given."""

import inspect
import json
import os
import resource
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_records import from_line, to_line
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError, DependencyError, RoboprefError
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet

PAIR = Query("pair-1", "pair", (Item("rope", 0, 8), Item("rope", 8, 16)), "tidier")
CHOICE = Query("rank-1", "ranking", tuple(Item("rope", 3, 4, candidate) for candidate in range(3)))
TRIPLET = Query("odd-1", "similarity", CHOICE.items)
EPISODE = Query("rate-1", "rating", CHOICE.items[:1])
FORCE = AskedFeature("greatest(force)", "rope", "the greatest force", "N", 1.0, 0.0, 5.0, "high", (1.0, 2.0))
CLOSE = Query("force-1", "threshold", PAIR.items, feature=FORCE)
MATTERS = Query("force-2", "feature", (), "tidier", AskedFeature("greatest(force)", "rope"))
ANSWERS = [
    Feedback("pair-1", Preference(0.5), "ann"),
    Feedback("pair-1", Preference(1), "ann", confidence=0.5),
    Feedback("pair-1", Preference(0.5), "bob", "v2", 0.0, 12.5, "looks equal\nto me"),
    Feedback("pair-1", Abstain("cannot tell"), "bob"),
    Feedback("pair-1", Abstain(""), "bob"),
    Feedback("rank-1", Ranking((0, 1, 1)), "ann"),
    Feedback("rank-1", Abstain("skipped"), "vlm", rationale="모르겠다"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "labels.db"


@pytest.fixture
def store(path: Path):
    with FeedbackStore(path) as store:
        store.add_queries([PAIR, CHOICE])
        yield store


def test_every_kind_of_answer_is_stored_with_order_and_time(store: FeedbackStore, path: Path) -> None:
    answers = [
        Feedback("pair-1", Preference(0.75), "ann", order=(1, 0), seconds=2.5),
        Feedback("rank-1", Ranking((0, 2, 1), (2.0, -1.5, 0.25)), "ann", order=(2, 0, 1), seconds=10),
        Feedback("odd-1", SimilarityTriplet(2), "ann", order=(0, 1, 2)),
        Feedback("rate-1", Rating(1), "ann", order=(0,), seconds=0),
        Feedback("rate-1", Rating(0.25), "bob"),
        Feedback("force-1", Threshold(2.5), "ann", order=(1, 0), seconds=3),
        Feedback("force-2", FeatureRelevance(-1), "ann"),
        Feedback("force-2", Abstain("cannot tell"), "bob"),
    ]
    store.add_queries([TRIPLET, EPISODE, CLOSE, MATTERS])
    store.add_all(answers)
    with FeedbackStore(path) as other:
        assert other.feedback() == answers
        assert other.queries()[-2:] == [CLOSE, MATTERS]
    assert [from_line(to_line(answer)) for answer in answers] == answers


def test_round_trip(store: FeedbackStore, path: Path) -> None:
    for answered in ANSWERS:
        store.add(answered)
    with FeedbackStore(f"sqlite:///{path}") as other:
        for opened in (store, other):
            assert opened.queries() == [PAIR, CHOICE]
            assert opened.feedback() == ANSWERS
            assert opened.feedback("bob") == ANSWERS[2:5]
            assert opened.feedback("nobody") == []


def test_durable_settings(store: FeedbackStore) -> None:
    with store.database.transaction() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_unanswered(store: FeedbackStore) -> None:
    assert store.unanswered("ann") == [PAIR, CHOICE]
    store.add(Feedback("pair-1", Abstain("skipped"), "ann"))
    assert store.unanswered("ann") == [CHOICE]
    assert store.unanswered("bob") == [PAIR, CHOICE]


def test_queries_are_added_once(store: FeedbackStore) -> None:
    store.add_queries([CHOICE, PAIR, PAIR])
    new = Query("pair-2", "pair", PAIR.items)
    store.add_queries([new, new, Query("pair-2", "pair", PAIR.items)])
    assert store.queries() == [PAIR, CHOICE, new]
    for changed in (
        Query("pair-1", "pair", PAIR.items, "faster"),
        Query("pair-1", "pair", PAIR.items[::-1], "tidier"),
        Query("pair-1", "ranking", PAIR.items, "tidier"),
    ):
        with pytest.raises(DataError, match="'pair-1' is there already with other content"):
            store.add_queries([Query("pair-3", "pair", PAIR.items), changed])
    assert store.queries() == [PAIR, CHOICE, new]


def test_more_queries_than_parameters(store: FeedbackStore) -> None:
    many = [Query(str(i), "pair", PAIR.items) for i in range(1203)]
    store.add_queries(many)
    store.add_queries(many)
    store.add_all([Feedback(query.id, Preference(0.5), "ann") for query in many])
    assert store.queries()[2:] == many
    assert len(store.feedback()) == 1203


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Feedback("pair-9", Preference(1), "ann"), "'pair-9', which does not exist"),
        (Feedback("pair-1", Ranking((0, 1)), "ann"), "must be Preference or Abstain, got Ranking"),
        (Feedback("rank-1", Preference(1), "ann"), "must be Ranking or Abstain, got Preference"),
        (Feedback("pair-1", Rating(1), "ann"), "must be Preference or Abstain, got Rating"),
        (Feedback("pair-1", Preference(1), "ann", order=(0, 2, 1)), "has 2 items, got an order of 3"),
        (Feedback("force-1", FeatureRelevance(1), "ann"), "must be Threshold or Abstain, got FeatureRelevance"),
        (Feedback("force-1", Threshold(5.5), "ann"), "about values from 0 to 5, got 5.5"),
        (Feedback("force-2", Preference(1), "ann"), "must be FeatureRelevance or Abstain"),
        (Feedback("rank-1", Ranking((0, 1)), "ann"), "has 3 items, got 2 ranks"),
        (Feedback("rank-1", Ranking((0, 1, -1)), "ann"), "whole numbers from 0"),
        (Feedback("rank-1", Ranking((0, 1, 0.5)), "ann"), "whole numbers from 0"),
        (Feedback("pair-1", Preference(1), "ann", time=float("nan")), "not JSON compliant"),
        (Feedback("pair-1", Preference(1), 7), "'labeler' must be text, got 7"),
        (Feedback("pair-1", 0.5, "ann"), "cannot be stored|must be Preference"),
        (Feedback("pair-1", Preference(1), "ann", rationale="\ud800"), "must be text that UTF-8 can hold"),
    ],
)
def test_answer_that_does_not_fit(store: FeedbackStore, wrong: Feedback, message: str) -> None:
    store.add_queries([CLOSE, MATTERS])
    with pytest.raises(DataError, match=message):
        store.add_all([ANSWERS[0], wrong])
    assert store.feedback() == []


def test_numpy_numbers(store: FeedbackStore) -> None:
    store.add_queries([Query("np", "ranking", (Item("rope", np.int64(0), np.int64(1)),) * 2)])
    store.add(Feedback("np", Ranking(tuple(np.array([1, 0]))), "ann", confidence=np.float32(0.25)))
    assert store.queries()[-1] == Query("np", "ranking", (Item("rope", 0, 1),) * 2)
    assert store.feedback() == [Feedback("np", Ranking((1, 0)), "ann", confidence=0.25)]


unit = st.floats(0, 1)
texts = st.text(max_size=10)
pair_answers = st.one_of(st.builds(Preference, unit), st.builds(Abstain, texts))
rankings = st.tuples(*[st.integers(0, 5)] * 3).map(Ranking)
given_feedback = st.one_of(
    *(
        st.builds(Feedback, st.just(query), answer, texts, texts, unit, st.floats(-1e12, 1e12), texts)
        for query, answer in (("pair-1", pair_answers), ("rank-1", rankings | st.builds(Abstain, texts)))
    )
)
items = st.builds(Item, texts, st.integers(0, 99), st.integers(-(2**63), 2**63 - 1), st.none() | st.integers(0, 9))
ranking_queries = st.builds(Query, texts, st.just("ranking"), st.lists(items, min_size=2, max_size=4).map(tuple), texts)


@given(record=given_feedback | ranking_queries)
@settings(max_examples=50, deadline=None)
def test_any_record_survives_a_line(record: Feedback | Query) -> None:
    line = to_line(record)
    assert "\n" not in line
    assert from_line(line) == record
    assert type(getattr(from_line(line), "answer", None)) is type(getattr(record, "answer", None))


@given(
    feedback=st.lists(given_feedback, max_size=5),
    queries=st.lists(ranking_queries, max_size=3, unique_by=lambda q: q.id),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_database_survives_export(
    tmp_path_factory: pytest.TempPathFactory, feedback: list[Feedback], queries: list[Query]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with FeedbackStore(folder / "a.db") as store, FeedbackStore(folder / "b.db") as other:
        store.add_queries([PAIR, CHOICE])
        store.add_queries(query for query in queries if query.id not in ("pair-1", "rank-1"))
        store.add_all(feedback)
        store.export_jsonl(folder / "out.jsonl")
        for _ in range(2):
            other.import_jsonl(folder / "out.jsonl")
            assert other.queries() == store.queries()
            assert other.feedback() == store.feedback() == feedback


def test_import_adds_nothing_twice(store: FeedbackStore, tmp_path: Path) -> None:
    store.add_all([*ANSWERS, ANSWERS[0]])  # the same answer, really given twice
    file = tmp_path / "out.jsonl"
    store.export_jsonl(file)
    assert store.import_jsonl(file) == 0
    assert store.feedback() == [*ANSWERS, ANSWERS[0]]
    with FeedbackStore(tmp_path / "new.db") as new:
        assert new.import_jsonl(file) == 2 + 8
        assert new.import_jsonl(file) == 0
        assert new.feedback() == [*ANSWERS, ANSWERS[0]]
        new.add(ANSWERS[1])
        assert new.import_jsonl(file) == 0


def test_import_takes_lines_in_any_order_and_defaults(store: FeedbackStore, tmp_path: Path) -> None:
    file = tmp_path / "hand.jsonl"
    pair = '{"record": "query", "id": "h", "kind": "pair", "items": [%s, %s]}'
    item = '{"source": "rope", "start": 0, "stop": 1}'
    answer = '{"record": "feedback", "query_id": "h", "labeler": "me", "answer": {"type": "preference", "p": 1}}'
    file.write_text(f"{answer}\n\n{pair % (item, item)}")
    assert store.import_jsonl(file) == 2
    assert store.feedback() == [Feedback("h", Preference(1), "me")]


GOOD = to_line(ANSWERS[0])


def changed(record: Feedback | Query, **fields: object) -> str:
    return json.dumps({**json.loads(to_line(record)), **fields})


def changed_feature(**fields: object) -> str:
    return changed(CLOSE, feature={**json.loads(to_line(CLOSE))["feature"], **fields})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", 'expected {"record": "query or feedback", ...}, got no JSON'),
        ("[1]", "expected"),
        ('"query"', "expected"),
        ('{"record": "vote"}', 'expected {"record": "query or feedback", ...}, got'),
        (
            '{"record": "query"}',
            "query must have id, kind, items, instruction, feature; got no 'id', no 'kind', no 'items'",
        ),
        (
            changed(PAIR, kind="triple"),
            "query kind must be one of pair, ranking, similarity, rating, feature, threshold, got",
        ),
        (changed(PAIR, items=[1, 2]), "item must be an object, got 1"),
        (changed(PAIR, items=[]), "needs 2 items, got 0"),
        (changed(PAIR, items=[{"source": "rope", "start": 0.5, "stop": 1}] * 2), "'start' must be a whole number"),
        (changed(PAIR, instruction="other"), "there already with other content"),
        (changed(ANSWERS[0], answer=0.5), "feedback 'answer' must be an object, got 0.5"),
        (
            changed(ANSWERS[0], answer={"p": 0.5}),
            "answer type must be one of preference, ranking, similarity, rating, relevance, threshold, abstain, got ",
        ),
        (changed(ANSWERS[0], answer={"type": "preference"}), "preference must have p; got no 'p'"),
        (changed(ANSWERS[0], answer={"type": "preference", "p": 2}), "preference p must be in [0, 1], got 2"),
        (changed(ANSWERS[0], answer={"type": "preference", "p": True}), "'p' must be a number, got True"),
        (changed(ANSWERS[0], answer={"type": "preference", "p": float("nan")}), "must be finite"),
        (changed(ANSWERS[0], answer={"type": "ranking", "ranks": [0, 1]}), "must be Preference or Abstain"),
        (changed(ANSWERS[0], answer={"type": "abstain", "reason": None}), "'reason' must be text, got None"),
        (changed(ANSWERS[0], order=[0.5, 1]), "order must be whole numbers from 0"),
        (changed(ANSWERS[0], order=[1, 1]), "order must hold each index from 0 once"),
        (changed(ANSWERS[0], seconds="2"), "'seconds' must be a number or null, got '2'"),
        (changed(ANSWERS[0], answer={"type": "similarity", "odd": 3}), "must be 0, 1 or 2, got 3"),
        (changed(ANSWERS[0], answer={"type": "rating", "value": 2}), "rating value must be in [0, 1], got 2"),
        (changed(ANSWERS[0], answer={"type": "relevance", "direction": 2}), "must be 1, 0 or -1, got 2"),
        (changed(ANSWERS[0], answer={"type": "threshold", "value": 0.5}), "must be Preference or Abstain"),
        (changed(CLOSE, feature=None), "a threshold query needs a feature"),
        (changed(CLOSE, feature=[]), "query 'feature' must be an object or null, got []"),
        (changed_feature(values=["0"]), "values of a feature must be numbers, got '0'"),
        (changed_feature(values=[True, 1]), "values of a feature must be numbers, got True"),
        (changed_feature(values=[float("inf"), 1]), "values of a feature must be finite"),
        (changed_feature(scale="1"), "askedfeature 'scale' must be a number, got '1'"),
        (changed_feature(low=9), "from low to a greater high"),
        (changed_feature(side="left"), "side of a feature"),
        (changed_feature(said=5), "'said' must be text, got 5"),
        (changed_feature(more=1), "unknown 'more'"),
        (changed(ANSWERS[0], confidence=-1), "confidence must be in [0, 1], got -1"),
        (changed(ANSWERS[0], query_id="x"), "'x', which does not exist"),
        (changed(ANSWERS[0], labeller="x"), "unknown 'labeller'"),
    ],
)
def test_import_of_a_bad_line_adds_nothing(store: FeedbackStore, tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(f"{to_line(Query('new', 'pair', PAIR.items))}\n{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(DataError) as caught:
        store.import_jsonl(file)
    assert str(caught.value).startswith(f"{file}:3: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.queries() == [PAIR, CHOICE]
    assert store.feedback() == []


def test_import_of_what_is_no_file(store: FeedbackStore, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "missing.jsonl", tmp_path, tmp_path / "bytes"):
        with pytest.raises(DataError, match="cannot read"):
            store.import_jsonl(file)


def test_export_is_whole_or_not_at_all(store: FeedbackStore, tmp_path: Path) -> None:
    store.add_all(ANSWERS)
    file = tmp_path / "out.jsonl"
    file.write_text("earlier")
    limit_file_size(200)
    try:
        with pytest.raises(DataError, match=r"cannot write .*out\.jsonl .File too large"):
            store.export_jsonl(file)
    finally:
        limit_file_size(resource.RLIM_INFINITY)
    assert file.read_text() == "earlier"
    with pytest.raises(DataError, match="cannot write"):
        store.export_jsonl(file / "in a file.jsonl")
    store.export_jsonl(file)
    assert len(file.read_text().splitlines()) == 2 + len(ANSWERS)
    assert not list(tmp_path.glob("**/*.partial"))


def damage_not_a_database(path: Path) -> None:
    path.write_bytes(b"this is not a database, it is a text file" * 100)


def damage_truncated(path: Path) -> None:
    os.truncate(path, 5000)


def damage_other_columns(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE queries (a, b)")
    connection.close()


def damage_content(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE feedback SET answer = '{"type": "vote"}'""")
    connection.close()


def damage_json(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE feedback SET answer = '{'")
    connection.close()


def damage_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [damage_not_a_database, damage_truncated, damage_other_columns, damage_content, damage_json, damage_folder],
)
def test_damaged_database(path: Path, damage) -> None:
    with FeedbackStore(path) as store:
        store.add_queries([PAIR, CHOICE])
        store.add_all(ANSWERS)
    damage(path)
    with pytest.raises(DataError) as caught, FeedbackStore(path) as store:
        store.feedback()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_database(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such label database"):
        FeedbackStore(path, create=False)
    assert not path.parent.exists()
    FeedbackStore(path).close()
    FeedbackStore(path, create=False).close()
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot make its folder"):
        FeedbackStore(tmp_path / "file" / "labels.db")


def test_other_databases() -> None:
    with FeedbackStore("sqlite://") as store:
        store.add_queries([PAIR])
        assert store.queries() == [PAIR]
    with pytest.raises(DataError, match="nonsense"):
        FeedbackStore("nonsense://x/y")
    with pytest.raises((DependencyError, DataError)) as caught:
        FeedbackStore("postgresql+psycopg2://me:secret@localhost:1/labels")
    assert "secret" not in str(caught.value)


def test_locked_database(store: FeedbackStore, path: Path) -> None:
    other = FeedbackStore(f"sqlite:///{path}?timeout=0.1")
    with store.database.transaction(write=True), pytest.raises(DataError, match=r"locked; close the other program"):
        other.add(ANSWERS[0])
    other.add(ANSWERS[0])
    other.close()
    assert store.feedback() == ANSWERS[:1]


def test_writers_in_threads(store: FeedbackStore, path: Path) -> None:
    def write(name: str) -> None:
        with FeedbackStore(path) as own:
            for _ in range(10):
                own.add_queries([Query("shared", "pair", PAIR.items)])
                own.add(Feedback("shared", Preference(0.5), name))

    threads = [threading.Thread(target=write, args=(str(i),)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.queries()) == 3
    assert {name: len(store.feedback(name)) for name in "012"} == dict.fromkeys("012", 10)


def limit_file_size(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_files_that_cannot_grow(store: FeedbackStore, path: Path) -> None:
    store.add(ANSWERS[0])
    limit_file_size(max(file.stat().st_size for file in path.parent.iterdir()))
    try:
        with pytest.raises(DataError, match=r"labels\.db"):
            store.add_all([Feedback("pair-1", Preference(1), "ann", rationale="x" * 100_000)])
    finally:
        limit_file_size(resource.RLIM_INFINITY)
    assert store.feedback() == ANSWERS[:1]
    store.add(ANSWERS[1])
    with FeedbackStore(path) as other:
        assert other.feedback() == ANSWERS[:2]


def answer(i: int) -> Feedback:
    """Answer number `i`, which can be made again."""
    kind = i % 3
    given = (Preference(0.5), Abstain(f"reason {i}"), Preference(1 / (1 + i)))[kind]
    return Feedback("pair-1", given, "ann", str(i), rationale="x" * (i % 50) * 100)


def test_killed_at_any_moment(store: FeedbackStore, path: Path) -> None:
    """Every acknowledged answer is there after SIGKILL, and at most one more."""
    body = f"""
        import os, random, signal, time
        from robopref.data.labels.feedback_store import FeedbackStore
        from robopref.records import Abstain, Feedback, Preference

        def say(word, number):
            os.write(1, f"{{word}} {{number}}\\n".encode())  # a whole line, whenever the process is killed

        def write():
            store = FeedbackStore({str(path)!r})
            count = len(store.feedback())
            say("found", count)
            while True:
                store.add(answer(count))
                count += 1
                say("acknowledged", count)
                os.write(begun[1], b"!")

        rng = random.Random(0)
        for attempt in range(6):
            begun = os.pipe()
            pid = os.fork()
            if not pid:
                write()
            if attempt % 2:  # else it may be killed before its first answer
                os.read(begun[0], 1)
            time.sleep(rng.uniform(0.01, 0.1))
            os.kill(pid, signal.SIGKILL)
            say("killed", os.WTERMSIG(os.waitpid(pid, 0)[1]))
    """
    program = f"from __future__ import annotations\n{inspect.getsource(answer)}{textwrap.dedent(body)}"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    present = store.feedback()
    kills = acknowledged = 0
    for line in [*done.stdout.splitlines(), f"found {len(present)}"]:
        word, number = line.split()
        if word == "found":
            assert acknowledged <= int(number) <= acknowledged + 1
        kills += word == "killed"
        acknowledged = int(number) if word != "killed" else acknowledged
    assert kills == 6
    assert len(present) >= 3
    assert present == [answer(i) for i in range(len(present))]


# What the first databases were made of.
FIRST = """
CREATE TABLE queries (position INTEGER NOT NULL PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    items JSON NOT NULL, instruction TEXT NOT NULL);
CREATE TABLE feedback (position INTEGER NOT NULL PRIMARY KEY, query_id TEXT NOT NULL REFERENCES queries (id),
    answer JSON NOT NULL, labeler TEXT NOT NULL, labeler_version TEXT NOT NULL, confidence DOUBLE NOT NULL,
    time DOUBLE NOT NULL, rationale TEXT NOT NULL);
"""


def test_a_database_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    items = json.dumps([{"source": "rope", "start": 0, "stop": 8}, {"source": "rope", "start": 8, "stop": 16}])
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST)
        connection.execute("INSERT INTO queries VALUES (1, 'pair-1', 'pair', ?, 'tidier')", (items,))
        preference = json.dumps({"type": "preference", "p": 1})
        connection.execute("INSERT INTO feedback VALUES (1, 'pair-1', ?, 'ann', 'v1', 1, 2.5, '')", (preference,))
    connection.close()
    for _ in range(2):
        with FeedbackStore(path, create=False) as store:
            assert store.queries() == [PAIR]
            assert store.feedback() == [Feedback("pair-1", Preference(1), "ann", "v1", time=2.5)]
    given = Feedback("pair-1", Preference(0), "bob")
    with FeedbackStore(path) as store:
        assert Assignments(store, replicates=2).claim("bob") == PAIR
        assert Assignments(store).submit(given, "first")
        assert not Assignments(store).submit(given, "first")
        with (
            pytest.raises(DataError, match="UNIQUE"),
            store.database.transaction(write=True) as connection,
        ):
            store.database.insert(connection, [given], answer_id="first")
        assert store.feedback("bob") == [given]


def test_a_database_of_another_version_names_the_remedy(path: Path) -> None:
    FeedbackStore(path).close()
    damage_other_columns(path)
    with pytest.raises(DataError, match=r"no such column.*labels export format=jsonl"):
        FeedbackStore(path)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://lab:pa55w0rd@host:port/labels", "postgresql://lab:pa55w0rd@h:word@host/labels",
        "postgresql+nodriver://lab:pa55w0rd@host/labels", "nodatabase://host/labels?password=pa55w0rd&x=1",
    ],
)  # fmt: skip
def test_no_password_of_an_address_is_shown(address: str) -> None:
    with pytest.raises(RoboprefError) as refused:
        FeedbackStore(address)
    assert "pa55w0rd" not in str(refused.value)
    assert "host" in str(refused.value)


def test_answers_about_some_datasets(store: FeedbackStore) -> None:
    elsewhere = Query("pair-2", "pair", (Item("cloth", 0, 8), Item("cloth", 8, 16)), "tidier")
    store.add_queries([elsewhere])
    store.add_all([Feedback("pair-1", Preference(1), "ann"), Feedback("pair-2", Preference(0), "bob")])
    assert store.answers("cloth".__eq__).labeler.tolist() == ["bob"]
    assert store.answers(lambda source: True).labeler.tolist() == ["ann", "bob"]
    assert len(store.answers(lambda source: False)) == 0


def test_a_database_of_the_time_before_features_is_given_the_column(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with FeedbackStore(path) as store:
        store.add_queries([PAIR])
        store.add(ANSWERS[1])
    with sqlite3.connect(path) as old:
        old.execute("ALTER TABLE queries DROP COLUMN feature")
    for _ in range(2):
        with FeedbackStore(path) as store:
            assert (store.query("pair-1"), store.feedback()) == (PAIR, [ANSWERS[1]])
            store.add_queries([PAIR, CLOSE])
            assert store.query("force-1") == CLOSE


def test_questions_about_no_feature_are_written_as_before() -> None:
    assert "feature" not in json.loads(to_line(PAIR))
