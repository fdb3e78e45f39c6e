import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from robopref.data.episode_formats import lerobot_reading, lerobot_writing
from robopref.data.episode_formats.naming import Choices
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import dataset, episodes

KEYS = ("proprio", "image", "action", "reward", "terminated", "truncated")


def png(shade):
    made = io.BytesIO()
    Image.new("RGB", (4, 2), (shade, 0, 0)).save(made, format="PNG")
    return made.getvalue()


def foreign(path, **about):
    """Episodes of 2 and 3 frames in one file and one row group, and two tasks, as LeRobot's writer lays them out."""
    scalars = {"dtype": "int64", "shape": [1], "names": None}
    features = {
        "observation.state": {"dtype": "float32", "shape": [2], "names": ["x", "y"]},
        "observation.images.top": {"dtype": "image", "shape": [2, 4, 3], "names": ["height", "width", "channels"]},
        "action": {"dtype": "float32", "shape": [1], "names": None},
        "next.done": {"dtype": "bool", "shape": [1], "names": None},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        **dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), scalars),
    }
    info = {
        "codebase_version": "v3.0", "fps": 5, "features": features, "total_episodes": 2, "total_frames": 5,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "video_path": None,
        "robot_type": "so101",
    } | about  # fmt: skip
    for folder in ("meta/episodes/chunk-000", "data/chunk-000"):
        (path / folder).mkdir(parents=True)
    (path / "meta/info.json").write_text(json.dumps(info))
    pq.write_table(pa.table({"task_index": [1, 0], "task": ["fold it", "open it"]}), path / "meta/tasks.parquet")
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    frames = {
        "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(10, dtype=np.float32)), 2),
        "observation.images.top": pa.array([{"bytes": png(40 * i), "path": None} for i in range(5)], picture),
        "action": np.linspace(-1, 1, 5, dtype=np.float32),
        "next.done": [False, True, False, False, True],
        "timestamp": np.array([0, 0.2, 0, 0.2, 0.4], dtype=np.float32),
        "frame_index": [0, 1, 0, 1, 2], "episode_index": [0, 0, 1, 1, 1], "index": range(5),
        "task_index": [0, 0, 1, 1, 1],
    }  # fmt: skip
    pq.write_table(pa.table(frames), path / "data/chunk-000/file-000.parquet")
    rows = {
        "episode_index": [0, 1], "length": [2, 3], "data/chunk_index": [0, 0], "data/file_index": [0, 0],
        "dataset_from_index": [0, 2], "dataset_to_index": [2, 5], "tasks": [["open it"], ["fold it"]],
    }  # fmt: skip
    pq.write_table(pa.table(rows), path / "meta/episodes/chunk-000/file-000.parquet")
    return path


def test_a_dataset_of_lerobot_is_read_by_its_own_metadata(tmp_path):
    data = lerobot_reading.read(foreign(tmp_path / "so101"), Choices())
    first, second = data
    assert sorted(first) == ["action", "done", "image", "proprio", "task_index", "time"]
    assert second["proprio"].tolist() == [[4, 5], [6, 7], [8, 9]]
    assert second["image"].shape == (3, 2, 4, 3)
    assert second["image"][:, 0, 0, 0].tolist() == [80, 120, 160]
    assert second["done"].tolist() == [False, False, True], "done says neither terminated nor truncated"
    assert second["time"].tolist() == pytest.approx([0, 0.2, 0.4])
    told = {"fps": 5, "robot": "so101", "instructions": ["open it", "fold it"]}
    assert data.attrs == {**told, "arrays": {"proprio": {"names": ["x", "y"]}}}
    assert second["task_index"].tolist() == [1, 1, 1]
    chosen = lerobot_reading.read(tmp_path / "so101", Choices(names={"terminated": "next.done"}))
    assert next(iter(chosen))["terminated"].tolist() == [False, True]


def test_what_was_written_has_the_layout_of_version_3(tmp_path):
    path = tmp_path / "rope"
    lerobot_writing.write(path, dataset(*KEYS, "points"), Choices())
    info = json.loads((path / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"]) == ("v3.0", 10)
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, 8, 1)
    assert info["splits"] == {"train": "0:3"}
    features = info["features"]
    assert features["observation.state"] == {"dtype": "float32", "shape": [2], "names": None}
    assert features["observation.points"]["shape"] == [5, 3]
    assert features["observation.images.main"]["dtype"] == "image"
    assert {"timestamp", "frame_index", "episode_index", "index", "task_index"} <= set(features)
    frames = pq.ParquetFile(path / info["data_path"].format(chunk_index=0, file_index=0))
    assert frames.num_row_groups == 3, "a row group an episode"
    table = frames.read()
    assert set(table.column_names) == set(features)
    assert table["frame_index"].to_pylist() == [0, 1, 2, 0, 0, 1, 2, 3]
    assert table["index"].to_pylist() == list(range(8))
    assert table["timestamp"].to_pylist()[:3] == pytest.approx([0, 0.1, 0.2])
    rows = pq.read_table(path / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["length"] for row in rows] == [3, 1, 4]
    assert [(row["dataset_from_index"], row["dataset_to_index"]) for row in rows] == [(0, 3), (3, 4), (4, 8)]
    assert rows[0]["tasks"] == ["straighten the rope"]
    tasks = pq.read_table(path / "meta/tasks.parquet")
    assert tasks["task"].to_pylist() == ["straighten the rope"]
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]


