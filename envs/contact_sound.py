"""The sound of a contact, made from its force: a simulator of a microphone, as MuJoCo has none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000  # samples a second
_MODES = ((420.0, 60.0, 1.0), (1150.0, 110.0, 0.7), (2600.0, 200.0, 0.5))  # Hz, decay 1/s, share
_GAIN = 0.008  # of a newton that comes within a step
_NOISE = 0.002


def contact_sound(force: NDArray[np.float64], timestep: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a microphone on a table would record while something is touched (modal synthesis).

    A force that rises quickly excites damped vibrations, one that is constant none, so that a knock sounds and a push
    does not: ``y(t) = sum_m a_m sum_k max(0, dF_k) exp(-d_m (t - t_k)) sin(w_m (t - t_k))``. Vibrations of an earlier
    recording are not heard in a later one.

    Args:
        force: (S,) size of the contact force at each step, N.
        timestep: Seconds of a step.
        rng: Of the noise of the microphone.

    Returns:
        (N,) samples in [-1, 1], of `RATE` a second.
    """
    count = round(len(force) * timestep * RATE)
    rise = np.maximum(0.0, np.diff(force, prepend=force[:1]))
    struck = np.zeros(count)
    np.add.at(struck, np.minimum((np.arange(len(force)) * timestep * RATE).astype(int), count - 1), rise)
    time = np.arange(count) / RATE
    ring = np.zeros(count)
    for tone, decay, share in _MODES:
        ring += share * np.exp(-decay * time) * np.sin(2 * np.pi * tone * time)
    heard = _GAIN * np.convolve(struck, ring)[:count] + rng.normal(0, _NOISE, count)
    return np.clip(heard, -1, 1).astype(np.float32)
