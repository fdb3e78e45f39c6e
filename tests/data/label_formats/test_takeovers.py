"""Take-overs of recorded deployments, of stores made by hand."""

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import add_labels, read_labels
from robopref.data.label_formats.takeovers import read
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError
from robopref.records import Item, Preference

# Of every step who acts: p the policy, t the policy at its last step before a take-over, o the operator.
EPISODES = ("pptoop", "toooo", "ptoopto", "ptp")


@pytest.fixture
def store(tmp_path):
    made = EpisodeStore.create(tmp_path / "sim.zarr", {})
    for actors in EPISODES:
        who = np.array(list(actors))
        made.append({"action": np.zeros((len(who), 1), np.float32), "operator": who == "o", "taken_over": who == "t"})
    return made.path


def test_what_an_operator_did_is_better_than_what_was_before(store):
    labels = read(store, Naming(labeler="ann", length=2))
    # Episodes begin at 0, 6, 11 and 18. Of the one at 6 there is a single step before its take-over, of the one at 11
    # a single one after its second take-over, and in the last nobody moved the robot.
    pairs = [((3, 5), (1, 3)), ((13, 15), (11, 13))]
    assert [query.items for query in labels.queries] == [tuple(Item("sim", *steps) for steps in pair) for pair in pairs]
    assert [(given.query_id, given.answer, given.labeler) for given in labels.feedback] == [
        (query.id, Preference(1.0), "ann") for query in labels.queries
    ]
    assert [query.items[0].start for query in read(store, Naming("other", length=1)).queries] == [3, 7, 13, 17]


def test_steps_of_another_act_by_hand_are_not_held_against_the_policy(tmp_path):
    made = EpisodeStore.create(tmp_path / "sim.zarr", {})
    who = np.array(list("otoo"))
    made.append({"action": np.zeros((4, 1), np.float32), "operator": who == "o", "taken_over": who == "t"})
    with pytest.raises(DataError, match="none of 1 take-overs has 2 steps"):
        read(made.path, Naming(length=2))


def test_importing_them_again_adds_nothing(store, tmp_path):
    with FeedbackStore(str(tmp_path / "labels.sqlite")) as database:
        labels = read_labels(store, "takeovers", Naming(length=2))
        assert add_labels(database, tmp_path, labels, "takeovers") == (2, 2)
        assert add_labels(database, tmp_path, labels, "takeovers") == (0, 0)


def test_what_is_missing_is_said(store, tmp_path):
    with pytest.raises(DataError, match="length=<steps>"):
        read(store, Naming())
    with pytest.raises(DataError, match="none of 5 take-overs has 9 steps"):
        read(store, Naming(length=9))
    made = EpisodeStore.create(tmp_path / "demos.zarr", {})
    made.append({"action": np.zeros((4, 1), np.float32), "operator": np.zeros(4, np.float32)})
    with pytest.raises(DataError, match="has no operator, true or false at every step"):
        read(made.path, Naming(length=2))
