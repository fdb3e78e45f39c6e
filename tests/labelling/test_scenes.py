"""What the page is told to draw."""

import base64
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.labelling.scenes import CandidateScenes
from robopref.types import Item, Query
from tests.labelling.desks import candidate, candidate_store


def test_clouds_come_once_a_state_and_paths_in_the_order_shown(tmp_path: Path) -> None:
    store = candidate_store(tmp_path)
    guide = np.array([[0, 0, 0], [0.1, 0, 0]], np.float32)
    scenes = CandidateScenes(store, guide)
    query = Query("q", "pair", (candidate(1, 0), candidate(1, 3)))
    described = scenes.describe(query, (1, 0))
    assert list(described["clouds"]) == ["1"]
    cloud = np.frombuffer(base64.b64decode(described["clouds"]["1"]), "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(cloud, store.array("points", 1, 2)[0])
    # Candidate 3 places at 0.75 of 0.4 m; both anchors lie 12 mm above the table.
    np.testing.assert_allclose(described["items"][0]["path"], [[[0, 0, 0.012], [0.3, 0, 0.012]]], atol=1e-6)
    np.testing.assert_allclose(described["items"][1]["path"], [[[0, 0, 0.012], [0, 0, 0.012]]], atol=1e-6)
    assert described["labels"] == ["pick", "place"]
    np.testing.assert_allclose(described["guide"], guide, atol=1e-4)


def test_what_is_no_candidate_is_refused(tmp_path: Path) -> None:
    scenes = CandidateScenes(candidate_store(tmp_path))
    for item in (candidate(0, 4), Item("candidates", 0, 1), candidate(9, 0)):
        with pytest.raises(DataError):
            scenes.path(item)
