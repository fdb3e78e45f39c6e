"""What is exchanged with files of other projects, and what they can hold of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.origins import AnswerOrigin
from robopref.errors import ConfigError, DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query

Segment = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Labels:
    """Questions, answers, and where a format brings them the segments that were judged.

    Attributes:
        queries: The questions.
        feedback: Answers to them, in the order in which they were given.
        segments: By the name of a dataset its segments, (T, ...) for each key, in the order of their steps.
        events: By the name of a dataset what operators did, from which queries and answers follow.
        origins: Of each answer, for formats in which answers can be changed where they were given; empty for others.
    """

    queries: Sequence[Query]
    feedback: Sequence[Feedback]
    segments: Mapping[str, Sequence[Segment]] = field(default_factory=dict[str, Sequence[Segment]])
    events: Mapping[str, Sequence[DeploymentEvent]] = field(default_factory=dict[str, Sequence[DeploymentEvent]])
    origins: Sequence[AnswerOrigin | None] = ()


@dataclass(frozen=True)
class Naming:
    """What files do not say about the labels they hold.

    Attributes:
        source: Name of the dataset that the items belong to; empty takes it from the file.
        labeler: Who answered.
        length: Steps of a segment; None takes it from the file.

    Raises:
        ConfigError: The length is not positive.
    """

    source: str = ""
    labeler: str = "imported"
    length: int | None = None

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise ConfigError(f"length is the steps of a segment and must be 1 or more, got {self.length}")


def answered_pairs(labels: Labels, holder: str) -> Iterator[tuple[Query, Feedback, float]]:
    """The answers of labels, for a format that holds answered pairs only.

    Args:
        labels: The labels; unanswered questions and abstentions are left out.
        holder: Name of the format, for errors.

    Yields:
        Question, feedback, and the probability that the first item is better.

    Raises:
        DataError: An answer is not to a pair, or belongs to no question.
    """
    known = {query.id: query for query in labels.queries}
    for given in labels.feedback:
        query = known.get(given.query_id)
        if query is None:
            raise DataError(f"feedback on query {given.query_id!r}, which does not exist")
        if isinstance(given.answer, Abstain):
            continue
        if not isinstance(given.answer, Preference):
            raise DataError(
                f"{holder} holds answers to pairs only, got an answer to {query.kind} query {query.id!r}; export to "
                "jsonl or parquet"
            )
        yield query, given, given.answer.p


def hard_code(query: Query, p: float, holder: str, codes: Mapping[float, Any]) -> Any:
    """The code of an answer in a format that knows only some.

    Args:
        query: The question.
        p: Probability that the first item is better.
        holder: Name of the format, for errors.
        codes: What it writes for which p.

    Returns:
        The code.

    Raises:
        DataError: The format has no code for the answer.
    """
    if p not in codes:
        what = "a tie" if p == 0.5 else f"a preference of {p}"
        raise DataError(
            f"{holder} cannot hold {what}, the answer to query {query.id!r}; it has codes for "
            f"{', '.join(f'{allowed:g}' for allowed in codes)}. Export to jsonl or parquet"
        )
    return codes[p]


def steps(query: Query, holder: str) -> tuple[Item, Item]:
    """The items of a pair, which must be stretches of a dataset.

    Args:
        query: The question.
        holder: Name of the format, for errors.

    Returns:
        First and second item.

    Raises:
        DataError: An item is a candidate.
    """
    one, two = query.items
    if one.candidate is not None or two.candidate is not None:
        raise DataError(f"{holder} holds segments of a dataset, but query {query.id!r} compares candidates; use jsonl")
    return one, two
