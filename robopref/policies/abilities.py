"""What a policy can be used for, by what it has."""

from __future__ import annotations

from typing import TypeGuard

from robopref.errors import ConfigError
from robopref.protocols import ChunkPolicy, DenoisingPolicy, RecordedPolicy, TrainablePolicy, lacking


def is_usable(policy: object) -> TypeGuard[ChunkPolicy]:
    """Whether commands can use it."""
    return not lacking(policy, ChunkPolicy)


def is_trainable(policy: object) -> TypeGuard[TrainablePolicy]:
    """Whether it can be trained on demonstrations."""
    return not lacking(policy, TrainablePolicy)


def is_recorded(policy: object) -> TypeGuard[RecordedPolicy]:
    """Whether it can be trained on recordings of any parts, of which it takes statistics by itself."""
    return not lacking(policy, RecordedPolicy)


def learns(policy: object) -> bool:
    """Whether `robopref train policy` trains it; others are used as they were built."""
    return is_trainable(policy) or is_recorded(policy)


def observed_by(policy: object) -> tuple[str, ...]:
    """Names of the parts of an observation that it looks at."""
    return tuple(getattr(policy, "observes", ("points", "proprio")))


def history_of(policy: object) -> int:
    """How many observations it sees."""
    return int(getattr(policy, "history", 1))


def require_one_observation(policy: object) -> None:
    """Demand a policy that can be asked in the states that simulated tasks are put into, which have no history.

    Raises:
        ConfigError: It sees several observations.
    """
    if (seen := history_of(policy)) > 1:
        raise ConfigError(
            f"the policy sees the last {seen} observations, and states that candidates are drawn in are one each; "
            "have segments of episodes compared with label.about=segments, or train it with policy.history=1"
        )


def is_denoising(policy: object) -> TypeGuard[DenoisingPolicy]:
    """Whether implicit rewards can be made of it."""
    return not lacking(policy, DenoisingPolicy)
