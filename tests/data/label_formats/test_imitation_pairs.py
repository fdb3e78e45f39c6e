"""Preference datasets of imitation; imitation itself writes them among the tests of interop."""

import pickle
import sys
import types

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.imitation_pairs import read
from robopref.data.label_formats.label_exchange import add_labels
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError

CLASSES = {
    "imitation.algorithms.preference_comparisons": ("PreferenceDataset",),
    "imitation.data.types": ("TrajectoryWithRew", "DictObs"),
}


@pytest.fixture
def imitation(monkeypatch):
    """Classes of its names, for files to be written with."""
    made = {}
    for parent in ("imitation", "imitation.algorithms", "imitation.data"):
        monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    for module, names in CLASSES.items():
        held = types.ModuleType(module)
        for name in names:
            made[name] = type(name, (), {"__module__": module})
            setattr(held, name, made[name])
        monkeypatch.setitem(sys.modules, module, held)

    def build(name, **fields):
        one = made[name]()
        one.__dict__.update(fields)
        return one

    return build


def fragment(imitation, start, steps=3, **changes):
    fields = {
        "obs": np.arange(start, start + steps + 1, dtype=np.float32)[:, None], "acts": np.full((steps, 2), start),
        "infos": np.array([{"a": 1}] * steps), "terminal": start == 2, "rews": np.full(steps, start / 2),
    }  # fmt: skip
    return imitation("TrajectoryWithRew", **fields | changes)


def saved(imitation, path, first, second, preferences):
    held = imitation(
        "PreferenceDataset", fragments1=first, fragments2=second, max_size=None, preferences=np.array(preferences)
    )
    path.write_bytes(pickle.dumps(held))
    return path


def test_pairs_come_in_with_their_fragments_and_again_adds_nothing(imitation, tmp_path, monkeypatch):
    first, second = ([fragment(imitation, n) for n in numbers] for numbers in ((0, 1), (2, 3)))
    path = saved(imitation, tmp_path / "pairs.pkl", first, second, [1.0, 0.25])
    for name in CLASSES:
        monkeypatch.setitem(sys.modules, name, None)  # reading imports nothing
    labels = read(path, Naming(labeler="ann"))
    assert [(given.answer.p, given.labeler) for given in labels.feedback] == [(1.0, "ann"), (0.25, "ann")]
    assert [(item.start, item.stop) for query in labels.queries for item in query.items] == [
        (0, 3), (3, 6), (6, 9), (9, 12),
    ]  # fmt: skip
    one = labels.segments["pairs"][1]
    assert one["state"].tolist() == [[2], [3], [4]]
    assert one["next_state"].tolist() == [[3], [4], [5]]
    assert one["reward"].tolist() == [1, 1, 1]
    assert one["done"].tolist() == [False, False, True]
    database = FeedbackStore(tmp_path / "labels.sqlite")
    assert [add_labels(database, tmp_path, labels, "imitation") for _ in range(2)] == [(2, 2), (0, 0)]
    assert EpisodeStore.open(tmp_path / "pairs.zarr").array("state").shape == (12, 1)


def test_parts_of_observations_keep_their_names(imitation, tmp_path):
    seen = imitation("DictObs", _d={"proprio": np.zeros((4, 2)), "goal": np.ones((4, 1))})
    both = [[fragment(imitation, n, obs=seen)] for n in (0, 1)]
    (one, _) = read(saved(imitation, tmp_path / "pairs.pkl", *both, [0.5]), Naming()).segments["pairs"]
    assert sorted(one) == ["action", "done", "goal", "next_goal", "next_proprio", "proprio", "reward"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obs": np.zeros((3, 1))}, "one observation more than actions"),
        ({"rews": np.full(3, np.nan)}, "rews must be finite"),
        ({"acts": None}, "acts must be an array of numbers"),
        ({"acts": np.array([None] * 3)}, "acts must be an array of numbers, got list"),
        ({"infos": types.SimpleNamespace()}, "asks for types.SimpleNamespace, which is not admitted"),
        ({"infos": print}, "asks for builtins.print, which is not admitted"),
    ],
)
def test_files_of_something_else_are_one_line(change, message, imitation, tmp_path):
    pair = [fragment(imitation, 0)], [fragment(imitation, 1, **change)]
    with pytest.raises(DataError, match=message):
        read(saved(imitation, tmp_path / "pairs.pkl", *pair, [1.0]), Naming())


@pytest.mark.parametrize(
    ("preferences", "message"), [([1.5], "preference 0 must be in"), ([1.0, 0.0], "as many first")]
)
def test_preferences_that_are_none_are_one_line(preferences, message, imitation, tmp_path):
    pair = [fragment(imitation, 0)], [fragment(imitation, 1)]
    with pytest.raises(DataError, match=message):
        read(saved(imitation, tmp_path / "pairs.pkl", *pair, preferences), Naming())
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match=r"expected what PreferenceDataset.save"):
        read(tmp_path / "list.pkl", Naming())
