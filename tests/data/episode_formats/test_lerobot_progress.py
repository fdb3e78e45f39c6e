"""LeRobot's file of progress: rows by hand, and what becomes of them."""

from contextlib import nullcontext
from shutil import copytree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episode_formats.importing import Recordings, imported
from robopref.data.episode_formats.lerobot_progress import PROGRESS_FILE
from robopref.data.episode_formats.naming import Choices
from robopref.data.episodes.step_weights import ProgressWeighted
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import dataset

KEYS = ("proprio", "action", "reward")
SPARSE = [0.0, 0.5, 0.25, 0.0, 0.125]
DENSE = [0.0, 0.25, 0.75, 1.0, 0.5]
NAN = float("nan")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Episodes of 3 and 2 frames."""
    path = tmp_path_factory.mktemp("plain") / "so101"
    write_dataset(path, dataset(*KEYS, lengths=(3, 2)), "lerobot")
    return path


@pytest.fixture
def folder(plain, tmp_path):
    return copytree(plain, tmp_path / "so101")


def columns(**changed):
    """What LeRobot's compute_rabc_weights.py writes, int64 and float32."""
    counted = {"index": [0, 1, 2, 3, 4], "episode_index": [0, 0, 0, 1, 1], "frame_index": [0, 1, 2, 0, 1]}
    measured = {"progress_sparse": np.array(SPARSE, np.float32)}
    return {**counted, **measured, **changed}


def measured(folder, choices=None, **changed):
    held = {name: column for name, column in columns(**changed).items() if column is not None}
    table = pa.table(held).replace_schema_metadata({"reward_model_path": "lab/sarm"})
    pq.write_table(table, folder / PROGRESS_FILE)
    return open_dataset(folder, choices=choices)


def read(data):
    return [episode["progress"].tolist() for episode in data]


def test_progress_is_an_array_of_the_data(folder):
    data = measured(folder)
    assert read(data) == [SPARSE[:3], SPARSE[3:]]
    assert data.first()["progress"].dtype == np.float32
    assert sorted(data.first()) == ["action", "progress", "proprio", "reward"]
    assert (list(data)[1]["reward"] == list(dataset(*KEYS, lengths=(3, 2)))[1]["reward"]).all()


def test_rows_are_found_by_their_index(folder):
    back = {name: np.asarray(column)[::-1] for name, column in columns().items()}
    assert read(measured(folder, **back)) == [SPARSE[:3], SPARSE[3:]]


def test_dense_progress_is_taken_before_sparse_unless_it_is_empty_or_the_other_is_named(folder):
    dense = np.array(DENSE, np.float32)
    assert read(measured(folder, progress_dense=dense)) == [DENSE[:3], DENSE[3:]]
    assert read(measured(folder, progress_dense=np.full(5, NAN, np.float32))) == [SPARSE[:3], SPARSE[3:]]
    chosen = Choices({"progress": "progress_sparse"})
    data = measured(folder, chosen, progress_dense=dense)
    assert read(data) == [SPARSE[:3], SPARSE[3:]]
    assert set(data.first()) == {"action", "progress", "proprio", "reward"}, "other names stay as they were"
    assert "progress" not in measured(folder, Choices(drop=["progress"])).first()
    with pytest.raises(ConfigError, match="progress_dense"):
        measured(folder, Choices({"progress": "progress_dense"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"progress_sparse": np.array([0, 0.5, NAN, 0, 1], np.float32)},
        {name: np.asarray(column)[:4] for name, column in columns().items()},
    ],
)
def test_progress_of_some_frames_only_is_left_out_and_said_or_refused_where_it_is_named(folder, changed):
    data = measured(folder, **changed)
    assert "progress" not in data.first()
    assert data.notes == (
        f"progress_sparse of {PROGRESS_FILE} is known of 4 of 5 frames only, so progress is not read",
    )
    with pytest.raises(DataError, match=r"known of 4 of 5 frames only; .*drop=\[progress\]"):
        open_dataset(folder, choices=Choices({"progress": "progress_sparse"}))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"index": [0, 1, 2, 3, 5]}, "not one for each frame"),
        ({"index": [0, 1, 2, 3, 3]}, "not one for each frame"),
        ({"episode_index": [0, 0, 1, 1, 1]}, "episode_index or frame_index"),
        ({"frame_index": [0, 1, 2, 3, 4]}, "episode_index or frame_index"),
        ({"index": [0.5, 1, 2, 3, 4]}, "whole numbers"),
        ({"index": [None, 1, 2, 3, 4]}, "whole numbers"),
        ({"frame_index": None}, "no column frame_index"),
        ({"index": pa.array(["0", "1", "2", "3", "4"])}, "whole numbers"),
    ],
)
def test_a_file_of_another_dataset_is_refused_in_a_line_that_says_what_to_type(folder, changed, told):
    with pytest.raises(DataError, match=told) as raised:
        measured(folder, **changed)
    assert "drop=[progress]" in str(raised.value)
    assert "progress" not in open_dataset(folder, choices=Choices(drop=["progress"])).first()


