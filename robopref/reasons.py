"""Reasons of an answer, dimension by dimension, as lines of its rationale, which every store and format keeps.

``[asked 1 0]`` begins a chain and says in which order the items were shown, ``[contact 3 9] The second hits it.`` is a
finding with a score of each item of the question, and ``[verdict 0 0.8]`` ends the chain with its answer and how sure
it is. Words of a finding speak of places, scores of items. Other lines of a rationale are no reasons, and stay as they
are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ASKED, VERDICT = "asked", "verdict"
_NUMBER = r"\d{1,3}(?:\.\d{1,6})?"
_LINE = re.compile(rf"\[([a-z][a-z0-9_]{{0,39}})((?: {_NUMBER}){{1,9}})\](?: (.*))?")
_SAID = 600  # letters of a finding that are kept


@dataclass(frozen=True)
class DimensionFinding:
    """What was found by one dimension.

    Attributes:
        dimension: Its name.
        scores: (K,) of each item, in the order of the question; larger is better.
        said: Why, in words, of the places at which the items were shown.
    """

    dimension: str
    scores: tuple[float, ...]
    said: str = ""


@dataclass(frozen=True)
class Chain:
    """Findings, and what followed from them.

    Attributes:
        order: (K,) index of the item that was shown at each place.
        findings: By dimension, in the order in which they were made.
        verdict: Probability that the first item is better, or the rating, in [0, 1].
        confidence: In [0, 1].
    """

    order: tuple[int, ...]
    findings: tuple[DimensionFinding, ...]
    verdict: float
    confidence: float = 1.0

    @property
    def scores(self) -> dict[str, tuple[float, ...]]:
        """Scores (K,) by dimension."""
        return {one.dimension: one.scores for one in self.findings}

    def written(self) -> str:
        """The chain as lines of a rationale."""
        lines = [_line(ASKED, self.order)]
        lines += [_line(one.dimension, one.scores, one.said) for one in self.findings]
        return "\n".join([*lines, _line(VERDICT, (self.verdict, self.confidence))])


def read_chains(rationale: str) -> list[Chain]:
    """The chains of a rationale, which may be anybody's; what is no whole chain is left out.

    Args:
        rationale: Of an answer.

    Returns:
        Chains with a verdict, and scores of as many items as were shown; none of labelers that give no reasons.
    """
    found: list[Chain] = []
    order: tuple[int, ...] = ()
    findings: list[DimensionFinding] = []
    for line in rationale.split("\n"):
        matched = _LINE.fullmatch(line)
        if matched is None:
            continue
        name, said = matched[1], matched[3] or ""
        numbers = tuple(float(one) for one in matched[2].split())
        if name == ASKED:
            order, findings = tuple(int(one) for one in numbers), []
            if sorted(order) != list(range(len(order))):
                order = ()
        elif name == VERDICT:
            if order and findings and len(numbers) == 2 and max(numbers) <= 1:
                found.append(Chain(order, tuple(findings), *numbers))
            order = ()
        elif len(numbers) == len(order):
            findings.append(DimensionFinding(name, numbers, said))
    return found


def _line(name: str, numbers: Sequence[float], said: str = "") -> str:
    told = " ".join(said.split())[:_SAID]
    written = [f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers]
    return f"[{name} {' '.join(written)}] {told}".rstrip()
