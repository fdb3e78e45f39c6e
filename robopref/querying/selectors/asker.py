"""A selector that asks what a trained policy would ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robopref.querying.asking_policy import AskingPolicy, question_scores
from robopref.querying.question_value import open_rewards
from robopref.querying.selectors.diversity import greedy_dpp
from robopref.querying.selectors.typed import Inquiry, alike_answers
from robopref.records import Query

_SHORTLIST = 8  # times the batch, among which a batch is made diverse
_LOOKED_AT = 400  # questions of a pool at most, drawn at random


class AskerSelector:
    """Chooses the questions that a trained policy likes best, and those whose answers do not repeat each other.

    Args:
        policy: The policy.
        inquiry: What is known.
        seed: Of what has to be drawn.
    """

    def __init__(self, policy: AskingPolicy, inquiry: Inquiry, seed: int = 0) -> None:
        self.policy, self.inquiry, self.seed = policy, inquiry, seed

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` questions.

        Args:
            pool: Of any kinds; of a large one the policy looks at some, and at all that are about features.
            budget: How many to ask.

        Returns:
            The chosen ones, the most liked first; none that the brief answers or that was asked.
        """
        value, rng = self.inquiry.value, np.random.default_rng(self.seed)
        questions = [self.inquiry.question(query) for query in pool]
        novel = [place for place, one in enumerate(questions) if value.novelty(one) > 0]
        about = [place for place in novel if questions[place].feature is not None]
        others = [place for place in novel if questions[place].feature is None]
        room = max(_LOOKED_AT, budget)
        drawn = sorted(rng.permutation(len(others))[:room].tolist())
        looked = [*about, *(others[place] for place in drawn)]
        if not looked or budget < 1:
            return []
        liked = question_scores(self.policy, value, [questions[place] for place in looked], rng)
        listed = np.argsort(-liked, kind="stable")[: _SHORTLIST * budget].tolist()
        if budget > 1:
            rewards = open_rewards(value.belief, value.brief)
            alike = alike_answers([questions[looked[place]] for place in listed], rewards, value.belief.model)
            listed = [listed[place] for place in greedy_dpp(liked[listed], alike, budget)]
        return [pool[looked[place]] for place in listed[:budget]]
