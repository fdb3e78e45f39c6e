import numpy as np
import pytest

from robopref.errors import DataError
from robopref.quality.judgements import gather_judgements
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet

A, B, C = (Item("rope", start, start + 10) for start in (0, 10, 20))
ASKED = Query("ab", "pair", (A, B))
SWAPPED = Query("ba", "pair", (B, A))


def given(query, answer, labeler="ann", order=(), seconds=None):
    return Feedback(query.id, answer, labeler, order=order, seconds=seconds)


def test_a_pair_and_its_swapped_copy_are_one_subject():
    judged = gather_judgements(
        [ASKED, SWAPPED], [given(ASKED, Preference(1.0)), given(SWAPPED, Preference(1.0), "bob")], "pair"
    )
    assert len(judged.subjects) == 1
    np.testing.assert_array_equal(judged.ratings(), [[1], [-1]])  # ann prefers A, bob prefers B


def test_strength_of_a_preference_does_not_change_its_direction():
    judged = gather_judgements([ASKED], [given(ASKED, Preference(p), str(p)) for p in (0.25, 0.5, 0.75)], "pair")
    assert judged.value.tolist() == [-1, 0, 1]


def test_what_was_shown_first_comes_from_the_stored_order():
    orders = [(0, 1), (1, 0), ()]
    judged = gather_judgements([ASKED], [given(ASKED, Preference(1), order=order) for order in orders], "pair")
    np.testing.assert_array_equal(judged.first, [1, -1, np.nan])
    swapped = gather_judgements([SWAPPED], [given(SWAPPED, Preference(1), order=(0, 1))], "pair")
    assert swapped.first.tolist() == [-1]


def test_a_ranking_is_its_pairs():
    query = Query("abc", "ranking", (C, A, B))
    judged = gather_judgements([query], [given(query, Ranking((2, 0, 0)), seconds=9.0)], "pair")
    found = dict(zip(((s.items[0], s.items[1]) for s in judged.subjects), judged.value, strict=True))
    assert found == {(A, C): 1, (B, C): 1, (A, B): 0}
    assert np.isnan(judged.seconds).all()


def test_an_abstention_is_no_answer_but_counts_as_given():
    judged = gather_judgements([ASKED], [given(ASKED, Abstain("cannot tell"), seconds=3.0)], "pair")
    assert np.isnan(judged.value).all()
    assert judged.seconds.tolist() == [3]


def test_the_odd_one_is_the_same_item_however_it_was_asked():
    one, two = Query("abc", "similarity", (A, B, C)), Query("cab", "similarity", (C, A, B))
    answers = [given(one, SimilarityTriplet(2)), given(two, SimilarityTriplet(0), "bob")]
    np.testing.assert_array_equal(gather_judgements([one, two], answers, "similarity").ratings(), [[2], [2]])


def test_ratings_keep_their_value():
    query = Query("a", "rating", (A,))
    assert gather_judgements([query], [given(query, Rating(0.25))], "rating").value.tolist() == [0.25]


def test_only_the_first_of_repeated_answers_counts_between_labelers():
    judged = gather_judgements([ASKED], [given(ASKED, Preference(1)), given(ASKED, Preference(0))], "pair")
    assert judged.ratings().tolist() == [[1]]


def test_repeats_say_whether_the_items_were_shown_the_other_way_round():
    answers = [
        given(ASKED, Preference(1), order=(0, 1)),
        given(ASKED, Preference(1), order=(0, 1)),  # the same again
        given(ASKED, Preference(0), order=(1, 0)),  # changed its mind when swapped
        given(SWAPPED, Preference(1), order=(1, 0)),  # B is better again, A first again
        given(ASKED, Preference(1), "bob"),
    ]
    who, same, swapped = gather_judgements([ASKED, SWAPPED], answers, "pair").repeats()
    assert who.tolist() == [0, 0, 0]
    assert same.tolist() == [1, 0, 1]
    assert swapped.tolist() == [False, True, True]


def test_the_majority_decides_what_was_better():
    queries = [ASKED, Query("bc", "pair", (B, C)), Query("ca", "pair", (C, A))]
    answers = [given(ASKED, Preference(p)) for p in (1, 0, 1)] + [given(query, Preference(1)) for query in queries[1:]]
    (better,) = gather_judgements(queries, answers, "pair").better(0)
    np.testing.assert_array_equal(better, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])  # A > B > C > A


def test_other_kinds_are_left_out():
    judged = gather_judgements([ASKED], [given(ASKED, Preference(1))], "rating")
    assert judged.ratings().shape == (0, 0)
    assert judged.repeats()[0].shape == (0,)


def test_feedback_without_its_question_is_refused():
    with pytest.raises(DataError, match="'ab'"):
        gather_judgements([], [given(ASKED, Preference(1))], "pair")
