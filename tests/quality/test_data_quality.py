import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episode_formats.dataset import Dataset
from robopref.errors import ConfigError, DataError
from robopref.quality.data_quality import QualityLimits, data_quality
from robopref.quality.data_summary import end_text, summarise
from robopref.reports.data_report import write_data_quality

STILL = QualityLimits(still=1e-6)  # starts are far apart, so steps are small against the range of the data


def episode(start, *, steps=10, action=0.1, reward=1.0, ends=True):
    """A point that moves by a tenth of its action a step, from its own start so that no step occurs twice."""
    moves = np.full((steps, 2), action, dtype=np.float32)
    state = start + 0.1 * np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    last = np.arange(steps) == steps - 1
    return {
        "state": state[:-1], "next_state": state[1:], "action": moves, "reward": np.full(steps, reward),
        "terminated": last & ends, "truncated": np.zeros(steps, dtype=bool),
        "time": np.arange(steps) * 0.1,
    }  # fmt: skip


def data(made, attrs=None):
    return Dataset(Path("reach.zarr"), attrs or {}, len(made), lambda: iter(made))


def plain(count=6):
    return [episode(100.0 * i) for i in range(count)]


def test_a_summary_counts_by_hand():
    made = [episode(0, steps=2), episode(10, steps=4, reward=-0.5, ends=False)]
    made[1]["action"][2, 0] = np.nan
    found = summarise(data(made))
    assert (found.steps, found.lengths.tolist()) == (6, [2, 4])
    assert found.returns is not None
    assert found.returns.tolist() == [2, -2]  # 2 * 1, 4 * -0.5
    assert (found.terminated.tolist(), found.truncated.tolist()) == ([True, False], [False, False])
    assert found.missing.tolist() == [0, 1]
    action = found.array("action")
    assert action is not None
    assert (action.missing, action.shape, action.blank) == (1, (2,), 0)
    assert action.high == pytest.approx(0.1)
    assert found.success is None
    alone = replace(found, gaps=None)
    assert end_text(alone) == "Of 2 episodes 1 terminated, 0 were cut off, 1 say neither."
    told = "Of 2 episodes 1 terminated, 0 were cut off, 1 say neither; {} in time{}."
    assert end_text(found) == told.format("no gaps", "")
    assert end_text(replace(found, gaps=np.array([2, 0]))) == told.format(
        "2 gaps", " in 1 episodes, beyond which chunks do not go"
    )


def test_blank_clouds_and_images_are_counted():
    cloud = np.zeros((3, 5, 3))
    cloud[1, 2, 0] = 1
    points = summarise(data([{"points": cloud}])).array("points")
    assert points is not None
    assert points.blank == 2


def test_a_plain_dataset_is_not_suspicious():
    found = data_quality(data(plain()), STILL)
    assert found.suspicious == {}
    assert found.repeated == 0
    assert (found.saturated == 0).all()
    assert found.actions.sum() == 6 * 10 * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda made: made[2]["action"].__setitem__((3, 0), np.inf), "missing numbers: 1"),
        (lambda made: made.__setitem__(4, made[1]), "the same as episode 1"),
        (lambda made: made.__setitem__(2, episode(200, action=1.0)), "100 % of action values at their bounds"),
        (lambda made: made.__setitem__(2, episode(200, action=1.5)), "actions outside [-1, 1]"),
        (lambda made: made.__setitem__(2, episode(200, action=0.0)), "nothing moves at 100 % of its steps"),
        (lambda made: made[2].update(time=np.arange(10) * 0.1 + (np.arange(10) > 4)), "gaps in time: 1"),
        (lambda made: made[2].update(time=np.arange(10) * 0.1 - (np.arange(10) > 4)), "gaps in time: 1"),
        (lambda made: made[2]["terminated"].__setitem__(4, True), "goes on after a step that ended it"),
        (lambda made: made.__setitem__(2, episode(200, ends=False)), "neither terminated nor truncated at its end"),
    ],
)
def test_what_was_planted_is_found_and_nothing_else(change, reason):
    made = plain()
    change(made)
    found = data_quality(data(made), STILL)
    (reasons,) = found.suspicious.values()
    assert reason in reasons
    assert all(other == reason or "outside" in reason for other in reasons)


