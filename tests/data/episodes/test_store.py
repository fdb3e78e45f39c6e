"""Episode store: what goes in comes out, whatever happens to the writer."""

import errno
import inspect
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
import zarr.storage._local as local
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError


def episode(seed: int) -> dict[str, np.ndarray]:
    """An episode that can be made again from its seed."""
    rng = np.random.default_rng(seed)
    steps = 1 + seed % 7
    return {
        "points": rng.random((steps, 512, 3), dtype=np.float32),
        "action": rng.random((steps, 6), dtype=np.float32),
        "reward": np.zeros(steps, dtype=np.float32),  # zarr would leave out chunks like this
        "truncated": np.arange(steps) == steps - 1,
        "step": np.arange(steps, dtype=np.int64) + seed,
    }


def assert_same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert set(got) == set(expected)
    for key, array in expected.items():
        assert got[key].dtype == array.dtype
        assert got[key].shape == array.shape
        assert got[key].tobytes() == array.tobytes()


def assert_holds(store: EpisodeStore, seeds: range) -> None:
    assert len(store) == len(seeds)
    for i, seed in enumerate(seeds):
        assert_same(store.episode(i), episode(seed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "episodes.zarr"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = EpisodeStore.create(
        tmp_path_factory.mktemp("written") / "store", {"env": "rope", "nested": {"radius": 0.4}}
    )
    for seed in range(3):
        store.append(episode(seed))
    return store.path


@pytest.fixture
def store(written: Path, path: Path) -> EpisodeStore:
    shutil.copytree(written, path)
    return EpisodeStore.open(path, "a")


def test_round_trip(store: EpisodeStore, path: Path) -> None:
    for opened in (store, EpisodeStore.open(path), EpisodeStore.open(path, "a")):
        assert_holds(opened, range(3))
        assert opened.attrs == {"env": "rope", "nested": {"radius": 0.4}}
        assert opened.keys == ("action", "points", "reward", "step", "truncated")
        assert opened.episode_ends.tolist() == [1, 3, 6]
        assert opened.episode_ends.dtype == np.int64
        assert opened.steps == 6
        assert opened.array("step").tolist() == [0, 1, 2, 2, 3, 4]
        assert opened.array("step", 3, 5).tolist() == [2, 3]


def test_layout_is_what_the_peers_read(store: EpisodeStore, path: Path) -> None:
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == 2
    assert {key: array.shape[0] for key, array in group["data"].arrays()} == dict.fromkeys(store.keys, 6)
    assert group["meta/episode_ends"][:].tolist() == [1, 3, 6]
    assert json.loads((path / "data/points/.zarray").read_text())["compressor"] is None
    assert not list(path.glob("**/*.partial"))


def test_attrs_are_a_copy(store: EpisodeStore) -> None:
    store.attrs["nested"]["radius"] = 1
    assert store.attrs["nested"]["radius"] == 0.4


def test_empty_store(path: Path) -> None:
    EpisodeStore.create(path, {})
    store = EpisodeStore.open(path)
    assert (len(store), store.steps, store.keys, store.attrs) == (0, 0, (), {})


arrays = st.sampled_from([np.float32, np.float64, np.uint8, np.int64, np.bool_, np.float16])


@st.composite
def episodes(draw: st.DrawFn) -> list[dict[str, np.ndarray]]:
    keys = draw(
        st.dictionaries(
            st.from_regex(r"[a-z_]{1,6}", fullmatch=True),
            st.tuples(arrays, hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)),
            min_size=1,
            max_size=2,
        )
    )
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    finite = {"allow_nan": False, "allow_infinity": False}
    return [
        {
            key: draw(hnp.arrays(dtype, (length, *shape), elements=finite if np.dtype(dtype).kind == "f" else None))
            for key, (dtype, shape) in keys.items()
        }
        for length in lengths
    ]


@given(episodes=episodes())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_episodes_survive(tmp_path_factory: pytest.TempPathFactory, episodes: list[dict[str, np.ndarray]]) -> None:
    path = tmp_path_factory.mktemp("any") / "store"
    store = EpisodeStore.create(path, {})
    for new in episodes:
        store.append(new)
    opened = EpisodeStore.open(path)
    assert len(opened) == len(episodes)
    for i, expected in enumerate(episodes):
        assert_same(opened.episode(i), expected)


def test_more_episodes_than_one_chunk_of_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robopref.data.episodes.replay_layout._ENDS_PER_CHUNK", 3)
    monkeypatch.setattr("robopref.data.episodes.chunk_files.CHUNK_ROWS", 4)
    store = EpisodeStore.create(path, {})
    for seed in range(8):
        store.append(episode(seed))
    assert_holds(EpisodeStore.open(path), range(8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": np.full((2, 6), np.nan, np.float32)}, "'action'.*not finite at step 0"),
        ({"action": np.full((2, 6), np.inf, np.float32)}, "'action'.*not finite"),
        ({"action": np.zeros((2, 6), np.float64)}, "'action'.*float32 of shape.*got float64"),
        ({"action": np.zeros((2, 5), np.float32)}, r"'action'.*\('T', 6\).*\(2, 5\)"),
        ({"action": np.zeros((3, 6), np.float32)}, "one length"),
        ({"action": np.float32(1)}, "one length"),
        ({"extra": np.zeros(2)}, "needs the keys.*'extra'"),
    ],
)
def test_episode_that_does_not_fit(store: EpisodeStore, change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        store.append({**episode(1), **change})
    store.append(episode(3))
    assert_holds(store, range(4))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({}, "at least one key"),
        ({"x": np.zeros((0, 3))}, "at least 1 step"),
        ({"../x": np.zeros(3)}, "must consist of letters"),
        ({".zarray": np.zeros(3)}, "must consist of letters"),
        ({"x": np.array(["a"])}, "bool, int or float"),
        ({"x": np.array([None])}, "bool, int or float"),
    ],
)
def test_first_episode_that_cannot_be_stored(path: Path, first: dict[str, np.ndarray], message: str) -> None:
    store = EpisodeStore.create(path, {})
    with pytest.raises(DataError, match=message):
        store.append(first)


