import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.querying.question_reward import question_prompts, question_reward, read_question

MASKED = ["feature height", "threshold gap"]


def asks(kind, name):
    return json.dumps({"kind": kind, "feature": name})


def reward(*completions, **columns):
    return question_reward(list(completions), masked=[MASKED] * len(completions), **columns)


def test_new_masked_information_is_rewarded():
    completions = [asks("feature", "height"), asks("threshold", "gap"), asks("feature", "gap"), "How high?"]
    assert reward(*completions) == [1.0, 1.0, 0.0, -1.0]


def test_what_was_asked_before_is_not_new():
    assert reward(asks("feature", "height"), asks("threshold", "gap"), asked=[["feature height"], []]) == [0.0, 1.0]


def test_conversations_and_other_columns_are_taken_as_trl_gives_them():
    said = [{"role": "assistant", "content": f"I ask: {asks('feature', 'height')}"}]
    found = question_reward(
        prompts=["p"], completions=[said], completion_ids=[[1]], trainer_state=None, masked=[json.dumps(MASKED)]
    )
    assert found == [1.0]
    assert isinstance(found[0], float)


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "{kind: feature}", asks("feature", "a") + asks("feature", "b"), asks("colour", "height"),
        '{"kind": "feature", "feature": 3}', '{"kind": ["feature"], "feature": "height"}',
        "x" * 3000 + asks("feature", "a"),
    ],
)  # fmt: skip
def test_what_is_no_question_costs(text):
    assert read_question(text) is None
    assert reward(text) == [-1.0]


@given(
    st.lists(st.text(max_size=30) | st.none() | st.lists(st.dictionaries(st.text(max_size=8), st.text()), max_size=2))
)
def test_whatever_a_model_writes_there_is_one_number_each(completions):
    found = reward(*completions)
    assert len(found) == len(completions)
    assert set(found) <= {1.0, 0.0, -1.0}


def test_prompts_hold_what_the_reward_goes_by():
    (row,) = question_prompts([("low over the table", ["height", "gap"], MASKED, ["feature gap"])])
    assert "low over the table" in row["prompt"]
    assert "Asked already: feature gap." in row["prompt"]
    assert question_reward([asks("feature", "height")], masked=[row["masked"]], asked=[row["asked"]]) == [1.0]
