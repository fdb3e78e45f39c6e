"""Records that the parts of robopref hand to each other: what was observed, asked and answered.

Shape alphabet: `B` batch, `K` compared items, `N` candidates, `H` chunk horizon, `A` action dim, `P` points,
`D` proprioception, `S` state, `M` noise draws, `E` ensemble, `G` symmetries, `L` anchors, `T` decisions of a segment.
Units: metres in the robot base frame, seconds, float32; actions in [-1, 1].

Nothing here needs torch; `robopref.scores` holds what does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError, DataError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ActionGeometry:
    """How an action relates to points in space, and what leaves the task unchanged.

    An action names L anchor points, ``anchor_l = matrix_l @ action + offset_l``: where to pick and where to place, say.
    Where actions move the robot on from where it is, its proprioception says from where, and the steps of a chunk add
    up: ``anchor_hl = matrix_l @ (action_1 + .. + action_h) + offset_l + origin_l @ proprio``. Networks describe the
    cloud relative to anchors. A symmetry g maps points by ``symmetry_points[g]``, actions by ``symmetry_actions[g]``
    and proprioception by ``symmetry_proprio[g]``, and leaves dynamics and reward as they were.

    Attributes:
        matrix: (L, 3, A), metres per unit of action.
        offset: (L, 3), metres.
        symmetry_points: (G, 3, 3) orthogonal, the identity first.
        symmetry_actions: (G, A, A), the identity first.
        radius: Extent of the workspace from its centre, m; networks measure lengths in it.
        labels: (L,) what each anchor is, for pictures.
        origin: (L, 3, D), metres per unit of proprioception; None where actions name points by themselves.
        symmetry_proprio: (G, D, D), the identity first; None where proprioception stays as it is.
    """

    matrix: Array
    offset: Array
    symmetry_points: Array
    symmetry_actions: Array
    radius: float
    labels: tuple[str, ...]
    origin: Array | None = None
    symmetry_proprio: Array | None = None

    def __post_init__(self) -> None:
        anchors, space, dim = self.matrix.shape
        groups = len(self.symmetry_points)
        expected = {
            "offset": (anchors, 3),
            "symmetry_points": (groups, 3, 3),
            "symmetry_actions": (groups, dim, dim),
        }
        felt = [part.shape[-1] for part in (self.origin, self.symmetry_proprio) if part is not None]
        if self.origin is not None:
            expected["origin"] = (anchors, 3, felt[0])
        if self.symmetry_proprio is not None:
            expected["symmetry_proprio"] = (groups, felt[0], felt[0])
        if space != 3:
            raise ConfigError(f"geometry.matrix must be (L, 3, A), got {self.matrix.shape}")
        for name, shape in expected.items():
            got = getattr(self, name).shape
            if got != shape:
                raise ConfigError(f"geometry.{name} must be {shape}, got {got}")
        if len(self.labels) != anchors:
            raise ConfigError(f"geometry.labels must name {anchors} anchors, got {self.labels}")

    def anchors(self, chunks: Array, proprio: Array | None = None) -> Array:
        """Where chunks of actions go.

        Args:
            chunks: (..., H, A).
            proprio: (..., D) before the chunk; not needed where actions name points by themselves.

        Returns:
            (..., H, L, 3), m.

        Raises:
            ConfigError: Actions move the robot on from where it is, and `proprio` does not say where.
        """
        if self.origin is None:
            return np.einsum("lxa,...ha->...hlx", self.matrix, chunks) + self.offset
        if proprio is None:
            raise ConfigError("these actions move the robot on from where it is; give proprio to say where that is")
        start = np.einsum("lxd,...d->...lx", self.origin, proprio)[..., None, :, :]
        return np.einsum("lxa,...ha->...hlx", self.matrix, np.cumsum(chunks, axis=-2)) + self.offset + start

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for storing beside a dataset or in a checkpoint."""
        return {
            "matrix": self.matrix.tolist(),
            "offset": self.offset.tolist(),
            "symmetry_points": self.symmetry_points.tolist(),
            "symmetry_actions": self.symmetry_actions.tolist(),
            "radius": self.radius,
            "labels": list(self.labels),
            "origin": None if self.origin is None else self.origin.tolist(),
            "symmetry_proprio": None if self.symmetry_proprio is None else self.symmetry_proprio.tolist(),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> ActionGeometry:
        """Inverse of `to_dict`.

        Raises:
            DataError: What is stored describes no geometry.
        """
        try:
            arrays = {
                name: np.asarray(stored[name], dtype=np.float32)
                for name in ("matrix", "offset", "symmetry_points", "symmetry_actions")
            }
            for name in ("origin", "symmetry_proprio"):
                if stored.get(name) is not None:
                    arrays[name] = np.asarray(stored[name], dtype=np.float32)
            radius, labels = float(stored["radius"]), tuple(map(str, stored["labels"]))
            if not all(np.isfinite(array).all() for array in (*arrays.values(), np.float64(radius))) or radius <= 0:
                raise DataError("a geometry holds finite numbers and a positive radius")
            return cls(**arrays, radius=radius, labels=labels)
        except (AttributeError, ConfigError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)[:200]
            raise DataError(f"not a geometry of actions ({reason})") from error


@dataclass(frozen=True)
class Goal:
    """How far a task is from done, for reports: ``distance = best - progress``.

    Attributes:
        distance: What it is called.
        unit: Unit in which it is shown.
        scale: That unit in units of progress, such as 100 to show metres as cm.
        best: Progress of a perfect state.
        success: Distance below which the task is solved; 0 if the distance does not tell.
        difference: Outcomes that differ by no more than this are not compared.
    """

    distance: str = "distance"
    unit: str = "cm"
    scale: float = 100.0
    best: float = 0.0
    success: float = 0.0
    difference: float = 0.01


@dataclass(frozen=True)
class Observation:
    """What a policy sees; numpy for one observation, torch tensors with a leading batch dimension inside learning code.

    What was not observed is None. Where a policy sees the last T observations, parts are (T, ...) or (B, T, ...), the
    newest last.

    Attributes:
        points: (P, 3+C) or (B, P, 3+C), metres, and C values of each point such as its colour.
        proprio: (D,) or (B, D).
        state: (S,) or (B, S) low-dimensional ground truth, in simulation.
        image: (h, w, 3) or (B, h, w, 3) uint8.
        others: More that was observed, by name: vectors, and pictures of more cameras.
    """

    points: Any = None
    proprio: Any = None
    state: Any = None
    image: Any = None
    others: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Observation:
        """An observation of parts by their names; those that are None were not observed."""
        others = {name: part for name, part in parts.items() if name not in OBSERVED and part is not None}
        return cls(**{name: parts.get(name) for name in OBSERVED}, others=others)

    @property
    def parts(self) -> dict[str, Any]:
        """What was observed, by name."""
        named = {name: getattr(self, name) for name in OBSERVED}
        return {name: part for name, part in (named | dict(self.others)).items() if part is not None}

    def part(self, name: str) -> Any:
        """One part.

        Raises:
            DataError: It was not observed.
        """
        parts = self.parts
        if name not in parts:
            raise DataError(f"the observation has no {name}; it has {', '.join(parts) or 'nothing'}")
        return parts[name]

    def map(self, change: Callable[[Any], Any]) -> Observation:
        """Change everything that was observed alike, such as ``observation.map(lambda part: part[rows])``."""
        return Observation.of({name: change(part) for name, part in self.parts.items()})


# Parts of an observation that have names of their own.
OBSERVED = ("points", "proprio", "state", "image")
OUTCOME = "after."  # before the name of a part: as it was observed after a decision


def is_outcome(name: str) -> bool:
    """Whether an array of decisions tells what came of them."""
    return name.startswith(OUTCOME)


@dataclass(frozen=True)
class Item:
    """One thing to be compared: a stretch of a dataset, or one candidate action drawn at a step of it.

    Attributes:
        source: Name of the dataset.
        start: First step.
        stop: One past the last step.
        candidate: Index among the candidates drawn at `start`, or None for what was executed.
    """

    source: str
    start: int
    stop: int
    candidate: int | None = None


_SURE = 1e6  # log-odds that nobody has
QueryKind = Literal["pair", "ranking", "similarity", "rating", "feature", "threshold"]
# How many items a question has that judges items; None is any number from 2.
QUERY_ITEMS: dict[QueryKind, int | None] = {"pair": 2, "ranking": None, "similarity": 3, "rating": 1}
# Of questions about a feature, which show any number of items as examples, or none.
FEATURE_KINDS: tuple[QueryKind, ...] = ("feature", "threshold")
QUERY_KINDS: tuple[QueryKind, ...] = (*QUERY_ITEMS, *FEATURE_KINDS)
# Of which rewards learn; others teach embeddings, or beliefs about features.
COMPARED_KINDS = frozenset[QueryKind]({"pair", "ranking", "rating"})


@dataclass(frozen=True)
class Query:
    """A question; it holds no answer.

    Attributes:
        id: Unique name; the same question has the same id.
        kind: ``pair``: which of two is better; ``ranking``: the order of two or more; ``similarity``: which of three is
            least like the other two; ``rating``: how good one is; ``feature``: whether a feature matters, and which
            way; ``threshold``: how much of it is too much, or too little.
        items: The K items to judge, or that are shown as examples of a feature.
        instruction: What the items are to be judged by.
        feature: What is asked about, for the kinds that are about a feature; None for others.
    """

    id: str
    kind: QueryKind
    items: tuple[Item, ...]
    instruction: str = ""
    feature: AskedFeature | None = None

    def __post_init__(self) -> None:
        if self.kind not in QUERY_KINDS:
            raise ConfigError(f"query kind must be one of {', '.join(QUERY_KINDS)}, got {self.kind!r}")
        if (self.kind in FEATURE_KINDS) != (self.feature is not None):
            raise ConfigError(f"a {self.kind} query needs {'a' if self.feature is None else 'no'} feature")
        count, got = QUERY_ITEMS.get(self.kind), len(self.items)
        if self.feature is not None:
            if self.feature.values and len(self.feature.values) != got:
                raise ConfigError(f"a feature has a value of each of {got} examples, got {len(self.feature.values)}")
        elif got != count if count is not None else got < 2:
            needed = "2 or more items" if count is None else f"{count} item{'s' * (count > 1)}"
            raise ConfigError(f"a {self.kind} query needs {needed}, got {got}")

    @property
    def source(self) -> str:
        """Name of the dataset that it is about."""
        return self.items[0].source if self.feature is None else self.feature.source


@dataclass(frozen=True)
class Preference:
    """Answer to a pair.

    Attributes:
        p: Probability in [0, 1] that the first item is the better one; 0.5 is a tie, and 0.75 says that it is slightly
            better where 1 says that it is much better.
    """

    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ConfigError(f"preference p must be in [0, 1], got {self.p}")


@dataclass(frozen=True)
class Ranking:
    """Answer to a ranking.

    Attributes:
        ranks: (K,) rank of each item, 0 the best; equal ranks are ties.
        strengths: (K,) log-odds, where they are known: an item is better than another one with the probability
            ``sigmoid`` of the difference (Bradley and Terry 1952). Empty where only the order is known.
    """

    ranks: tuple[int, ...]
    strengths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.strengths:
            return
        if len(self.strengths) != len(self.ranks) or not all(abs(one) < _SURE for one in self.strengths):
            raise ConfigError(
                f"strengths must be one finite number below {_SURE:g} for each of {len(self.ranks)} ranks, got "
                f"{self.strengths}"
            )
        better = tuple(sum(other > one for other in self.strengths) for one in self.strengths)
        if better != tuple(sum(other < one for other in self.ranks) for one in self.ranks):
            raise ConfigError(f"strengths {self.strengths} must be in the order of the ranks {self.ranks}")


@dataclass(frozen=True)
class SimilarityTriplet:
    """Answer to a similarity query.

    Attributes:
        odd: Index of the item that is least like the other two.
    """

    odd: int

    def __post_init__(self) -> None:
        if self.odd not in (0, 1, 2):
            raise ConfigError(f"the odd one of a similarity triplet must be 0, 1 or 2, got {self.odd}")


@dataclass(frozen=True)
class Rating:
    """Answer to a rating.

    Attributes:
        value: In [0, 1], larger is better; success is 1 and failure 0.
    """

    value: float

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise ConfigError(f"rating value must be in [0, 1], got {self.value}")


@dataclass(frozen=True)
class Abstain:
    """No answer, and why; never encoded as a number.

    Attributes:
        reason: Such as ``skipped``, ``cannot tell`` or ``bad episode``.
    """

    reason: str


Answer = Preference | Ranking | SimilarityTriplet | Rating | FeatureRelevance | Threshold | Abstain


@dataclass(frozen=True)
class Feedback:
    """One answer to one query.

    Attributes:
        query_id: Which query.
        answer: The answer; its indices are those of the query's items, however these were shown.
        labeler: Who or what answered.
        labeler_version: Version of the labeler, or of its settings.
        confidence: In [0, 1].
        time: Seconds since the epoch.
        rationale: Free text.
        order: (K,) index of the item that was shown at each place, from left to right; empty if none were shown to a
            person.
        seconds: How long the answer took, if that is known.
    """

    query_id: str
    answer: Answer
    labeler: str
    labeler_version: str = ""
    confidence: float = 1.0
    time: float = 0.0
    rationale: str = ""
    order: tuple[int, ...] = ()
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ConfigError(f"confidence must be in [0, 1], got {self.confidence}")
        if sorted(self.order) != list(range(len(self.order))):
            raise ConfigError(f"order must hold each index from 0 once, got {self.order}")
        if self.seconds is not None and not self.seconds >= 0:
            raise ConfigError(f"seconds must not be negative, got {self.seconds}")