def test_a_file_that_is_damaged_or_elsewhere_is_refused(folder, tmp_path):
    (folder / PROGRESS_FILE).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=PROGRESS_FILE):
        open_dataset(folder)
    assert "reward" in open_dataset(folder, choices=Choices(drop=["progress"])).first()
    (folder / PROGRESS_FILE).unlink()
    (tmp_path / "other.parquet").write_bytes(b"PAR1")
    (folder / PROGRESS_FILE).symlink_to(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="outside"):
        open_dataset(folder)


def test_what_is_written_has_the_layout_that_lerobot_looks_up(tmp_path):
    data = dataset(*KEYS, lengths=(3, 2))
    write_dataset(tmp_path / "ours", data, "lerobot", Choices(progress="reward"))
    table = pq.read_table(tmp_path / "ours" / PROGRESS_FILE)
    assert table.schema.names == ["index", "episode_index", "frame_index", "progress_sparse"]
    assert [str(kind) for kind in table.schema.types] == ["int64", "int64", "int64", "float"]
    assert table.schema.metadata == {b"reward_model_path": b"robopref:reward"}
    rewards = np.concatenate([episode["reward"] for episode in data])
    assert table.to_pydict() == {
        "index": [0, 1, 2, 3, 4], "episode_index": [0, 0, 0, 1, 1], "frame_index": [0, 1, 2, 0, 1],
        "progress_sparse": rewards.tolist(),
    }  # fmt: skip
    back = open_dataset(tmp_path / "ours")
    for mine, read_again in zip(data, back, strict=True):
        assert set(read_again) == {*mine, "progress"}
        for key, array in mine.items():
            np.testing.assert_array_equal(read_again[key], array)
        np.testing.assert_array_equal(read_again["progress"], mine["reward"])


def test_an_array_of_that_name_is_left_as_it_is(tmp_path):
    data = dataset(*KEYS).mapped(lambda episode: {**episode, "progress": -episode["reward"]})
    write_dataset(tmp_path / "ours", data, "lerobot", Choices(progress="reward"))
    np.testing.assert_array_equal(open_dataset(tmp_path / "ours").first()["progress"], -data.first()["reward"])
    asked = open_dataset(tmp_path / "ours", choices=Choices({"progress": "progress_sparse"}))
    with pytest.raises(DataError, match="two arrays would be called progress"):
        asked.first()


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [("rewards", ConfigError, "reward"), ("proprio", DataError, "one number a step"), ("gap", DataError, "NaN")],
)
def test_what_is_no_progress_is_refused_and_nothing_is_written(tmp_path, name, error, told):
    data = dataset(*KEYS).mapped(lambda episode: {**episode, "gap": episode["reward"] * NAN})
    with pytest.raises(error, match=told):
        write_dataset(tmp_path / "ours", data, "lerobot", Choices(progress=name))
    assert not any(tmp_path.iterdir())


def test_other_formats_have_no_such_file(tmp_path):
    with pytest.raises(ConfigError, match="format=lerobot"):
        write_dataset(tmp_path / "ours.zarr", dataset(*KEYS), choices=Choices(progress="reward"))


def test_a_copy_of_recordings_weighs_steps_by_the_file(folder, tmp_path):
    measured(folder)
    store = imported(Recordings([folder]), tmp_path / "copy.zarr", lambda *_: nullcontext(lambda *_: None))
    progress = np.asarray(store.array("progress"), np.float64)
    # Within one step: 0.5, -0.25, 0 (the last), 0.125, 0. Above kappa counts in full, a fall not at all.
    weights = ProgressWeighted(steps=1).weights(progress, np.array([3, 5]))
    rise = np.array([0.5, -0.25, 0, 0.125, 0])
    still = (0 - rise.mean() + 2 * rise.std()) / (4 * rise.std() + 1e-6)
    assert weights == pytest.approx([1, 0, still, 1, still])
    # The file may be written anew with other words for writing, not with other values.
    assert Recordings([folder], choices=Choices(progress="reward")).stamp == Recordings([folder]).stamp
