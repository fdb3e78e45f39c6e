"""`robopref info`: versions and devices, for bug reports."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from robopref.errors import ConfigError
from robopref.files import write_json
from robopref.processor import waiting

if TYPE_CHECKING:
    from robopref.cli.context import Context

_PACKAGES = (
    "robopref", "torch", "numpy", "gymnasium", "mujoco", "open3d", "diffusers", "stable-baselines3", "hydra-core",
    "zarr", "sqlalchemy",
)  # fmt: skip


def collect_info() -> dict[str, Any]:
    """Versions, processor and devices.

    Returns:
        Plain values by name.
    """
    versions: dict[str, str] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "versions": versions,
        "platform": platform.platform(),
        "cpu_cores": os.cpu_count() or 0,
        "torch_threads": torch.get_num_threads(),
        "threads": waiting(),
        "gpus": devices or ["none"],
        "mujoco_gl": os.environ.get("MUJOCO_GL", "not set"),
    }


def write_info(context: Context) -> None:
    """Record info, seed and command in the run folder."""
    command = " ".join(["robopref", *sys.argv[1:]])
    write_json(context.folder / "info.json", {**collect_info(), "seed": context.seed, "command": command})


def run(words: Sequence[str] = ()) -> None:
    """Print the info.

    Args:
        words: Words after the command, of which there are none.

    Raises:
        ConfigError: There are some.
    """
    if words:
        raise ConfigError(f"cannot make sense of {words[0]!r}; usage: robopref info")
    console = Console()
    for name, value in collect_info().items():
        if isinstance(value, dict):
            for package, version in value.items():
                console.print(f"{package:<20}{version}", highlight=False)
        else:
            console.print(f"{name:<20}{', '.join(value) if isinstance(value, list) else value}", highlight=False)
