"""Whether a reward is better than chance, by answers that it was not trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from robopref.answers import Answers
from robopref.evaluation.intervals import Interval, clopper_pearson
from robopref.records import Item

LEVEL = 0.95
# So many questions, all of them ordered rightly, are the fewest that exclude chance.
FEWEST = next(n for n in range(1, 100) if clopper_pearson(n, n, level=LEVEL).low > 0.5)


def ordered_rightly(answers: Answers, worth: Callable[[Item], float]) -> Interval | None:
    """The share of decided pairs that a reward orders as they were answered.

    Pairs of one ranking are not independent, so each question counts once, by the share of its pairs that are right:
    the interval is that of Clopper and Pearson of as many questions, the sum of their shares rounded down. It is too
    wide rather than too narrow.

    Args:
        answers: Which the reward was not trained on.
        worth: What it makes of an item.

    Returns:
        The mean of the questions' shares, equal worth counting half, with its interval; None without a decided pair.
    """
    shares: defaultdict[int, list[float]] = defaultdict(list)
    decided = (answers.p != 0.5) & (answers.weight > 0)
    some = answers[decided]
    for query, (one, two), p in zip(some.query.tolist(), some.item.tolist(), some.p.tolist(), strict=True):
        difference = worth(some.items[one]) - worth(some.items[two])
        shares[query].append(0.5 + 0.5 * float(np.sign(difference) * np.sign(p - 0.5)))
    if not shares:
        return None
    each = [float(np.mean(right)) for right in shares.values()]
    right = int(np.floor(sum(each) + 1e-9))
    return replace(clopper_pearson(right, len(each), level=LEVEL), mean=float(np.mean(each)))
