"""Which questions of a pool are asked next."""

from __future__ import annotations

from collections.abc import Sequence

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.protocols import Selector
from robopref.records import Query


class QuestionChoice:
    """Chooses questions of a pool, none of them twice.

    Args:
        store: Where questions that were chosen before are.
        pool: All that could be asked.
        selector: Chooses; None takes them in their order.
        budget: How many are chosen at a time; None takes all.
        more: Whether to choose further ones once those of before are answered.
    """

    def __init__(
        self,
        store: FeedbackStore,
        pool: Sequence[Query],
        selector: Selector | None = None,
        *,
        budget: int | None = None,
        more: bool = True,
    ) -> None:
        self.store, self.pool, self.selector, self.budget, self.more = store, pool, selector, budget, more

    def new(self, waiting: int) -> Sequence[Query]:
        """Choose questions that were not chosen before.

        Args:
            waiting: Questions chosen before that nobody has looked at.

        Returns:
            New questions; none if some of before still wait, unless there is no budget.

        Raises:
            ConfigError: The selector does not fit the questions, or has too few rewards to go by.
            DataError: It needs rewards that are not trained.
        """
        known = {query.id for query in self.store.queries()}
        rest = [query for query in self.pool if query.id not in known]
        begun = len(rest) < len(self.pool)
        if not rest or (begun and not self.more) or (waiting and self.budget is not None):
            return []
        wanted = len(rest) if self.budget is None else self.budget
        return rest[:wanted] if self.selector is None else self.selector.select(rest, wanted)

    @property
    def ended(self) -> bool:
        """Whether all questions of the pool have been chosen."""
        known = {query.id for query in self.store.queries()}
        return all(query.id in known for query in self.pool)

    def asked_of(self, labeler: str) -> list[Query]:
        """What a labeler is asked now: questions that wait for it, and new ones, which are stored."""
        self.store.add_queries(self.new(len(self._waiting(labeler))))
        # Others may have left more questions than this one was to be asked.
        return self._waiting(labeler)[: self.budget]

    def _waiting(self, labeler: str) -> list[Query]:
        ids = {query.id for query in self.pool}
        return [query for query in self.store.unanswered(labeler) if query.id in ids]
