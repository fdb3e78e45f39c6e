"""From answers about candidates to preference arrays, one row a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import pad

from robopref.answers import Answers
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import context_columns, require_contexts
from robopref.errors import DataError
from robopref.items import ACTION, ComparedItems, Comparisons, Items
from robopref.records import ActionGeometry, Observation, is_outcome
from robopref.scores import PairTarget, SuccessTarget, Target


def candidate_comparisons(
    answers: Answers,
    store: EpisodeStore,
    geometry: ActionGeometry | None,
    *,
    keys: Sequence[str] = ("points", "proprio"),
    context: Sequence[str] = (),
    after: Observation | None = None,
) -> Comparisons:
    """Candidates, and what answers say of them.

    Args:
        answers: All of candidates of the store.
        store: Candidates, see `robopref.data.episodes.candidate_store.open_candidates`.
        geometry: Of the task, by whose symmetries training varies the candidates; None if they are taken as they are.
        keys: What the policy of the candidates observes.
        context: What tells answers about one state apart, of `robopref.data.labels.answer_context.CONTEXTS`, and is
            kept with the items.
        after: What was observed after each candidate, (S, N, ...) of each part; None if that is not known.

    Returns:
        One row a state, or for each context that there is of it.

    Raises:
        ConfigError: Answers do not tell such a context.
        DataError: See `candidate_target`.
    """
    chunks = torch.as_tensor(np.asarray(store.array("candidates"), dtype=np.float32))
    seen = Observation.of({name: torch.as_tensor(store.array(name)) for name in keys})

    called = _called(answers, states=store.steps, candidates=chunks.shape[1])

    def told(some: Answers) -> PairTarget:
        return candidate_target(some, states=store.steps, candidates=chunks.shape[1])

    def compared(target: PairTarget) -> Comparisons:
        found = replace(Comparisons.of_candidates(seen, chunks, target, geometry), called=called)
        if after is None:
            return found
        return replace(found, items=found.items.with_outcomes(after.map(lambda part: part[:, :, None])))

    if not require_contexts(context):
        return compared(told(answers))
    columns = context_columns(answers, context)
    groups = np.unique(columns, axis=0)
    parts = [told(answers[(columns == codes).all(1)]) for codes in groups]
    target = PairTarget(*(torch.cat([getattr(part, name) for part in parts]) for name in ("p", "weight")))
    every = compared(target)
    row = torch.arange(store.steps).repeat(len(groups))
    items, group = every.items[row], torch.arange(len(groups)).repeat_interleave(store.steps)
    codes = {name: torch.as_tensor(groups[:, column])[group] for column, name in enumerate(context)}
    known = (target.asked.sum(1) > 0).nonzero()[:, 0]
    called = replace(called, index=called.index[row])
    return replace(every, items=replace(items, context=codes), called=called)[known]


def joined_candidates(parts: Sequence[Comparisons]) -> Comparisons:
    """Comparisons among candidates of several datasets, as one.

    What fewer candidates lack is made up by the last one again, of which nothing is known; what smaller clouds lack, by
    their points again.

    Args:
        parts: At least one, of single decisions in shared states, which hold the same parts of an observation and the
            same kind of target.
    """
    if len(parts) == 1:
        return parts[0]
    count = max(part.items.weight.shape[1] for part in parts)
    names = list(parts[0].items.steps)
    steps: dict[str, torch.Tensor] = {}
    for name in names:
        arrays = [part.items.steps[name] for part in parts]
        if name == ACTION or is_outcome(name):
            arrays = [array[:, torch.arange(count).clamp(max=array.shape[1] - 1)] for array in arrays]
        elif name == "points":
            arrays = of_one_size(arrays, dim=3)
        steps[name] = torch.cat(arrays)
    weight = torch.ones(len(steps[ACTION]), count, 1)
    context = {name: torch.cat([part.items.context[name] for part in parts]) for name in parts[0].items.context}
    return Comparisons(
        Items(steps, weight, context), _joined([part.target for part in parts], count), parts[0].geometry,
        _all_called([part.called for part in parts], count),
    )  # fmt: skip


def of_one_size(clouds: Sequence[torch.Tensor], *, dim: int) -> list[torch.Tensor]:
    """Clouds of as many points as the largest; what smaller ones lack is made up by their points again.

    Args:
        clouds: Of several datasets.
        dim: Of the points.
    """
    most = max(cloud.shape[dim] for cloud in clouds)
    return [cloud.index_select(dim, torch.arange(most, device=cloud.device) % cloud.shape[dim]) for cloud in clouds]


def _all_called(parts: Sequence[ComparedItems | None], count: int) -> ComparedItems | None:
    """What items are called that one table of answers calls so; None if several tables do."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or any(part.names != known[0].names for part in known):
        return None
    filled = [pad(part.index, (0, count - part.index.shape[1]), value=-1) for part in known]
    return ComparedItems(known[0].names, torch.cat(filled))


