"""Who proposes hypotheses, and what they may look at: never an answer that is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.explanation.feature_table import require_fitting
from robopref.explanation.grammar import Feature, Series, parse_feature
from robopref.explanation.offered import offered_features

Frames = Sequence[NDArray[np.uint8]]


@dataclass(frozen=True)
class ExamplePair:
    """An answered pair that what is accepted does not explain.

    Attributes:
        preferred: Arrays (T, ...) of the item that was preferred, by name.
        other: Of the other one.
        frames: Pictures of both, in this order; empty if there is nothing to see.
    """

    preferred: Mapping[str, NDArray[Any]]
    other: Mapping[str, NDArray[Any]]
    frames: tuple[Frames, ...] = ()


@dataclass(frozen=True)
class OpenQuestion:
    """What a proposer is to explain.

    Attributes:
        arrays: Of one item, by name.
        named: Quantities that settings name.
        several: Whether items have several steps.
        task: What items were judged by; empty if nobody said.
        accepted: What is accepted already, such as ``less mean(jerk(action))``.
        examples: Pairs that this does not explain.
        written: What people wrote with their answers, of those that may be looked at; nobody has to believe it.
        folder: Where files of the run are.
    """

    arrays: Mapping[str, NDArray[Any]]
    named: Mapping[str, Series] = field(default_factory=dict[str, Series])
    several: bool = True
    task: str = ""
    accepted: tuple[str, ...] = ()
    examples: tuple[ExamplePair, ...] = ()
    written: tuple[str, ...] = ()
    folder: Path = Path()


@dataclass(frozen=True)
class Proposal:
    """A feature that somebody proposes.

    Attributes:
        feature: The feature.
        prior: Chance, by who proposes it, that answers go by it.
        direction: 1 if more of it is said to be preferred, -1 if less, 0 if that is left open.
    """

    feature: Feature
    prior: float
    direction: int = 0


@dataclass(frozen=True)
class Proposals:
    """What was proposed.

    Attributes:
        proposed: The features.
        refused: What was proposed and is none, with the reason.
    """

    proposed: tuple[Proposal, ...]
    refused: tuple[tuple[str, str], ...] = ()


@runtime_checkable
class Proposer(Protocol):
    """Proposes hypotheses.

    Attributes:
        name: Recorded with them.
        rounds: How often it is asked; each time after what was accepted of those before.
        examples: Pairs that it is shown at most; 0 if it looks at none.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def rounds(self) -> int:
        """See the class."""
        ...

    @property
    def examples(self) -> int:
        """See the class."""
        ...

    def propose(self, question: OpenQuestion) -> Proposals:
        """Propose features.

        Raises:
            ConfigError: A feature that settings name is none.
        """
        ...


@dataclass(frozen=True)
class GrammarProposer:
    """Proposes what the grammar offers by itself, or what settings list.

    Attributes:
        features: Features to test; None takes those of `offered_features`.
        prior: Chance of each that answers go by it.
    """

    features: Sequence[str] | None = None
    prior: float = 0.05

    name: str = field(default="grammar", init=False)
    rounds: int = field(default=1, init=False)
    examples: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not 0 < self.prior < 1:
            raise ConfigError(f"proposer.prior must be between 0 and 1, got {self.prior}")

    def propose(self, question: OpenQuestion) -> Proposals:
        """Propose the same whatever is accepted, see `Proposer.propose`."""
        if self.features is None:
            features = offered_features(question.arrays, question.named, several=question.several)
        else:
            try:
                features = [parse_feature(text, question.arrays, question.named) for text in self.features]
            except ConfigError as error:
                raise ConfigError(f"proposer.features: {error}") from error
            require_fitting(features, question.arrays, "proposer.features")
        return Proposals(tuple(Proposal(feature, self.prior) for feature in features))
