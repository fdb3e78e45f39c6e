"""What a policy can be used for, by what it has."""

from __future__ import annotations

from typing import Protocol, TypeGuard

from robopref.protocols import ChunkPolicy, DenoisingPolicy, TrainablePolicy


def lacking(policy: object, protocol: type) -> list[str]:
    """Names that a protocol of policies asks for and a policy does not have.

    `isinstance` would not do: it overlooks buffers and modules of torch from Python 3.12 on.
    """
    bases = [base for base in reversed(protocol.__mro__) if issubclass(base, Protocol) and base is not Protocol]
    names = [name for base in bases for name in vars(base) if not name.startswith("_")]
    return [name for name in dict.fromkeys(names) if not hasattr(policy, name)]


def is_usable(policy: object) -> TypeGuard[ChunkPolicy]:
    """Whether commands can use it."""
    return not lacking(policy, ChunkPolicy)


def is_trainable(policy: object) -> TypeGuard[TrainablePolicy]:
    """Whether it can be trained on demonstrations."""
    return not lacking(policy, TrainablePolicy)


def is_denoising(policy: object) -> TypeGuard[DenoisingPolicy]:
    """Whether implicit rewards can be made of it."""
    return not lacking(policy, DenoisingPolicy)
