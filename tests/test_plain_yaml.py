"""YAML of files that may come from anybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.plain_yaml import plain_yaml, yaml_file


def test_numbers_by_sixties_are_read_and_long_ones_are_refused_before_they_are_reckoned() -> None:
    assert plain_yaml("a: 1:30") == {"a": 90}
    with pytest.raises(DataError, match="a whole number is too large"):
        plain_yaml("a: 1" + ":10" * 50)
    with pytest.raises(DataError, match="a whole number is too large"):
        plain_yaml("a: 9223372036854775808")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(DataError, match=r"the brief .*pipe\.yaml is no file; a brief has features"):
        yaml_file(tmp_path / "pipe.yaml", "brief", "a brief has features")
