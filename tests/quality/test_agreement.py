import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robopref.errors import ConfigError, DataError
from robopref.quality.agreement import (
    cohen_kappa,
    disagreement,
    fleiss_kappa,
    intransitive_triples,
    krippendorff_alpha,
    share,
    too_fast,
)

X = float("nan")
# Reliability data with missing answers that Krippendorff (2011) works through: 4 people, 12 questions.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]
# The ten subjects and fourteen raters of Fleiss's usual worked example.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
ratings = arrays(np.float64, (3, 5), elements=st.sampled_from([-1.0, 0.0, 1.0, X]))


def test_cohen_kappa_by_hand():
    # 50 questions: both yes 20, yes/no 5, no/yes 10, both no 15. p_o = 35/50; p_e = .5 * .6 + .5 * .4 = .5.
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert cohen_kappa(first, second) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_cohen_kappa_leaves_out_what_only_one_answered():
    assert cohen_kappa([1, 0, X, 1], [1, 0, 1, X]) == 1
    assert np.isnan(cohen_kappa([X, 1], [1, X]))


def test_cohen_kappa_is_undefined_when_chance_agrees_always():
    assert np.isnan(cohen_kappa([1, 1], [1, 1]))


def test_fleiss_kappa_by_hand():
    # Two people, two questions: agree on A, differ. P = (1 + 0)/2; shares 3/4 and 1/4, P_e = 10/16.
    assert fleiss_kappa([[2, 0], [1, 1]]) == pytest.approx((0.5 - 0.625) / (1 - 0.625))


def test_fleiss_kappa_of_the_published_example():
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)


def test_fleiss_kappa_leaves_out_questions_with_one_answer():
    assert fleiss_kappa([*FLEISS, [1, 0, 0, 0, 0]]) == pytest.approx(fleiss_kappa(FLEISS))
    assert np.isnan(fleiss_kappa([[1, 0]]))


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorff_alpha_of_the_published_example(level, alpha):
    assert krippendorff_alpha(KRIPPENDORFF, level) == pytest.approx(alpha, abs=5e-4)


def test_krippendorff_alpha_by_hand():
    # Questions (0, 0) and (0, 1): o_00 = 2, o_01 = o_10 = 1; n_0 = 3, n_1 = 1, n = 4. D_o = 2/4, D_e = 6/(4 * 3).
    assert krippendorff_alpha([[0, 0], [0, 1]]) == pytest.approx(0.0)


@given(ratings)
def test_relabelling_categories_leaves_nominal_agreement_as_it_is(answers):
    before, after = krippendorff_alpha(answers), krippendorff_alpha(7 - 3 * answers)
    assert before == pytest.approx(after, nan_ok=True)


@given(ratings)
def test_agreement_does_not_depend_on_the_order_of_people(answers):
    for level in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(answers, level) == pytest.approx(
            krippendorff_alpha(answers[::-1], level), nan_ok=True
        )
    np.testing.assert_allclose(disagreement(answers), disagreement(answers[::-1]))


def test_an_unknown_level_is_named():
    with pytest.raises(ConfigError, match="Did you mean ordinal"):
        krippendorff_alpha(KRIPPENDORFF, "ordinl")  # pyright: ignore[reportArgumentType]


def test_ratings_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"\(R, Q\)"):
        krippendorff_alpha([1, 2, 3])
    with pytest.raises(DataError, match=r"\(R, Q\)"):
        cohen_kappa([1, 2], [1])


def test_share_has_an_exact_interval():
    found = share([1] * 8 + [0] * 2 + [X])
    assert (found.mean, found.n) == (0.8, 10)
    # P(X >= 8 | .4439) = P(X <= 8 | .9748) = .025 for ten draws.
    assert (found.low, found.high) == (pytest.approx(0.4439, abs=1e-4), pytest.approx(0.9748, abs=1e-4))
    assert share([X, X]) is None


def test_a_share_of_none_or_all_has_one_open_end():
    none, whole = share([0] * 10), share([1] * 10)
    # (1 - p)^10 = .025
    assert (none.low, none.high) == (0, pytest.approx(1 - 0.025**0.1))
    assert (whole.low, whole.high) == (pytest.approx(0.025**0.1), 1)


def test_one_circle_among_four_items_is_found():
    # 0 > 1 > 2 > 0, and 3 loses to 0 and 1; the pair (2, 3) is open, so (0, 1, 2) and (0, 1, 3) are decided.
    better = np.zeros((4, 4), bool)
    for row, column in [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3)]:
        better[row, column] = True
    assert intransitive_triples(better) == (1, 2)


def test_an_ordering_has_no_circle():
    assert intransitive_triples(np.triu(np.ones((5, 5), bool), 1)) == (0, 10)


def test_contradictions_must_be_settled_before_circles_are_counted():
    with pytest.raises(DataError, match="majority"):
        intransitive_triples(np.ones((3, 3)) - np.eye(3))


def test_a_fresh_split_is_to_be_asked_again_before_an_old_one():
    # Columns: 1-1 split, 2-2 split, agreement of four, one answer.
    answers = [[1, 1, 0, 1], [0, 1, 0, X], [X, 0, 0, X], [X, 0, 0, X]]
    # Differing pairs 1/1 and 4/6, over 2 and 4 answers.
    np.testing.assert_allclose(disagreement(answers), [1 / 2, (4 / 6) / 4, 0, 0])


def test_answers_faster_than_a_look_are_suspicious():
    assert too_fast([0.3, 2.0, X], floor=0.7).tolist() == [True, False, False]
