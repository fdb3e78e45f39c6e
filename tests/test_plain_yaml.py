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
    with pytest.raises(DataError, match=r"the brief .*pipe\.yaml is a pipe, not a file; a brief has features"):
        yaml_file(tmp_path / "pipe.yaml", "brief", "a brief has features")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("points: [1]\ninstruction: go\npoints: [2]\n", "gives 'points' twice, in lines 1 and 3; leave one"),
        ("points:\n  - {key: upright, object: cup, key: height}\n", "gives 'key' twice, in line 2;"),
        ("1: a\n'1': b\n1.0: c\n", "gives '1.0' twice, in lines 1 and 3;"),
    ],
)
def test_a_key_that_is_given_twice_is_named_with_its_lines(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DataError) as raised:
        yaml_file(tmp_path / "mine.yaml", "brief")
    assert str(raised.value).startswith(f"the brief {tmp_path / 'mine.yaml'} {told}")
    with pytest.raises(DataError, match="it gives"):
        plain_yaml(text)


def test_equal_keys_of_different_mappings_are_fine() -> None:
    assert plain_yaml("a: {key: 1}\nb: [{key: 1}, {key: 2}]") == {"a": {"key": 1}, "b": [{"key": 1}, {"key": 2}]}
