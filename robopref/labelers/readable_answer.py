"""Asking a model until its reply can be read, or there is a reason why there is no answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from robopref.errors import RoboprefError
from robopref.labelers.judge import (
    Judge,
    NoReplyError,
    NotServedError,
    Part,
    Reply,
    Schema,
    UnreadableReplyError,
    read_answer,
    sounds_like_refusal,
)
from robopref.labelers.prompts import REPAIR

# Why there is no answer. A tie is none of these: it is a preference of 0.5.
CANNOT_TELL = "cannot tell"
REFUSED = "refused"
UNREADABLE = "unreadable reply"
ERROR = "error"
CUT = "the reply was cut off, by the server or at labeler.judge.max_tokens"
QUOTED = 500  # characters of an unreadable reply that are shown to the model again

_Read = TypeVar("_Read")


class UnansweredError(RoboprefError):
    """No answer came of a question.

    Args:
        reason: In a word or two, for an abstention.
        said: What happened, or what the model said.
        problem: What was wrong with a reply that could not be read.
    """

    def __init__(self, reason: str, said: str, problem: UnreadableReplyError | None = None) -> None:
        super().__init__(said)
        self.reason, self.said, self.problem = reason, said, problem


def readable_answer(
    judge: Judge,
    asked: Sequence[Part],
    schema: Schema,
    read: Callable[[Reply], _Read],
    *,
    repairs: int,
    sample: int = 0,
) -> _Read:
    """Ask, and ask again with what was wrong where a reply cannot be read.

    Args:
        judge: The model.
        asked: Parts of the question.
        schema: Of the reply.
        read: Makes something of a reply, or raises `UnreadableReplyError`.
        repairs: How often it is asked again.
        sample: As for `Judge.ask`.

    Returns:
        What was read.

    Raises:
        UnansweredError: The model refuses, no reply can be read, or the request failed.
        NotServedError: The judge cannot be asked at all.
        BudgetSpentError: The budget of the judge is.
    """
    problem, reply = None, Reply("")
    for _ in range(1 + repairs):
        again = [] if problem is None else [REPAIR.format(reply=reply.text[:QUOTED], problem=problem)]
        try:
            reply = judge.ask([*asked, *again], schema, sample=sample)
        except NotServedError:
            raise
        except NoReplyError as error:
            raise UnansweredError(ERROR, str(error)) from error
        if reply.refused or ("{" not in reply.text and sounds_like_refusal(reply.text)):
            raise UnansweredError(REFUSED, reply.text)
        try:
            return read(reply)
        except UnreadableReplyError as error:
            problem = error
    raise UnansweredError(UNREADABLE, f"{problem}: {reply.text[:QUOTED]}", problem)


def fields_of(reply: Reply, schema: Schema) -> dict[str, Any]:
    """The fields of a reply; one that was cut off might have gone on to say something else.

    Raises:
        UnreadableReplyError: It was cut off, or see `read_answer`.
    """
    if reply.cut:
        raise UnreadableReplyError(CUT)
    return read_answer(reply.text, schema)
