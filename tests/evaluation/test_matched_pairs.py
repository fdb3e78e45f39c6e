"""Differences on the same starts: values worked out by hand, and those of scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robopref.errors import ConfigError, DataError
from robopref.evaluation.intervals import Interval, wilson
from robopref.evaluation.matched_pairs import (
    compare_means,
    compare_successes,
    finding,
    mcnemar,
    newcombe,
    smallest_mean,
    smallest_share,
)

counts = st.integers(0, 25)


def test_mcnemar_by_hand() -> None:
    # 6 of 6 starts where the two differ are gains: 2 * (1/2)^6 = 1/32. 7 of 9: 2 * (36 + 9 + 1) / 512.
    assert mcnemar(6, 0) == pytest.approx(1 / 32)
    assert mcnemar(7, 2) == pytest.approx(92 / 512)
    assert mcnemar(2, 7) == pytest.approx(92 / 512)
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(5, 0, 0.0625), (10, 30, 0.0022214337732293643), (60, 41, 0.07275700687752425)],
)
def test_mcnemar_is_the_binomial_test_of_scipy(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p, rel=1e-10)


def test_newcombe_by_hand() -> None:
    # 21 starts: 1 both, 1 gained, 7 lost, 12 neither; 2 against 8 of 21. Wilson: 0.0952 in (0.0265, 0.2891) and 0.3810
    # in (0.2075, 0.5912). 1 * 12 - 1 * 7 = 5 is less than 21 / 2, so the correction leaves no correlation.
    found = newcombe(1, 1, 7, 12)
    assert found.mean == pytest.approx(-6 / 21)
    assert found.low == pytest.approx(-6 / 21 - np.hypot(0.0952 - 0.0265, 0.5912 - 0.3810), abs=2e-4)
    assert found.high == pytest.approx(-6 / 21 + np.hypot(0.3810 - 0.2075, 0.2891 - 0.0952), abs=2e-4)
    # 41 starts: 14 both, 5 gained, 0 lost, 22 neither; 19 against 14 of 41. Wilson: 0.4634 in (0.3207, 0.6125) and
    # 0.3415 in (0.2156, 0.4945). phi = (14 * 22 - 41 / 2) / sqrt(19 * 22 * 14 * 27) = 287.5 / 397.5 = 0.7233.
    below = np.sqrt(0.1427**2 - 2 * 0.7233 * 0.1427 * 0.1530 + 0.1530**2)
    above = np.sqrt(0.1259**2 - 2 * 0.7233 * 0.1259 * 0.1491 + 0.1491**2)
    found = newcombe(14, 5, 0, 22)
    assert (found.mean, found.n) == (pytest.approx(5 / 41), 41)
    assert found.low == pytest.approx(5 / 41 - below, abs=2e-4)
    assert found.high == pytest.approx(5 / 41 + above, abs=2e-4)
    # The two disagree more than by chance: phi = (1 * 1 - 4 * 4) / (5 * 5) = -0.6, without a correction.
    one = wilson(5, 10, level=0.95)
    half = np.sqrt(2 * (1 + 0.6)) * (one.mean - one.low)
    assert newcombe(1, 4, 4, 1).high == pytest.approx(half)


@given(counts, counts, counts, counts.map(lambda n: n + 1))
@settings(max_examples=50, deadline=None)
def test_newcombe_holds_the_difference_and_turns_with_the_strategies(
    both: int, gained: int, lost: int, neither: int
) -> None:
    found, turned = newcombe(both, gained, lost, neither), newcombe(both, lost, gained, neither)
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))
    assert newcombe(both, gained, lost, neither, level=0.99).low < found.low


def test_newcombe_covers_the_truth() -> None:
    # 40 starts, 60 % against 45 %: both 40 %, gained 20 %, lost 5 %.
    drawn = np.random.default_rng(0).multinomial(40, [0.4, 0.2, 0.05, 0.35], size=400)
    intervals = [newcombe(*map(int, row)) for row in drawn]
    # 95 % of 400 is 380; the standard deviation of the count is sqrt(400 * 0.95 * 0.05) = 4.4.
    assert 366 <= sum(one.low <= 0.15 <= one.high for one in intervals) <= 394


def test_smallest_share_by_hand() -> None:
    # Fewer than 6 starts never give p <= 0.05: 2 * (1/2)^5 = 1/16.
    assert smallest_share(5, 0) is None
    assert smallest_share(5, 5) is None
    # With 6 starts all have to be gains: (1 + d) / 2 to the 6th is 0.8 at d = 2 * 0.8^(1/6) - 1.
    assert smallest_share(6, 0) == pytest.approx(2 * 0.8 ** (1 / 6) - 1, abs=2e-4)
    # 7 starts: 7 gains give 2/128, 6 give 2 * 8/128 > 0.05; where 6 differ, 6 gains do. All differences being gains,
    # d^7 + 7 d^6 (1 - d) = 0.8.
    found = smallest_share(7, 1)
    assert found is not None
    assert found**7 + 7 * found**6 * (1 - found) == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(
    ("starts", "discordant", "smallest"),
    [
        (20, 0, 0.5974401344945246),  # at every start the two may differ
        (20, 1, 0.3664603948425706),
        (20, 10, 0.4313506920102483),
        (50, 10, 0.17572985890189532),
        (100, 20, 0.12772530014675557),
    ],
)
def test_smallest_share_has_the_power_that_scipy_gives_it(starts: int, discordant: int, smallest: float) -> None:
    """The root of the sum over ``binom.pmf`` of all counts that ``binomtest`` refuses, by ``brentq``."""
    assert smallest_share(starts, discordant) == pytest.approx(smallest, abs=1.5e-4)


@pytest.mark.parametrize(
    ("starts", "effect", "near"),
    [(6, 1.43454534395, 0.04), (10, 0.9960022543069521, 0.011), (20, 0.6604424098188603, 3e-3),
     (100, 0.2829129784255313, 2e-4)],
)  # fmt: skip
def test_smallest_mean_is_that_of_the_noncentral_t_distribution(starts: int, effect: float, near: float) -> None:
    """The effect at which ``nct.sf(t.ppf(0.975, n - 1), n - 1, effect * sqrt(n))`` of scipy is 0.8, by ``brentq``."""
    values = np.random.default_rng(starts).normal(size=starts)
    assert smallest_mean(values / values.std(ddof=1)) == pytest.approx(effect, rel=near)


def test_smallest_mean_by_hand() -> None:
    # Differences of 1 and 3, four each: sd sqrt(8/7); (1.960 + 0.842) / sqrt(8 - 1.960^2 / 2) = 2.802 / 2.466.
    assert smallest_mean([1, 3] * 4) == pytest.approx(np.sqrt(8 / 7) * 2.802 / 2.466, abs=1e-3)
    assert smallest_mean([2] * 6) == 0
    assert smallest_mean([1, 2, 3, 4, 5]) is None


def test_successes_are_counted_start_by_start() -> None:
    tried = np.array([1, 1, 1, 0, 0, 1, 0], bool)
    control = np.array([1, 0, 0, 1, 0, 0, 0], bool)
    found = compare_successes(tried, control)
    assert (found.both, found.gained, found.lost, found.neither) == (1, 3, 1, 2)
    assert (found.tried, found.control) == (4 / 7, 2 / 7)
    assert found.interval == newcombe(1, 3, 1, 2)
    assert found.p == pytest.approx(2 * 5 / 16)
    assert found.smallest == smallest_share(7, 4)
    assert found.finding == "none"


def test_means_are_compared_start_by_start() -> None:
    control = np.arange(10.0)
    found = compare_means(control + 1, control)
    assert (found.tried, found.control, found.interval) == (5.5, 4.5, Interval(1.0, 1.0, 1.0, 10))
    assert (found.smallest, found.finding) == (0, "gain")
    assert compare_means(control - 1, control).finding == "loss"


@pytest.mark.parametrize(
    ("low", "mean", "high", "smallest", "said"),
    [
        (0.1, 0.4, 0.7, 0.3, "gain"),
        (-0.7, -0.4, -0.1, 0.3, "loss"),
        (0.1, 0.4, 0.7, 0.5, "none"),  # below what so many starts can show
        (-0.7, -0.4, -0.1, 0.5, "none"),
        (-0.1, 0.4, 0.9, 0.3, "none"),  # zero is inside
        (0.1, 0.4, 0.7, None, "none"),  # too few starts
        (0.0, 0.0, 0.0, 0.0, "none"),  # the two never differ
    ],
)
def test_what_is_called_a_gain(low: float, mean: float, high: float, smallest: float | None, said: str) -> None:
    assert finding(Interval(mean, low, high, 20), smallest) == said


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match=r"tried \(2,\), control \(1,\)"):
        compare_successes([1, 0], [1])
    with pytest.raises(DataError, match="0 or 1"):
        compare_successes([0.5, 1], [1, 0])
    with pytest.raises(DataError, match="at least one start"):
        newcombe(0, 0, 0, 0)
    with pytest.raises(ConfigError, match="level must be between 0 and 1"):
        compare_means([1], [2], level=2)
