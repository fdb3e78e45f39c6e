"""What is compared: items of one or more decisions, with what is known of each; shapes as in `robopref.records`."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from robopref.errors import DataError
from robopref.records import OUTCOME, ActionGeometry, Item, Observation, is_outcome
from robopref.scores import SuccessTarget, Target

ACTION = "action"


def context_code(name: str) -> int:
    """The number that stands for a name in the context of items, the same in every run and process.

    Args:
        name: Of a labeler, an instruction, ...

    Returns:
        63 bits.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Items:
    """K items in each of B questions; an item is a segment of T decisions, a single decision is one with T = 1.

    Attributes:
        steps: By name, what is known of each decision, (B, K, T, ...): arrays of a dataset, or the parts of an
            `Observation`, and ``action``, (B, K, T, A) or chunks (B, K, T, H, A). What all items of a question share,
            as the candidates of a state do what was seen, may be (B, 1, T, ...). What came of each decision is called
            ``after.<part>``, (B, K, T, ...), where it is known.
        weight: (B, K, T) how much each decision counts; zero beyond the end of an item.
        context: By name, what is known of each question, (B, ...): ``labeler`` and ``instruction`` are `context_code`
            of who answered it and of what it was answered by. Empty where nobody has, as in ranking and relabelling.
    """

    steps: Mapping[str, Tensor]
    weight: Tensor
    context: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])

    @classmethod
    def of_candidates(cls, observation: Observation, actions: Tensor) -> Items:
        """Candidates of states, seen once for all of them.

        Args:
            observation: points (B, P, 3), proprio (B, D), ...
            actions: (B, K, H, A).
        """
        seen = {name: part[:, None, None] for name, part in observation.parts.items()}
        return cls(
            {**seen, ACTION: actions[:, :, None]}, torch.ones(actions.shape[:2], device=actions.device)[..., None]
        )

    @classmethod
    def of_segments(cls, observation: Observation, actions: Tensor, mask: Tensor) -> Items:
        """Segments of decisions.

        Args:
            observation: points (B, K, T, P, 3), proprio (B, K, T, D), ..., before each decision.
            actions: (B, K, T, H, A).
            mask: (B, K, T) whether the segment has that decision.
        """
        return cls({**observation.parts, ACTION: actions}, mask.to(actions.dtype))

    def with_outcomes(self, after: Observation) -> Items:
        """The same items, and what came of them.

        Args:
            after: Parts (B, K, T, ...), observed after each decision.
        """
        return replace(self, steps={**self.steps, **{f"{OUTCOME}{name}": part for name, part in after.parts.items()}})

    def only(self, keys: Collection[str]) -> Items:
        """The same items, of which no more is known than some arrays."""
        return replace(self, steps={name: value for name, value in self.steps.items() if name in keys})

    def __len__(self) -> int:
        """Number of questions B."""
        return len(self.weight)

    def __getitem__(self, rows: Tensor) -> Items:
        """The items of some of the questions; `rows` may have any shape, which takes the place of B."""
        return Items(
            {name: value[rows] for name, value in self.steps.items()},
            self.weight[rows],
            {name: value[rows] for name, value in self.context.items()},
        )

    def to(self, device: torch.device) -> Items:
        """The same on a device."""
        return Items(
            {name: value.to(device) for name, value in self.steps.items()},
            self.weight.to(device),
            {name: value.to(device) for name, value in self.context.items()},
        )

    def unflatten(self, shape: torch.Size) -> Items:
        """The same with several dimensions in place of B, such as one of members and one of questions."""
        return Items(
            {name: value.unflatten(0, shape) for name, value in self.steps.items()},
            self.weight.unflatten(0, shape),
            {name: value.unflatten(0, shape) for name, value in self.context.items()},
        )

    def thinned(self, share: float, generator: torch.Generator) -> Items:
        """Some decisions of each item at random, in place of all, weighted up.

        Args:
            share: Of the decisions, in (0, 1].
            generator: Source of randomness.
        """
        kept = max(1, round(share * self.weight.shape[2]))
        order = torch.rand(self.weight.shape, generator=generator, device=generator.device).topk(kept, dim=2).indices
        some = self._at(order)
        return replace(some, weight=some.weight * (self.weight.shape[2] / kept))

    def cut(self, length: int, generator: torch.Generator) -> Items:
        """A stretch of each item, at a random place, that counts as much as the whole; shorter items stay whole.

        Args:
            length: Decisions of a stretch.
            generator: Source of randomness.
        """
        if length >= self.weight.shape[2]:
            return self
        room = ((self.weight > 0).sum(2, keepdim=True) - length).clamp(min=0)
        drawn = torch.rand(room.shape, generator=generator, device=generator.device)
        first = (drawn * (room + 1)).long().clamp(max=room)
        some = self._at(first + torch.arange(length, device=first.device))
        share = some.weight.sum(2, keepdim=True) / self.weight.sum(2, keepdim=True).clamp(min=1e-12)
        return replace(some, weight=some.weight / share.clamp(min=1e-12))

    def _at(self, index: Tensor) -> Items:
        """The decisions of each item at (B, K, L) places."""
        steps: dict[str, Tensor] = {}
        for name, value in self.steps.items():
            places = index.view(*index.shape, *[1] * (value.ndim - 3)).expand(*index.shape, *value.shape[3:])
            steps[name] = value.expand(*self.weight.shape, *value.shape[3:]).gather(2, places)
        return replace(self, steps=steps, weight=self.weight.gather(2, index))

    def part(self, name: str) -> Tensor:
        """One array of the decisions, (B, K or 1, T, ...).

        Raises:
            DataError: They have no such array.
        """
        if name not in self.steps:
            unknown = "; nobody knows yet what comes of them: look ahead, or carry them out" if is_outcome(name) else ""
            raise DataError(f"the items have no {name}; they have {', '.join(self.steps)}{unknown}")
        return self.steps[name]

    @property
    def horizon(self) -> int | None:
        """Actions of a chunk H; None if decisions are single actions, or have none."""
        action = self.steps.get(ACTION)
        return int(action.shape[3]) if action is not None and action.ndim == 5 else None

    @property
    def alone(self) -> bool:
        """Whether every item is a single decision, in a state that is the same for all items of its question."""
        return self.weight.shape[2] == 1 and {part.shape[1] for part in self._seen.values()} == {1}

    @property
    def _seen(self) -> dict[str, Tensor]:
        """What was observed before each decision."""
        return {name: part for name, part in self.steps.items() if name != ACTION and not is_outcome(name)}

    def decisions(self) -> tuple[Observation, Tensor]:
        """The decisions one by one, for what knows single ones only.

        Returns:
            Observations (B, ...) with the chunks (B, K, H, A) of each, if states are shared; else those of
            R = B * K * T decisions, (R, ...) with (R, 1, H, A).

        Raises:
            DataError: The items have no actions.
        """
        action, shape = self.part(ACTION), self.weight.shape
        chunks = action[..., None, :] if action.ndim == len(shape) + 1 else action
        if self.alone:
            return Observation.of({name: part[:, 0, 0] for name, part in self._seen.items()}), chunks[:, :, 0]
        parts = {name: part.expand(*shape, *part.shape[3:]).flatten(0, 2) for name, part in self._seen.items()}
        return Observation.of(parts), chunks.expand(*shape, *chunks.shape[3:]).flatten(0, 2)[:, None]

    def changed(self, observation: Observation, actions: Tensor) -> Items:
        """The same items with other observations and chunks, both shaped as `decisions` gives them."""
        parts, shape = observation.parts, self.weight.shape
        if self.alone:
            steps = {name: part[:, None, None] for name, part in parts.items()}
            return replace(self, steps={**self.steps, **steps, ACTION: actions[:, :, None]})
        steps = {name: part.unflatten(0, shape) for name, part in parts.items()}
        return replace(self, steps={**self.steps, **steps, ACTION: actions[:, 0].unflatten(0, shape)})


