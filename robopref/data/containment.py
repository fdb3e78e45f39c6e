"""Files of a dataset lie within its folder, whatever the dataset says."""

from __future__ import annotations

import string
from pathlib import Path

from robopref.data.damage import unreadable
from robopref.errors import DataError
from robopref.files import kind_of

# What recordings are called that a folder may hold, the likeliest first.
STORES = ("demos.zarr", "recordings.zarr", "*.zarr", "*.hdf5", "*.npz")


def inside(folder: Path, name: str | Path) -> Path:
    """A file or folder that a dataset names.

    Args:
        folder: Of the dataset.
        name: Relative to it.

    Returns:
        Its path, which may not exist.

    Raises:
        DataError: It lies elsewhere, by its name or by a link, or is neither a file nor a folder.
    """
    path, called = folder / name, repr(str(name)[:200])
    if Path(name).is_absolute() or not _resolved(folder, path).is_relative_to(_resolved(folder, folder)):
        raise DataError(
            f"{folder}: {called} lies outside of the dataset, and only what is in it is read; "
            "copy the file into its folder"
        )
    try:
        kind = kind_of(path) if path.exists() else ""
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        raise unreadable(path, f"a file of {folder}", error) from error
    if kind not in ("", "a file", "a folder"):
        raise DataError(f"{folder}: {called} is {kind}, neither a file nor a folder")
    return path


def dataset_of(folder: Path, source: str) -> Path | None:
    """The dataset of a run folder that labels name, which may come from somebody else.

    Args:
        folder: The run folder; a dataset that lies elsewhere may be linked into it.
        source: The name.

    Returns:
        Its path, which may not exist; None if the name is more than that of one file.
    """
    return folder / f"{source}.zarr" if Path(source).name == source and "\0" not in source else None


def _resolved(folder: Path, path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, and what no path can hold
        raise DataError(f"{folder}: {str(path)[-200:]!r} cannot be a file of a dataset ({error})") from error


def filled(folder: Path, template: object, **values: str | int) -> Path:
    """A file whose name is made of a pattern that a dataset gives, such as ``data/file-{number:03d}.parquet``.

    Args:
        folder: Of the dataset.
        template: The pattern; numbers may be filled with zeros to at most 99 digits.
        **values: What may stand in it.

    Returns:
        Its path, which may not exist.

    Raises:
        DataError: The pattern asks for anything else, or leads elsewhere.
    """
    refused = DataError(
        f"{folder}: {str(template)[:200]!r} is no pattern of file names; expected {{{'}, {'.join(values)}}} in it, "
        "numbers as {…:03d}"
    )
    if not isinstance(template, str):
        raise refused
    name = ""
    try:
        for text, key, form, conversion in string.Formatter().parse(template):
            name += text
            if key is None:
                continue
            digits = (form or "").removesuffix("d")
            plain = not form or (isinstance(values.get(key), int) and digits.isascii() and digits.isdigit())
            if key not in values or conversion or not plain or len(digits) > 3 or int(digits or 0) > 99:
                raise refused
            name += format(values[key], form or "")
    except ValueError as error:
        raise refused from error
    return inside(folder, name)