def test_what_does_not_exist(store: EpisodeStore, path: Path) -> None:
    for i in (-1, 3):
        with pytest.raises(DataError, match="holds 3"):
            store.episode(i)
    with pytest.raises(ConfigError, match="Did you mean points"):
        store.array("point")
    with pytest.raises(DataError, match="not within the 6 steps"):
        store.array("points", 2, 7)
    with pytest.raises(DataError, match="exists already"):
        EpisodeStore.create(path, {})
    with pytest.raises(DataError, match="opened to read"):
        EpisodeStore.open(path).append(episode(3))
    with pytest.raises(DataError, match="must be 'r' or 'a'"):
        EpisodeStore.open(path, "w")
    with pytest.raises(DataError, match="must be JSON"):
        EpisodeStore.create(path.with_name("other"), {"x": np.zeros(3)})


def zarray(path: Path, key: str, **change: object) -> None:
    file = path / key / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))


DAMAGE = {
    "gone": lambda path: path.rename(path.with_name("elsewhere")),
    "a file": lambda path: (path.rename(path.with_name("elsewhere")), path.write_text("x")),
    "no group": lambda path: (path / ".zgroup").unlink(),
    "bad group": lambda path: (path / ".zgroup").write_text("{"),
    "bad attrs": lambda path: (path / ".zattrs").write_text("{"),
    "no ends": lambda path: (path / "meta/episode_ends/.zarray").unlink(),
    "no chunk of ends": lambda path: (path / "meta/episode_ends/0").unlink(),
    "short chunk of ends": lambda path: os.truncate(path / "meta/episode_ends/0", 4),
    "bad json": lambda path: (path / "data/points/.zarray").write_text('{"shape": ['),
    "empty json": lambda path: (path / "data/points/.zarray").write_text(""),
    "json of something": lambda path: (path / "data/points/.zarray").write_text("[]"),
    "no fields": lambda path: (path / "data/points/.zarray").write_text("{}"),
    "no array": lambda path: (path / "data/points/.zarray").unlink(),
    "no data": lambda path: (path / "data").rename(path / "atad"),
    "missing chunk": lambda path: (path / "data/reward/0").unlink(),
    "short chunk": lambda path: os.truncate(path / "data/points/0.0.0", 1000),
    "empty chunk": lambda path: os.truncate(path / "data/points/0.0.0", 0),
    "too few rows": lambda path: zarray(path, "data/points", shape=[5, 512, 3]),
    "too many ends": lambda path: zarray(path, "meta/episode_ends", shape=[4]),
    "ends of another shape": lambda path: zarray(path, "meta/episode_ends", shape=[3, 1], chunks=[3, 1]),
    "unknown dtype": lambda path: zarray(path, "data/points", dtype="<q9"),
    "unknown codec": lambda path: zarray(path, "data/points", compressor={"id": "nonsense"}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_on_open(store: EpisodeStore, path: Path, damage: str) -> None:
    DAMAGE[damage](path)
    for mode in ("r", "a"):
        with pytest.raises(DataError) as caught:
            EpisodeStore.open(path, mode)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_compressed_store_of_another_program(path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("data/x", data=np.arange(10, dtype=np.float32), chunks=(4,))
    group.create_array("meta/episode_ends", data=np.array([4, 10]), compressors=None)
    zarr.consolidate_metadata(path)
    opened = EpisodeStore.open(path, "a")
    assert opened.episode(1)["x"].tolist() == [4, 5, 6, 7, 8, 9]
    opened.append({"x": np.arange(3, dtype=np.float32)})
    assert EpisodeStore.open(path).episode_ends.tolist() == [4, 10, 13]
    assert EpisodeStore.open(path).episode(2)["x"].tolist() == [0, 1, 2]
    assert zarr.open_group(path, mode="r")["data/x"].shape == (13,)
    (path / "data/x/3").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="not readable as a replay store"):
        EpisodeStore.open(path).array("x")
    with pytest.raises(DataError, match="cannot write, as it is damaged"):
        EpisodeStore.open(path, "a").append({"x": np.arange(9, dtype=np.float32)})


def test_compressed_ends_are_not_appended_to(path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("data/x", data=np.arange(10, dtype=np.float32))
    group.create_array("meta/episode_ends", data=np.array([4, 10]))
    assert EpisodeStore.open(path).steps == 10
    with pytest.raises(DataError, match="read but not appended"):
        EpisodeStore.open(path, "a")


def test_second_writer_is_noticed(store: EpisodeStore, path: Path) -> None:
    other = EpisodeStore.open(path, "a")
    other.append(episode(3))
    with pytest.raises(DataError, match="changed elsewhere"):
        store.append(episode(4))
    assert_holds(EpisodeStore.open(path), range(4))


def test_reader_keeps_its_view(store: EpisodeStore, path: Path) -> None:
    reader = EpisodeStore.open(path)
    store.append(episode(3))
    assert_holds(reader, range(3))
    assert_holds(EpisodeStore.open(path), range(4))


def limit_file_size(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize("room", [0, 100, 5_000, 100_000])
def test_files_that_cannot_grow(path: Path, room: int) -> None:
    """A real failing write, at several depths of an append."""
    store = EpisodeStore.create(path, {})
    for before in (0, 2):
        for seed in range(len(store), before):
            store.append(episode(seed))
        limit_file_size(room)
        try:
            with pytest.raises(DataError) as caught:
                store.append(episode(before))
        finally:
            limit_file_size(resource.RLIM_INFINITY)
        assert str(path) in str(caught.value)
        assert "File too large" in str(caught.value)
        assert_holds(store, range(before))
        assert_holds(EpisodeStore.open(path), range(before))
    store.append(episode(2))
    assert_holds(EpisodeStore.open(path), range(3))
    assert not list(path.glob("**/*.partial"))


@pytest.mark.parametrize("failing", range(1, 12, 3))
def test_full_disk(store: EpisodeStore, path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    left = failing
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DataError, match=r"No space left on device.*are intact"):
            store.append(episode(3))
    assert_holds(store, range(3))
    assert_holds(EpisodeStore.open(path), range(3))
    store.append(episode(3))
    assert_holds(EpisodeStore.open(path), range(4))


def script(body: str) -> str:
    """A program of its own that can make the same episodes."""
    head = "import numpy as np\nfrom robopref.data.episodes.store import EpisodeStore\n"
    return head + inspect.getsource(episode) + textwrap.dedent(body)


def test_killed_at_any_moment(path: Path) -> None:
    """Every acknowledged episode is there after SIGKILL, at most one more is, and appending goes on."""
    EpisodeStore.create(path, {})
    writer = script(f"""
        store = EpisodeStore.open({str(path)!r}, "a")
        while True:
            store.append(episode(len(store)))
            print(len(store), flush=True)
    """)
    rng = random.Random(0)
    acknowledged = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.2))
        process.send_signal(signal.SIGKILL)
        acknowledged = int([acknowledged, *process.stdout.read().split("\n")[:-1]][-1])
        process.wait()
        for mode in ("r", "a"):
            store = EpisodeStore.open(path, mode)
            assert acknowledged <= len(store) <= acknowledged + 1
            assert_holds(store, range(len(store)))
        store.append(episode(len(store)))
        assert_holds(EpisodeStore.open(path), range(len(store)))


@pytest.mark.parametrize("before", [0, 2])
def test_killed_before_every_rename(tmp_path: Path, before: int) -> None:
    """SIGKILL just before the n-th file of an append is put in place, for each n."""

    def few(seed: int) -> dict[str, np.ndarray]:
        return {key: episode(seed)[key] for key in ("points", "reward")}

    driver = script(f"""
        import os, signal, threading
        from pathlib import Path
        replace = Path.replace

        def few(seed):
            return {{key: episode(seed)[key] for key in ("points", "reward")}}

        def child(n):
            path = Path({str(tmp_path)!r}) / str(n)
            store = EpisodeStore.create(path, {{}})
            for seed in range({before}):
                store.append(few(seed))
            left, lock = n, threading.Lock()

            def kill(self, target):
                nonlocal left
                with lock:
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return replace(self, target)

            Path.replace = kill
            store.append(few({before}))

        for n in range(100):
            pid = os.fork()
            if not pid:
                child(n)
                os._exit(0)
            status = os.waitpid(pid, 0)[1]
            print(os.WIFSIGNALED(status) and os.WTERMSIG(status), flush=True)
            if not os.WIFSIGNALED(status):
                break
    """)
    done = subprocess.run([sys.executable, "-c", driver], capture_output=True, text=True, check=True)
    *killed, finished = done.stdout.split()
    assert finished == "False"
    assert set(killed) == {str(int(signal.SIGKILL))}
    assert len(killed) > 5
    for n in range(len(killed) + 1):
        path = tmp_path / str(n)
        count = before + (n == len(killed))
        assert len(EpisodeStore.open(path)) == count
        store = EpisodeStore.open(path, "a")
        assert {array.shape[0] for _, array in zarr.open_group(path, mode="r")["data"].arrays()} <= {store.steps}
        store.append(few(count))
        opened = EpisodeStore.open(path)
        assert len(opened) == count + 1
        for seed in range(count + 1):
            assert_same(opened.episode(seed), few(seed))
        assert not list(path.glob("**/*.partial"))


def recorded_store(path: Path) -> EpisodeStore:
    store = EpisodeStore.create(path, {})
    for length in (3, 2):
        store.append({"state": np.ones((length, 2), np.float32)})
    return store


def test_an_array_put_beside_is_read_like_the_others(tmp_path: Path) -> None:
    store = recorded_store(tmp_path / "d.zarr")
    before = store.fingerprint()
    store.attach("extra", iter([np.zeros((4, 2), np.float32), np.full((1, 2), 7, np.float32)]), {"from": "here"})
    for opened in (store, EpisodeStore.open(store.path)):
        assert opened.keys == ("extra", "state")
        assert opened.array("extra").tolist() == [[0, 0]] * 4 + [[7, 7]]
        assert opened.array_attrs("extra") == {"from": "here"}
        assert opened.array_attrs("state") == {}
        assert opened.fingerprint() != before
    assert len(EpisodeStore.open(store.path, "a")) == 2


@pytest.mark.parametrize(
    ("key", "rows", "message"),
    [("state", 5, "has an array state already"), ("a/b", 5, "must consist of"), ("r", 4, "has 4 rows"),
     ("r", 0, "has 0 rows")],
)  # fmt: skip
def test_an_array_that_does_not_fit_is_not_put_beside(tmp_path: Path, key: str, rows: int, message: str) -> None:
    store = recorded_store(tmp_path / "d.zarr")
    with pytest.raises(DataError, match=message):
        store.attach(key, iter([np.zeros(rows, np.float32)] * (rows > 0)), {})
    assert EpisodeStore.open(store.path).keys == ("state",)
    assert [path.name for path in tmp_path.iterdir()] == ["d.zarr"]


def test_more_rows_than_steps_are_refused(tmp_path: Path) -> None:
    store = recorded_store(tmp_path / "d.zarr")
    with pytest.raises(DataError):
        store.attach("r", iter([np.zeros(9, np.float32)]), {})
    assert EpisodeStore.open(store.path).keys == ("state",)


def test_an_array_is_described_and_described_anew(tmp_path):
    store = EpisodeStore.create(tmp_path / "a.zarr", {})
    store.append({"action": np.zeros((2, 1), np.float32)})
    store.describe("action", {"unit": "N"})
    store.describe("action", {"unit": "m"})
    store.append({"action": np.ones((2, 1), np.float32)})
    again = EpisodeStore.open(tmp_path / "a.zarr")
    assert again.array_attrs("action") == {"unit": "m"}
    assert again.array("action").ravel().tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match="opened to read"):
        again.describe("action", {})
    with pytest.raises(ConfigError, match="unknown array"):
        store.describe("acton", {})
    with pytest.raises(DataError, match="must be JSON"):
        store.describe("action", {"unit": {1, 2}})
    assert EpisodeStore.open(tmp_path / "a.zarr").array_attrs("action") == {"unit": "m"}


@pytest.mark.parametrize("content", ["[1]", '"x"'])
def test_attributes_of_an_array_that_are_no_object_are_one_line(tmp_path: Path, content: str) -> None:
    store = EpisodeStore.create(tmp_path / "a.zarr", {})
    store.append({"action": np.zeros((2, 1))})
    (store.path / "data" / "action" / ".zattrs").write_text(content)
    with pytest.raises(DataError, match=r"data/action/\.zattrs"):
        EpisodeStore.open(store.path).array_attrs("action")


def test_nothing_is_written_after_a_failure_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zarr writes the files of a group at once; the first that fails must not leave others behind that come late."""
    written = local._put

    def put(path: Path, *given: object, **more: object) -> object:
        if path.name == ".zgroup":
            raise OSError(errno.EFBIG, "File too large")
        time.sleep(0.2)
        return written(path, *given, **more)

    monkeypatch.setattr(local, "_put", put)
    with pytest.raises(DataError, match="File too large"):
        EpisodeStore.create(tmp_path / "a.zarr", {"task": "x"})
    time.sleep(0.4)
    assert list(tmp_path.iterdir()) == []