def test_outliers_are_measured_from_the_median():
    made = [episode(100.0 * i, steps=steps) for i, steps in enumerate([9, 10, 10, 11, 11, 12, 40])]
    found = data_quality(data(made), STILL)
    # Median 11, deviations 2 1 1 0 0 1 29, their median 1: 0.6745 * 29 / 1 = 19.6; of the next, 0.6745 * 2 = 1.3.
    assert found.suspicious == {6: [
        "length 40 stands out (19.6 from the median)", "return 40 stands out (19.6 from the median)",
    ]}  # fmt: skip


def test_steps_that_occurred_before_are_counted():
    one = episode(0, steps=4)
    again = {key: array[1:] for key, array in one.items()}
    # The last three steps of the first are the second, which is no copy of it.
    found = data_quality(data([one, again]))
    assert found.repeated == 3
    assert found.copies.tolist() == [-1, -1]


def test_coverage_of_a_line_has_one_direction():
    found = data_quality(data(plain())).coverage
    assert found is not None
    assert found.explained == pytest.approx((1, 0), abs=1e-9), "both values always move together"
    assert found.source == "state"
    assert found.points.shape == (60, 2)


def test_clouds_in_any_order_of_points_are_covered_alike():
    rng = np.random.default_rng(0)
    clouds = rng.normal(size=(20, 8, 3))
    mixed = np.stack([rng.permutation(cloud) for cloud in clouds])
    one, other = (data_quality(data([{"points": points}])).coverage for points in (clouds, mixed))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.explained, other.explained)


def test_the_page_names_what_it_found_and_escapes_what_it_quotes(tmp_path):
    made = plain()
    made[4] = made[1]
    made[0]["reward"][:] = np.nan
    path = tmp_path / "reach.quality.html"
    write_data_quality(path, data(made, {"instruction": "<b>reach</b>"}))
    text = path.read_text()
    assert "&lt;b&gt;reach&lt;/b&gt;" in text
    assert "the same as episode 1" in text
    for title in ("Lengths", "Returns", "Actions", "Saturation", "Idle steps", "Coverage of states", "Time between"):
        assert f"<h3>{title}" in text
    numbers = json.loads((tmp_path / "reach.quality.json").read_text())
    assert (numbers["episodes"], numbers["steps"], numbers["duplicate_episodes"]) == (6, 60, 1)


def test_little_is_enough_for_a_page(tmp_path):
    write_data_quality(tmp_path / "a.html", data([{"action": np.zeros((1, 1))}]))
    assert "Actions" in (tmp_path / "a.html").read_text()


def test_bad_input_is_explained(tmp_path):
    with pytest.raises(DataError, match="holds no episodes"):
        data_quality(data([]))
    with pytest.raises(ConfigError, match="gap must be positive"):
        QualityLimits(gap=0)
    with pytest.raises(DataError, match="cannot be written"):
        write_data_quality(tmp_path / "no/such/a.html", data([{"action": np.zeros((1, 1))}]))


def test_colours_of_clouds_say_nothing_of_motion_and_coverage():
    rng = np.random.default_rng(0)
    clouds = rng.uniform(0, 0.1, (4, 10, 5, 3))
    made = [{"points": cloud, "action": np.zeros((10, 1))} for cloud in clouds]
    colours = rng.uniform(0, 255, clouds.shape).round()
    coloured = [
        {**one, "points": np.concatenate([one["points"], colour], axis=-1)}
        for one, colour in zip(made, colours, strict=True)
    ]
    plain, other = (data_quality(data(one)) for one in (made, coloured))
    np.testing.assert_array_equal(plain.idle, other.idle)
    assert plain.idle.max() == 0
    assert plain.coverage is not None
    assert other.coverage is not None
    np.testing.assert_allclose(plain.coverage.explained, other.coverage.explained)
