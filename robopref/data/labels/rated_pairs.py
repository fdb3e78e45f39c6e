"""From ratings of what was executed to soft preferences, between candidates of one scene only."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.outcome_credit import RatedChunk, rated_chunks
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.records import Array

_USUAL, _SURE = 1 / 3, 2.0  # how alike ratings of one candidate are where little is known, and how sure that is
_ALIKE = (1e-3, 0.5)  # how alike they may be found


@dataclass(frozen=True, eq=False)
class RatedPair:
    """Two executed candidates of one scene.

    Attributes:
        id: Sixteen hexadecimal digits of the scene and both chunks.
        event: That tells what was seen in the scene.
        chunks: The two, (H, A) each.
        p: Probability that the first is the better one.
        confidence: In [0, 1].
        operator: Who rated them; ``operators`` if there are several.
        time: Of the last rating, seconds since the epoch.
    """

    id: str
    event: DeploymentEvent
    chunks: tuple[Array, Array]
    p: float
    confidence: float
    operator: str
    time: float


@dataclass
class RatingTally:
    """What was said of one candidate of a scene.

    Attributes:
        first: A rating of it.
        wanted: Credit and weight of the ratings by which it was wanted.
        total: Of all ratings.
        squares: Of all ratings, times the weight once more.
        time: Of the last rating, seconds since the epoch.
    """

    first: RatedChunk
    wanted: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    time: float = 0.0

    def add(self, one: RatedChunk) -> None:
        """Count a rating."""
        share = one.credit * one.weight
        self.wanted += share * one.value
        self.total += share
        self.squares += share * one.weight
        self.time = max(self.time, one.time)

    @property
    def rate(self) -> float:
        """Share of the showings at which it was wanted."""
        return self.wanted / self.total

    @property
    def count(self) -> float:
        """As how many observations of equal weight it counts (Kish 1965)."""
        return self.total**2 / self.squares


def rated_pairs(events: Sequence[DeploymentEvent], correction: TraceCorrection | None) -> tuple[list[RatedPair], int]:
    """Compare the executed candidates of each scene by how they were rated.

    With a correction a candidate is as good as the share of its showings at which it was wanted, self-normalised
    ``sum(weight * value) / sum(weight)``; of both shares a Beta distribution says how well they are known, and the
    probability that one is larger is the soft label, ``|2 p - 1|`` its confidence. The distribution begins at the rate
    of the scene, counted as so many observations as candidates are found to be alike, see `prior_strength`. Without a
    correction, what was wanted more often is better, however often it was shown.

    Args:
        events: All of a deployment.
        correction: None takes counts.

    Returns:
        The pairs, and how many ratings belong to no other candidate of their scene.
    """
    scenes: dict[str, dict[bytes, RatingTally]] = defaultdict(dict)
    counts: dict[str, int] = defaultdict(int)
    operators: set[str] = set()
    for one in rated_chunks(events, correction):
        scene = scene_of(one.event, one.chunk)
        scenes[scene].setdefault(one.chunk.tobytes(), RatingTally(one)).add(one)
        counts[scene] += 1
        operators.add(one.operator)
    operator = operators.pop() if len(operators) == 1 else "operators"
    found: list[RatedPair] = []
    strength = prior_strength([list(tallies.values()) for tallies in scenes.values()])
    for scene, tallies in scenes.items():
        found += _compared(scene, tallies, correction, operator, strength)
    return found, sum(counts[scene] for scene, tallies in scenes.items() if len(tallies) < 2 or not scene)


def scene_of(event: DeploymentEvent, chunk: Array) -> str:
    """What tells scenes apart: their name and the number of the decision, or else what was seen; empty if nothing was.

    Args:
        event: In the scene.
        chunk: (H, A); only chunks of one shape are compared.
    """
    seen = {"points": event.points, "proprio": event.proprio, **event.others}
    known = {name: part for name, part in sorted(seen.items()) if part is not None}
    if not known:
        return ""
    told = hashlib.sha256(repr((chunk.shape, [(name, part.shape) for name, part in known.items()])).encode())
    if event.scene:
        told.update(repr((event.scene, event.step)).encode())
    else:
        for part in known.values():
            told.update(part.tobytes())
    return told.hexdigest()


def prior_strength(scenes: Sequence[Sequence[RatingTally]]) -> float:
    """As how many observations the rate of a scene counts, of what a candidate's own rate is expected to be.

    That is the beta-binomial distribution's ``1 / rho - 1``. Its correlation rho of ratings of one candidate follows
    from how much more the rates of a scene differ than their counts explain (moments, Kleinman 1973), and begins at a
    third.

    Args:
        scenes: What was said of the candidates of each.

    Returns:
        From 1, where candidates are as different as can be, to 999, where nothing tells them apart.
    """
    excess, room = _USUAL * _SURE, _SURE
    for tallies in scenes:
        base, total = _base(tallies), sum(tally.count for tally in tallies)
        for tally in tallies:
            chance = base * (1 - base) * (1 - tally.count / total)
            excess += tally.count * (tally.rate - base) ** 2 - chance
            room += chance * max(0.0, tally.count - 1)
    return 1 / min(max(excess / room, _ALIKE[0]), _ALIKE[1]) - 1


def _base(tallies: Iterable[RatingTally]) -> float:
    """Rate of a scene."""
    counts = [(tally.count, tally.rate) for tally in tallies]
    return sum(count * rate for count, rate in counts) / sum(count for count, _ in counts)


def win_probability(
    one: tuple[float, float], two: tuple[float, float], base: float, strength: float = 1 / _USUAL - 1
) -> float:
    """Probability that one rate is larger than another, by the normal approximation of their Beta distributions.

    Args:
        one: Rate, and how many observations it comes from.
        two: The same of the other.
        base: Rate that is expected before any observation.
        strength: As how many observations that counts.
    """
    means: list[float] = []
    spread = 0.0
    for rate, count in (one, two):
        total = count + strength
        mean = (rate * count + base * strength) / total
        means.append(mean)
        spread += mean * (1 - mean) / (total + 1)
    difference = means[0] - means[1]
    return NormalDist().cdf(difference / spread**0.5) if spread > 0 else 0.5


def _compared(
    scene: str, tallies: dict[bytes, RatingTally], correction: TraceCorrection | None, operator: str, strength: float
) -> list[RatedPair]:
    if not scene:
        return []
    pairs = [(_name(scene, one, two), one, two) for one, two in combinations(sorted(tallies), 2)]
    if correction is not None and len(pairs) > correction.pairs:
        pairs = sorted(pairs)[: correction.pairs]  # names are digests, so these are as good as drawn at random
    base = _base(tallies.values())
    found: list[RatedPair] = []
    for name, one, two in pairs:
        first, second = tallies[one], tallies[two]
        if correction is None:
            difference = first.wanted - second.wanted
            p, confidence = 0.5 + 0.5 * float((difference > 0) - (difference < 0)), 1.0
        else:
            p = win_probability((first.rate, first.count), (second.rate, second.count), base, strength)
            confidence = abs(2 * p - 1)
        chunks = (first.first.chunk, second.first.chunk)
        time = max(first.time, second.time)
        found.append(RatedPair(name, first.first.event, chunks, p, confidence, operator, time))
    return found


def _name(scene: str, one: bytes, two: bytes) -> str:
    return hashlib.sha256(scene.encode() + one + two).hexdigest()[:16]
