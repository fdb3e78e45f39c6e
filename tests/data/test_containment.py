from pathlib import Path

import pytest

from robopref.data.claims import FLOOR, check_claim
from robopref.data.containment import dataset_of, filled, inside
from robopref.errors import DataError


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "a/../../secret", "link", "link/secret", "circle", "x" * 300]
)
def test_what_lies_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path)
    (folder / "circle").symlink_to(folder / "circle")
    with pytest.raises(DataError, match=r"lies outside of the dataset|cannot be a file|too long"):
        inside(folder, name)


def test_what_lies_inside_is_found_however_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/x").write_text("x")
    (tmp_path / "data/y").symlink_to("a/x")
    (tmp_path / "there").symlink_to(tmp_path / "data")
    assert inside(tmp_path / "there", "y").read_text() == "x"
    assert not inside(tmp_path / "there", "a/new").exists()


@pytest.mark.parametrize(
    "template",
    [
        "{number:01000000000d}", "{number:1000}", "{number:>9}", "{number!r}", "{number.__class__}", "{number[0]}",
        "{other}", "{}", "{number", "../{number}", "/{number}", "{name:9}", None, 3,
    ],
)  # fmt: skip
def test_patterns_of_names_that_ask_for_more_are_refused(template: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no pattern of file names|lies outside"):
        filled(tmp_path, template, number=3, name="x")


def test_patterns_of_names_are_filled(tmp_path: Path) -> None:
    assert (
        filled(tmp_path, "{name}/chunk-{number:03d}/f{number}", number=3, name="cam") == tmp_path / "cam/chunk-003/f3"
    )


def test_a_file_may_claim_what_it_can_hold(tmp_path: Path) -> None:
    check_claim(tmp_path, "zeros", FLOOR, 0)
    check_claim(tmp_path, "images", 900 << 30, 1 << 30)
    with pytest.raises(DataError, match=r"numbers would take .* but 2 KiB of files hold it"):
        check_claim(tmp_path, "numbers", 10**18, 2048)


def test_labels_name_datasets_of_the_run_folder_only(tmp_path: Path) -> None:
    assert dataset_of(tmp_path, "demos") == tmp_path / "demos.zarr"
    assert dataset_of(tmp_path, "..") == tmp_path / "...zarr"
    for source in ("../demos", "lab/demos", "a/../../demos", "/home/me/demos", "a\0b"):
        assert dataset_of(tmp_path, source) is None
