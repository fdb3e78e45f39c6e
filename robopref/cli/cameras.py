"""`robopref cameras`: checks hand-eye calibrations by what the cameras see, and refines them."""

from __future__ import annotations

import getpass
import math
import socket
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from robopref.cameras import Alignment, Calibration, refine
from robopref.cli.tables import console, print_table
from robopref.errors import ConfigError, DataError
from robopref.pointclouds import Points, read_points

_HOST, _UNKNOWN = "127.0.0.1", "–"


def run(config: DictConfig, words: Sequence[str]) -> None:
    """Align cameras to the first, print by how much each was off, and write or show the result."""
    if not words:
        raise ConfigError("usage: robopref cameras CALIBRATION [...] [name=value ...]")
    workspace = _workspace(config.workspace)
    reach, voxel = float(config.reach), float(config.voxel)
    paths = [Path(word) for word in words]
    targets = _targets(paths, config.write)
    # A port that is taken has to be known before anything is written.
    with _port(config) if config.view == "browser" else nullcontext() as bound:
        rough = [Calibration.load(path) for path in paths]
        clouds = [read_points(path) for path in _clouds(paths, list(config.clouds))]
        found = refine(clouds, rough, reach=reach, voxel=voxel)
        print_table(console, "Corrections", rows(found))
        _write(targets, found)
        if bound is not None:
            _show(config, bound, clouds, found, workspace)


def rows(found: Sequence[Alignment]) -> list[list[str]]:
    """The table of corrections, its header first.

    Args:
        found: Of each camera.

    Returns:
        Text of its cells.
    """
    header = ["camera", "translation, mm", "rotation, °", "fitness", "rmse, mm"]
    return [header] + [
        [
            one.calibration.camera, f"{1000 * one.translation:.2f}", f"{np.rad2deg(one.rotation):.3f}",
            _text(one.fitness), _text(1000 * one.rmse),
        ]
        for one in found
    ]  # fmt: skip


def _text(value: float) -> str:
    return _UNKNOWN if math.isnan(value) else f"{value:.2f}"


def _targets(paths: Sequence[Path], folder: str | None) -> list[Path]:
    """Where refined calibrations go; checked before any work is done."""
    if folder is None:
        return []
    targets = [Path(folder) / path.name for path in paths]
    if len(set(targets)) < len(targets):
        raise ConfigError(f"two of the calibrations would have the same name in {folder}; rename one")
    for target in targets:
        if target.exists() or target.is_symlink():
            raise DataError(f"{target} exists and is not written over; choose another folder with write=<folder>")
    return targets


def _write(targets: Sequence[Path], found: Sequence[Alignment]) -> None:
    for path, one in zip(targets, found, strict=False):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            one.calibration.save(path)
        except OSError as error:
            raise DataError(f"cannot write {path} ({error.strerror}); choose another folder with write=") from error
        console.print(f"written: {path}", highlight=False, markup=False, soft_wrap=True)


def _port(config: DictConfig) -> socket.socket:
    from robopref.web.serving import listen

    return listen(_HOST, int(config.page.port), "page.port")


def _clouds(paths: Sequence[Path], given: Sequence[str]) -> list[Path]:
    if given:
        if len(given) != len(paths):
            raise ConfigError(f"{len(paths)} calibrations need as many clouds, got {len(given)}")
        return [Path(path) for path in given]
    found: list[Path] = []
    for path in paths:
        beside = [path.with_suffix(ending) for ending in (".npy", ".ply")]
        there = [one for one in beside if one.exists()]
        if len(there) != 1:
            which = "both" if there else "neither"
            raise DataError(
                f"of {beside[0]} and {beside[1].name} {which} exist; say with clouds=[...] which cloud is {path.name}'s"
            )
        found += there
    return found


def _workspace(given: DictConfig) -> tuple[list[float], list[float]] | None:
    if given.lower is None and given.upper is None:
        return None
    lower, upper = ([float(value) for value in given[side] or ()] for side in ("lower", "upper"))
    if len(lower) != 3 or len(upper) != 3 or not all(low < high for low, high in zip(lower, upper, strict=True)):
        raise ConfigError(
            "workspace.lower and workspace.upper must be three numbers each, lower below upper, got "
            f"{given.lower} and {given.upper}"
        )
    return lower, upper


def _show(
    config: DictConfig,
    bound: socket.socket,
    clouds: Sequence[Points],
    found: Sequence[Alignment],
    workspace: tuple[list[float], list[float]] | None,
) -> None:
    """Serve the page until interrupted."""
    from robopref.views.camera_page import CellView, create_app
    from robopref.web.access import Access, usable_name
    from robopref.web.serving import Background

    port = bound.getsockname()[1]
    access, token = Access.once(usable_name(getpass.getuser(), "operator"))
    view = CellView(clouds, found, rows(found), float(config.voxel), workspace)
    server = Background(create_app(view, access, port), bound)
    # What follows # is sent to no server, and is in no log of one.
    address = f"http://{_HOST}:{port}/#{token}"
    console.print(f"Look at {address}\nCtrl-C ends it", soft_wrap=True, highlight=False, markup=False)
    try:
        if config.page.open:
            webbrowser.open(address)
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
