"""Checkpoints: written whole or not at all, loaded as weights and plain values only."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError, MismatchError
from robopref.files import replacing, require_file

# What values of another form than was written raise where they are used.
UNREADABLE = (AttributeError, ConfigError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: Where to.
        content: Tensors and plain values.

    Raises:
        DataError: The disk refused; whatever was there before is still there.
    """
    try:
        with replacing(path) as unfinished, unfinished.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # what torch makes of a full disk
        raise DataError(f"could not write {path} ({error}); free some space or choose another folder") from error


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint without running any code that it may contain.

    Args:
        path: Where from.
        device: Where tensors go.

    Returns:
        Its content.

    Raises:
        DataError: It is missing, damaged, or holds more than tensors and plain values, or numbers that are not finite.
    """
    if not path.exists():
        raise DataError(f"no checkpoint at {path}; train first, or name the right folder")
    if path.is_dir():
        found = [file.name for file in sorted(path.glob("*.pt"))[:3]]
        raise DataError(f"{path} is a folder; name a file in it{', such as ' + ' or '.join(found) if found else ''}")
    require_file(path)
    try:
        _check_sums(path)
        content = torch.load(path, map_location=device, weights_only=True)
        strange = _not_finite(content)
    except UnpicklingError as error:  # torch's own words advise to load it with code and all
        raise DataError(
            f"{path} is not a readable checkpoint (damaged, or it holds more than tensors and plain values); train "
            "again or restore a copy"
        ) from error
    except Exception as error:  # what a damaged file raises depends on which of its bytes are damaged
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a readable checkpoint ({reason}); train again or restore a copy") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is not a checkpoint: it holds a {type(content).__name__}, not named entries")
    if strange is not None:
        raise DataError(f"{path} is damaged: {strange} is not finite; train again or restore a copy")
    return content


def _not_finite(content: Any) -> str | None:
    """The name of a tensor that holds anything but numbers: training ends at one, and nothing is better than one."""
    waiting: list[tuple[str, Any]] = [("", content)]
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, dict):
            waiting += [(f"{place}.{name}" if place else str(name), held) for name, held in part.items()]
        elif isinstance(part, list | tuple):
            waiting += [(f"{place}.{index}", held) for index, held in enumerate(part)]
        elif isinstance(part, torch.Tensor):
            held = part.untyped_storage().nbytes() // part.element_size()
            # One number may be said to stand for any number of them.
            values = part if part.numel() <= held else part.as_strided((held,), (1,), 0)
            if not bool(torch.isfinite(values).all()):
                return place
    return None


def require_alike(expected: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Require weights that a module can take, before one of these sizes is made.

    Args:
        expected: State of the module, on a device that takes no memory.
        weights: Of a file, which may be anybody's.

    Raises:
        ValueError: One is of another size or form, or stands for more numbers than the file holds.
    """
    for name, tensor in expected.items():
        if not isinstance(tensor, Tensor):
            continue
        stored = weights[name]
        if tensor.shape != stored.shape:
            raise ValueError(f"{name} is {list(stored.shape)}, its settings say {list(tensor.shape)}")
        if tensor.is_floating_point() != stored.is_floating_point():
            raise ValueError(f"{name} is of {stored.dtype}, not of {tensor.dtype}")
        if stored.numel() * stored.element_size() > stored.untyped_storage().nbytes():
            raise ValueError(f"{name} stands for {stored.numel()} numbers, of which the file holds fewer")


def _check_sums(path: Path) -> None:
    """What reads the weights compares no checksums, and changed bytes would be other weights.

    Nothing is packed where it is written here; what is would take memory without bounds.
    """
    with zipfile.ZipFile(path) as archive:
        if (claimed := sum(part.file_size for part in archive.infolist())) > path.stat().st_size:
            raise ValueError(f"its parts are {claimed:,} bytes, more than the file has")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"its part {damaged} has changed")


def load_weights(path: Path, module: nn.Module) -> None:
    """Put the weights of a checkpoint into a module.

    Args:
        path: Checkpoint with a ``module`` entry.
        module: What they are for.

    Raises:
        MismatchError: They are for another architecture or action size.
    """
    content = load_checkpoint(path, "cpu")
    try:
        module.load_state_dict(content["module"])
    except UNREADABLE as error:
        raise MismatchError(f"{path} does not fit this network: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Why stored values fit nothing, in one line."""
    return f"it lacks {error}" if isinstance(error, KeyError) else (str(error).splitlines() or [""])[-1].strip()
