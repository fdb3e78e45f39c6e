"""Which settings weights were made with, so that others that they do not fit are named."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.errors import DataError, MismatchError
from robopref.files import read_json, write_json
from robopref.learning.origin import differences

_FILE = "settings.json"


def keep_settings(folder: Path, name: str, config: DictConfig) -> None:
    """Write down what a training that begins is made with; one that goes on has it already.

    Args:
        folder: Of the training.
        name: Of the settings, such as ``policy``.
        config: The settings.

    Raises:
        DataError: They cannot be written.
    """
    if not any((folder / name).exists() for name in (_FILE, "state.pt", "weights.pt")):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / _FILE, settings_of(name, config))


@contextmanager
def settings_told(folder: Path, name: str, config: DictConfig) -> Generator[None]:
    """Name the settings that differ, if weights do not fit.

    Args:
        folder: Where the weights are.
        name: Of the settings, such as ``policy``.
        config: The settings.

    Raises:
        MismatchError: The weights are not of these settings.
    """
    try:
        yield
    except MismatchError as error:
        try:
            said = differences(read_json(folder / _FILE), settings_of(name, config))
        except DataError:  # weights of before, or from elsewhere
            said = ""
        if not said:
            raise
        raise MismatchError(
            f"{folder} was trained with other settings ({said}); give those of before, or choose another run folder"
        ) from error


def settings_of(name: str, config: DictConfig) -> dict[str, str]:
    """Settings by their whole names, as they are compared.

    Args:
        name: Of the node, such as ``policy``.
        config: The node.
    """

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(f"{prefix}.{key}", inner)
        else:
            yield prefix, str(value)

    return dict(walk(name, OmegaConf.to_container(config, resolve=True)))
