"""Answers that are not old."""

import pytest

from robopref.data.filters.recent import Recent
from robopref.errors import ConfigError
from tests.data.filters.tables import AB, BC, say, table

DAY = 86400.0


def test_days_are_counted_back_from_the_newest_answer() -> None:
    times = [8 * DAY, 10 * DAY, 8 * DAY - 1, 9 * DAY]
    answers = table([say(AB, p, time=time) for p, time in zip((0.0, 0.25, 0.75, 1.0), times, strict=True)])
    assert Recent(2).keep(answers).p.tolist() == [0.0, 0.25, 1.0]
    assert Recent(0.5).keep(answers).p.tolist() == [0.25]


def test_an_answer_of_unknown_time_is_old() -> None:
    assert Recent(1e6).keep(table([say(AB, 1.0), say(BC, 0.25, time=DAY)])).p.tolist() == [0.25]
    assert len(Recent(1).keep(table([say(AB, 1.0)]))) == 0


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), float("inf")])
def test_days_are_positive(days: float) -> None:
    with pytest.raises(ConfigError, match=r"filter\.recent\.days"):
        Recent(days)
