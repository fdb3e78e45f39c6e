import numpy as np
import pytest

from robopref.data.assignments import Assignments
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.data.formats.exchange import READERS, WRITERS, add_labels, export_labels, read_labels
from robopref.data.formats.labels import Naming
from robopref.errors import ConfigError, DataError
from robopref.types import Feedback, Preference
from tests.data.formats.records import pair

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


def test_an_import_that_was_stopped_goes_on(database, tmp_path):
    path = lift(tmp_path / "lift.npz")
    import_labels(database, tmp_path, path, IPL, Naming())
    whole = EpisodeStore.open(tmp_path / "lift.zarr")
    part = EpisodeStore.create(tmp_path / "stopped.part", {})
    for i in range(2):
        part.append(whole.episode(i))
    import_labels(database, tmp_path, path, IPL, Naming(source="stopped"))
    found = EpisodeStore.open(tmp_path / "stopped.zarr")
    np.testing.assert_array_equal(found.array("action"), whole.array("action"))


def test_a_dataset_of_other_segments_is_not_mixed(database, tmp_path):
    import_labels(database, tmp_path, lift(tmp_path / "lift.npz"), IPL, Naming())
    np.savez(tmp_path / "lift.npz", **{**np.load(tmp_path / "lift.npz"), "obs_2": np.zeros((3, 4, 2))})
    with pytest.raises(DataError, match="other segments"):
        import_labels(database, tmp_path, tmp_path / "lift.npz", IPL, Naming())


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "label-studio"])
def test_a_database_survives_every_format_that_has_ties(database, tmp_path, kind):
    import_labels(database, tmp_path, lift(tmp_path / "lift.npz"), IPL, Naming())
    assert export_labels(database, tmp_path, tmp_path / "out", kind) == (3, 3)
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
    assert READERS.keys() - WRITERS.keys() == {"events"}
    assert not WRITERS.keys() - READERS.keys()


def test_segments_that_are_not_there_are_named(database, tmp_path):
    query = pair(0, 0, 50)
    database.add_queries([query])
    database.add(Feedback(query.id, Preference(1), "ann"))
    with pytest.raises(DataError, match=r"hopper\.zarr"):
        export_labels(database, tmp_path, tmp_path / "out.npz", IPL)


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
