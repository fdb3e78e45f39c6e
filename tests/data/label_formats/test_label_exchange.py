import gzip
from dataclasses import replace

import numpy as np
import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import (
    READERS,
    WRITERS,
    Exported,
    add_labels,
    export_labels,
    read_labels,
)
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query
from tests.data.label_formats.records import pair

IPL = "inverse-preference-learning"


def import_labels(database, folder, path, kind, naming):
    return add_labels(database, folder, read_labels(path, kind, naming), kind)


@pytest.fixture
def database(tmp_path):
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        yield store


def lift(path, label=(0.0, 1.0, 0.5)):
    rng = np.random.default_rng(0)
    names = ("obs_1", "obs_2", "action_1", "action_2")
    np.savez(path, label=np.array(label), **{name: rng.normal(size=(3, 4, 2)) for name in names})
    return path


def test_segments_become_a_dataset_that_items_refer_to(database, tmp_path):
    path = lift(tmp_path / "lift.npz")
    assert import_labels(database, tmp_path, path, IPL, Naming(labeler="people")) == (3, 3)
    store = EpisodeStore.open(tmp_path / "lift.zarr")
    first, _ = database.queries()[2].items
    np.testing.assert_array_equal(store.array("state", first.start, first.stop), np.load(path)["obs_1"][2])
    assert len(store) == 6
    assert {given.labeler for given in database.feedback()} == {"people"}


def test_importing_again_adds_nothing(database, tmp_path):
    path = lift(tmp_path / "lift.npz")
    import_labels(database, tmp_path, path, IPL, Naming())
    assert import_labels(database, tmp_path, path, IPL, Naming()) == (0, 0)
    assert len(database.feedback()) == 3


def test_segments_of_an_import_that_ended_early_are_not_taken_for_those_of_the_next(database, tmp_path):
    path = lift(tmp_path / "lift.npz")
    part = EpisodeStore.create(tmp_path / "lift.part", {})
    part.append({"state": np.ones((4, 2)), "action": np.ones((4, 2))})
    import_labels(database, tmp_path, path, IPL, Naming())
    found = EpisodeStore.open(tmp_path / "lift.zarr").array("state").reshape(3, 2, 4, 2)
    np.testing.assert_array_equal(found[:, 0], np.load(path)["obs_1"])
    assert not (tmp_path / "lift.part").exists()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"label": np.array(["left", "right", "tie"])}, "label must hold bool, int or float numbers, got <U5"),
        ({"label": np.array([1j, 0, 1])}, "label must hold"),
        ({"obs_1": np.full((3, 4, 2), np.nan)}, "numbers that are not finite"),
        ({"obs_2": np.zeros((3, 4, 2), np.float32)}, "obs_1 and obs_2 must be of one type and size"),
        ({"action_2": np.zeros((3, 4, 5))}, "action_1 and action_2 must be of one type and size"),
    ],
)
def test_odd_segments_are_refused_with_their_file_and_leave_nothing(changed, says, database, tmp_path):
    path = lift(tmp_path / "lift.npz")
    np.savez(path, **{**np.load(path), **changed})
    with pytest.raises(DataError, match=rf"lift.npz: .*{says}"):
        import_labels(database, tmp_path, path, IPL, Naming())
    assert not [found for found in tmp_path.iterdir() if found.suffix in (".part", ".zarr")]
    lift(path)
    assert import_labels(database, tmp_path, path, IPL, Naming()) == (3, 3)


@pytest.mark.parametrize("kind", READERS)
def test_packed_files_are_to_be_unpacked(kind, tmp_path):
    (tmp_path / "labels.gz").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(DataError, match=r"labels.gz is packed by gzip; unpack it first"):
        read_labels(tmp_path / "labels.gz", kind, Naming())


@pytest.mark.parametrize("kind", ["preference-transformer", "uni-rlhf"])
def test_folders_that_cannot_be_listed_are_said_to_be(kind, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)  # the rights of folders do not bind an administrator
    with pytest.raises(DataError, match=r"cannot read this folder .Permission denied"):
        read_labels(tmp_path, kind, Naming())


