import errno
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robopref.data.episode_formats.conversion import FORMATS, changed, detect, open_dataset, write_dataset
from robopref.data.episode_formats.dataset import Dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import ATTRS, dataset, episodes, same

STEP = ("action", "reward", "terminated", "truncated", "success", "progress")
SEEN = ("points", "proprio", "state", "image")
NEXT = tuple(f"next_{key}" for key in SEEN)
HELD = {
    "zarr": (*STEP, *SEEN, *NEXT),
    "npz": (*STEP, *SEEN, *NEXT),
    "diffusion_policy": (*STEP, *SEEN, *NEXT),
    "dp3": (*STEP, *SEEN, *NEXT),
    "robomimic": (*STEP, *SEEN, *NEXT),
    "minari": (*STEP, *SEEN, *NEXT),
    "d4rl": (*STEP, "proprio", "state", "next_proprio", "next_state"),
    "lerobot": (*STEP, *SEEN, *NEXT),
}
PATHS = {"d4rl": "data.hdf5", "robomimic": "data.hdf5", "npz": "data.npz"}


@pytest.mark.parametrize("kind", FORMATS)
def test_everything_that_a_format_holds_comes_back_exactly(kind, tmp_path):
    path, data = tmp_path / PATHS.get(kind, "data"), dataset(*HELD[kind])
    write_dataset(path, data, kind)
    assert detect(path) == kind
    back = open_dataset(path)
    assert same(data, back)
    assert same(data, back), "a dataset can be iterated again"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name], "nothing is left beside it"


@pytest.mark.parametrize("kind", FORMATS)
def test_little_comes_back_exactly_too(kind, tmp_path):
    keys = ("state", "action", "reward", "terminated", "truncated")
    data = dataset(*keys, attrs={"fps": 5}, lengths=(2, 2))
    write_dataset(tmp_path / "data", data, kind, Choices(final="repeat"))
    assert same(data, open_dataset(tmp_path / "data", kind))


@pytest.mark.parametrize("kind", FORMATS)
def test_names_can_be_chosen_both_ways(kind, tmp_path):
    data = dataset("state", "next_state", "action", "reward", "terminated", "truncated")
    choices = Choices(names={"state": "obs0", "next_state": "after", "action": "control"})
    if kind == "d4rl":
        choices = Choices(names={"action": "actions", "reward": "infos_reward"})
    if kind in ("minari", "robomimic"):
        choices = Choices(names={"state": "obs0", "action": "actions"})
    write_dataset(tmp_path / "data", data, kind, choices)
    for ours, theirs in zip(data, open_dataset(tmp_path / "data", kind, choices), strict=True):
        np.testing.assert_array_equal(ours["state"], theirs["state"])
        np.testing.assert_array_equal(ours["action"], theirs["action"])


