"""Files that cannot be read are not called damaged when they are not."""

import fcntl
from pathlib import Path

import h5py
import numpy as np
import pytest

from robopref.data.damage import unreadable
from robopref.data.episode_formats.conversion import open_dataset
from robopref.errors import DataError


def test_a_file_that_another_program_writes_to_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")
    path = tmp_path / "data.hdf5"
    with h5py.File(path, "w") as file:
        file["observations"] = file["actions"] = np.zeros((3, 1))
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another program has it open for writing; close that one, or read a copy"):
            open_dataset(path, "d4rl")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied"), "no permission to read it"),
        (FileNotFoundError(2, "No such file"), "the file is missing; restore it"),
        (OSError("can't open: required filter 'blosc' is not registered"), "needs a codec that is not installed"),
        (MemoryError(), "does not fit into the memory"),
        (ValueError("bad magic"), r"\(bad magic\); restore it from a copy"),
    ],
)
def test_what_helps_is_said_by_what_is_wrong(error: Exception, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        raise unreadable(tmp_path / "x", "a file", error)
