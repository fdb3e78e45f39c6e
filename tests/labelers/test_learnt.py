"""A reward that answers: always for what it finds better, marked as what it is, and anew when it changed."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.labeler_kinds import labeler_kinds
from robopref.labelers.asking import ask
from robopref.labelers.learnt import RewardLabeler, RewardTeacher, SoftRewardTeacher
from robopref.labelers.oracle import ScriptedTeacher
from robopref.labelers.subject import Judgement, Session, Subject
from robopref.querying.candidate_queries import candidate_queries
from robopref.records import Abstain, Item, Preference, Query, QueryKind, Ranking

WORTH = np.array([[0.1, 0.5, 0.45, -1.0]])


def judgement(version: str = "abc", worth: np.ndarray = WORTH) -> Judgement:
    return Judgement("outcome", version, lambda item: worth[item.start, [item.candidate]], spread=2.0)


def question(kind: QueryKind, *candidates: int) -> Query:
    return Query("q", kind, tuple(Item("explored", 0, 1, candidate) for candidate in candidates))


def test_it_prefers_what_the_reward_finds_better() -> None:
    teacher = RewardTeacher(judgement())
    assert teacher.label(question("pair", 0, 1)).answer == Preference(0.0)
    given = teacher.label(question("ranking", 0, 1, 2, 3))
    assert given.answer == Ranking((2, 0, 1, 3))
    assert (given.labeler, given.labeler_version) == ("self:outcome", "abc")
    assert labeler_kinds([given]) == {"self:outcome": "self"}


def test_what_it_hardly_tells_apart_may_be_equal() -> None:
    # A share of 0.03 of a spread of 2 is 0.06: more than what lies between 0.5 and 0.45, less than between others.
    teacher = RewardTeacher(judgement(), equal=0.03)
    assert teacher.label(question("ranking", 0, 1, 2, 3)).answer == Ranking((1, 0, 0, 2))
    assert teacher.version == "abc equal=0.03"
    with pytest.raises(ConfigError, match="equal must not be negative"):
        RewardLabeler(equal=-1)


def test_it_says_how_probable_it_finds_each_pair() -> None:
    teacher = SoftRewardTeacher(judgement(), [question("ranking", 0, 3, 1)])
    assert [(one.kind, [item.candidate for item in one.items]) for one in teacher.pool] == [
        ("pair", [0, 3]), ("pair", [0, 1]), ("pair", [3, 1])
    ]  # fmt: skip
    answers = [teacher.label(pair).answer for pair in teacher.pool]
    # The logistic function of 0.1 + 1, of 0.1 - 0.5 and of -1 - 0.5.
    expected = [1 / (1 + math.exp(-difference)) for difference in (1.1, -0.4, -1.5)]
    assert [one.p for one in answers if isinstance(one, Preference)] == pytest.approx(expected, abs=1e-12)
    assert teacher.version == "abc soft"
    # Far apart, a probability stays one.
    assert SoftRewardTeacher(judgement(worth=1e4 * WORTH), []).label(question("pair", 1, 0)).answer == Preference(1.0)


def test_probabilities_may_be_equal_and_are_only_those_of_a_logistic_link() -> None:
    teacher = SoftRewardTeacher(judgement(), [], equal=0.03)
    assert teacher.label(question("pair", 1, 2)).answer == Preference(0.5)
    assert teacher.version == "abc soft equal=0.03"
    with pytest.raises(ConfigError, match=r"what the reward outcome says is no log-odds.*labeler\.soft=false"):
        SoftRewardTeacher(replace(judgement(), log_odds=False), [])
    with pytest.raises(ConfigError, match="unknown kind of query for a reward that is to say probabilities"):
        teacher.label(question("ranking", 0, 1))


def test_it_may_answer_only_the_pairs_that_it_is_surest_of() -> None:
    # Of the six pairs the log-odds are 0.4, 0.35, 1.1, 0.05, 1.5 and 1.45: the surer half has 1.1 at least.
    teacher = SoftRewardTeacher(judgement(), [question("ranking", 0, 1, 2, 3)], surest=0.5)
    said = {tuple(item.candidate for item in pair.items): teacher.label(pair).answer for pair in teacher.pool}
    assert {pair for pair, answer in said.items() if answer == Abstain("not sure enough")} == {(0, 1), (0, 2), (1, 2)}
    assert [answer.p > 0.5 for answer in said.values() if isinstance(answer, Preference)] == [True] * 3
    assert teacher.version == "abc soft surest=0.5"
    with pytest.raises(ConfigError, match=r"labeler\.surest is a share of the pairs"):
        RewardLabeler(surest=0)
    with pytest.raises(ConfigError, match=r"labeler\.soft=false gives orderings"):
        RewardLabeler(soft=False, surest=0.5)


def test_its_pairs_are_not_taken_for_questions_of_another_kind(tmp_path: Path) -> None:
    database, lines = tmp_path / "labels.sqlite", list[str]()
    asked = subject(tmp_path, judgement(), 1)
    ask(RewardTeacher(judgement()), asked, database)
    ask(RewardLabeler("outcome"), asked, database, session=Session(say=lines.append))
    ask(ScriptedTeacher(lambda _: np.zeros(1)), asked, database, session=Session(say=lines.append))
    assert not [line for line in lines if line.startswith("note")]
    assert lines[:2] == [
        "1 answers that self:outcome gave when it was another are taken back",
        f"6 answers of self:outcome (6 of them now, 0 ties): {database}",
    ]


def subject(folder: Path, made: Judgement, states: int, kind: QueryKind = "ranking") -> Subject:
    path = folder / "explored.zarr"
    store = EpisodeStore.open(path) if path.exists() else EpisodeStore.create(path, {})
    pool = candidate_queries("explored", states, 4, kind=kind)
    return Subject("explored", store, pool, judgement=lambda name: made if name == "outcome" else pytest.fail(name))


def test_a_reward_that_changed_answers_anew_and_what_it_said_is_taken_back(tmp_path: Path) -> None:
    database, lines = tmp_path / "labels.sqlite", list[str]()
    labeler = RewardLabeler("outcome", soft=False)
    ask(labeler, subject(tmp_path, judgement(), 1), database)
    with FeedbackStore(database) as store:
        store.add(replace(store.feedback()[0], labeler="ann", labeler_version="", seconds=1.0))
    ask(labeler, subject(tmp_path, judgement("def", -WORTH), 1), database, session=Session(say=lines.append))
    assert lines[0] == "1 answers that self:outcome gave when it was another are taken back"
    assert not [line for line in lines if line.startswith("note")]  # its answers never mix with those of people
    with FeedbackStore(database) as store:
        assert [given.answer for given in store.feedback("self:outcome")] == [Ranking((1, 3, 2, 0))]
        assert [given.answer for given in store.retracted()] == [Ranking((2, 0, 1, 3))]


def test_each_of_many_pairs_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worth, compared = np.random.default_rng(0).normal(size=(300, 4)), Counter[str]()
    log_odds = SoftRewardTeacher._log_odds

    def counted(teacher: SoftRewardTeacher, query: Query) -> float:
        compared[query.id] += 1
        return log_odds(teacher, query)

    monkeypatch.setattr(SoftRewardTeacher, "_log_odds", counted)
    tally = ask(RewardLabeler("outcome"), subject(tmp_path, judgement("abc", worth), 300), tmp_path / "l.sqlite")
    assert tally.answers == len(compared) == 1800
    assert set(compared.values()) == {1}


def test_where_no_reward_judges_others_have_to_be_asked(tmp_path: Path) -> None:
    pool = candidate_queries("explored", 1, 2)
    bare = Subject("explored", EpisodeStore.create(tmp_path / "explored.zarr", {}), pool)
    with pytest.raises(ConfigError, match="no trained reward that judges these items; ask others"):
        ask(RewardLabeler(), bare, tmp_path / "labels.sqlite")
