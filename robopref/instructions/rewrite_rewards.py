"""Rewards of a model's rewrites, as TRL's GRPOTrainer calls reward functions.

``GRPOTrainer(reward_funcs=[format_reward, intent_reward, checklist_reward], ...)`` on the file ``prompts.jsonl`` that
``robopref train rewriter`` writes, or that `rewrite_rows` makes of other cases: each function is given the completions,
texts or conversations, and the columns of the file by name, and says a number of each completion.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from robopref.checklists.checklist import score, verdicts
from robopref.checklists.vocabulary import Vocabulary, shipped_vocabulary
from robopref.instructions.case import Case, case_of, plain_requirements
from robopref.instructions.model_rewriter import SCHEMA, of_reply, rewrite_prompt
from robopref.instructions.rewrite import Rewrite, changed_intent
from robopref.instructions.table_simulator import TableSimulator
from robopref.labelers.judge import UnreadableReplyError, read_answer
from robopref.learning.chain_rewards import Completion, reply_text

_SEEDS = 4  # rollouts of a rewrite


def rewrite_rows(cases: Iterable[Case], vocabulary: Vocabulary) -> Iterator[dict[str, Any]]:
    """Rows of a data set for GRPOTrainer and the functions below.

    Args:
        cases: Instructions of which it is known what is wanted.
        vocabulary: Key points.

    Yields:
        ``prompt``, ``instruction``, ``scene``, and what is ``wanted``, as JSON.
    """
    for case in cases:
        yield {
            "prompt": [{"role": "user", "content": rewrite_prompt(case, vocabulary)}], "instruction": case.instruction,
            "scene": list(case.scene), "wanted": json.dumps(plain_requirements(case.wanted)),
        }  # fmt: skip


def format_reward(
    completions: Sequence[Completion], instruction: Sequence[str], scene: Sequence[Sequence[str]],
    wanted: Sequence[str], **_: Any,
) -> list[float]:  # fmt: skip
    """Share of the clauses of a reply that ask for a key point and may be added; 0 for what is no such reply.

    Args:
        completions: Replies (N,).
        instruction: (N,) terse instructions.
        scene: (N,) what is around.
        wanted: (N,) what is wanted, as JSON.
    """
    rewards: list[float] = []
    for made in map(_rewrite, completions, instruction, scene, wanted):
        proposed = 0 if made is None else len(made.additions) + len(made.refused)
        rewards.append(0.0 if made is None else len(made.additions) / proposed if proposed else 1.0)
    return rewards


def intent_reward(
    completions: Sequence[Completion], instruction: Sequence[str], scene: Sequence[Sequence[str]],
    wanted: Sequence[str], **_: Any,
) -> list[float]:  # fmt: skip
    """0 for a reply that does something else than what is wanted, -1 for what is no reply, and 0.2 for any other.

    Args:
        completions: Replies (N,).
        instruction: (N,) terse instructions.
        scene: (N,) what is around.
        wanted: (N,) what is wanted, as JSON.
    """
    vocabulary = shipped_vocabulary()
    return [
        -1.0 if made is None else 0.0 if changed_intent(made, vocabulary) else 0.2
        for made in map(_rewrite, completions, instruction, scene, wanted)
    ]


def checklist_reward(
    completions: Sequence[Completion], instruction: Sequence[str], scene: Sequence[Sequence[str]],
    wanted: Sequence[str], **_: Any,
) -> list[float]:  # fmt: skip
    """Share of what is wanted that a simulated robot does when it is told what a reply adds; 0 for what is no reply.

    Args:
        completions: Replies (N,).
        instruction: (N,) terse instructions.
        scene: (N,) what is around.
        wanted: (N,) what is wanted, as JSON.
    """
    vocabulary = shipped_vocabulary()
    robot = TableSimulator(vocabulary)
    rewards: list[float] = []
    for made in map(_rewrite, completions, instruction, scene, wanted):
        if made is None:
            rewards.append(0.0)
            continue
        told = made.asked[: robot.obeyed]
        traces = [robot.carry_out(made.case, told, seed) for seed in range(_SEEDS)]
        shares = [score(verdicts(vocabulary, made.case.wanted, trace)) or 0.0 for trace in traces]
        rewards.append(sum(shares) / len(shares))
    return rewards


def _rewrite(completion: Completion, instruction: str, scene: Sequence[str], wanted: str) -> Rewrite | None:
    vocabulary = shipped_vocabulary()
    content = {"instruction": instruction, "scene": list(scene), "wanted": json.loads(wanted)}
    try:
        said = read_answer(reply_text(completion), SCHEMA)
    except UnreadableReplyError:
        return None
    return of_reply(case_of(content, vocabulary), vocabulary, said)
