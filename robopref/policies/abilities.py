"""What a policy can be used for, by what it has."""

from __future__ import annotations

from typing import TypeGuard

from robopref.protocols import ChunkPolicy, DenoisingPolicy, TrainablePolicy, lacking


def is_usable(policy: object) -> TypeGuard[ChunkPolicy]:
    """Whether commands can use it."""
    return not lacking(policy, ChunkPolicy)


def is_trainable(policy: object) -> TypeGuard[TrainablePolicy]:
    """Whether it can be trained on demonstrations."""
    return not lacking(policy, TrainablePolicy)


def is_denoising(policy: object) -> TypeGuard[DenoisingPolicy]:
    """Whether implicit rewards can be made of it."""
    return not lacking(policy, DenoisingPolicy)
