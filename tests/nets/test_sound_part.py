"""Sounds: a scale of pitches that others use as well, and what a tone looks like on it."""

import math

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.mel_spectrogram import mel_bank
from robopref.nets.sound_part import SoundPart


def test_bands_are_those_of_another_library() -> None:
    audio = pytest.importorskip("transformers.audio_utils")
    expected = audio.mel_filter_bank(129, 24, 0, 8000, 16000, norm=None, mel_scale="htk")
    np.testing.assert_allclose(mel_bank(24, 256, 16000).numpy().T, expected, atol=1e-5)


def test_a_tone_is_in_its_band() -> None:
    part = SoundPart(640, width=8, rate=8000, window=0.032, bands=16)
    time = torch.arange(640) / 8000
    for tone in (500.0, 2000.0):
        heard = part.spectrogram(torch.sin(2 * math.pi * tone * time)[None]).mean(-1)[0]
        middles = 700 * (10 ** (torch.linspace(0, 1, 18)[1:-1] * math.log10(1 + 4000 / 700)) - 1)
        assert int(heard.argmax()) == int((middles - tone).abs().argmin())


def test_louder_is_more_in_every_band() -> None:
    part = SoundPart(640, width=8, rate=8000)
    noise = torch.randn(1, 640, generator=torch.Generator().manual_seed(0))
    assert bool((part.spectrogram(2 * noise) - part.spectrogram(noise) > 1).all())  # log 4 = 1.39
    part.fit(noise)
    assert part(noise).shape == (1, 8)


def test_a_sound_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ConfigError, match="setting rate"):
        SoundPart(100, width=8, rate=48000)
