"""Which self-made answers count, and which given ones watch: worked out by hand."""

from robopref.answers import Answers
from robopref.data.labels.self_made import AnswerSource, asked_about, is_self_made, present, watched
from robopref.records import Feedback, Item, Preference, Query


def pair(source: str, state: int, first: int = 0, second: int = 1) -> Query:
    items = tuple(Item(source, state, state + 1, candidate) for candidate in (first, second))
    return Query(f"{source}/{state}/{first}-{second}", "pair", items)


def table(*told: tuple[Query, str, str]) -> Answers:
    """Answers by question, labeler and version."""
    queries = {query.id: query for query, _, _ in told}
    return Answers.of(queries.values(), [Feedback(query.id, Preference(1.0), who, how) for query, who, how in told])


def split(answers: Answers, answer_source: AnswerSource) -> tuple[list[str], list[str]]:
    mine = is_self_made(answers)
    found = watched(answers[~mine], answers[mine], answer_source, seed=0)
    return asked_about(found.learnt).tolist(), asked_about(found.watching).tolist()


GIVEN = [(pair("candidates", state), "ann", "") for state in range(8)]
OWN = [(pair("explored", state), "self:outcome", "abc") for state in range(3)]


def test_given_answers_about_what_no_reward_answered_watch() -> None:
    learnt, watching = split(table(*GIVEN, *OWN), "self_made")
    assert learnt == ["explored/0", "explored/1", "explored/2"]
    assert watching == [f"candidates/{state}" for state in range(8)]
    # A state that both answered is learnt from, and does not watch.
    both = (pair("candidates", 2, 1, 2), "self:outcome", "abc")
    learnt, watching = split(table(*GIVEN, *OWN, both), "self_made")
    assert learnt[-1] == "candidates/2"
    assert watching == [f"candidates/{state}" for state in range(8) if state != 2]


def test_where_all_is_learnt_from_a_quarter_watches_and_nothing_of_it_is_learnt() -> None:
    own = [(pair("candidates", state), "self:outcome", "abc") for state in range(8)]
    for answer_source, least in (("self_made", 6), ("all", 12)):
        learnt, watching = split(table(*GIVEN, *own), answer_source)
        assert len(watching) == 2
        assert not set(watching) & set(learnt)
        assert len(learnt) == least
    assert split(table(*own), "self_made") == ([f"candidates/{state}" for state in range(8)], [])


def test_segments_are_told_apart_by_their_question() -> None:
    segments = Query("demos/pair/1", "pair", (Item("demos", 0, 3), Item("demos", 3, 6)))
    assert asked_about(table((segments, "ann", ""))).tolist() == ["demos/pair/1"]


def test_answers_of_other_weights_are_stale() -> None:
    told = table(*OWN, (pair("explored", 5), "self:outcome", "abc equal=0.1"), (pair("explored", 6), "self:x", "abc"))
    same, stale = present(told, {"outcome": "abc"})
    assert asked_about(same).tolist() == ["explored/0", "explored/1", "explored/2", "explored/5"]
    assert stale == {"x": 1}
    same, stale = present(told, {"outcome": "def", "x": "abc"})
    assert asked_about(same).tolist() == ["explored/6"]
    assert stale == {"outcome": 4}
