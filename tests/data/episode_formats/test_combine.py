import numpy as np
import pytest

from robopref.data.episode_formats.combine import merge, split
from robopref.errors import ConfigError, DataError
from tests.data.episode_formats.worlds import ATTRS, dataset, episodes, same

KEYS = ("state", "action", "reward")


def test_merging_keeps_the_order_and_says_where_episodes_are_from():
    one, other = dataset(*KEYS), dataset(*KEYS, attrs={**ATTRS, "seed": 4}, lengths=(2, 5), seed=1)
    merged = merge([one, other])
    assert [len(episode["action"]) for episode in merged] == [3, 1, 4, 2, 5]
    assert merged.count == 5
    assert "seed" not in merged.attrs, "they differ in it"
    assert merged.attrs["merged"] == [
        {"path": "memory", "episodes": 3, "seed": 3}, {"path": "memory", "episodes": 2, "seed": 4},
    ]  # fmt: skip
    assert merged.attrs["instruction"] == ATTRS["instruction"]


def test_arrays_that_differ_are_named():
    one = dataset(*KEYS, "points")
    other = dataset(*KEYS).mapped(lambda episode: {**episode, "action": episode["action"].astype(np.float64)})
    with pytest.raises(DataError) as raised:
        merge([one, other])
    assert "memory has points, memory has not" in str(raised.value)
    assert "action is float32 (2,) in memory and float64 (2,) in memory" in str(raised.value)


def test_other_tasks_are_refused_unless_asked_for():
    one, other = dataset(*KEYS), dataset(*KEYS, attrs={**ATTRS, "instruction": "tie a knot"})
    with pytest.raises(DataError, match=r'instruction is "straighten the rope" and "tie a knot"'):
        merge([one, other])
    assert merge([one, other], attributes="first").attrs["instruction"] == "straighten the rope"
    with pytest.raises(ConfigError, match="two datasets or more"):
        merge([one])
    with pytest.raises(ConfigError, match="same or first"):
        merge([one, other], attributes="last")


def test_a_split_has_every_episode_once_and_depends_on_the_seed_alone():
    data = dataset(*KEYS, lengths=range(1, 21))
    lengths = {}
    for seed in (0, 0, 1):
        a, b = split(data, 0.25, seed=seed)
        assert (a.count, b.count) == (5, 15)
        parts = [[len(episode["action"]) for episode in part] for part in (a, b)]
        assert sorted(parts[0] + parts[1]) == list(range(1, 21))
        assert all(part == sorted(part) for part in parts), "episodes stay in order"
        lengths.setdefault(seed, []).append(parts)
    assert lengths[0][0] == lengths[0][1] != lengths[1][0]


def test_a_split_by_order_takes_the_first_episodes():
    a, b = split(dataset(*KEYS, lengths=(1, 2, 3, 4)), 0.5, by="order")
    assert [len(episode["action"]) for episode in a] == [1, 2]
    assert [len(episode["action"]) for episode in b] == [3, 4]
    assert same(merge([a, b], attributes="first").mapped(dict), merge([a, b])), "both say the same"


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split(dataset(*KEYS), fraction)


def test_a_part_without_episodes_is_refused():
    with pytest.raises(DataError, match="leaves one part empty"):
        split(dataset(*KEYS), 0.01)
    with pytest.raises(ConfigError, match="episode or order"):
        split(dataset(*KEYS), 0.5, by="step")
    assert len(episodes(*KEYS)) == 3
