"""Arrays of run folders are read with care."""

from pathlib import Path

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.evaluation.stored_arrays import load_arrays, require_form


def test_what_was_written_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.arange(3), two=np.ones((2, 2)))
    found = load_arrays(tmp_path / "a.npz", "")
    assert found["one"].tolist() == [0, 1, 2]
    assert require_form(tmp_path, "two", found["two"], (2, None)) == (2, 2)


def test_what_is_damaged_or_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(DataError, match=r"not readable as an npz file: .*; make it anew"):
        load_arrays(path, "make it anew")
    np.savez(path, one=np.array([print], dtype=object))
    with pytest.raises(DataError, match="not readable as an npz file"):
        load_arrays(path, "")
    with pytest.raises(DataError, match="No such file"):
        load_arrays(tmp_path / "b.npz", "")


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((3, 2)), r"must be \(2, any\), got \(3, 2\)"),
        (np.zeros(2), r"must be \(2, any\), got \(2\)"),
        (np.zeros((2, 0)), r"got \(2, 0\)"),
        (np.array([[np.nan], [1]]), "must hold finite numbers"),
        (np.array([[1e31], [1]]), "none above 1e"),
        (np.array([["a"], ["b"]]), "must hold finite numbers"),
    ],
)
def test_other_forms_are_refused(array: np.ndarray, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        require_form(Path("file"), "name", array, (2, None))
