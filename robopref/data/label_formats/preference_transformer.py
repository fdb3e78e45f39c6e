"""The human labels of PreferenceTransformer (Kim et al. 2023): a folder of three pickles.

``indices_num<N>`` and ``indices_2_num<N>`` hold first steps, ``label_human`` the labels. The names of the first two may
end in ``_q<length>``.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.label_formats.indexed_pairs import PairFiles, index_pairs, read_indexed
from robopref.errors import DataError

_FIRST = re.compile(r"indices_num(\d+)(?:_q(\d+))?")
_NAME = "preference-transformer"


def read(path: Path, naming: Naming) -> Labels:
    """Read a folder of labels; the dataset is named after the folder unless `naming` names it.

    Raises:
        DataError: The folder does not hold the three files, or they are damaged.
    """
    names = names_in(path)
    matches = [match for name in names if (match := _FIRST.fullmatch(name))]
    if len(matches) != 1 or "label_human" not in names:
        raise DataError(
            f"{path}: expected a folder with indices_num<N>, indices_2_num<N> and label_human, got {names or 'none'}"
        )
    first = matches[0]
    files = PairFiles(path / first[0], path / first[0].replace("indices_", "indices_2_"), path / "label_human")
    length = naming.length or (int(first[2]) if first[2] else None)
    return read_indexed(files, dataclasses.replace(naming, source=naming.source or path.name, length=length))


def write(path: Path, labels: Labels) -> None:
    """Write a folder of labels; one that exists must be empty.

    Raises:
        DataError: The format cannot hold a label, or the folder is not empty or cannot be written.
    """
    pairs = index_pairs(labels, _NAME)
    suffix = f"num{len(pairs.label)}_q{pairs.length}"
    make_empty(path)
    pairs.write(PairFiles(path / f"indices_{suffix}", path / f"indices_2_{suffix}", path / "label_human"))


def names_in(path: Path) -> list[str]:
    """Names of the files of a folder, sorted; none of anything else.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        return sorted(file.name for file in path.iterdir()) if path.is_dir() else []
    except OSError as error:
        raise DataError(f"{path}: cannot read this folder ({error.strerror})") from error


def make_empty(path: Path) -> None:
    """Make a folder for the files of a format.

    Raises:
        DataError: There is something in it, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        filled = any(path.iterdir())
    except OSError as error:
        raise DataError(f"{path}: cannot make this folder ({error.strerror})") from error
    if filled:
        raise DataError(f"{path} is not empty; choose another folder to export to")
