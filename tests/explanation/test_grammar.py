"""The grammar of features: what it reads, and that it refuses everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.errors import ConfigError
from robopref.explanation.grammar import parse_feature, parse_named, parse_series

ARRAYS = ["state", "action", "points", "after.points"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mean(state[3])", "mean(state[3])"),
        (" last( distance( state[0:3] ,state[3:6] ) ) ", "last(distance(state[0:3], state[3:6]))"),
        ("greatest(speed(action))", "greatest(speed(action))"),
        ("change(extent(after.points))", "change(extent(after.points))"),
        ("mean(distance(centre(points), state[0:3]))", "mean(distance(centre(points), state[0:3]))"),
        ("duration()", "duration()"),
        ("shown_first( )", "shown_first()"),
        ("mean(state[2:3])", "mean(state[2])"),
    ],
)
def test_a_feature_is_read_and_written(text: str, name: str) -> None:
    assert parse_feature(text, ARRAYS).name == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a name is missing"),
        ("mean", "'\\(' is missing"),
        ("mean(state", "'\\)' is missing"),
        ("mean(state) or 1", "follows what is one already"),
        ("mean(state, action)", "mean takes one series"),
        ("mean(distance(state))", "distance takes 2 series, got 1"),
        ("mean(state[3:3])", "are none"),
        ("mean(state[-1])", "belongs to no feature"),
        ("mean(state[0][1])", "'\\)'"),
        ("mean(state[123456])", "number of a channel"),
        ("mean(norm(state)[0])", "'\\)'"),
        ("__import__('os').system('ls')", "belongs to no feature"),
        ("mean(state.__class__)", "unknown quantity"),
        ("mean(lambda: 0)", "unknown quantity"),
        ("mean(" + "norm(" * 7 + "state" + ")" * 8, "nested more than"),
        ("mean(state)" + " " * 300, "at most 200 letters"),
        ("mean(state)\nimport os", "follows what is one already"),
        ("shown_first(state)", "expected '\\)'"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_feature(text, ARRAYS)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean speed\?"):
        parse_feature("mean(sped(action))", ARRAYS)
    with pytest.raises(ConfigError, match=r"Did you mean state\?"):
        parse_feature("mean(stat)", ARRAYS)
    with pytest.raises(ConfigError, match=r"Did you mean mean\?"):
        parse_feature("meen(state)", ARRAYS)


@given(st.one_of(st.text(alphabet="mean(state[0:3],speed)._ \n1", max_size=30), st.text(max_size=60)))
def test_whatever_comes_is_a_feature_or_an_error_and_reads_back(text: str) -> None:
    try:
        found = parse_feature(text, ARRAYS)
    except ConfigError:
        return
    assert parse_feature(found.name, ARRAYS) == found


def test_named_quantities_stand_for_series() -> None:
    named = parse_named({"cube": "state[0:3]", "gap": "distance(cube, action[0:3])"}, ARRAYS)
    found = parse_feature("least(gap)", ARRAYS, named)
    assert found.name == "least(gap)"
    assert found.arrays == {"state", "action"}
    assert found.functions == {"least", "distance"}
    assert found.quantities == {"gap"}
    assert str(parse_series("distance(cube, state[0:3])", ARRAYS, named)) == "distance(cube, state[0:3])"


@pytest.mark.parametrize("name", ["state", "mean", "speed", "a b", "1", "duration"])
def test_a_name_that_is_taken_or_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"explain\.quantities"):
        parse_named({name: "state[0]"}, ARRAYS)
