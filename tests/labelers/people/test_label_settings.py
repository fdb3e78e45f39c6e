"""Settings of labelling by people."""

import pytest

from robopref.errors import ConfigError
from robopref.labelers.people.label_settings import LabelSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"host": "0.0.0.0"}, "everyone needs a token"),
        ({"host": "192.168.1.7"}, "labeler.annotators"),
        ({"port": 70000}, "port must be in 0 to 65535"),
        ({"repeats": 0.6}, r"labeler.repeats must be in \[0, 0.5\]"),
        ({"checks": -0.1}, "labeler.checks"),
        ({"levels": 1}, "levels must be in 2 to 9"),
        ({"annotators": ["a", "a"]}, "must differ"),
        ({"annotators": ["<b>"]}, "1 to 64 letters"),
        ({"annotator": "scripted-teacher"}, "is none of scripted-teacher"),
        ({"annotators": ["a"], "tokens": "file.json"}, "not both"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LabelSettings(**wrong)


def test_beyond_this_machine_there_are_tokens() -> None:
    assert LabelSettings(host="0.0.0.0", annotators=["ann", "bob"]).annotators == ["ann", "bob"]
    assert LabelSettings(host="0.0.0.0", tokens="tokens.json").host == "0.0.0.0"