@dataclass(frozen=True)
class ComparedItems:
    """What the items of questions are called.

    Attributes:
        names: (I,) all of them.
        index: (B, K) which one an item is; -1 for one that nothing was asked about.
    """

    names: tuple[Item, ...]
    index: Tensor


@dataclass(frozen=True)
class Comparisons:
    """Items, and what is known of them: preferences among those of a question, or which of them succeed.

    Attributes:
        items: B questions of K items each.
        target: Preferences (B, K, K), or outcomes (B, K).
        geometry: Of the task, by whose symmetries training varies the items; None if they are taken as they are.
        called: What the items are called in answers; None if nobody needs to know.
    """

    items: Items
    target: Target
    geometry: ActionGeometry | None = None
    called: ComparedItems | None = None

    @classmethod
    def of_candidates(
        cls, observation: Observation, candidates: Tensor, target: Target, geometry: ActionGeometry | None
    ) -> Comparisons:
        """Candidates of states; see `Items.of_candidates`."""
        return cls(Items.of_candidates(observation, candidates), target, geometry)

    @classmethod
    def of_successes(cls, observation: Observation, chunks: Tensor, geometry: ActionGeometry | None) -> Comparisons:
        """One chunk of each state, (B, H, A), that succeeds."""
        target = SuccessTarget(torch.ones(len(chunks), 1), torch.ones(len(chunks), 1))
        return cls.of_candidates(observation, chunks[:, None], target, geometry)

    @classmethod
    def of_segments(
        cls, observation: Observation, actions: Tensor, mask: Tensor, target: Target, geometry: ActionGeometry
    ) -> Comparisons:
        """Segments of decisions; see `Items.of_segments`."""
        return cls(Items.of_segments(observation, actions, mask), target, geometry)

    def __len__(self) -> int:
        """Number of questions."""
        return len(self.items)

    def __getitem__(self, rows: Tensor) -> Comparisons:
        """Some of the questions."""
        called = self.called and replace(self.called, index=self.called.index[rows.cpu()])
        return Comparisons(self.items[rows], self.target[rows], self.geometry, called)

    def to(self, device: torch.device) -> Comparisons:
        """The same on a device."""
        return replace(self, items=self.items.to(device), target=self.target.to(device))

    def chosen(self, target: SuccessTarget) -> Comparisons:
        """Only the items that count, as many of every question as of the one with most, so that no other is scored.

        Args:
            target: Outcomes (B, K).
        """
        counts = target.weight > 0
        most = max(1, int(counts.sum(1).max()))
        index = counts.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        rows = torch.arange(len(index), device=index.device)[:, None]
        steps = {name: value if value.shape[1] == 1 else value[rows, index] for name, value in self.items.steps.items()}
        items = replace(self.items, steps=steps, weight=self.items.weight[rows, index])
        return replace(
            self, items=items, target=SuccessTarget(target.y.gather(1, index), target.weight.gather(1, index)),
            called=self.called and replace(self.called, index=self.called.index.gather(1, index.cpu())),
        )  # fmt: skip

    def described(self) -> list[Tensor]:
        """What tells these data from others."""
        told = [value for value in vars(self.target).values() if value is not None]
        # What was seen of candidates is told by the candidates themselves, which were drawn for it.
        drawn = self.items.alone and ACTION in self.items.steps
        mine = [self.items.part(ACTION)] if drawn else [*self.items.steps.values(), self.items.weight]
        return [*mine, *told, *self.items.context.values()]