@pytest.mark.parametrize("kind", sorted(set(WRITERS) & set(READERS)))
def test_what_was_exported_comes_back_once_however_often_it_is_imported(kind, tmp_path):
    with FeedbackStore(tmp_path / "from.sqlite") as given:
        store = EpisodeStore.create(tmp_path / "demos.zarr", {})
        store.append({"state": np.arange(40.0).reshape(20, 2), "action": np.ones((20, 2))})
        queries = [Query(f"q{i}", "pair", (Item("demos", i, i + 3), Item("demos", i + 5, i + 8))) for i in range(5)]
        answers = [Feedback(query.id, Preference(float(i % 2)), "ann", time=1.0 + i) for i, query in enumerate(queries)]
        for number, count in enumerate((3, 5)):  # the project goes on between two exports
            given.join(queries[:count], answers[:count], ())
            export_labels(given, tmp_path, tmp_path / f"{number}", kind)
    folder = tmp_path / "to"
    folder.mkdir()
    with FeedbackStore(folder / "labels.sqlite") as found:
        naming = Naming("" if kind in ("jsonl", "parquet", "label-studio") else "demos", "human", 3)
        if kind == IPL:  # holds its segments, so a longer file is another dataset
            assert import_labels(found, folder, tmp_path / "0", kind, naming) == (3, 3)
            with pytest.raises(DataError, match=r"holds other segments than the file; choose another source"):
                import_labels(found, folder, tmp_path / "1", kind, naming)
            return
        added = [import_labels(found, folder, tmp_path / name, kind, naming) for name in "01010"]
        assert added == [(3, 3), (2, 2), (0, 0), (0, 0), (0, 0)]
        told = {query.id: query.items for query in found.queries()}
        said = {told[one.query_id]: one.answer for one in found.feedback()}
    assert said == {query.items: one.answer for query, one in zip(queries, answers, strict=True)}


def about_features(database):
    """A pair, a question whether a feature matters without examples, and thresholds, all answered."""
    feature = AskedFeature("mean(height(points))", "demos", "the height", "cm", 100.0, 0.0, 0.4, "low")
    items = (Item("demos", 0, 3), Item("demos", 5, 8))
    queries = [
        Query("pair", "pair", items),
        Query("matters", "feature", (), "Tidy.", feature),
        Query("close", "threshold", items, "Tidy.", replace(feature, values=(0.3, 0.1))),
        Query("far", "threshold", (), "Tidy.", replace(feature, side="high")),
    ]
    answers = [
        Feedback("pair", Preference(1.0), "ann", time=1.0),
        Feedback("matters", FeatureRelevance(-1), "ann", time=2.0),
        Feedback("close", Threshold(0.0), "ann", time=3.0, order=(1, 0), seconds=4.0),
        Feedback("far", Abstain("cannot tell"), "ann", time=4.0),
    ]
    database.join(queries, answers, ())
    return queries, answers


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_answers_about_features_come_back_as_they_were(kind, database, tmp_path):
    queries, answers = about_features(database)
    for answered in (False, True):  # questions alone, to be answered elsewhere, and all
        path, folder = tmp_path / f"{answered}.{kind}", tmp_path / str(answered)
        found = export_labels(database, tmp_path, path, kind, answers=answered)
        assert found == Exported(4, 4 if answered else 0, 0)
        folder.mkdir()
        with FeedbackStore(folder / "labels.sqlite") as other:
            assert import_labels(other, folder, path, kind, Naming()) == (4, 4 if answered else 0)
            assert import_labels(other, folder, path, kind, Naming()) == (0, 0)
            assert other.queries() == queries
            assert other.feedback() == (answers if answered else [])


@pytest.mark.parametrize("kind", sorted(set(WRITERS) - {"jsonl", "parquet"}))
def test_answers_about_features_are_refused_by_formats_that_cannot_hold_them(kind, database, tmp_path):
    store = EpisodeStore.create(tmp_path / "demos.zarr", {})
    store.append({"state": np.arange(40.0).reshape(20, 2), "action": np.ones((20, 2))})
    about_features(database)
    with pytest.raises(DataError, match=r"pairs only, got .*feature query 'matters'; export to jsonl") as raised:
        export_labels(database, tmp_path, tmp_path / "out", kind)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]


def test_datasets_outside_of_the_folder_are_not_exported(tmp_path):
    EpisodeStore.create(tmp_path / "secret.zarr", {}).append({"state": np.ones((9, 2)), "action": np.ones((9, 2))})
    (tmp_path / "run").mkdir()
    query = Query("q", "pair", (Item("../secret", 0, 3), Item("../secret", 3, 6)))
    with FeedbackStore(tmp_path / "run/labels.sqlite") as given:
        given.join([query], [Feedback("q", Preference(1.0), "ann")], ())
        with pytest.raises(DataError, match=r"'\.\./secret' is no name of a dataset"):
            export_labels(given, tmp_path / "run", tmp_path / "out.npz", IPL)
    assert not (tmp_path / "out.npz").exists()


