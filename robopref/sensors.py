"""By their names, recorded arrays that hold many samples a decision: signals and sounds."""

from __future__ import annotations

from robopref.records import OUTCOME

SIGNALS = ("force", "torque", "current", "acceleration", "tactile")
SOUND = "audio"


def is_signal(name: str) -> bool:
    """Whether an array is a signal, (S, C) samples of C channels in every decision, if it has two dimensions.

    Args:
        name: Of the array, such as ``force`` or ``current_left``.
    """
    return name.removeprefix(OUTCOME).startswith(SIGNALS)


def is_sound(name: str) -> bool:
    """Whether an array is a waveform, (N,) samples in every decision, if it has one dimension.

    Args:
        name: Of the array, such as ``audio`` or ``audio_wrist``.
    """
    return name.removeprefix(OUTCOME).startswith(SOUND)
