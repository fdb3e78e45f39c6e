import json

import minari
import numpy as np
import pytest

from robopref.__main__ import main
from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.robots.registered_tasks import recipe
from tests.data.episode_formats.worlds import dataset, same

KEYS = ("state", "next_state", "action", "reward", "terminated", "truncated", "success")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a b.zarr"
    write_dataset(path, dataset(*KEYS, "points"), "zarr")
    return path


def test_inspect_shows_what_is_there(source, capsys):
    assert main(["data", "inspect", str(source)]) == 0
    out = capsys.readouterr().out
    assert "a b.zarr: zarr, 3 episodes, 8 steps" in out
    assert "instruction: straighten the rope" in out
    assert "next_state" in out
    assert "Of 3 episodes 1 terminated, 2 were cut off; 1 succeeded (33 %)." in out


def test_convert_there_and_back(source, tmp_path, capsys):
    assert main(["data", "convert", str(source), str(tmp_path / "x.hdf5"), "format=d4rl"]) == 1
    assert "drop=[points]" in capsys.readouterr().err
    assert main(["data", "convert", str(source), str(tmp_path / "x.hdf5"), "format=d4rl", "drop=[points]"]) == 0
    assert main(["data", "convert", str(tmp_path / "x.hdf5"), str(tmp_path / "y.npz")]) == 0
    assert same(dataset(*KEYS), open_dataset(tmp_path / "y.npz"))


def test_names_of_what_is_read_and_of_what_is_written(tmp_path):
    np.savez(tmp_path / "a.npz", obs=np.ones((2, 3)), joints=np.zeros((2, 2)), act=np.zeros((2, 1)), episode_ends=[2])
    words = ["names.proprio=[joints,obs]", "names.action=act", "rename.proprio=seen"]
    assert main(["data", "convert", str(tmp_path / "a.npz"), str(tmp_path / "b.npz"), *words]) == 0
    (only,) = open_dataset(tmp_path / "b.npz")
    assert sorted(only) == ["action", "seen"]
    assert only["seen"].tolist() == [[0, 0, 1, 1, 1]] * 2


def test_split_and_merge(source, tmp_path, capsys):
    parts = [str(tmp_path / name) for name in ("one.npz", "other.npz")]
    assert main(["data", "split", str(source), *parts, "fraction=0.34", "by=order"]) == 0
    assert "one.npz: 1 episodes" in capsys.readouterr().out
    assert main(["data", "merge", *parts, str(tmp_path / "all.npz")]) == 0
    whole = open_dataset(tmp_path / "all.npz")
    assert [len(episode["action"]) for episode in whole] == [3, 1, 4]


def test_quality_writes_a_page_beside_the_data(source, tmp_path, capsys):
    assert main(["data", "quality", str(source)]) == 0
    assert "report: " in capsys.readouterr().out
    assert (tmp_path / "a b.zarr.quality.html").exists()
    assert (tmp_path / "a b.zarr.quality.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect"], "usage: robopref data inspect PATH"),
        (["convert", "a"], "usage: robopref data convert SRC DST"),
        (["merge", "a", "b"], "usage: robopref data merge A B [...] DST"),
        (["split", "a", "b"], "usage: robopref data split SRC DST_A DST_B"),
        (["inspect", "nothing.zarr"], "no dataset at nothing.zarr; robopref collect run="),
        (["inspect", "nothing.zarr", "from=zar"], "Did you mean zarr"),
        (["inspect", "a", "formt=zarr"], "did you mean format"),
        (["inspect", "a", "pictures=gif"], "pictures must be png or video, got 'gif'"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys):
    assert main(["data", *words]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_help_shows_where_paths_go(capsys):
    assert main(["data", "convert", "--help"]) == 0
    assert "robopref data convert SRC DST [name=value ...]" in capsys.readouterr().out


def test_minari_can_make_the_environment_of_recorded_demonstrations_again(finished, tmp_path):
    words = [str(finished / "demos.zarr"), str(tmp_path / "rope-v0"), "format=minari", "final=repeat"]
    assert main(["data", "convert", *words]) == 0
    environment = minari.MinariDataset(tmp_path / "rope-v0/data").recover_environment()
    assert environment.unwrapped.__class__.__name__ == "RopeShapingEnv"
    environment.close()


def test_no_module_is_imported_for_data_of_others(tmp_path, monkeypatch):
    (tmp_path / "a_task_of_others.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert recipe("a_task_of_others:X-v0", {}) is None
    assert recipe("NoSuchTask-v0", {}) is None
    assert recipe("Pendulum-v1", {"g": object()}) is None
    assert json.loads(recipe("Pendulum-v1", {"g": 9.0}))["kwargs"] == {"g": 9.0}
