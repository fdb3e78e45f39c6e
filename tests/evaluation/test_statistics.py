"""Statistics of an evaluation: values worked out by hand, invariances, and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robopref.errors import ConfigError, DataError
from robopref.evaluation.intervals import clopper_pearson, wilson
from robopref.evaluation.statistics import (
    Interval,
    bootstrap_mean,
    calibration,
    gap_closed,
    hierarchical_bootstrap,
    pair_accuracy,
    pair_counts,
    paired_gain,
    rank_correlation,
    ratio_of_means,
)

finite = st.floats(-1e3, 1e3, width=32)
columns = arrays(np.float64, st.integers(1, 12), elements=finite)
tables = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.integers(-5, 5).map(float))


def test_bootstrap_of_two_values() -> None:
    # Resamples of (0, 1) have the means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: the central 95 % reach from 0 to 1,
    # the central 40 % (quantiles 0.3 and 0.7) hold 1/2 alone.
    assert bootstrap_mean([0, 1]) == Interval(0.5, 0.0, 1.0, 2)
    assert bootstrap_mean([0, 1], level=0.4) == Interval(0.5, 0.5, 0.5, 2)


def test_bootstrap_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = bootstrap_mean(values)
    half = 1.96 * values.std() / 20  # 20 = sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_bootstrap_covers_the_truth() -> None:
    rng = np.random.default_rng(2)
    intervals = [bootstrap_mean(rng.normal(1, 1, 50), resamples=500) for _ in range(200)]
    # 95 % of 200 is 190; the standard deviation of the count is sqrt(200 * 0.95 * 0.05) = 3.1.
    assert 178 <= sum(one.low <= 1 <= one.high for one in intervals) <= 199


def test_bootstrap_in_parts_stays_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robopref.evaluation.intervals._GATHERED", 7)
    assert bootstrap_mean([0, 1], resamples=2000) == Interval(0.5, 0.0, 1.0, 2)


@given(columns, st.floats(-50, 50))
@settings(max_examples=30, deadline=None)
def test_bootstrap_invariances(values: np.ndarray, shift: float) -> None:
    found = bootstrap_mean(values, resamples=100)
    assert values.min() - 1e-6 <= found.low <= found.high <= values.max() + 1e-6
    assert bootstrap_mean(values[::-1], resamples=100).low == found.low
    moved = bootstrap_mean(values + shift, resamples=100)
    np.testing.assert_allclose([moved.low, moved.high], [found.low + shift, found.high + shift], atol=1e-6)
    flipped = bootstrap_mean(-values, resamples=100)
    assert flipped.mean == pytest.approx(-found.mean)


def test_paired_gain() -> None:
    # Differences 1, 1, 1: the values vary by tens from start to start, the gain does not.
    assert paired_gain([11, 21, 31], [10, 20, 30]) == Interval(1.0, 1.0, 1.0, 3)
    # Differences 3 and -1 have the mean 1; resampled means are -1, 1, 3.
    assert paired_gain([3, 0], [0, 1]) == Interval(1.0, -1.0, 3.0, 2)


def test_hierarchical_bootstrap() -> None:
    # Starts agree within each seed, so only the two seeds vary: means 0, 1/2, 1 as above, whatever the starts.
    assert hierarchical_bootstrap([[0] * 5, [1] * 9]) == Interval(0.5, 0.0, 1.0, 14)
    # Seeds count equally: (mean(1, 3) + mean(8)) / 2 = (2 + 8) / 2.
    assert hierarchical_bootstrap([[1, 3], [8]]).mean == 5
    # A single seed is a plain bootstrap.
    values = np.arange(20.0)
    assert hierarchical_bootstrap([values]) == bootstrap_mean(values)


def test_hierarchical_bootstrap_is_wider_than_pooling() -> None:
    rng = np.random.default_rng(3)
    seeds = [rng.normal(mean, 1, 100) for mean in (0, 1, 2, 3)]
    nested, pooled = hierarchical_bootstrap(seeds), bootstrap_mean(np.concatenate(seeds))
    assert nested.mean == pytest.approx(pooled.mean)
    assert nested.high - nested.low > 3 * (pooled.high - pooled.low)


def test_gap_closed() -> None:
    # Means are 2, 1 and 5: (2 - 1) / (5 - 1) = 1/4.
    assert gap_closed([1, 3], [0, 2], [4, 6]).mean == 0.25
    # At every start a quarter is closed, so every resample says a quarter.
    assert gap_closed([1, 11], [0, 10], [4, 14]) == Interval(0.25, 0.25, 0.25, 2)
    assert gap_closed([0, 10], [0, 10], [4, 14]).mean == 0
    assert gap_closed([4, 14], [0, 10], [4, 14]).mean == 1
    with pytest.raises(DataError, match="best candidates must be better than random"):
        gap_closed([1, 1], [1, 1], [1, 1])


def test_gap_closed_over_seeds() -> None:
    # Seed 0 closes 0 of 1 and seed 1 closes 1 of 1; drawing two seeds gives 0, 1/2 or 1.
    found = gap_closed([0, 0, 1, 1], [0] * 4, [1] * 4, seeds=[0, 0, 1, 1])
    assert found == Interval(0.5, 0.0, 1.0, 4)


@given(st.integers(0, 10**6), st.floats(0.1, 10), st.floats(-10, 10))
@settings(max_examples=20, deadline=None)
def test_gap_closed_does_not_depend_on_units(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    outcomes = rng.normal(size=(8, 5))
    trio = outcomes[:, 0], outcomes.mean(axis=1), outcomes.max(axis=1)
    one = gap_closed(*trio, resamples=100)
    other = gap_closed(*(scale * values + shift for values in trio), resamples=100)
    np.testing.assert_allclose([one.mean, one.low, one.high], [other.mean, other.low, other.high], rtol=1e-6, atol=1e-9)


def test_ratio_leaves_out_resamples_without_denominator() -> None:
    # A resample of (0, 1) is all zeros a quarter of the time; in the others the ratio is 2.
    assert ratio_of_means([0, 2], [0, 1]) == Interval(2.0, 2.0, 2.0, 2)
    with pytest.raises(DataError, match="denominator must be positive, got 0"):
        ratio_of_means([1, 2], [0, 0])


def test_pair_accuracy_by_hand() -> None:
    # Outcomes 0, 1, 3: three pairs. Scores 5, 4, 9 order (0, 2) and (1, 2) rightly and (0, 1) wrongly.
    assert pair_accuracy([[5, 4, 9]], [[0, 1, 3]], threshold=0) == pytest.approx(2 / 3)
    # Beyond 1 only the pairs (0, 2) and (1, 2) count.
    assert pair_accuracy([[5, 4, 9]], [[0, 1, 3]], threshold=1) == 1
    # A tie in score counts half: (1/2 + 1 + 1) / 3.
    assert pair_accuracy([[4, 4, 9]], [[0, 1, 3]], threshold=0) == pytest.approx(2.5 / 3)
    # Start 0 has two pairs with different outcomes, one ordered rightly and one tied in score; start 1 has three, of
    # which only the first is ordered rightly. Pairs are pooled, never formed across starts: (1.5 + 1) / (2 + 3).
    right, total = pair_counts([[1, 2, 2], [3, 2, 5]], [[0, 1, 0], [9, 8, 7]], threshold=0)
    assert right.tolist() == [1.5, 1.0]
    assert total.tolist() == [2.0, 3.0]
    assert pair_accuracy([[1, 2, 2], [3, 2, 5]], [[0, 1, 0], [9, 8, 7]], threshold=0) == 0.5
    with pytest.raises(DataError, match=r"no two candidates of a start differ by more than 0\.5"):
        pair_accuracy([[1, 2]], [[0, 0.5]], threshold=0.5)


@given(tables, st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_pair_accuracy_properties(outcomes: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, outcomes.shape).astype(float)
    right, total = pair_counts(scores, outcomes, threshold=1)
    assert (right <= total).all()
    # What a reversed score orders rightly is what the score orders wrongly.
    np.testing.assert_allclose(pair_counts(-scores, outcomes, threshold=1)[0], total - right)
    # A monotone change of the score of each start changes nothing, nor does the order of the candidates.
    bent = np.exp(scores) + rng.normal(size=(len(scores), 1))
    turn = rng.permutation(outcomes.shape[1])
    np.testing.assert_allclose(pair_counts(bent[:, turn], outcomes[:, turn], threshold=1)[0], right)
    np.testing.assert_array_equal(pair_counts(outcomes, outcomes, threshold=1)[0], total)


def test_rank_correlation() -> None:
    # One swap of neighbours among four: 1 - 6 * (1 + 1) / (4 * (16 - 1)) = 0.8.
    # Equal scores share a rank: (-1, 0.5, 0.5) and (-1, 0, 1) about their means, so (1 + 0.5) / sqrt(1.5 * 2).
    assert rank_correlation([[1, 2, 3, 4]], [[10, 30, 20, 40]]) == pytest.approx([0.8])
    assert rank_correlation([[1, 7, 7]], [[1, 2, 3]]) == pytest.approx([1.5 / 3**0.5])
    assert rank_correlation([[1, 2], [1, 2]], [[4, 3], [5, 6]]) == pytest.approx([-1, 1])
    assert np.isnan(rank_correlation([[1, 1]], [[1, 2]])).all()


def test_calibration_by_hand() -> None:
    # sigmoid(log 3) = 3/4. Four such pairs with three wins are predicted perfectly.
    margin = np.log(3.0)
    perfect = calibration([margin] * 4, [1, 1, 1, 0], bins=10)
    assert perfect.error == pytest.approx(0)
    assert perfect.count.tolist() == [0, 0, 0, 0, 0, 0, 0, 4, 0, 0]
    assert perfect.predicted[7] == pytest.approx(0.75)
    assert perfect.observed[7] == pytest.approx(0.75)
    assert np.isnan(perfect.observed[0])
    # Bin of 3/4: 2 pairs, both won, off by 1/4. Bin of 1/2: 1 pair, a tie, off by 0. Mean (2 * 1/4 + 0) / 3 = 1/6.
    assert calibration([margin, margin, 0], [1, 1, 0.5]).error == pytest.approx(1 / 6)


@given(arrays(np.float64, 20, elements=st.floats(-900, 900)), st.integers(1, 30), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_calibration_properties(margins: np.ndarray, bins: int, seed: int) -> None:
    wins = np.random.default_rng(seed).integers(0, 2, 20)
    found = calibration(margins, wins, bins)
    assert found.count.sum() == 20
    assert 0 <= found.error <= 1
    filled = found.count > 0
    assert np.isfinite(found.predicted[filled]).all()
    # With one bin the error is the difference of the means.
    single = calibration(margins, wins, 1)
    assert single.error == pytest.approx(abs(single.predicted[0] - wins.mean()))


@pytest.mark.parametrize(
    ("successes", "n", "scores", "exact"),
    [
        (0, 10, (0.0, 0.27753279986288926), (0.0, 0.30849710781876294)),
        (3, 10, (0.10779126740630102, 0.6032218525388546), (0.06673951117773447, 0.652452850060008)),
        (10, 10, (0.7224672001371109, 1.0), (0.6915028921812371, 1.0)),
        (1, 1, (0.20654931437723745, 1.0), (0.025, 1.0)),
        (37, 3000, (0.008961127098019293, 0.01695284335874863), (0.008698265855914385, 0.016960154846289086)),
    ],
)
def test_intervals_of_shares_are_those_of_scipy(
    successes: int, n: int, scores: tuple[float, float], exact: tuple[float, float]
) -> None:
    for interval, wanted in ((wilson, scores), (clopper_pearson, exact)):
        found = interval(successes, n, level=0.95)
        assert (found.low, found.high) == pytest.approx(wanted, rel=1e-10, abs=1e-14)


def test_wilson() -> None:
    # None of 10: the upper end is z² / (n + z²) = 3.8415 / 13.8415 = 0.2775.
    assert wilson(0, 10, level=0.95).high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(0, 10, level=0.95).low == 0
    assert wilson(10, 10, level=0.95).low == pytest.approx(1 - 0.2775, abs=1e-4)
    assert wilson(5, 10, level=0.95).mean == 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_mean([]), r"values must not be empty, got shape \(0,\)"),
        (lambda: bootstrap_mean([[1.0]]), r"values must be \(S,\), got shape \(1, 1\)"),
        (lambda: bootstrap_mean([1, np.nan, np.inf]), "values must be finite, got 2 of 3 that are not"),
        (lambda: paired_gain([1, 2], [1]), r"same shape, got values \(2,\), baseline \(1,\)"),
        (lambda: hierarchical_bootstrap([]), "at least one seed, got none"),
        (lambda: hierarchical_bootstrap([[1], []]), r"values_by_seed\[1\] must not be empty"),
        (lambda: gap_closed([1], [0], [2, 3]), r"chosen \(1,\), random \(1,\), best \(2,\)"),
        (lambda: gap_closed([1, 2], [0, 0], [2, 3], seeds=[1]), r"seeds \(1,\)"),
        (lambda: pair_accuracy([1, 2], [1, 2], threshold=0), r"scores must be \(S, N\), got shape \(2,\)"),
        (lambda: pair_accuracy([[1, 2]], [[1, 2, 3]], threshold=0), r"outcomes \(1, 3\)"),
        (lambda: rank_correlation([[np.nan, 1]], [[1, 2]]), "scores must be finite"),
        (lambda: calibration([1], [2]), r"wins must be within \[0, 1\], got values from 2 to 2"),
        (lambda: calibration([], []), "margins must not be empty"),
    ],
)
def test_data_errors(call: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_mean([1], level=1), "level must be between 0 and 1, got 1"),
        (lambda: bootstrap_mean([1], resamples=0), "resamples must be 1 or more, got 0"),
        (lambda: pair_accuracy([[1, 2]], [[1, 2]], threshold=-1), "threshold must be 0 or more, got -1"),
        (lambda: calibration([1], [1], 0), "bins must be 1 or more, got 0"),
    ],
)
def test_config_errors(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()
