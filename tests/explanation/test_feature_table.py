import numpy as np
import pytest

from robopref.answers import Answers
from robopref.errors import ConfigError, DataError
from robopref.explanation.feature_table import channels_of, evaluate, feature_table, require_fitting, series_of
from robopref.explanation.grammar import parse_feature, parse_named, parse_series
from robopref.records import Feedback, Item, Preference, Query

# Three steps: the hand goes 1 m along x, then 2 m along y; the cube stays at the origin.
HAND = np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0]])
CLOUD = np.array([[[0, 0, 0], [3, 4, 0], [0, 0, 2.0]]] * 3)
PICTURE = np.zeros((3, 2, 2, 3), np.uint8)
PICTURE[..., 0] = 255
ARRAYS = {"state": np.hstack([HAND, np.zeros((3, 3))]), "points": CLOUD, "image": PICTURE, "force": np.arange(3.0)}
NAMED = parse_named({"hand": "state[0:3]", "cube": "state[3:6]"}, ARRAYS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("mean(force)", 1.0),  # (0 + 1 + 2) / 3
        ("total(force)", 3.0),
        ("change(force)", 2.0),
        ("spread(force)", np.sqrt(2 / 3)),  # (1 + 0 + 1) / 3
        ("first(state[0])", 0.0),
        ("total(speed(hand))", 3.0),  # the path: 1 + 2
        ("greatest(speed(hand))", 2.0),
        ("mean(acceleration(hand))", np.sqrt(5)),  # from (1, 0) to (0, 2)
        ("mean(jerk(hand))", 0.0),  # three steps have none
        ("last(distance(hand, cube))", np.sqrt(5)),
        ("least(distance(hand, cube))", 0.0),
        ("mean(norm(state))", (0 + 1 + np.sqrt(5)) / 3),
        ("mean(extent(points))", np.sqrt(9 + 16 + 4)),
        ("last(height(points))", 2.0),
        ("first(distance(centre(points), hand))", np.sqrt(1 + (4 / 3) ** 2 + (2 / 3) ** 2)),
        ("first(nearest(points, cube))", 0.0),
        ("last(nearest(points, hand))", np.sqrt(5)),  # from (1, 2, 0): 5 to the origin, 8 to (3, 4, 0), 9 to (0, 0, 2)
        ("mean(brightness(image))", 1 / 3),
        ("mean(red(image))", 2 / 3),
        ("mean(blue(image))", -1 / 3),
    ],
)
def test_features_of_an_item_by_hand(text: str, value: float) -> None:
    assert evaluate(parse_feature(text, ARRAYS, NAMED), ARRAYS) == pytest.approx(value)


def test_the_state_of_a_candidate_is_one_step_for_all_of_its_actions() -> None:
    arrays = {"action": HAND, "points": CLOUD[:1], "state": np.array([[1.0, 0, 0]])}
    assert evaluate(parse_feature("least(nearest(points, action))", arrays), arrays) == 0
    assert evaluate(parse_feature("total(distance(action, state))", arrays), arrays) == pytest.approx(1 + 0 + 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mean(state)", "of one number a step, got 6"),
        ("mean(state[9])", "state has 6 channels, 0 to 5"),
        ("mean(extent(state))", "extent is of clouds"),
        ("mean(red(points))", "colour is of pictures"),
        ("mean(distance(state, hand))", "of one size, got 6 and 3"),
        ("mean(nearest(points, state))", "three numbers a step, got 6"),
    ],
)
def test_what_does_not_fit_the_arrays_is_refused(text: str, why: str) -> None:
    feature = parse_feature(text, ARRAYS, NAMED)
    with pytest.raises(DataError, match=why):
        evaluate(feature, ARRAYS)
    with pytest.raises(ConfigError, match=r"explain\.features: mean"):
        require_fitting([feature], ARRAYS, "explain.features")


