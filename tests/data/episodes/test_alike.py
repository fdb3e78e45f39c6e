import numpy as np

from robopref.data.episodes.alike import Stretch, nearest, stretches


def test_episodes_are_cut_one_after_the_other():
    assert stretches([3, 2], 2) == [Stretch(0, 0, 2), Stretch(0, 2, 3), Stretch(1, 3, 5)]
    assert stretches([3, 2], None) == [Stretch(0, 0, 3), Stretch(1, 3, 5)]


def test_the_nearest_come_first_in_units_of_the_usual_distance():
    points = np.array([[0.0], [4.0], [1.0], [-7.0]])
    # Distances from the first are 4, 1 and 7: their mean is 4.
    assert nearest(points, 0, 2) == [(2, 0.25), (1, 1.0)]
    assert nearest(points[:1], 0, 2) == []
    assert nearest(np.zeros((2, 1)), 0, 2) == [(1, 0.0)]