def _joined(targets: Sequence[Target], count: int) -> Target:
    """What is known of candidates, with those that are made up to the same number."""
    pairs = [target for target in targets if isinstance(target, PairTarget)]
    outcomes = [target for target in targets if isinstance(target, SuccessTarget)]
    if outcomes:
        lacking = [count - target.y.shape[1] for target in outcomes]
        filled = zip(outcomes, lacking, strict=True)
        y, weight = zip(*((pad(one.y, (0, more)), pad(one.weight, (0, more))) for one, more in filled), strict=True)
        return SuccessTarget(torch.cat(y), torch.cat(weight))
    lacking = [count - target.p.shape[1] for target in pairs]
    return PairTarget(
        torch.cat([pad(one.p, (0, more, 0, more), value=0.5) for one, more in zip(pairs, lacking, strict=True)]),
        torch.cat([pad(one.weight, (0, more, 0, more)) for one, more in zip(pairs, lacking, strict=True)]),
    )


def compared_alone(comparisons: Comparisons) -> Comparisons:
    """Only the questions in which something is compared, and of their candidates only those that are.

    Every question has as many as the one with most.
    """
    target = comparisons.target
    if not isinstance(target, PairTarget):
        return comparisons
    known = (target.asked > 0).any(1).nonzero()[:, 0]
    some, asked = comparisons[known], target.asked[known] > 0
    most = max(2, int(asked.sum(1).max()))
    index = asked.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
    rows = torch.arange(len(index))[:, None]
    steps = {**some.items.steps, ACTION: some.items.steps[ACTION][rows, index]}
    square = (rows[..., None], index[:, :, None], index[:, None, :])
    kept = PairTarget(target.p[known][square], target.weight[known][square])
    items = replace(some.items, steps=steps, weight=some.items.weight[rows, index])
    called = some.called and replace(some.called, index=some.called.index[rows, index])
    return replace(some, items=items, target=kept, called=called)


def candidate_target(answers: Answers, *, states: int, candidates: int) -> PairTarget:
    """What answers say of candidates.

    Several answers to one pair are averaged by their weights. Equal ranks are ties.

    Args:
        answers: All of candidates of one dataset.
        states: Number of states S in it.
        candidates: Number of candidates K of each state.

    Returns:
        Preferences (S, K, K), float32.

    Raises:
        DataError: An item lies outside the dataset, or a query mixes states.
    """
    votes = np.zeros((states, candidates, candidates), dtype=np.float64)
    weight = np.zeros_like(votes)
    places = tuple(_places(answers, states, candidates).T)
    # One triangle holds both orders of a question. Rows are added in turn, so that sums are the same to the last digit.
    np.add.at(votes, places, answers.p * answers.weight)
    np.add.at(weight, places, answers.weight)
    p = np.divide(votes, weight, out=np.full_like(votes, 0.5), where=weight > 0)
    return PairTarget(torch.as_tensor(p, dtype=torch.float32), torch.as_tensor(weight, dtype=torch.float32))


def _called(answers: Answers, *, states: int, candidates: int) -> ComparedItems:
    """What candidates are called in answers."""
    index = torch.full((states, candidates), -1)
    state, *both = _places(answers, states, candidates).T
    for column, candidate in enumerate(both):
        index[state, candidate] = torch.as_tensor(answers.item[:, column])
    return ComparedItems(answers.items, index)


def _places(answers: Answers, states: int, candidates: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """State and both candidates of every row, (R, 3)."""
    places = np.zeros((len(answers), 3), dtype=np.int64)
    for row, (one, two) in enumerate(answers.item.tolist()):
        first, second = answers.items[one], answers.items[two]
        name = answers.queries[answers.query[row]]
        if first.start != second.start or first.source != second.source:
            raise DataError(f"query {name!r} compares candidates of different states, which share no observation")
        if first.candidate is None or second.candidate is None:
            raise DataError(f"query {name!r} has an item without a candidate index")
        state, i, j = first.start, first.candidate, second.candidate
        if not (0 <= state < states and 0 <= i < candidates and 0 <= j < candidates):
            raise DataError(
                f"query {name!r} names state {state}, candidates {i} and {j}; the dataset has {states} states with "
                f"{candidates} candidates each: labels and candidates come from different runs"
            )
        places[row] = state, i, j
    return places
