"""What stands around an answer in a reply: some frames say that it is one, all others that it may be a draft."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]{0,40})((?:\s[^<>]{0,200})?)>")
_ANSWERS = {
    "answer", "final", "final_answer", "finalanswer", "output", "response", "result", "solution", "json", "reply",
    "tool_call", "function_call",
}  # fmt: skip
_EMPTY = {"br", "hr", "img", "image", "video"}
_FENCE = re.compile(r"^[ \t]*```[ \t]*([^\s`]*)", re.M)
_FORMATS = {
    "",
    "json",
    "jsonc",
    "json5",
    "jsonl",
    "js",
    "javascript",
    "text",
    "txt",
    "plaintext",
    "tool_call",
    "output",
}


def draft_frame(before: str) -> str | None:
    """The frame within which an answer stands, if it is none that answers stand in.

    Args:
        before: The reply up to the answer.

    Returns:
        It, in words; None if there is no such frame.
    """
    tags: list[str] = []
    for closing, name, more in _TAG.findall(before):
        tag = name.lower()
        if not closing and tag not in _EMPTY and not more.endswith("/"):
            tags.append(tag)
        elif closing and tag in tags:
            del tags[len(tags) - 1 - tags[::-1].index(tag) :]
    strange = [tag for tag in tags if tag not in _ANSWERS]
    if strange:
        return f"<{strange[-1]}>"
    fences = _FENCE.findall(before)
    if len(fences) % 2 and fences[-1].lower() not in _FORMATS:
        return f"a block of {fences[-1][:40]}"
    return "a quotation" if before.rpartition("\n")[2].lstrip().startswith(">") else None


def other_choice(after: str, answer: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
    """A choice that is named after an answer and is not the one that it gives: it may take the answer back.

    Args:
        after: The reply from the end of the answer on.
        answer: Values by field.
        fields: What each field may be, in the words of JSON schema.

    Returns:
        The choice; None if none is named.
    """
    for name, field in fields.items():
        if "enum" in field:
            others = [str(one) for one in field["enum"] if one != answer[name]]
        elif field["type"] == "integer" and field.get("minimum") is not None:
            others = [str(one) for one in range(field["minimum"], field["maximum"] + 1) if one != answer[name]]
        else:
            continue
        for other in others:
            if re.search(rf"(?<![\w.]){re.escape(other)}(?!\w|\.\d)", after, re.I):
                return other
    return None