@pytest.mark.parametrize("kind", FORMATS)
def test_what_exists_is_not_overwritten(kind, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="exists already"):
        write_dataset(tmp_path / "data", dataset(*HELD[kind]), kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_failure_half_way_leaves_nothing(kind, tmp_path):
    made = episodes(*HELD[kind])

    def load():
        yield made[0]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DataError, match="No space left"):
        write_dataset(tmp_path / "data", Dataset(Path("memory"), ATTRS, 3, load), kind)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_dataset_is_refused(kind, tmp_path):
    with pytest.raises(DataError, match="holds no episodes"):
        write_dataset(tmp_path / "data", dataset(*HELD[kind], lengths=()), kind)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_an_error_that_names_it(kind, tmp_path):
    path = tmp_path / PATHS.get(kind, "data")
    write_dataset(path, dataset(*HELD[kind], lengths=(40, 40)), kind)
    files = [file for file in [path, *path.rglob("*")] if file.is_file()]
    largest = max(files, key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
    with pytest.raises(DataError, match=str(tmp_path)):
        list(open_dataset(path, kind))


@pytest.mark.parametrize("kind", FORMATS)
def test_something_else_at_the_path_is_an_error_that_names_it(kind, tmp_path):
    path = tmp_path / "data"
    path.write_text("not a dataset")
    with pytest.raises(DataError, match=str(path)):
        list(open_dataset(path, kind))


def test_a_misspelt_format_gets_near_misses(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown format 'robomimc'.*Did you mean robomimic"):
        open_dataset(tmp_path, "robomimc")
    with pytest.raises(ConfigError, match=r"Did you mean lerobot"):
        write_dataset(tmp_path / "a", dataset("action"), "le-robot")


def test_the_ending_of_a_path_may_tell_the_format(tmp_path):
    write_dataset(tmp_path / "a.npz", dataset("action"))
    assert detect(tmp_path / "a.npz") == "npz"
    with pytest.raises(ConfigError, match=r"the ending of .*a\.hdf5 tells no format"):
        write_dataset(tmp_path / "a.hdf5", dataset("action"))


def test_unknown_files_and_folders_say_what_is_there(tmp_path):
    (tmp_path / "notes.txt").write_text("hello there")
    with pytest.raises(DataError, match=r"a file that begins with b'hello th'"):
        detect(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"a folder of notes.txt"):
        detect(tmp_path)
    with pytest.raises(DataError, match="no dataset at"):
        detect(tmp_path / "nothing")
    (tmp_path / "old/meta").mkdir(parents=True)
    (tmp_path / "old/meta/episodes.jsonl").write_text("{}")
    with pytest.raises(DataError, match="older than version 3"):
        detect(tmp_path / "old")


def test_an_unlike_episode_is_named(tmp_path):
    made = [*episodes("state", "action", lengths=(2,)), *episodes("state", lengths=(2,))]
    data = Dataset(tmp_path, {}, 2, lambda: iter(made))
    with pytest.raises(DataError, match="episode 1 is unlike the first: no action"):
        list(data)
    made[1]["action"] = np.zeros((3, 2), dtype=np.float32)
    with pytest.raises(DataError, match="arrays of episode 1 must have one length"):
        list(data)
    made[1]["action"] = np.zeros((2, 7), dtype=np.float32)
    with pytest.raises(DataError, match=r"action is float32 \(7,\), not float32 \(2,\)"):
        list(data)


def test_arrays_can_be_dropped_and_filled_in():
    data = changed(dataset("state", "action", "terminated", "points"), drop=["points"], fill=["reward", "truncated"])
    first, second, third = data
    assert sorted(first) == ["action", "reward", "state", "terminated", "truncated"]
    assert not first["truncated"].any(), "it terminated"
    assert second["truncated"].tolist() == [True]
    assert third["truncated"].tolist() == [False, False, False, True]
    assert third["reward"].tolist() == [0, 0, 0, 0]
    with pytest.raises(ConfigError, match="Did you mean state"):
        changed(data, drop=["states"])
    with pytest.raises(ConfigError, match="unknown array to fill 'rewards'"):
        changed(data, fill=["rewards"])


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("d4rl", "points", r"d4rl cannot hold points, float32 of shape \(T, 5, 3\).*drop=\[points\]"),
        ("d4rl", "image", r"d4rl cannot hold image, uint8 of shape \(T, 4, 6, 3\).*drop=\[image\]"),
    ],
)
def test_what_a_format_cannot_hold_names_the_array_and_the_remedy(kind, key, words, tmp_path):
    data = dataset("state", "action", "reward", "terminated", "truncated", key)
    with pytest.raises(DataError, match=words):
        write_dataset(tmp_path / "data", data, kind)
    write_dataset(tmp_path / "data", changed(data, drop=[key]), kind)


