"""What is known of each round in which a policy learnt from its own candidates, and which is best; kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from robopref.errors import DataError
from robopref.evaluation.intervals import Interval
from robopref.evaluation.stored_arrays import LARGEST
from robopref.files import fields as checked_fields
from robopref.files import number, read_json, write_json

ROUNDS = "rounds"  # folder of a run that rounds are kept in, by method
_FILE = "rounds.json"
_MOST = 1000  # rounds of a file that may come from somebody else


@dataclass(frozen=True)
class RoundRecord:
    """A policy after some rounds, 0 being the one that they begin with.

    Attributes:
        round: How many.
        answers: Questions that people, teachers or models answered for the judge so far.
        carried_out: Actions that were executed to learn from so far; those that compare rounds do not count.
        own: Progress by the policy's own sample, mean over validation starts.
        gain: What that is more than in round 0, at the same starts.
        best: What the best of N by the reward of actions that was learnt on the way gains over round 0's own sample;
            None if there is none.
        judged: Share of the starts at which the judge finds the own sample better than that of round 0; no truth is
            needed for it.
        entropy: Of its candidates, nats a dimension.
        distance: From the first policy, in denoising error of its own samples.
        agreement: Share of the pairs of this round's held-out answers that the judge orders rightly; None if nobody
            was asked.
        real: Share of demonstrated states in what it learnt from.
        seconds: That the round took.
        stopped: Why no round follows; empty if one may.
        watched: Share of the pairs of held-out answers that what the policy itself came to prefer orders rightly; None
            unless it judges itself.
    """

    round: int
    answers: int
    carried_out: int
    own: float
    gain: Interval | None
    best: Interval | None
    judged: float
    entropy: float
    distance: float
    agreement: float | None
    real: float
    seconds: float
    stopped: str = ""
    watched: float | None = None


@dataclass(frozen=True)
class RoundGuards:
    """When rounds end early.

    Attributes:
        entropy: Nats a dimension that candidates may lose; None sets no limit.
        agreement: Least share of pairs of held-out answers that the judge has to order rightly; None sets no limit.
        distance: Largest one from the first policy; None sets no limit.
        fall: By which the share of starts at which the judge prefers a round may stay below that of the best one;
            None sets no limit.
        watched: By which the share of held-out answers that a policy which judges itself orders rightly may stay below
            that of the best round; None sets no limit.
    """

    entropy: float | None
    agreement: float | None
    distance: float | None
    fall: float | None
    watched: float | None = 0.0

    def reason(self, rounds: Sequence[RoundRecord]) -> str:
        """Why no round is to follow the last one of some; empty if one may."""
        first, last = rounds[0], rounds[-1]
        lost, best = first.entropy - last.entropy, best_round(rounds)
        if self.entropy is not None and lost > self.entropy:
            return f"candidates lost {lost:.2f} nats a dimension since the first round (improve.stop.entropy)"
        if self.distance is not None and last.distance > self.distance:
            return f"the policy is {last.distance:.3g} from the first one (improve.stop.distance)"
        if self.agreement is not None and last.agreement is not None and last.agreement < self.agreement:
            return f"the judge orders {last.agreement:.0%} of the held-out pairs rightly (improve.stop.agreement)"
        if last.watched is not None and best.watched is not None:
            return self._talked_itself_into(last.watched, best.watched, best.round)
        if self.fall is not None and last.judged < best.judged - self.fall:
            return f"the judge finds round {best.round} better"
        return ""

    def _talked_itself_into(self, last: float, best: float, index: int) -> str:
        if self.watched is None or last >= best - self.watched:
            return ""
        return (
            f"what the policy itself prefers orders {last:.0%} of the held-out answers rightly, after {best:.0%} in "
            f"round {index} (improve.stop.watched)"
        )


def best_round(rounds: Sequence[RoundRecord]) -> RoundRecord:
    """The round whose own sample the judge prefers most often; of equals the first.

    A policy that judges itself is told by the held-out answers that it orders rightly, as it always likes itself best.
    """
    return max(rounds, key=lambda one: (one.judged if one.watched is None else one.watched, -one.round))


def write_rounds(folder: Path, rounds: Sequence[RoundRecord]) -> None:
    """Keep rounds.

    Args:
        folder: Of the rounds of one method.
        rounds: From round 0 on.

    Raises:
        DataError: The disk refused.
    """
    write_json(folder / _FILE, {"rounds": [asdict(one) for one in rounds]})


def load_rounds(folder: Path) -> list[RoundRecord]:
    """Read what `write_rounds` kept; nothing if there is nothing.

    Args:
        folder: Of the rounds of one method.

    Raises:
        DataError: It is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return []
    kept: Any = checked_fields(path, read_json(path), {"rounds": list}).get("rounds", [])
    if len(kept) > _MOST or not all(isinstance(one, Mapping) for one in kept):
        raise DataError(f"{path} is damaged: rounds has to be a list of at most {_MOST} objects; remove it")
    found = [_round(path, one) for one in kept]
    if [one.round for one in found] != list(range(len(found))):
        raise DataError(f"{path} is damaged: rounds have to be numbered from 0 on; remove it")
    return found


def _round(path: Path, stored: Mapping[str, Any]) -> RoundRecord:
    values: dict[str, Any] = {}
    for name in (one.name for one in fields(RoundRecord)):
        value = stored.get(name)
        if name in ("gain", "best"):
            values[name] = None if value is None else _interval(path, name, value)
        elif name == "stopped":
            values[name] = str(value or "")[:300]
        elif name in ("agreement", "watched") and value is None:
            values[name] = None
        else:
            whole = name in ("round", "answers", "carried_out")
            values[name] = int(_number(path, name, value)) if whole else _number(path, name, value)
    return RoundRecord(**values)


def _interval(path: Path, name: str, value: Any) -> Interval:
    parts = value if isinstance(value, Mapping) else {}
    low, mean, high, n = (_number(path, f"{name}.{key}", parts.get(key)) for key in ("low", "mean", "high", "n"))
    return Interval(mean, low, high, int(n))


def _number(path: Path, name: str, value: Any) -> float:
    found = number(value)
    if found is None or not abs(found) <= LARGEST:
        raise DataError(f"{path} is damaged: {name} has to be a number, got {str(value)[:40]!r}; remove it")
    return float(found)
