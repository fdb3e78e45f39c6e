import json

import numpy as np
import pytest

from robopref.quality.label_quality import label_quality
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet


def pair(i, j):
    items = tuple(Item("rope", 10 * k, 10 * k + 10) for k in (i, j))
    return Query(f"{i}-{j}", "pair", items)


QUERIES = [pair(0, 1), pair(1, 2), pair(2, 0), pair(0, 3)]


def answers(labeler, ps, orders=None, seconds=None):
    return [
        Feedback(
            query.id,
            Abstain("skipped") if p is None else Preference(p),
            labeler,
            order=() if orders is None else orders[k],
            seconds=None if seconds is None else seconds[k],
        )
        for k, (query, p) in enumerate(zip(QUERIES, ps, strict=False))
    ]


def of(quality, name):
    return next(one for one in quality.labelers if one.name == name)


def test_shares_of_one_labeler_by_hand():
    orders = [(0, 1), (1, 0), (0, 1), (0, 1)]
    one = of(label_quality(QUERIES, answers("ann", [1, 1, 0.5, None], orders, [1, 2, 0.1, 6])), "ann")
    assert one.answers == 4
    assert one.abstained.mean == 1 / 4
    assert one.ties.mean == 1 / 3  # of three answers
    assert one.first.mean == 1 / 2  # of two decided ones: 0-1 shown first, 1-2 shown second
    assert one.seconds == 1.5
    assert one.fast.mean == 1 / 4  # 0.1 s
    assert (one.repeated, one.swapped, one.attention) == (None, None, None)


def test_a_circle_is_found():
    one = of(label_quality(QUERIES, answers("ann", [1, 1, 1, 1])), "ann")
    assert (one.circles, one.triples) == (1, 1)


def test_repeated_and_swapped_questions_are_kept_apart():
    given = [
        Feedback("0-1", Preference(p), "ann", order=order)
        for p, order in [(1, (0, 1)), (1, (0, 1)), (1, (1, 0)), (0, (0, 1))]
    ]
    one = of(label_quality(QUERIES, given), "ann")
    assert (one.repeated.mean, one.repeated.n) == (1, 1)
    assert (one.swapped.mean, one.swapped.n) == (0.5, 2)


def test_known_answers_are_attention_checks_for_everyone_else():
    known = [Feedback("0-1", Preference(1), "known"), Feedback("1-2", Preference(0.0), "known")]
    quality = label_quality(QUERIES, known + answers("ann", [0.75, 1]), known="known")
    assert [one.name for one in quality.labelers] == ["ann"]
    assert (of(quality, "ann").attention.mean, of(quality, "ann").attention.n) == (0.5, 2)
    assert quality.agreement == ()


def test_agreement_of_two_labelers_by_hand():
    quality = label_quality(QUERIES, answers("ann", [1, 1, 0, 0]) + answers("bob", [1, 0, 0, 0]))
    (found,) = quality.agreement
    assert (found.kind, found.questions) == ("pair", 4)
    # They agree on 3 of 4. With each pair in both orders, either item is the better one half of the time: p_e = 1/2.
    assert found.cohen == (("ann", "bob", pytest.approx((0.75 - 0.5) / (1 - 0.5))),)
    assert found.fleiss == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    assert found.alpha.low <= found.alpha.mean <= found.alpha.high


def test_agreement_does_not_depend_on_which_item_is_called_the_first():
    given = answers("ann", [1, 1, 0, 0.5]) + answers("bob", [1, 0, 0, 1])
    turned = [Query(query.id, "pair", query.items[::-1]) for query in QUERIES]
    renamed = [Query(q.id, "pair", tuple(Item("rope", -item.stop, -item.start) for item in q.items)) for q in QUERIES]
    (one,) = label_quality(QUERIES, given).agreement
    for other in (turned, renamed):
        (found,) = label_quality(other, given).agreement
        assert (found.alpha.mean, found.fleiss, found.cohen) == (one.alpha.mean, one.fleiss, one.cohen)


def test_similarity_agrees_by_the_odd_item():
    items = [Item("rope", k, k + 1) for k in range(6)]
    queries = [Query("a", "similarity", tuple(items[:3])), Query("b", "similarity", tuple(items[3:]))]
    given = [
        Feedback(i, SimilarityTriplet(k), who)
        for who, ks in [("ann", (0, 1)), ("bob", (0, 2))]
        for i, k in zip("ab", ks, strict=True)
    ]
    (found,) = label_quality(queries, given).agreement
    # One of two agrees, any of three items could have been the odd one.
    assert found.fleiss == pytest.approx((1 / 2 - 1 / 3) / (1 - 1 / 3))


def test_the_most_disputed_question_is_asked_again_first():
    given = [*answers("ann", [1, 1, 1]), *answers("bob", [0, 1, 1]), *answers("cyd", [1, 1])]
    (again,) = label_quality(QUERIES, given).again
    assert (again.query, again.answers) == ("0-1", 3)
    assert again.disagreement == pytest.approx((2 / 3) / 3)


def test_a_ranking_is_asked_again_once_however_many_of_its_pairs_are_disputed():
    rankings = [Query(f"r{k}", "ranking", tuple(Item("rope", 10 * k + i, 10 * k + i + 1) for i in range(3)))
                for k in range(25)]  # fmt: skip
    given = [Feedback(query.id, Ranking(ranks), who) for query in rankings
             for who, ranks in [("ann", (0, 1, 2)), ("bob", (2, 1, 0))]]  # fmt: skip
    again = label_quality(rankings, given).again
    assert [one.query for one in again] == [query.id for query in rankings][: len(again)]
    # As many different questions as of any other kind; of each, any pair has one answer of two for either side.
    assert len(again) == 20
    assert {(one.answers, one.disagreement) for one in again} == {(2, 0.5)}
    # Items 0 and 1 are split two against two, 1 and 2 three against one; on 0 and 2 all agree.
    some = [Feedback("r0", Ranking(ranks), who) for who, ranks in
            [("ann", (0, 1, 2)), ("bob", (1, 0, 2)), ("cyd", (0, 2, 1)), ("dan", (1, 0, 2))]]  # fmt: skip
    (one,) = label_quality(rankings[:1], some).again
    assert one.disagreement == pytest.approx((4 / 6) / 4)


def test_ratings_agree_by_their_distance():
    queries = [Query(str(k), "rating", (Item("rope", k, k + 1),)) for k in range(3)]
    values = [[0.0, 0.5, 1.0], [0.0, 0.5, 0.9]]
    given = [
        Feedback(query.id, Rating(value), name)
        for name, row in zip("ab", values, strict=True)
        for query, value in zip(queries, row, strict=True)
    ]
    (found,) = label_quality(queries, given).agreement
    # D_o = .01 * 2 / 6. D_e: sum of squared differences of all ordered pairs of the six values over 6 * 5.
    together = np.array(values).ravel()
    expected = ((together[:, None] - together) ** 2).sum() / 30
    assert found.alpha.mean == pytest.approx(1 - (0.02 / 6) / expected)
    assert (found.fleiss, found.cohen) == (None, ())


def test_the_quality_is_plain_json():
    quality = label_quality(QUERIES, answers("ann", [1, None]) + answers("bob", [1, 1]))
    assert json.loads(json.dumps(quality.to_dict(), allow_nan=False))["queries"] == 4
