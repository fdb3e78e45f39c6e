"""A small network that says which question to ask, by what each would tell and what is known already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.querying.question_value import QuestionValue, information_of_each, open_rewards
from robopref.records import QUERY_KINDS
from robopref.rewards.answer_likelihood import TypedQuestion

Values = NDArray[np.float64]
# What the network sees of a question: see `question_features`.
SEEN = ("open", "by the second", "all", "told", "asked", "spread", "lean", "seconds", *QUERY_KINDS)
_SECONDS = 10.0  # unit of times


class AskingPolicy(nn.Module):
    """Scores of questions, of which the softmax is the chance that each is asked.

    Args:
        hidden: Width of its two layers.
    """

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(len(SEEN), hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Scores (N,) of questions of which is seen (N, len(SEEN))."""
        return self.layers(seen).squeeze(-1)


def question_features(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> Values:
    """What the network sees of questions, whatever the features of the task.

    Args:
        value: What is believed and known.
        questions: N of any kinds.
        rng: Source of what has to be drawn for long rankings.

    Returns:
        (N, len(SEEN)): information about what the brief leaves open, in nats, and by ten seconds; about all of the
        reward; whether the brief says it already; whether it was asked; how far open the weight of the feature that is
        asked about is, or of all for other questions, as a share of the prior, and how sure its sign is; the time; the
        kind.
    """
    belief, brief = value.belief, value.brief
    model, believed, left = belief.model, belief.rewards, open_rewards(belief, brief)
    spread = believed.weights.std(0) / np.maximum(belief.prior.std, 1e-9)
    lean = np.abs((believed.weights > 0).mean(0) - 0.5) * 2
    rows = np.zeros((len(questions), len(SEEN)))
    of_open, of_all = (information_of_each(questions, rewards, model, rng) for rewards in (left, believed))
    for row, one, told, every in zip(rows, questions, of_open, of_all, strict=True):
        seconds = value.seconds_of(one.kind) / _SECONDS
        about = slice(None) if one.feature is None else [one.feature]
        row[:8] = (
            told, told / seconds, every, brief.fixes(belief.prior.features, one),
            one.feature is not None and (one.kind, one.feature) in value.asked, spread[about].mean(),
            lean[about].mean(), seconds,
        )  # fmt: skip
        row[8 + QUERY_KINDS.index(one.kind)] = 1
    return rows


def question_scores(
    policy: AskingPolicy, value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator
) -> Values:
    """Chance (N,) that the policy asks each of some questions."""
    with torch.no_grad():
        seen = torch.as_tensor(question_features(value, questions, rng), dtype=torch.float32)
        return torch.softmax(policy(seen), dim=0).double().numpy()
