"""Answers of which two of three items are most alike, as arrays; abstentions are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from robopref.answers import Answers
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.items import Items
from robopref.records import ActionGeometry, Feedback, Item, Observation, Preference, Query, SimilarityTriplet


@dataclass(frozen=True)
class Triplets:
    """Questions about three items each, and which of them is least like the other two.

    Attributes:
        items: Of B questions, K = 3.
        odd: (B,) 0, 1 or 2.
        weight: (B,) how much each answer counts.
        geometry: By whose symmetries training varies the items; None if they are taken as they are.
    """

    items: Items
    odd: Tensor
    weight: Tensor
    geometry: ActionGeometry | None = None

    def __len__(self) -> int:
        """Number of answers B."""
        return len(self.odd)

    def __getitem__(self, rows: Tensor) -> Triplets:
        """Some of the answers."""
        return replace(self, items=self.items[rows], odd=self.odd[rows], weight=self.weight[rows])

    def to(self, device: torch.device) -> Triplets:
        """The same on a device."""
        return replace(self, items=self.items.to(device), odd=self.odd.to(device), weight=self.weight.to(device))

    def described(self) -> list[Tensor]:
        """What tells these answers from others."""
        return [*self.items.steps.values(), self.items.weight, self.odd, self.weight]


@dataclass(frozen=True)
class SimilarityAnswers:
    """Answers to similarity questions, each as a row of a table that filters of answers take.

    Attributes:
        queries: All similarity questions.
        table: A row an answer: the two items that are alike, of which neither is better.
    """

    queries: Sequence[Query]
    table: Answers

    @classmethod
    def of(cls, queries: Iterable[Query], feedback: Iterable[Feedback]) -> SimilarityAnswers:
        """The answers to similarity questions among all; abstentions, and answers to others, are left out.

        Args:
            queries: Questions of any kind.
            feedback: Answers to them.
        """
        asked = {query.id: query for query in queries if query.kind == "similarity"}
        pairs, given = list[Query](), list[Feedback]()
        numbers: dict[tuple[str, int], str] = {}
        for one in feedback:
            query, answer = asked.get(one.query_id), one.answer
            if query is None or not isinstance(answer, SimilarityTriplet):
                continue
            alike = tuple(item for place, item in enumerate(query.items) if place != answer.odd)
            name = numbers.setdefault((query.id, answer.odd), f"{query.id}/{answer.odd}")
            pairs.append(Query(name, "pair", alike, query.instruction))
            given.append(replace(one, query_id=name, answer=Preference(0.5), order=()))
        return cls(list(asked.values()), Answers.of(pairs, given))

    def triplets(self, items: Callable[[Sequence[Sequence[Item]]], Items]) -> Triplets:
        """The answers of the table that count, as arrays.

        Args:
            items: Gives what is known of B questions about three items each.

        Raises:
            DataError: None counts.
        """
        known, table = {query.id: query for query in self.queries}, self.table[self.table.weight > 0]
        if not len(table):
            raise DataError(
                "no answer says which two of three items are most alike; have some asked: robopref label "
                "label.kind=similarity"
            )
        told = [table.queries[place].rpartition("/") for place in table.query.tolist()]
        return Triplets(
            items([known[name].items for name, _, _ in told]),
            torch.tensor([int(odd) for *_, odd in told]),
            torch.as_tensor(table.weight, dtype=torch.float32),
        )


def candidates_of(store: EpisodeStore, keys: Sequence[str]) -> Callable[[Sequence[Sequence[Item]]], Items]:
    """What gives candidates of a store, each with the state that it was drawn in.

    Args:
        store: Candidates, see `robopref.data.episodes.candidate_store.open_candidates`.
        keys: What the policy of the candidates observes.
    """

    def items(questions: Sequence[Sequence[Item]]) -> Items:
        state = torch.tensor([[item.start for item in asked] for asked in questions])
        place = torch.tensor([[item.candidate or 0 for item in asked] for asked in questions])
        chunks = torch.as_tensor(store.array("candidates"), dtype=torch.float32)
        if not bool(((state < len(chunks)) & (place < chunks.shape[1])).all()) or not bool(
            (state == state[:, :1]).all()
        ):
            raise DataError(
                f"questions name states or candidates that {store.path} does not have: labels and candidates come from "
                "different runs"
            )
        seen = Observation.of({name: torch.as_tensor(store.array(name))[state[:, 0]] for name in keys})
        return Items.of_candidates(seen, chunks[state, place])

    return items
