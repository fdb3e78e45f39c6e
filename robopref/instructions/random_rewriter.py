"""The control: clauses by chance."""

from __future__ import annotations

import numpy as np

from robopref.instructions.case import Case
from robopref.instructions.offers import Offers
from robopref.instructions.rewrite import Addition, Rewrite, rewritten

_WHY = "by chance"


def random_additions(offers: Offers, case: Case, share: float, rng: np.random.Generator) -> list[Addition]:
    """Each key point that may be added with some probability, by any cue and choice.

    Args:
        offers: What may be added.
        case: To what.
        share: Probability of each key point.
        rng: Source of chance.
    """
    found: list[Addition] = []
    for place, point in enumerate(offers.points):
        cues = [j for j, cue in enumerate(case.cues) if point.fits(cue.thing, case.handled)]
        if cues and rng.random() < share:
            cue, choice = int(rng.choice(cues)), int(rng.integers(len(point.choices)))
            found.append(Addition(offers.requirement(case, place, cue, choice), _WHY, float(rng.random())))
    return found


def random_rewrite(offers: Offers, case: Case, share: float, rng: np.random.Generator) -> Rewrite:
    """An instruction with clauses that were drawn, see `random_additions`."""
    return rewritten(case, offers.vocabulary, random_additions(offers, case, share, rng))
