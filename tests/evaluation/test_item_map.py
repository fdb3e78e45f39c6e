import numpy as np
import pytest

from robopref.errors import DataError
from robopref.evaluation.item_map import ItemMap
from robopref.files import write_json
from robopref.reports.map_section import embedding_map


def test_items_lie_on_the_plane_of_their_two_first_components(tmp_path):
    # Variance 8 along (1, 0, 1), 2 along (0, 1, 0), none along (1, 0, -1).
    points = np.array([[2.0, 0, 2], [-2, 0, -2], [0, 2, 0], [0, -2, 0]])
    found = ItemMap.of(points, np.array([True, False, False, True]), np.array([1.0, 2, 3, 4]), "outcome")
    assert found.x == pytest.approx([8**0.5, -(8**0.5), 0, 0], abs=1e-4)
    assert found.y == pytest.approx([0, 0, 2, -2], abs=1e-4)
    assert (found.shown, found.asked, found.said) == (1.0, [1, 0, 0, 1], "outcome")
    (tmp_path / "similarity").mkdir()
    found.save(tmp_path / "similarity")
    assert ItemMap.load(tmp_path / "similarity") == found
    (section,) = embedding_map(tmp_path)
    assert "thirds of the items by outcome" in section
    assert "compared" in section


def test_one_number_an_item_is_drawn_on_a_line(tmp_path):
    found = ItemMap.of(np.array([[0.0], [1.0], [5.0]]), np.zeros(3, bool), None)
    assert found.x == pytest.approx([-2, -1, 3])
    assert (found.y, found.value, found.said, found.shown) == ([0, 0, 0], [], "", 1.0)
    assert embedding_map(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"x": [1.0, 2.0]},
        {"x": ["one"]},
        {"value": [1.0, 2.0]},
        {"asked": [[]]},
        {"shown": "much"},
        {"shown": 1e9},
        {"x": [1e40]},
        {"z": 1},
    ],
)
def test_a_damaged_map_says_so(tmp_path, change):
    ItemMap.of(np.array([[1.0, 2.0]]), np.zeros(1, bool), None).save(tmp_path)
    told = {"x": [0.0], "y": [0.0], "value": [], "asked": [0], "shown": 1.0, "said": ""} | change
    write_json(tmp_path / "map.json", told)
    with pytest.raises(DataError, match="damaged"):
        ItemMap.load(tmp_path)
