"""Summaries of signals and sounds: how strong they were, whatever the direction and the course."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.signal_summary import SignalSummary, SoundSummary


def test_the_greatest_and_the_mean_length_are_handed_on() -> None:
    part = SignalSummary(2, 2, width=5)
    found = part(torch.tensor([[[3.0, -4.0], [0.0, 1.0]]]))  # of the lengths 5 and 1
    torch.testing.assert_close(found[0, -2:], torch.tensor([5.0, 3.0]).log1p())


def test_the_direction_does_not_change_what_is_handed_on() -> None:
    signals = torch.randn(6, 20, 2, generator=torch.Generator().manual_seed(0))
    signals[..., 1] *= 3
    turn = torch.tensor([[math.cos(1), -math.sin(1)], [math.sin(1), math.cos(1)]])
    part = SignalSummary(20, 2, width=8)
    part.fit(signals)
    torch.testing.assert_close(part(signals)[:, -2:], part(signals @ turn)[:, -2:])
    torch.testing.assert_close(part(signals), part(signals.flip(1)))  # nor the course


def test_a_signal_that_never_changes_is_no_division_by_zero() -> None:
    for part, still in ((SignalSummary(20, 2, width=8), torch.zeros(5, 20, 2)),
                        (SoundSummary(640, width=8, rate=8000), torch.zeros(5, 640))):  # fmt: skip
        part.fit(still)
        assert part(still).shape == (5, 8)
        assert bool(part(still).isfinite().all())


def test_what_is_louder_is_more() -> None:
    part = SoundSummary(640, width=8, rate=8000)
    noise = torch.randn(1, 640, generator=torch.Generator().manual_seed(0))
    assert bool((part(2 * noise)[:, -2:] - part(noise)[:, -2:] > 1).all())  # log 4 = 1.39


def test_an_encoding_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="width of 3 or more, got 2"):
        SignalSummary(20, 2, width=2)
