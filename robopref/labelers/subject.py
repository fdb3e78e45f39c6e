"""What questions are about, and who is told how their answering goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature
from robopref.data.episodes.recorded_views import Lookup
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.labelers.arrays import arrays_of
from robopref.protocols import Pictures
from robopref.records import Array, Item, Query, QueryKind

Values = NDArray[np.float64]
Rewards = Callable[[Item], Values]
Films = Callable[[Sequence[Item]], Iterable[Sequence[NDArray[np.uint8]]]]
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judgement:
    """What a trained reward makes of items.

    Attributes:
        reward: Name of the reward.
        version: Tells its weights from others.
        judged: What it makes of each step of an item, (T,).
        spread: Standard deviation of what it makes of the items of one question.
        log_odds: Whether the difference of two items is the log-odds of a preference, by how it was trained.
    """

    reward: str
    version: str
    judged: Rewards
    spread: float = 1.0
    log_odds: bool = True


def _unknown() -> Rewards:
    raise ConfigError("nothing says what comes of these items, so nobody can go by it; ask others")


def _unjudged(_: str | None) -> Judgement:
    raise ConfigError("there is no trained reward that judges these items; ask others")


def _unmeasured(_: str) -> Values:
    raise ConfigError(
        "measures are reported of candidates that are carried out in a simulated task, and these items are others; "
        "labeler=metric goes by what is recorded"
    )


def _featureless(_: Item) -> Values:
    raise ConfigError("no features of these items are named; name some with label.features=")


def _unlike() -> Callable[[Item], Values]:
    raise ConfigError("nothing says by what these items are alike, so no script can tell; ask people")


def _unembedded() -> Callable[[Item], Values]:
    raise ConfigError("an embedding says where candidates of a policy lie; choose other items with selector=random")


def _no_outline(_: EpisodeStore) -> Array | None:
    return None


@dataclass(frozen=True)
class Subject:
    """What questions are about; a labeler that is made of it takes from here what it has to know.

    Attributes:
        source: Name of the dataset of the items.
        dataset: The dataset.
        pool: All that could be asked, of one kind or several.
        rewards: Gives what happens in each step of an item, (T,), for those who know it; finding it out may take until
            the first item is asked for.
        outcomes: Tries candidates out, (S, N), which may take long; None for items that are no candidates.
        measures: Gives what the task reports, by name, while candidates are carried out, (S, N, H).
        alike: Gives what items are alike in, (F,) of each in units of its standard deviation, for those who know
            it; finding it out may take long.
        embedding: Gives where items lie in the run's trained embedding, (D,) of each.
        films: Pictures of what comes of each candidate, in time order; None if nobody can tell.
        after: Gives the cloud that was seen after an item, (P, 3) m, to be shown to whoever looks; None shows actions.
        outline: What is to be drawn beside what was recorded: (V, 3) polyline, m, or None.
        judgement: Gives what a trained reward makes of the items, by its name; None takes the one there is.
        described: F features that questions may be about, without values.
        features: Gives the features of an item, (F,) in their own units.
        measured: Items that say how far the features go.
        task: What to judge by; empty takes what each question says.
        seed: Seed of the labeler's choices.
        folder: Where a labeler keeps files of its own, and finds those of the run.
    """

    source: str
    dataset: EpisodeStore
    pool: Sequence[Query]
    rewards: Callable[[], Rewards] = _unknown
    outcomes: Callable[[], Values] | None = None
    measures: Callable[[str], Values] = _unmeasured
    alike: Callable[[], Callable[[Item], Values]] = _unlike
    embedding: Callable[[], Callable[[Item], Values]] = _unembedded
    films: Films | None = None
    after: Callable[[Item], Array] | None = None
    outline: Callable[[EpisodeStore], Array | None] = _no_outline
    judgement: Callable[[str | None], Judgement] = _unjudged
    described: Sequence[AskedFeature] = ()
    features: Callable[[Item], Values] = _featureless
    measured: Sequence[Item] = ()
    task: str = ""
    seed: int = 0
    folder: Path = Path()

    def __post_init__(self) -> None:
        if not self.pool:
            raise ConfigError(f"there is no question about {self.source} to ask")

    @property
    def kind(self) -> QueryKind:
        """Of the first question."""
        return self.pool[0].kind

    @property
    def kinds(self) -> tuple[QueryKind, ...]:
        """Of all questions, in the order in which they first come."""
        return tuple(dict.fromkeys(query.kind for query in self.pool))

    def pictures(self) -> Pictures:
        """What there is to see of the items.

        Raises:
            DataError: The dataset has nothing to see.
        """
        from robopref.labelers.people.item_pictures import pictures_of  # what draws is loaded for those who look

        return pictures_of(self.dataset, self.outline(self.dataset), self.after)

    def lookup(self) -> Lookup:
        """Arrays of an item by name, see `robopref.labelers.arrays.arrays_of`."""
        return arrays_of(self.dataset)


class Bar(Protocol):
    """Moves a progress bar."""

    def __call__(self, done: int, total: int, note: str | None = None) -> None:
        """Show how much is done of how much, and a note in place of the unit."""
        ...


@contextmanager
def _unseen(name: str, unit: str) -> Generator[Bar]:
    _logger.info("%s (%s)", name, unit)

    def move(done: int, total: int, note: str | None = None) -> None:
        pass

    yield move


def _logged(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    for row in rows:
        _logger.info("%s: %s", title, ": ".join(row))


@dataclass(frozen=True)
class Session:
    """Who is told how the answering goes; by default the log.

    Attributes:
        say: Told a line.
        table: Told a title and rows, the first of which are headings.
        stage: Shows a bar, given the name of what is done and what is counted.
        share: Called when others may use the questions as well, while people answer.
    """

    say: Callable[[str], None] = _logger.info
    table: Callable[[str, Sequence[tuple[str, ...]]], None] = _logged
    stage: Callable[[str, str], AbstractContextManager[Bar]] = field(default=_unseen)
    share: Callable[[], None] = lambda: None
