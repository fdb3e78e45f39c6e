"""Signals: a peak is seen wherever it is, and loudness is in reach."""

import torch

from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.signal_part import SignalPart
from robopref.records import Observation


def test_the_greatest_and_the_mean_size_are_seen() -> None:
    part = SignalPart(4, 1, width=8)
    found = part._sizes(torch.tensor([[[0.0], [-3.0], [1.0], [0.0]]]))
    torch.testing.assert_close(found, torch.tensor([[3.0, 1.0]]).log1p())


def test_a_channel_that_never_changes_is_no_division_by_zero() -> None:
    part = SignalPart(20, 2, width=8)
    signals = torch.zeros(5, 20, 2)
    signals[..., 1] = torch.randn(5, 20)
    part.fit(signals)
    assert part(signals).shape == (5, 8)
    assert bool(part(signals).isfinite().all())


def test_names_tell_signals_and_sounds_from_clouds_and_vectors() -> None:
    shapes = {"force": (20, 3), "force_torque": (6,), "audio": (640,), "points": (10, 3), "tactile_left": (20, 16)}
    encoder = PartsEncoder(shapes, width=8)
    kinds = {name: type(encoder.part(name)).__name__ for name in shapes}
    assert kinds == {
        "force": "SignalPart", "force_torque": "VectorPart", "audio": "SoundPart", "points": "CloudPart",
        "tactile_left": "SignalPart",
    }  # fmt: skip
    seen = {name: torch.randn(4, *shape) for name, shape in shapes.items()}
    encoder.fit(seen)
    assert encoder(Observation.of(seen)).vector.shape == (4, 8 * len(shapes))
    assert not encoder.takes("force", (19, 3))
    assert encoder.form("audio") == "640"
