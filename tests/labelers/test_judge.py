"""What counts as the same request, and what can be read of a reply."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.errors import ConfigError
from robopref.labelers.judge import (
    Prices,
    Reply,
    UnreadableReplyError,
    Usage,
    read_answer,
    request_key,
    sounds_like_refusal,
)
from robopref.labelers.prompts import PAIR_SCHEMA, PROMPTS, RATING_SCHEMA, prompt_for

GOOD = {"reasoning": "because", "answer": "first", "confidence": 0.75}


def test_an_answer_is_read_with_or_without_something_around_it() -> None:
    plain = json.dumps(GOOD)
    for text in (plain, f"```json\n{plain}\n```", f"Here it is:\n{plain}\nI hope that helps {{}}."):
        assert read_answer(text, PAIR_SCHEMA) == GOOD


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("The second one.", "prose"),
        (json.dumps(GOOD)[:-8], "broken or cut off"),
        (json.dumps(GOOD | {"answer": "Z"}), "must be one of first, second, tie, cannot tell, got 'Z'"),
        (json.dumps(GOOD | {"answer": "第二个"}), "must be one of"),
        (json.dumps(GOOD | {"answer": ["first"]}), "must be a string"),
        (json.dumps(GOOD | {"confidence": "high"}), "must be a number"),
        (json.dumps(GOOD | {"confidence": True}), "must be a number"),
        (json.dumps(GOOD | {"confidence": 85}), r"must be in \[0, 1\]"),
        (json.dumps(GOOD).replace("0.75", "NaN"), r"must be in \[0, 1\]"),
        (json.dumps({"answer": "first", "confidence": 1}), "no 'reasoning'"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, problem: str) -> None:
    with pytest.raises(UnreadableReplyError, match=problem):
        read_answer(text, PAIR_SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "I could say {draft} but no.\n</think>\n\n{good}",
        "<think>Compare {{first, second}}, {draft}</think>{good}",
        "<think>{draft}</think> or <think>{draft} again</think>{good}",
        "◁think▷{draft}◁/think▷{good}",
        "[THINK]{draft}[/THINK]{good}",
        "<|START_THINKING|>{draft}<|END_THINKING|>{good}",
        "<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{good}",
        "<|channel>thought\n{draft}<channel|>{good}",
        "<seed:think>{draft}</seed:think><answer>{good}</answer>",
        '{{"type": "object", "properties": {{"answer": {{"enum": ["first"]}}}}}}\n{good}',
        "Options are {{first, second, tie}}.\n{good}",
        "{good}\n{good}",
        "[{good}]",
        "analysisWe compare: {draft} or so.assistantfinal{good}",
        "<|channel|>analysis<|message|>{draft}<|end|><|channel|>final <|constrain|>json<|message|>{good}",
        "<|im_start|>think\n{draft}<|im_end|><|im_start|>answer\n{good}",
        "<｜begin▁of▁thinking｜>{draft}<｜end▁of▁thinking｜>{good}",
        '<think time="3">{draft}</think><final_answer>\n{good}</final_answer>',
        "<b>So</b><br>\n```json\n{good}\n```\nLet me know if you need more.",
        "```python\nx\n```\n{good}",
    ],
)
def test_what_follows_the_last_end_of_thinking_counts(text: str) -> None:
    draft = json.dumps(GOOD | {"answer": "second"})
    assert read_answer(text.format(draft=draft, good=json.dumps(GOOD)), PAIR_SCHEMA) == GOOD


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<think>maybe {draft} or", "in the middle of the model's reasoning"),
        ("<think>a</think><think>{draft}", "in the middle of the model's reasoning"),
        ("<|channel|>analysis<|message|>{draft}", "in the middle of the model's reasoning"),
        ("<|im_start|>think\n{draft}", "in the middle of the model's reasoning"),
        ("analysisWe compare: {draft}", "in the middle of the model's reasoning"),
        ('<think time="3">{draft}', "in the middle of the model's reasoning"),
        ("＜think＞{draft}", "in the middle of the model's reasoning"),
        ("<cot>perhaps {draft}", "stands in <cot>"),
        ("<plan>{draft}</plan>", "stands in <plan>"),
        ("```thinking\n{draft}\n```", "stands in a block of thinking"),
        ("You said:\n> {draft}", "stands in a quotation"),
        ("{draft}\n\nWait, that was wrong: the first is better.", "names 'first' after its answer"),
        ("{draft} Oh, I cannot tell.", "names 'cannot tell' after its answer"),
        ("{draft} but no: {good}", "2 answers that differ"),
        ("[{draft}, {good}]", "2 answers that differ"),
        ('{draft}{{"final": {good}}}', "2 answers that differ"),
        ("{draft} but no: {{'answer': 'first'}}", "broken or cut off"),
        ('{draft} but no: {{answer: "first"}}', "broken or cut off"),
        ('{draft} but no: {{"reasoning": "it is', "broken or cut off"),
        ('{{"answer": "first", "answer": "second", "reasoning": "", "confidence": 1}}', "a name stands twice"),
        ('{{"a":' * 90_000, "nested too deeply"),
        ("[{{" * 30_000, "broken or cut off"),
        ("<" + "think" * 20_000, "prose"),
    ],
)
def test_drafts_and_contradictions_are_no_answer(text: str, problem: str) -> None:
    draft = json.dumps(GOOD | {"answer": "second"})
    with pytest.raises(UnreadableReplyError, match=problem):
        read_answer(text.format(draft=draft, good=json.dumps(GOOD)), PAIR_SCHEMA)


def test_what_no_file_can_hold_is_not_kept() -> None:
    reply = Reply("a\ud800b\0c\x1b[31m\r\nd\ud83d\ude00")
    assert reply.text == "a\ufffdb\ufffdc\ufffd[31m\nd\U0001f600"
    reply.text.encode()
    long = Reply("x" * 200_000)
    assert long.cut
    assert len(long.text) == 100_000


def test_a_rating_is_a_whole_number_of_the_scale() -> None:
    good = {"reasoning": "", "answer": "rated", "rating": 10, "confidence": 1}
    assert read_answer(json.dumps(good), RATING_SCHEMA) == good
    for wrong in (11, -1, 2.5, "3"):
        with pytest.raises(UnreadableReplyError):
            read_answer(json.dumps(good | {"rating": wrong}), RATING_SCHEMA)


@given(st.text())
def test_any_text_is_either_an_answer_or_unreadable(text: str) -> None:
    with pytest.raises(UnreadableReplyError):
        read_answer(text, PAIR_SCHEMA)


def test_refusals_in_english_are_recognised() -> None:
    for text in ("I'm sorry, but I can't help with that.", "I cannot assist with this request.", "I apologize, no."):
        assert sounds_like_refusal(text)
    for text in ("The first item is nearer.", "Das zweite Bild ist besser.", ""):
        assert not sounds_like_refusal(text)


def test_a_request_is_named_by_everything_that_is_asked() -> None:
    one, two = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)
    two[0, 0, 0] = 1
    base = request_key("m", ["a", one, two], PAIR_SCHEMA, 0)
    assert base == request_key("m", ["a", one.copy(), two.copy()], dict(PAIR_SCHEMA), 0)
    others = [
        request_key("n", ["a", one, two], PAIR_SCHEMA, 0),
        request_key("m", ["a", two, one], PAIR_SCHEMA, 0),  # the other order
        request_key("m", ["b", one, two], PAIR_SCHEMA, 0),  # other words
        request_key("m", ["a", one, two], RATING_SCHEMA, 0),
        request_key("m", ["a", one, two], None, 0),
        request_key("m", ["a", one, two], PAIR_SCHEMA, 1),  # another sample
        request_key("m", ["a", one.reshape(6, 4, 3), two], PAIR_SCHEMA, 0),  # the same bytes in another shape
        request_key("m", ["a", "", one, two], PAIR_SCHEMA, 0),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_where_one_text_ends_matters() -> None:
    assert request_key("m", ["ab", "c"], None, 0) != request_key("m", ["a", "bc"], None, 0)


def test_cost_is_price_times_tokens() -> None:
    # 2 USD a million * 3000 + 8 USD a million * 500 = 0.006 + 0.004 USD.
    assert Prices(2.0, 8.0).cost(Usage(3000, 500)) == pytest.approx(0.010)
    assert Prices.given(None, None) is None
    with pytest.raises(ConfigError, match="or neither"):
        Prices.given(1.0, None)
    with pytest.raises(ConfigError, match="negative"):
        Prices(-1.0, 0.0)
    with pytest.raises(ConfigError, match="negative"):
        Prices(float("inf"), 0.0)


def test_versions_of_prompts_differ_and_their_reasoning_comes_before_the_answer() -> None:
    assert len({prompt.version for prompt in PROMPTS.values()}) == len(PROMPTS)
    for (stages, kind), prompt in PROMPTS.items():
        assert prompt_for(stages, kind) is prompt
        assert list(prompt.schema["properties"])[:2] == ["reasoning", "answer"]
        assert "Z-task" in prompt.look.format(task="Z-task")
        assert (prompt.conclude is not None) == (stages == "two_stage")
    with pytest.raises(ConfigError, match="two_stage"):
        prompt_for("three_stage", "pair")


def test_another_rating_after_the_answer_takes_it_back() -> None:
    good = json.dumps({"reasoning": "", "answer": "rated", "rating": 7, "confidence": 1})
    assert read_answer(f"{good}\nThat is 7 of 0.95, version 1.5.", RATING_SCHEMA)["rating"] == 7
    with pytest.raises(UnreadableReplyError, match="names '4'"):
        read_answer(f"{good}\nNo: 4.", RATING_SCHEMA)