def test_statistics_of_the_whole_are_pooled_from_the_episodes(tmp_path):
    lerobot_writing.write(tmp_path / "rope", dataset(*KEYS), Choices())
    found = json.loads((tmp_path / "rope/meta/stats.json").read_text())
    actions = np.concatenate([episode["action"] for episode in episodes(*KEYS)]).astype(np.float64)
    np.testing.assert_allclose(found["action"]["mean"], actions.mean(0))
    np.testing.assert_allclose(found["action"]["std"], actions.std(0))
    np.testing.assert_allclose(found["action"]["min"], actions.min(0))
    assert found["action"]["count"] == [8]
    pixels = np.concatenate([episode["image"] for episode in episodes(*KEYS)]).reshape(-1, 3) / 255
    shades = np.asarray(found["observation.images.main"]["mean"])
    assert shades.shape == (3, 1, 1)
    # Every episode has the same pictures a frame, so frames weigh as pixels do.
    np.testing.assert_allclose(shades.ravel(), pixels.mean(0))


def test_videos_come_back_nearly(tmp_path):
    made = dataset(*KEYS, lengths=(3, 2)).mapped(
        lambda episode: {**episode, "image": np.full((len(episode["action"]), 64, 64, 3), 90, dtype=np.uint8)}
    )
    shades = iter((30, 200))

    def shaded(episode):
        return {**episode, "image": np.full_like(episode["image"], next(shades))}

    first, second = map(shaded, made)
    data = made.mapped(lambda episode: first if len(episode["action"]) == 3 else second)
    lerobot_writing.write(tmp_path / "rope", data, Choices(pictures="video"))
    assert (tmp_path / "rope/videos/observation.images.main/chunk-000/file-000.mp4").exists()
    one, other = lerobot_reading.read(tmp_path / "rope", Choices())
    assert one["image"].shape == (3, 64, 64, 3)
    np.testing.assert_allclose(one["image"].astype(float), 30, atol=6)
    assert other["image"].shape == (2, 64, 64, 3)
    np.testing.assert_allclose(other["image"].astype(float), 200, atol=6)
    np.testing.assert_array_equal(other["action"], second["action"])


def test_what_cannot_be_told_or_held_is_asked_for(tmp_path):
    with pytest.raises(ConfigError, match="fps=<number>"):
        lerobot_writing.write(tmp_path / "a", dataset(*KEYS, attrs={}), Choices())
    made = dataset(*KEYS).mapped(lambda episode: {**episode, "image": episode["image"] / 255})
    with pytest.raises(DataError, match=r"lerobot cannot hold image.*uint8 of shape \(T, h, w, 3\).*drop=\[image\]"):
        lerobot_writing.write(tmp_path / "b", made, Choices())
    made = dataset(*KEYS).mapped(lambda episode: {**episode, "action": episode["action"].astype(np.float16)})
    with pytest.raises(DataError, match=r"lerobot cannot hold action, float16"):
        lerobot_writing.write(tmp_path / "c", made, Choices())


def test_damage_is_explained(tmp_path):
    with pytest.raises(DataError, match=r"LeRobotDataset v2.1, only v3.0"):
        lerobot_reading.read(foreign(tmp_path / "a", codebase_version="v2.1"), Choices())
    path = foreign(tmp_path / "b")
    rows = pq.read_table(path / "meta/episodes/chunk-000/file-000.parquet")
    rows = rows.set_column(1, "length", pa.array([2, 4]))
    pq.write_table(rows, path / "meta/episodes/chunk-000/file-000.parquet")
    with pytest.raises(DataError, match="episode 1 has 3 frames, meta/episodes says 4"):
        list(lerobot_reading.read(path, Choices()))
    (path / "data/chunk-000/file-000.parquet").unlink()
    with pytest.raises(DataError, match="not readable as a LeRobotDataset"):
        list(lerobot_reading.read(path, Choices()))


@pytest.mark.parametrize(("kind", "suffix"), [(np.uint16, "PNG"), (np.uint16, "TIFF"), (np.float32, "TIFF")])
def test_pictures_of_depth_keep_their_type(kind, suffix, tmp_path):
    depth = (np.arange(8).reshape(2, 4) * 600 + 300).astype(kind) / (1000 if kind == np.float32 else 1)
    depth = depth.astype(kind)
    made = io.BytesIO()
    Image.fromarray(depth).save(made, format=suffix)
    path = foreign(tmp_path / "depth")
    file = path / "data/chunk-000/file-000.parquet"
    table = pq.read_table(file)
    at = table.column_names.index("observation.images.top")
    cells = pa.array([{"bytes": made.getvalue(), "path": None}] * 5, table.schema.field(at).type)
    pq.write_table(table.set_column(at, "observation.images.top", cells), file)
    image = lerobot_reading.read(path, Choices()).first()["image"]
    assert image.dtype == kind
    np.testing.assert_array_equal(image[0], depth)


