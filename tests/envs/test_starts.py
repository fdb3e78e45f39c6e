"""Starts are drawn until one fits, and not for ever."""

from unittest.mock import Mock

import pytest

from envs import pile, unfold
from envs.starts import first_fitting
from envs.unfold import ClothUnfoldingEnv
from robopref.errors import RoboprefError


def test_the_first_that_fits_is_taken() -> None:
    draw = Mock(side_effect=[None, None, "third", "fourth"])
    assert first_fitting(draw, 3, "is a third", "draw more") == "third"


def test_where_none_fits_the_line_says_what_was_wanted_and_what_helps() -> None:
    draw = Mock(return_value=None)
    with pytest.raises(RoboprefError, match="of 5 starts that were drawn, none is a third; draw more"):
        first_fitting(draw, 5, "is a third", "draw more")
    assert draw.call_count == 5


def test_a_shirt_whose_layers_are_crossed_whatever_is_drawn_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    drops = Mock()
    monkeypatch.setattr(ClothUnfoldingEnv, "_drop", drops)
    monkeypatch.setattr(unfold, "depth_between_layers", lambda physics: 0.01)
    with pytest.raises(RoboprefError, match="none leaves the layers of the shirt less than 2 mm in each other; choose"):
        ClothUnfoldingEnv().reset(seed=0)
    assert drops.call_count == unfold._DRAWS


def test_a_pile_that_can_never_be_far_enough_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pile, "_DRAWS", 2)
    with pytest.raises(RoboprefError, match=r"none has its grains 4 m from the region.*a smaller success_distance"):
        pile.GranularPileEnv(success_distance=1.0).reset(seed=0)
