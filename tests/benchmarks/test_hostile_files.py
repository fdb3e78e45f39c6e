"""Every dataset and label file of the benchmark of attacks is refused, also within the process of a library's user."""

from pathlib import Path

import pytest

from benchmarks.worlds.hostile_files import attacks
from robopref.data.episode_formats.conversion import open_dataset
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import read_labels
from robopref.errors import DataError
from robopref.policies.exported import ExportedPolicy

ATTACKS = attacks()


def test_there_are_enough_of_each() -> None:
    assert len(ATTACKS) >= 40
    assert {name.split(":")[0] for name in ATTACKS} == {
        "robomimic", "d4rl", "minari", "lerobot", "zarr", "npz", "labels", "export",
    }  # fmt: skip


def opened(opener: str, path: Path) -> None:
    if opener == "dataset":
        list(open_dataset(path))
    elif opener == "export":
        ExportedPolicy(path)
    else:
        read_labels(path, opener.split()[1], Naming(source="x", labeler="people", length=5))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_is_refused_and_runs_nothing(name: str, tmp_path: Path) -> None:
    opener, make = ATTACKS[name]
    path = make(tmp_path, tmp_path / "canary")
    with pytest.raises(DataError):
        opened(opener, path)
    assert not (tmp_path / "canary").exists()