@pytest.mark.parametrize("about", [{"video.is_depth_map": True}, {"video.pix_fmt": "gray12le"}])
def test_films_of_depth_are_refused_by_name(about, tmp_path):
    path = foreign(tmp_path / "film")
    info = json.loads((path / "meta/info.json").read_text())
    info["features"]["observation.images.top"] |= {"dtype": "video", "info": about}
    (path / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"observation\.images\.top is a film of depth.*drop=\[image\]"):
        lerobot_reading.read(path, Choices())
    assert "image" not in lerobot_reading.read(path, Choices(drop=["image"])).first()


def test_columns_of_words_are_left_out_with_a_word_and_newer_versions_are_noted(tmp_path):
    path = foreign(tmp_path / "words", codebase_version="v3.1")
    info = json.loads((path / "meta/info.json").read_text())
    info["features"]["language"] = {"dtype": "language", "shape": [1], "names": None}
    (path / "meta/info.json").write_text(json.dumps(info))
    data = lerobot_reading.read(path, Choices())
    assert len(list(data)) == 2
    assert data.notes == (
        "language is not read: it holds language, not a row of numbers a step",
        "it is of version v3.1, and read as v3.0",
    )


DATA, META = "data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"


def rewritten(path, name, change):
    table = pq.read_table(path / name)
    pq.write_table(change(table), path / name)
    return path


@pytest.mark.parametrize("order", [[0, 2, 1, 3, 4], [2, 0, 3, 1, 4], [4, 3, 2, 1, 0]])
def test_frames_are_read_in_their_order_wherever_they_lie(order, tmp_path):
    path = rewritten(foreign(tmp_path / "so101"), DATA, lambda table: table.take(order))
    one, two = lerobot_reading.read(path, Choices())
    np.testing.assert_allclose(np.concatenate([one["action"], two["action"]]).ravel(), np.linspace(-1, 1, 5))
    assert [*one["image"][:, 0, 0, 0], *two["image"][:, 0, 0, 0]] == [0, 40, 80, 120, 160]


def test_frames_that_are_not_counted_from_0_are_refused(tmp_path):
    def recount(table):
        return table.set_column(table.column_names.index("frame_index"), "frame_index", pa.array([0, 1, 0, 1, 1]))

    path = rewritten(foreign(tmp_path / "so101"), DATA, recount)
    with pytest.raises(DataError, match="frame_index of episode 1 does not count its 3 frames from 0"):
        list(lerobot_reading.read(path, Choices()))


def test_episodes_that_are_told_of_twice_or_not_at_all_are_noticed(tmp_path):
    twice = rewritten(foreign(tmp_path / "twice"), META, lambda table: pa.concat_tables([table, table]))
    with pytest.raises(DataError, match="meta/episodes tells of episode 0 twice"):
        lerobot_reading.read(twice, Choices())
    lacking = lerobot_reading.read(
        rewritten(foreign(tmp_path / "one"), META, lambda table: table.slice(0, 1)), Choices()
    )
    assert lacking.count == 1
    assert "meta/info.json counts 2 episodes, meta/episodes 1" in lacking.notes


def test_pictures_may_be_bytes_alone_and_what_lacks_is_named(tmp_path):
    camera = "observation.images.top"

    def bare(table):
        cells = table[camera].combine_chunks().field("bytes")
        return table.set_column(table.column_names.index(camera), camera, cells)

    def empty(table):
        cells = pa.array([*table[camera].to_pylist()[:4], None], table[camera].type)
        return table.set_column(table.column_names.index(camera), camera, cells)

    shades = [
        episode["image"][-1, 0, 0, 0]
        for episode in lerobot_reading.read(rewritten(foreign(tmp_path / "a"), DATA, bare), Choices())
    ]
    assert shades == [40, 160]
    with pytest.raises(DataError, match=f"{camera} has a step without a picture"):
        list(lerobot_reading.read(rewritten(foreign(tmp_path / "b"), DATA, empty), Choices()))
    lacking = rewritten(foreign(tmp_path / "c"), DATA, lambda table: table.drop_columns(["action"]))
    with pytest.raises(DataError, match=r"file-000.parquet has no column action, which meta/info.json names"):
        list(lerobot_reading.read(lacking, Choices()))
    (lacking / DATA).unlink()
    with pytest.raises(DataError, match=r"no such file: .*file-000.parquet"):
        list(lerobot_reading.read(lacking, Choices()))


def test_tables_of_instructions_may_hold_more(tmp_path):
    path = rewritten(
        foreign(tmp_path / "so101"),
        "meta/tasks.parquet",
        lambda table: table.append_column("origin", pa.array(["a", "b"])),
    )
    assert [episode["task_index"].tolist() for episode in lerobot_reading.read(path, Choices())]