@pytest.mark.parametrize(
    ("kind", "lacks"), [("d4rl", "reward"), ("d4rl", "truncated"), ("minari", "reward"), ("minari", "terminated")]
)
def test_what_a_format_needs_is_asked_for(kind, lacks, tmp_path):
    keys = {"state", "next_state", "action", "reward", "terminated", "truncated"} - {lacks}
    data = dataset(*keys)
    with pytest.raises(DataError, match=rf"{kind} needs {lacks}.*fill=\[{lacks}\]"):
        write_dataset(tmp_path / "data", data, kind)
    write_dataset(tmp_path / "data", changed(data, fill=[lacks]), kind)


@pytest.mark.parametrize("kind", ["d4rl", "robomimic", "minari", "lerobot"])
def test_actions_are_needed_by_formats_of_other_projects(kind, tmp_path):
    data = dataset("state", "next_state", "reward", "terminated", "truncated")
    with pytest.raises(DataError, match=f"{kind} needs action"):
        write_dataset(tmp_path / "data", data, kind)


@given(st.data())
@settings(max_examples=25)
def test_any_numbers_go_through_npz(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("npz") / "data.npz"
    lengths = drawn.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    kinds = drawn.draw(st.lists(hnp.scalar_dtypes().filter(lambda d: d.kind in "biuf"), min_size=1, max_size=3))
    shapes = [drawn.draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)) for _ in kinds]
    made = [
        {
            f"a{i}": drawn.draw(hnp.arrays(kind, (steps, *shape)))
            for i, (kind, shape) in enumerate(zip(kinds, shapes, strict=True))
        }
        for steps in lengths
    ]
    data = Dataset(path, {"any": "thing"}, len(made), lambda: iter(made))
    write_dataset(path, data)
    assert same(data, open_dataset(path))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from robopref.data.episode_formats.conversion import write_dataset
from robopref.data.episode_formats.naming import Choices
from robopref.errors import DataError
from tests.data.episode_formats.test_conversion import HELD
from tests.data.episode_formats.worlds import dataset

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (0, 700, 60_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    for kind in [*HELD, "video"]:
        keys = HELD["d4rl"] if kind == "d4rl" else ("state", "next_state", *HELD["d4rl"], "image", "next_image")
        data = dataset(*dict.fromkeys(keys), lengths=(300,) * 4)
        choices = Choices(pictures="video" if kind == "video" else "png", final="repeat")
        try:
            write_dataset(Path(sys.argv[1]) / "data.npz", data, "lerobot" if kind == "video" else kind, choices)
        except DataError as error:
            assert "File too large" in str(error) and ".partial" not in str(error), error
        else:
            raise SystemExit(f"{kind} was written to a full disk")
print("refused")
"""


def test_a_full_disk_ends_every_writer_with_one_line(tmp_path):
    # In a process of its own, as HDF5 would crash one that ends with a file that cannot be completed.
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr, ended.returncode) == ("refused", "", 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_place_that_cannot_be_written_is_named(kind, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"cannot write .*file/data"):
        write_dataset(tmp_path / "file/data", dataset(*HELD[kind]), kind)


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    killed = (
        "import os, sys; from pathlib import Path\n"
        "from robopref.data.episode_formats.conversion import write_dataset\n"
        "from robopref.data.episode_formats.dataset import Dataset\n"
        "from tests.data.episode_formats.worlds import episodes\n"
        "def load():\n"
        "    yield from episodes('state', 'action')[:2]\n"
        "    os.kill(os.getpid(), 9)\n"
        "write_dataset(Path(sys.argv[1]), Dataset(Path('x'), {}, 3, load), sys.argv[2])\n"
    )
    for kind in ("npz", "zarr"):
        path = tmp_path / f"data.{kind}"
        subprocess.run([sys.executable, "-c", killed, str(path), kind], check=False)
        left = {entry.name for entry in tmp_path.iterdir()}
        assert path.name not in left
        assert any("partial" in name for name in left)
        write_dataset(path, dataset("state", "action"), kind)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
        shutil.rmtree(path) if path.is_dir() else path.unlink()
