"""Whether a reward is better than chance, by answers that it was not trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robopref.answers import Answers
from robopref.data.labels.self_made import asked_about
from robopref.evaluation.intervals import Bootstrap, Interval, clopper_pearson
from robopref.records import Item

LEVEL = 0.95
# So many questions, all of them ordered rightly, are the fewest that exclude chance.
FEWEST = next(n for n in range(1, 100) if clopper_pearson(n, n, level=LEVEL).low > 0.5)
# Of rewards at chance, 4 in 100 pass a percentile interval of so many rankings of 8, 3 of twenty, and 7 of six.
_RESAMPLED = 12
_BOOTSTRAP = Bootstrap(LEVEL, resamples=4000, seed=0)


@dataclass(frozen=True)
class Evidence:
    """How well a reward orders answers.

    Attributes:
        share: Of the pairs of a question that are ordered rightly, mean over questions, with its interval.
        method: What the interval is, for messages.
    """

    share: Interval
    method: str

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval lies above one half."""
        return self.share.low > 0.5


def ordered_rightly(answers: Answers, worth: Callable[[Item], float]) -> Evidence | None:
    """The share of decided pairs that a reward orders as they were answered.

    Pairs of one ranking are not independent, nor are answers about candidates of one state, so questions are resampled
    as a whole: those about one state are one. The interval is the percentile interval of that bootstrap. Where each
    question has but one pair, or where there are fewer than twelve, it is that of Clopper and Pearson of as many
    questions, the sum of their shares rounded down, which is too wide rather than too narrow.

    Args:
        answers: Which the reward was not trained on.
        worth: What it makes of an item.

    Returns:
        The mean of the questions' shares, equal worth counting half, with its interval; None without a decided pair.
    """
    shares: defaultdict[str, list[float]] = defaultdict(list)
    some = answers[(answers.p != 0.5) & (answers.weight > 0)]
    for question, (one, two), p in zip(asked_about(some).tolist(), some.item.tolist(), some.p.tolist(), strict=True):
        difference = worth(some.items[one]) - worth(some.items[two])
        shares[question].append(0.5 + 0.5 * float(np.sign(difference) * np.sign(p - 0.5)))
    if not shares:
        return None
    each = np.array([float(np.mean(right)) for right in shares.values()], np.float64)
    mean = float(each.mean())
    if len(each) >= _RESAMPLED and max(map(len, shares.values())) > 1:
        resampled = _BOOTSTRAP.means([each[:, None]])[:, 0]
        return Evidence(_BOOTSTRAP.interval(mean, resampled, len(each)), "a bootstrap over questions")
    right = int(np.floor(each.sum() + 1e-9))
    exact = replace(clopper_pearson(right, len(each), level=LEVEL), mean=mean)
    return Evidence(exact, "Clopper and Pearson, each question counted once")