def test_a_series_is_told_step_by_step() -> None:
    assert series_of(parse_series("distance(hand, cube)", ARRAYS, NAMED), ARRAYS).tolist() == [0, 1, np.sqrt(5)]
    assert channels_of(NAMED["hand"], ARRAYS) == 3
    assert channels_of(parse_series("state[9]", ARRAYS), ARRAYS) == 0


def paired(orders=((), (), ())):
    items = [Item("run", k, k + 1 + (k == 3)) for k in range(4)]
    queries = [Query(f"q{k}", "pair", (items[0], items[k + 1])) for k in range(3)]
    feedback = [Feedback(f"q{k}", Preference(p), "ann", order=orders[k]) for k, p in enumerate((1, 0, 0.5))]
    return Answers.of(queries, feedback)


def lookup(item):
    value = float(item.start)
    return {"x": np.full(item.stop - item.start, value), "double": np.full(item.stop - item.start, 2 * value),
            "minus": np.array([-value]), "one": np.ones(1), "bad": np.array([np.nan])}  # fmt: skip


def features(*texts):
    return [parse_feature(text, lookup(Item("run", 0, 1))) for text in texts]


def test_a_table_holds_differences_of_what_varies_once() -> None:
    table = feature_table(
        paired(),
        lookup,
        features("mean(x)", "mean(double)", "mean(minus)", "mean(one)", "mean(bad)", "duration()", "shown_first()"),
    )
    assert [one.name for one in table.features] == ["mean(x)", "duration()", "shown_first()"]
    # The first item is 0, the others 1, 2 and 3, of which the last is a step longer; what was asked first counts as 1.
    assert table.answers.difference.T.tolist() == [[-1, -2, -3], [0, 0, -1], [1, 1, 1]]
    assert table.answers.p.tolist() == [1, 0, 0.5]
    assert dict(table.left_out) == {
        "mean(double)": "it is mean(x) again",
        "mean(minus)": "it is mean(x) the other way round",
        "mean(one)": "the items of no pair differ in it",
        "mean(bad)": "it is not finite for all items",
    }
    assert table.same == {"mean(double)": "mean(x)"}


def test_what_was_shown_first_is_by_the_order_that_was_recorded() -> None:
    table = feature_table(paired(((1, 0), (0, 1), ())), lookup, features("shown_first()"))
    assert table.answers.difference[:, 0].tolist() == [-1, 1, 1]


def test_what_a_scripted_teacher_answers_was_shown_to_nobody() -> None:
    items = [Item("run", k, k + 1) for k in range(2)]
    taught = [Feedback("q", Preference(1), "scripted-teacher", "0123abcd-7")]
    table = feature_table(Answers.of([Query("q", "pair", tuple(items))], taught), lookup, features("shown_first()"))
    assert dict(table.left_out) == {"shown_first()": "the items of no pair differ in it"}


def test_tables_join_and_keep_what_the_first_has() -> None:
    one = feature_table(paired(), lookup, features("mean(x)", "mean(one)"))
    both = one.joined(feature_table(paired(), lookup, features("mean(double)", "duration()", "mean(x)")))
    assert [feature.name for feature in both.features] == ["mean(x)", "duration()"]
    assert both.same == {"mean(double)": "mean(x)"}
    assert set(dict(both.left_out)) == {"mean(one)", "mean(double)"}


def test_answers_about_candidates_of_a_state_are_of_one_cluster() -> None:
    candidates = [Item("c", 0, 1, k) for k in range(3)] + [Item("c", 1, 2, k) for k in range(2)]
    queries = [Query(f"q{i}{j}", "pair", (candidates[i], candidates[j])) for i, j in ((0, 1), (1, 2), (3, 4))]
    answers = Answers.of(queries, [Feedback(query.id, Preference(1), "ann") for query in queries])
    table = feature_table(answers, lambda item: {"x": np.array([float(item.candidate or 0)])}, features("mean(x)"))
    assert table.answers.cluster.tolist() == [0, 0, 1]
    segments = paired()
    assert feature_table(segments, lookup, features("mean(x)")).answers.cluster.tolist() == [0, 1, 2]
