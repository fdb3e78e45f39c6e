"""What is known of a rollout, moment by moment, for checks of key points.

Facts have names: ``time`` (s), ``at <thing>`` (3,) (m), ``radius <thing>`` (m), ``tilt <thing>`` and ``turn <thing>``
(rad), ``held <thing>`` and ``grip <thing> <part>`` (0 or 1), ``hand`` (0 left, 1 right), ``force`` (N) and ``hit`` (0
or 1: something was bumped into). The hand or tool is the thing ``tool``. A task says those that it knows, and may know
others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError

Values = NDArray[np.float64]
TOOL = "tool"


@dataclass(frozen=True)
class Trace:
    """Facts of a rollout.

    Attributes:
        facts: Arrays (T, ...) by name.

    Raises:
        DataError: They are of different lengths, or of no moment.
    """

    facts: Mapping[str, Values]

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.facts.values()}
        if len(lengths) > 1 or 0 in lengths:
            raise DataError(f"facts of a rollout must be known at the same moments, one or more; got {sorted(lengths)}")

    @classmethod
    def of(cls, moments: Iterable[Mapping[str, object]]) -> Trace:
        """The facts of moments in a row; what is not known in all of them is left out.

        Raises:
            DataError: One is no number, or has another shape at another moment; or there is no moment.
        """
        rows = list(moments)
        names = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
        facts: dict[str, Values] = {}
        for name in names:
            try:
                facts[name] = np.array([row[name] for row in rows], dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(f"fact {name!r} of a rollout must be numbers of one shape at all moments") from error
        return cls(facts)

    def get(self, name: str) -> Values | None:
        """A fact (T, ...), or None if it is not known."""
        return self.facts.get(name)

    def at(self, thing: str) -> Values | None:
        """Where a thing is (T, 3), m."""
        return self.facts.get(f"at {thing}")

    def things(self) -> list[str]:
        """Things of which it is known where they are, but for the tool."""
        return [name[3:] for name in self.facts if name.startswith("at ") and name != f"at {TOOL}"]

    def each(self, kind: str) -> list[str]:
        """A thing, or those of a kind, which are told apart by numbers: ``bolt`` is ``bolt 1``, ``bolt 2``, ..."""
        return [name for name in self.things() if name == kind or name.rstrip("0123456789") == f"{kind} "]

    def moved(self, thing: str) -> float | None:
        """How far a thing is in the end from where it was, m."""
        at = self.at(thing)
        return None if at is None else float(np.linalg.norm(at[-1] - at[0]))

    def speeds(self) -> Values | None:
        """Speed of the tool between moments (T - 1,), m/s."""
        at, time = self.at(TOOL), self.get("time")
        if at is None or time is None or len(time) < 2:
            return None
        return np.linalg.norm(np.diff(at, axis=0), axis=1) / np.maximum(np.diff(time), 1e-9)
