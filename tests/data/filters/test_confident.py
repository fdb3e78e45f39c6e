"""Answers that labelers were sure of."""

import pytest

from robopref.data.filters.confident import Confident
from robopref.errors import ConfigError
from tests.data.filters.tables import AB, BC, say, table

ANSWERS = table([say(AB, 1.0, confidence=0.7), say(AB, 0.0, confidence=0.69), say(BC, 0.25)])


def test_answers_of_less_confidence_are_left_out() -> None:
    assert Confident(0.7).keep(ANSWERS).p.tolist() == [1.0, 0.25]
    assert Confident(1.0).keep(ANSWERS).p.tolist() == [0.25]
    assert len(Confident(0.0).keep(ANSWERS)) == 3


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_share(least: float) -> None:
    with pytest.raises(ConfigError, match=r"filter\.confident\.least"):
        Confident(least)
