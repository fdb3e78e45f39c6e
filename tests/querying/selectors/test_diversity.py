import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.errors import DataError
from robopref.querying.selectors.diversity import greedy_dpp, similarity


def test_similarity_does_not_care_which_item_comes_first():
    differences = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    alike = similarity(differences)
    np.testing.assert_allclose(alike[0], [1, 1, 0, 0.5])
    np.testing.assert_allclose(similarity(-differences), alike)


def test_equal_items_are_like_nothing_else():
    np.testing.assert_allclose(similarity(np.array([[0.0, 0.0], [1.0, 0.0]])), np.eye(2))


def test_the_second_choice_is_not_a_copy_of_the_first():
    # 0 and 1 are the same question, and 2 another that tells less.
    alike = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert greedy_dpp(np.array([1.0, 0.9, 0.5]), alike, 2) == [0, 2]
    assert greedy_dpp(np.array([1.0, 0.9, 0.5]), alike, 3) == [0, 2]  # nothing else differs


@given(st.integers(0, 100))
def test_each_choice_has_the_greatest_determinant(seed):
    rng = np.random.default_rng(seed)
    values, alike = rng.uniform(0.1, 1, 6), similarity(rng.normal(size=(6, 4)))
    chosen = greedy_dpp(values, alike, 3)
    kernel = values[:, None] * alike * values
    for count in range(1, 4):

        def determinant(last, kept=tuple(chosen[: count - 1])):
            rows = [*kept, last]
            return np.linalg.det(kernel[np.ix_(rows, rows)])

        best = max(determinant(i) for i in range(6) if i not in chosen[: count - 1])
        assert determinant(chosen[count - 1]) == pytest.approx(best)


def test_nothing_is_chosen_where_nothing_can_be_learnt():
    assert greedy_dpp(np.zeros(3), np.eye(3), 2) == []


def test_negative_values_are_refused():
    with pytest.raises(DataError, match="values from 0"):
        greedy_dpp(np.array([-1.0]), np.eye(1), 1)