def test_a_dataset_of_other_segments_is_not_mixed(database, tmp_path):
    import_labels(database, tmp_path, lift(tmp_path / "lift.npz"), IPL, Naming())
    np.savez(tmp_path / "lift.npz", **{**np.load(tmp_path / "lift.npz"), "obs_2": np.zeros((3, 4, 2))})
    with pytest.raises(DataError, match="other segments"):
        import_labels(database, tmp_path, tmp_path / "lift.npz", IPL, Naming())


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "label-studio"])
def test_a_database_survives_every_format_that_has_ties(database, tmp_path, kind):
    import_labels(database, tmp_path, lift(tmp_path / "lift.npz"), IPL, Naming())
    assert export_labels(database, tmp_path, tmp_path / "out", kind) == Exported(3, 3, 0)
    with FeedbackStore(tmp_path / "again.sqlite") as other:
        counts = import_labels(other, tmp_path, tmp_path / "out", kind, Naming(source="lift"))
        assert counts == (3, 3)
        assert other.queries() == database.queries()
        assert other.feedback() == database.feedback()


def test_label_studio_takes_what_has_no_tie(database, tmp_path):
    query = pair(0, 0, 50)
    database.add_queries([query])
    database.add(Feedback(query.id, Preference(1), "ann", order=(0, 1)))
    export_labels(database, tmp_path, tmp_path / "tasks.json", "label-studio")
    with FeedbackStore(tmp_path / "again.sqlite") as other:
        import_labels(other, tmp_path, tmp_path / "tasks.json", "label-studio", Naming())
        assert other.feedback() == database.feedback()


def test_equal_answers_that_were_given_twice_are_kept(database, tmp_path):
    query = pair(0, 0, 50)
    database.add_queries([query])
    database.add_all([Feedback(query.id, Preference(1), "ann")] * 2)
    export_labels(database, tmp_path, tmp_path / "two.jsonl", "jsonl")
    with FeedbackStore(tmp_path / "again.sqlite") as other:
        other.add_queries([query])
        other.add(Feedback(query.id, Preference(1), "ann"))
        assert import_labels(other, tmp_path, tmp_path / "two.jsonl", "jsonl", Naming()) == (0, 1)


def test_an_unknown_format_lists_the_known_ones(database, tmp_path):
    for call in (
        lambda: import_labels(database, tmp_path, tmp_path, "parket", Naming()),
        lambda: export_labels(database, tmp_path, tmp_path / "x", "parket"),
    ):
        with pytest.raises(ConfigError, match="Did you mean parquet"):
            call()
    assert READERS.keys() - WRITERS.keys() == {"events", "imitation", "takeovers"}
    assert not WRITERS.keys() - READERS.keys()


def test_segments_that_are_not_there_are_named(database, tmp_path):
    query = pair(0, 0, 50)
    database.add_queries([query])
    database.add(Feedback(query.id, Preference(1), "ann"))
    with pytest.raises(DataError, match=r"hopper\.zarr"):
        export_labels(database, tmp_path, tmp_path / "out.npz", IPL)


@pytest.mark.parametrize("source", ["../other/lift", "{folder}/other/lift"])
def test_nothing_outside_of_the_run_folder_is_exported(database, tmp_path, source):
    path = lift(tmp_path / "lift.npz")
    import_labels(database, tmp_path / "other", path, IPL, Naming())
    taken = FeedbackStore(tmp_path / "taken.sqlite")
    named = source.format(folder=tmp_path)
    taken.add_queries([Query("q", "pair", (Item(named, 0, 4), Item(named, 4, 8)))])
    taken.add(Feedback("q", Preference(1), "ann"))
    with taken, pytest.raises(DataError, match="no name of a dataset"):
        export_labels(taken, tmp_path / "run", tmp_path / "out.npz", IPL)


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "label-studio"])
def test_what_was_taken_back_here_is_not_brought_back_by_its_file(database, tmp_path, kind):
    query = pair(0, 0, 50)
    database.add_queries([query])
    assignments = Assignments(database)
    assignments.claim("ann")
    assignments.submit(Feedback(query.id, Preference(1), "ann", time=1e9, order=(0, 1)), "name")
    export_labels(database, tmp_path, tmp_path / "out", kind)
    assignments.retract("ann", "name")
    assert import_labels(database, tmp_path, tmp_path / "out", kind, Naming()) == (0, 0)
    assert database.feedback() == []


def test_a_refused_import_leaves_nothing(database, tmp_path):
    database.add_queries([pair(2, 0, 50, source="lift")])
    with pytest.raises(DataError, match="'lift/2' is there already with other content"):
        import_labels(database, tmp_path, lift(tmp_path / "lift.npz"), IPL, Naming())
    assert len(database.queries()) == 1
    assert not (tmp_path / "lift.zarr").exists()
