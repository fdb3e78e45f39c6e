"""JSON that people write: a key that is given twice is refused, wherever it stands."""

import pytest

from robopref.plain_json import GivenTwiceError, plain_json


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"ann": 1,\n "bob": 2,\n "ann": 3}', "gives 'ann' twice, in lines 1 and 3; leave one of them out"),
        ('[{"a": 1, "b": 2},\n {"x": {"b": 1,\n\n "b": 2}}]', "gives 'b' twice, in lines 2 and 4;"),
        ('{"a": 1, "a": 1}', "gives 'a' twice; leave"),
        (b'{\n\t"a": 1,\n\t"a": 2\n}', "gives 'a' twice, in lines 2 and 3;"),
        ('{"a": "\\" {",\n "x": {"a": "a"}, "\\u0061": 2}', "gives 'a' twice, in lines 1 and 2;"),
        ('[\n{"a": 1,\n"a": 2}, &x [*x]]', "gives 'a' twice, in lines 2 and 3;"),  # what follows is no JSON
        ('[\n{"a": 1,\n"a": 2},' + "[" * 100_000, "gives 'a' twice, in lines 2 and 3;"),
        ('{\n"a\\nb": 1, "a\\nb": 2}', "gives 'a b' twice, in line 2;"),
    ],
)
def test_a_key_that_is_given_twice_is_named_with_its_lines(text: str | bytes, told: str) -> None:
    with pytest.raises(GivenTwiceError) as raised:
        plain_json(text)
    assert str(raised.value).startswith(told)


def test_all_else_is_as_json_has_it() -> None:
    assert plain_json('{"a": {"b": 1}, "c": [{"b": 1}, {"b": 2}]}') == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 2}]}
    with pytest.raises(ValueError, match="Expecting"):
        plain_json("{")
