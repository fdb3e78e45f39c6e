import numpy as np

from robopref.explanation.feature_table import require_fitting
from robopref.explanation.grammar import parse_feature, parse_named
from robopref.explanation.offered import is_presentation, offered_features

ARRAYS = {
    "state": np.zeros((4, 6)), "action": np.zeros((4, 2)), "force": np.zeros(4), "points": np.zeros((4, 5, 3)),
    "image": np.zeros((4, 2, 2, 3), np.uint8), "snapshot": np.zeros((4, 3)), "camera": np.zeros(4),
}  # fmt: skip
NAMED = parse_named({"hand": "state[0:3]", "cube": "state[3:6]", "grip": "action[1]"}, ARRAYS)


def test_every_kind_of_feature_is_offered_and_fits() -> None:
    found = offered_features(ARRAYS, NAMED, several=True)
    names = [feature.name for feature in found]
    assert {
        "mean(state[0])", "change(action[1])", "greatest(force)", "mean(speed(state))", "mean(jerk(action))",
        "change(extent(points))", "last(height(points))", "mean(red(image))", "least(distance(hand, cube))",
        "least(nearest(points, hand))", "mean(grip)", "duration()", "shown_first()",
    } <= set(names)  # fmt: skip
    assert len(set(names)) == len(names)
    assert not any("snapshot" in name for name in names)
    require_fitting(found, ARRAYS, "offered")


def test_single_decisions_have_no_changes() -> None:
    one = {name: array[:1] for name, array in ARRAYS.items()}
    names = [feature.name for feature in offered_features(one, NAMED, several=False)]
    assert "mean(distance(hand, cube))" in names
    assert not any(word in name for name in names for word in ("change", "speed", "jerk"))


def test_channels_of_long_arrays_are_not_told_one_by_one() -> None:
    names = [one.name for one in offered_features({"state": np.zeros((4, 100))}, {}, several=True)]
    assert "mean(speed(state))" in names
    assert not any("state[" in name for name in names)


def test_how_items_were_shown_is_told_from_what_was_done() -> None:
    shown = {
        text: is_presentation(parse_feature(text, ARRAYS, NAMED), ["force"])
        for text in (
            "mean(camera)", "mean(red(image))", "duration()", "shown_first()", "mean(force)", "mean(state[0])",
            "mean(speed(state))",
        )
    }  # fmt: skip
    assert [text for text, is_shown in shown.items() if not is_shown] == ["mean(state[0])", "mean(speed(state))"]
