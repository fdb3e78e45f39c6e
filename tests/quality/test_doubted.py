"""Questions whose answers rewards could not make sense of."""

from robopref.quality.doubted import DoubtedQuestion, doubted_questions
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking

A, B, C = (Item("rope", 3, 4, candidate) for candidate in range(3))
PAIR, LIST, LEFT = Query("pair", "pair", (A, B)), Query("list", "ranking", (A, B, C)), Query("left", "pair", (B, C))
ANSWERS = [
    Feedback("pair", Preference(1.0), "bob"), Feedback("pair", Preference(0.0), "ann"),
    Feedback("list", Ranking((0, 1, 2)), "ann"), Feedback("left", Abstain("skipped"), "ann"),
]  # fmt: skip


def test_questions_by_what_rewards_kept_of_their_pairs() -> None:
    kept = {"explicit": {(B, A): 0.0, (A, C): 1.0, (B, C): 0.2}, "implicit": {(A, B): 0.4}}
    # A and B: the mean of 0 and 0.4 is 0.2. The list has it, too, and 1 and 0.2: two of three are below a half, and
    # (0.2 + 1 + 0.2) / 3 = 0.4667 are kept. Nobody answered the question about B and C alone.
    pair, ranking = doubted_questions([LIST, PAIR, LEFT], ANSWERS, kept)
    assert pair == DoubtedQuestion("pair", ("ann", "bob"), 1, 1, 0.2, ("explicit", "implicit"))
    assert (ranking.query, ranking.pairs, ranking.left_out, round(ranking.kept, 4)) == ("list", 3, 2, 0.4667)


def test_what_is_mostly_kept_is_not_doubted() -> None:
    assert doubted_questions([PAIR], ANSWERS, {"explicit": {(A, B): 0.5}}) == []
    assert doubted_questions([PAIR], ANSWERS, {"explicit": {(A, C): 0.0}}) == []
    assert doubted_questions([PAIR], ANSWERS, {}) == []
