"""Who stands near whom."""

import itertools

import pytest

from robopref.quality.person_nearness import person_places


def test_the_nearest_by_hand():
    places = person_places({"ann": [0.9, 0.1, 0.0], "bob": [0.0, 0.2, 0.8], "cat": [0.7, 0.1, 0.2]})
    by = {one.name: one for one in places}
    # ann and cat: (.2 + 0 + .2) / 2 = .2; bob and cat: (.7 + .1 + .6) / 2 = .7, bob and ann: .9.
    assert (by["ann"].nearest, by["cat"].nearest, by["bob"].nearest) == ("cat", "ann", "cat")
    assert [by[name].distance for name in ("ann", "bob", "cat")] == pytest.approx([0.2, 0.7, 0.2])
    assert by["bob"].weights == (0.0, 0.2, 0.8)


def test_persons_who_want_the_same_are_neighbours():
    weights = {f"p{index}": [0.9 - 0.01 * index, 0.1 + 0.01 * index][:: 1 if index % 2 else -1] for index in range(8)}
    sides = [one.weights[0] > 0.5 for one in person_places(weights)]
    assert sum(a != b for a, b in itertools.pairwise(sides)) == 1


def test_who_is_alone_has_nobody_near():
    (alone,) = person_places({"ann": [1.0]})
    assert (alone.nearest, alone.distance) == ("", 0.0)
    assert person_places({}) == []
