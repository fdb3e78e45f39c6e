import numpy as np

from robopref.explanation.multiplicity import passing

CHANCES = np.array([0.02, 0.001, 0.5, 0.04, 0.012])


def test_bonferroni_divides_the_level_by_the_number_of_tests() -> None:
    # .05 / 5 is .01, which one is below; among ten tests .005, still one; among a hundred none.
    assert passing(CHANCES, 0.05, "bonferroni", 5).tolist() == [False, True, False, False, False]
    assert passing(CHANCES, 0.05, "bonferroni", 100).sum() == 0


def test_benjamini_and_hochberg_go_up_to_the_last_that_is_small_for_its_rank() -> None:
    # Sorted .001 .012 .02 .04 .5 against .01 .02 .03 .04 .05: the first four.
    assert passing(CHANCES, 0.05, "bh", 5).tolist() == [True, True, False, True, True]


def test_nothing_passes_of_nothing() -> None:
    assert passing(np.zeros(0), 0.05, "bh", 1).tolist() == []
    assert passing(np.zeros(0), 0.05, "bonferroni", 1).tolist() == []
