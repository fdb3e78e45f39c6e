"""Answers that trained rewards gave: which of them count, and which given ones watch over what learns from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.labeler_kinds import SELF

# Whose answers a reward learns from: those of people, teachers and models; of other rewards; or both.
AnswerSource = Literal["given", "self_made", "all"]
_SHARE = 0.25  # of the questions that given answers are about, held out where every one is learnt from


@dataclass(frozen=True)
class WatchedAnswers:
    """Answers that are learnt from, and others that watch.

    Attributes:
        learnt: To train on.
        watching: Given ones about questions, or states, of which nothing is learnt; perhaps none.
    """

    learnt: Answers
    watching: Answers


def is_self_made(answers: Answers) -> NDArray[np.bool_]:
    """Which rows trained rewards gave, (R,)."""
    return answers.kind.astype(np.str_) == "self"


def asked_about(answers: Answers) -> NDArray[np.object_]:
    """What each row is about, (R,): the state of candidates, or else the question.

    Candidates of a state share what was seen, so that what is learnt of two tells of others.
    """
    first = [answers.items[one] for one in answers.item[:, 0].tolist()]
    names = [
        answers.queries[query] if item.candidate is None else f"{item.source}/{item.start}"
        for query, item in zip(answers.query.tolist(), first, strict=True)
    ]
    return np.array(names, dtype=np.object_)


def present(answers: Answers, versions: Mapping[str, str]) -> tuple[Answers, Counter[str]]:
    """Those self-made answers that rewards would give as they are.

    Args:
        answers: Self-made ones.
        versions: Present weights of rewards, by name.

    Returns:
        The answers; and by reward, how many questions' answers were given with other weights.
    """
    names = [str(name).removeprefix(SELF) for name in answers.labeler]
    same = [
        name in versions and str(version).partition(" ")[0] == versions[name]
        for name, version in zip(names, answers.labeler_version, strict=True)
    ]
    stale = {(name, query) for name, query, fresh in zip(names, answers.query.tolist(), same, strict=True) if not fresh}
    return answers[np.array(same, bool)], Counter(name for name, _ in stale)


def watched(given: Answers, own: Answers, answer_source: AnswerSource, *, seed: int) -> WatchedAnswers:
    """Say what is learnt from, and what watches.

    Nothing is learnt about what watches, neither from given nor from self-made answers. Where only self-made answers
    are learnt from, given ones about anything else watch; if there are none, and where both are learnt from, a quarter
    of what given ones are about does.

    Args:
        given: Answers of people, teachers and models.
        own: Self-made answers to learn from.
        answer_source: What is learnt from: ``self_made`` or ``all``.
        seed: Of what is held out.

    Returns:
        Both.
    """
    about, about_own = asked_about(given), asked_about(own)
    places = sorted(set(about[given.weight > 0].tolist()))
    held = set(places) - set(about_own.tolist()) if answer_source == "self_made" else set[str]()
    if not held:
        order = np.random.default_rng(seed).permutation(len(places))
        held = {places[k] for k in order[: round(_SHARE * len(places))]}
    aside = np.array([name in held for name in about.tolist()], bool)
    kept = own[np.array([name not in held for name in about_own.tolist()], bool)]
    learnt = kept if answer_source == "self_made" else given[~aside].joined(kept)
    return WatchedAnswers(learnt, given[aside])
