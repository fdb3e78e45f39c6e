"""How questions are put to people: in which order items are shown, and which questions test the person."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.data.labels.assignments import AGAIN
from robopref.errors import DataError
from robopref.records import Answer, Feedback, Preference, Query, Ranking, SimilarityTriplet

CHECKER = "attention-check"
_CHECK = "/check"
_GAP = 8  # questions between a pair and its repetition, if there are enough


def shown_order(query: Query, labeler: str) -> tuple[int, ...]:
    """In which order a person sees the items of a question.

    It is random, but the same whenever that person sees that question: after a reload, or when the server was started
    anew. A repeated question is shown the other way round. Examples of a feature are shown from the least of it on.

    Args:
        query: The question.
        labeler: Who sees it.

    Returns:
        (K,) index of the item at each place.
    """
    if query.feature is not None:
        values = query.feature.values or (0.0,) * len(query.items)
        return tuple(sorted(range(len(values)), key=values.__getitem__))
    first = query.id.removesuffix(AGAIN)
    digest = hashlib.sha256(f"{labeler}\n{first}".encode()).digest()
    order = np.random.default_rng(int.from_bytes(digest[:8], "little")).permutation(len(query.items))
    order = order[::-1] if first != query.id else order
    return tuple(int(index) for index in order)


def of_items(answer: Answer, order: Sequence[int]) -> Answer:
    """Turn an answer about places into one about items.

    Args:
        answer: What was said of the items as shown.
        order: (K,) index of the item at each place.

    Returns:
        The same, said of the items in the order of the query.
    """
    if isinstance(answer, Preference):
        return answer if tuple(order) == (0, 1) else Preference(1 - answer.p)
    if isinstance(answer, Ranking):
        ranks = [0] * len(order)
        for place, item in enumerate(order):
            ranks[item] = answer.ranks[place]
        return Ranking(tuple(ranks))
    if isinstance(answer, SimilarityTriplet):
        return SimilarityTriplet(order[answer.odd])
    return answer


def with_repeats(queries: Sequence[Query], share: float, seed: int) -> list[Query]:
    """Ask some of the pairs a second time, later on.

    Args:
        queries: The questions.
        share: Of the pairs, in [0, 1].
        seed: Seed of the choice.

    Returns:
        The questions, with the repetitions among them.
    """
    pairs = [place for place, query in enumerate(queries) if query.kind == "pair"]
    order = np.random.default_rng(seed).permutation(len(pairs))
    chosen = {pairs[index] for index in order[: round(share * len(pairs))]}
    result: list[Query] = []
    waiting: list[tuple[int, Query]] = []
    for place, query in enumerate(queries):
        result.append(query)
        if place in chosen:
            waiting.append((place + _GAP, dataclasses.replace(query, id=query.id + AGAIN)))
        while waiting and waiting[0][0] <= place:
            result.append(waiting.pop(0)[1])
    return result + [query for _, query in waiting]


def attention_checks(
    queries: Sequence[Query], outcomes: NDArray[np.float64], share: float, seed: int, *, used: Collection[str] = ()
) -> tuple[list[Query], list[Feedback]]:
    """Mix pairs among the questions whose answer anyone who looks must know.

    They are the candidates of a state whose outcomes differ most, in the states where they differ most.

    Args:
        queries: Questions about candidates.
        outcomes: (S, N) how much progress each candidate makes.
        share: Checks as a share of the questions.
        seed: Seed of their places.
        used: Ids of questions asked before, which are no checks any more.

    Returns:
        All questions, and the known answers, given by `CHECKER`.

    Raises:
        DataError: There are not as many states, that were not used for checks before, as checks, or no question is
            about candidates.
    """
    count = round(share * len(queries))
    used = {name.split("/")[1] for name in used if name.endswith(_CHECK)}
    clearest = np.argsort(outcomes.min(axis=1) - outcomes.max(axis=1), kind="stable")
    left = [int(state) for state in clearest if str(state) not in used]
    if count > len(left):
        raise DataError(f"{count} attention checks need as many states, there are {len(left)}; lower labeler.checks")
    asked = next((query for query in queries if query.items), None)
    if asked is None:
        raise DataError("attention checks are pairs of candidates, and no question shows one; set labeler.checks=0")
    checks: list[Query] = []
    known: list[Feedback] = []
    for state in left[:count]:
        pair = sorted({int(outcomes[state].argmin()), int(outcomes[state].argmax())})
        if len(pair) < 2:
            continue
        template = dataclasses.replace(asked.items[0], start=state, stop=state + 1)
        items = tuple(dataclasses.replace(template, candidate=candidate) for candidate in pair)
        name = f"{template.source}/{state}/pair/{pair[0]}-{pair[1]}{_CHECK}"
        checks.append(Query(name, "pair", items, asked.instruction))
        better = float(outcomes[state, pair[0]] > outcomes[state, pair[1]])
        known.append(Feedback(name, Preference(better), CHECKER))
    return _spread(queries, checks, seed), known


def _spread(queries: Sequence[Query], more: Iterable[Query], seed: int) -> list[Query]:
    """Insert questions at random places."""
    result, rng = list(queries), np.random.default_rng(seed)
    for query in more:
        result.insert(int(rng.integers(0, len(result) + 1)), query)
    return result
