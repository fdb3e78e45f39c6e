"""Answers that took as long as looking does."""

import pytest

from robopref.data.filters.unhurried import Unhurried
from robopref.errors import ConfigError
from tests.data.filters.tables import AB, BC, say, table


def test_fast_answers_are_left_out_and_those_of_unknown_time_are_not() -> None:
    answers = table([say(AB, 1.0, seconds=0.69), say(AB, 0.0, seconds=0.7), say(BC, 0.25)])
    assert Unhurried(0.7).keep(answers).p.tolist() == [0.0, 0.25]


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_looking_takes_some_time(seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"filter\.unhurried\.seconds"):
        Unhurried(seconds)
