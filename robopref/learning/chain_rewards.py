"""Rewards of a judge's replies, as TRL's GRPOTrainer calls reward functions.

``GRPOTrainer(reward_funcs=[format_reward, accuracy_reward, dimension_reward], ...)`` on a file that ``robopref reasoned
hard`` wrote: each function is given the completions, texts or conversations, and the columns of the file by name, and
says a number of each completion, or None where it has nothing to say (UnifiedReward-Think, Wang et al. 2025, rewards
format and accuracy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robopref.labelers.judge import UnreadableReplyError, read_answer
from robopref.labelers.reasoned import chain_of, reasoned_prompt
from robopref.reasons import Chain

Completion = str | Sequence[Mapping[str, Any]]
_VERDICTS = {"first": 1.0, "second": 0.0, "tie": 0.5}


def format_reward(completions: Sequence[Completion], dimensions: Sequence[Sequence[str]], **_: Any) -> list[float]:
    """1 for a reply with a finding and scores of each dimension, and an answer that they do not all contradict; else 0.

    Args:
        completions: Replies (N,).
        dimensions: (N,) names that were asked for.
    """
    return [float(_chain(*one) is not None) for one in zip(completions, dimensions, strict=True)]


def accuracy_reward(
    completions: Sequence[Completion], dimensions: Sequence[Sequence[str]], verdict: Sequence[str], **_: Any
) -> list[float]:
    """1 for a reply of the right format with the right verdict, else 0.

    Args:
        completions: Replies (N,).
        dimensions: (N,) names that were asked for.
        verdict: (N,) ``first``, ``second`` or ``tie``.
    """
    rewards: list[float] = []
    for completion, names, right in zip(completions, dimensions, verdict, strict=True):
        chain = _chain(completion, names)
        rewards.append(float(chain is not None and chain.verdict == _VERDICTS[right]))
    return rewards


def dimension_reward(
    completions: Sequence[Completion], dimensions: Sequence[Sequence[str]], scores: Sequence[Any], **_: Any
) -> list[float | None]:
    """Share of dimensions by which a reply orders both items as the known scores do.

    Args:
        completions: Replies (N,).
        dimensions: (N,) names that were asked for.
        scores: (N,) a list of the scores of the first and the second item by each dimension; None where no scores are
            known.

    Returns:
        (N,) of shares; None where scores are not known.
    """
    rewards: list[float | None] = []
    for completion, names, known in zip(completions, dimensions, scores, strict=True):
        if not known:
            rewards.append(None)
            continue
        chain = _chain(completion, names)
        said = [] if chain is None else [_sign(*chain.scores[name]) for name in names]
        true = [_sign(*pair) for pair in known]
        rewards.append(sum(one == two for one, two in zip(said, true, strict=False)) / len(true))
    return rewards


def reply_text(completion: Completion) -> str:
    """The text of a completion, whose message may hold parts."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or ())


def _chain(completion: Completion, dimensions: Sequence[str]) -> Chain | None:
    """The chain of a reply; None if it has another format."""
    asked = dict.fromkeys(dimensions, "")
    try:
        answer = read_answer(reply_text(completion), reasoned_prompt("pair", asked).schema)
        return chain_of("pair", tuple(asked), answer, swapped=False)
    except UnreadableReplyError:
        return None


def _sign(first: float, second: float) -> int:
    return (first > second) - (first < second)
