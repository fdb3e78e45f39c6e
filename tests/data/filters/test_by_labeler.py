"""Answers of those who are named."""

import pytest

from robopref.data.filters.by_labeler import ByLabeler
from robopref.errors import ConfigError
from tests.data.filters.tables import AB, BC, say, table

ANSWERS = table([say(AB, 1.0, "ann"), say(AB, 0.0, "bob"), say(BC, 0.5, "ann"), say(BC, 1.0, "carol")])


def test_only_those_who_are_named_are_heard() -> None:
    assert ByLabeler(["ann"]).keep(ANSWERS).p.tolist() == [1.0, 0.5]
    assert ByLabeler(["carol", "bob"]).keep(ANSWERS).labeler.tolist() == ["bob", "carol"]


def test_somebody_who_said_nothing_is_reported_with_those_who_did() -> None:
    with pytest.raises(ConfigError, match="no answers of an,dave are there; there are those of ann,bob,carol"):
        ByLabeler(["dave", "an", "ann"]).keep(ANSWERS)
    with pytest.raises(ConfigError, match="those of nobody"):
        ByLabeler(["ann"]).keep(table([]))


@pytest.mark.parametrize("names", [[], [""]])
def test_nobody_is_nobodys_name(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"filter\.by_labeler\.names must name"):
        ByLabeler(names)
