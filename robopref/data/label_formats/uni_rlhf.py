"""The crowd-sourced labels of Uni-RLHF (Yuan et al. 2024): a folder of three pickles.

``human_label_<tail>``, ``indices_1_<tail>`` and ``indices_2_<tail>``, with one tail,
``domain_<domain>_env_<env>_num_<N>_len_<length>_<anything>.pkl``. Scripted labels begin with ``fake_label``.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.label_formats.indexed_pairs import PairFiles, index_pairs, read_indexed
from robopref.data.label_formats.preference_transformer import make_empty, names_in
from robopref.errors import DataError

_LABEL = re.compile(r"(?:human|fake)_label_(domain_.*?_env_(.*)_num_\d+_len_(\d+)_.*\.pkl)")
_NAME = "uni-rlhf"


def read(path: Path, naming: Naming) -> Labels:
    """Read a folder of labels; dataset and length are in the file names unless `naming` gives them.

    Raises:
        DataError: The folder does not hold the three files, or they are damaged.
    """
    names = names_in(path)
    matches = [match for name in names if (match := _LABEL.fullmatch(name))]
    if len(matches) != 1:
        raise DataError(
            f"{path}: expected a folder with one human_label_domain_<domain>_env_<env>_num_<N>_len_<length>_<id>.pkl "
            f"and its indices_1_ and indices_2_, got {names or 'none'}"
        )
    label, tail, source, length = matches[0].group(0, 1, 2, 3)
    files = PairFiles(path / f"indices_1_{tail}", path / f"indices_2_{tail}", path / label)
    given = dataclasses.replace(naming, source=naming.source or source, length=naming.length or int(length))
    return read_indexed(files, given)


def write(path: Path, labels: Labels) -> None:
    """Write a folder of labels; one that exists must be empty.

    Raises:
        DataError: The format cannot hold a label, or the folder is not empty or cannot be written.
    """
    pairs = index_pairs(labels, _NAME)
    tail = f"domain_robopref_env_{pairs.source}_num_{len(pairs.label)}_len_{pairs.length}_robopref.pkl"
    make_empty(path)
    pairs.write(PairFiles(path / f"indices_1_{tail}", path / f"indices_2_{tail}", path / f"human_label_{tail}"))
