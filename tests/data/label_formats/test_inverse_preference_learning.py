import zipfile

import numpy as np
import pytest

from robopref.data.label_formats import inverse_preference_learning
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.errors import DataError
from robopref.records import Feedback, Preference
from tests.data.label_formats.records import pair


def arrays(rows=3, length=4):
    rng = np.random.default_rng(0)
    segments = {
        f"{name}_{k}": rng.normal(size=(rows, length, size))
        for name, size in (("obs", 5), ("action", 2))
        for k in (1, 2)
    }
    return {**segments, "label": np.array([0.0, 1.0, 0.5])[:rows]}


def written(path, **changes):
    np.savez(path, **{**arrays(), **changes})
    return path


def test_one_is_the_second_segment_and_a_half_is_a_tie(tmp_path):
    labels = inverse_preference_learning.read(written(tmp_path / "lift.npz"), Naming())
    assert [given.answer.p for given in labels.feedback] == [1, 0, 0.5]


def test_items_refer_to_the_segments_that_the_file_holds(tmp_path):
    labels = inverse_preference_learning.read(written(tmp_path / "lift.npz"), Naming())
    held = {key: np.concatenate([one[key] for one in labels.segments["lift"]]) for key in ("state", "action")}
    _, item = labels.queries[1].items
    np.testing.assert_array_equal(held["state"][item.start : item.stop], arrays()["obs_2"][1])
    np.testing.assert_array_equal(held["action"][item.start : item.stop], arrays()["action_2"][1])


def test_what_is_written_is_read_again(tmp_path):
    labels = inverse_preference_learning.read(written(tmp_path / "lift.npz"), Naming())
    held = {key: np.concatenate([one[key] for one in labels.segments["lift"]]) for key in ("state", "action")}
    inverse_preference_learning.write(
        tmp_path / "again.npz", labels, lambda item: {key: held[key][item.start : item.stop] for key in held}
    )
    again = np.load(tmp_path / "again.npz")
    for name, array in arrays().items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"label": np.array([0, 1, -1.0])}, "label 2 must be in"),
        ({"label": np.array([0, 1, np.nan])}, "label 2 must be in"),
        ({"label": np.zeros(2)}, r"label \(2,\)"),
        ({"action_2": np.zeros((3, 5, 2))}, r"action_2 \(3, 5, 2\)"),
        ({"obs_1": np.array([None])}, "not an npz file of numbers"),
    ],
)
def test_a_file_of_another_layout_is_explained(tmp_path, changes, complaint):
    with pytest.raises(DataError, match=complaint):
        inverse_preference_learning.read(written(tmp_path / "lift.npz", **changes), Naming())


def test_a_file_without_an_array_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "some.npz", obs_1=np.zeros(3))
    with pytest.raises(DataError, match=r"no obs_2, .*; it holds obs_1"):
        inverse_preference_learning.read(tmp_path / "some.npz", Naming())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.npz"):
        inverse_preference_learning.read(tmp_path / "bad.npz", Naming())


def test_segments_that_do_not_fit_are_refused(tmp_path):
    query = pair(0, 0, 50)
    labels = Labels([query], [Feedback(query.id, Preference(1), "ann")])
    with pytest.raises(DataError, match="needs 'state' of every segment"):
        inverse_preference_learning.write(tmp_path / "a.npz", labels, lambda item: {"action": np.zeros((10, 2))})
    two = [query, pair(1, 10, 50)]
    labels = Labels(two, [Feedback(one.id, Preference(1), "ann") for one in two])
    with pytest.raises(DataError, match="one shape"):
        inverse_preference_learning.write(
            tmp_path / "a.npz", labels, lambda item: dict.fromkeys(("state", "action"), np.zeros((item.start + 1, 2)))
        )


def test_files_that_would_fill_the_memory_are_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"bomb.npz: what it holds would take .*made to fill the memory"):
        inverse_preference_learning.read(tmp_path / "bomb.npz", Naming())
