"""Operators: from how good items are to preferences and outcomes."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from robopref.data.labels.target_operators import (
    balanced,
    believe,
    best_of,
    best_overall,
    compare,
    curate,
    succeed,
    weigh,
)
from robopref.errors import ConfigError
from robopref.scores import SuccessTarget

NAN = math.nan
# Small whole numbers, so that ties occur; None is not known.
VALUES = st.integers(2, 5).flatmap(
    lambda count: st.lists(
        st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=count, max_size=count), min_size=1, max_size=4
    )
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def table(rows: list[list[int | None]]) -> Tensor:
    return torch.tensor([[NAN if value is None else value for value in row] for row in rows], dtype=torch.float32)


def test_comparing_by_hand() -> None:
    got = compare(torch.tensor([[2.0, 1.0, 2.0, NAN]]))
    assert got.weight[0].tolist() == [[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert (got.p[0, 0, 1].item(), got.p[0, 0, 2].item(), got.p[0, 1, 2].item()) == (1, 0.5, 0)
    # Won: one and a tie of two; none of two; one and a tie of two; never asked.
    assert got.share[0].tolist() == [0.75, 0, 0.75, 0.5]


@given(VALUES)
def test_comparing_tells_every_known_pair_once_and_as_it_is(rows: list[list[int | None]]) -> None:
    values = table(rows)
    got = compare(values)
    known = values.isfinite()
    assert torch.equal(got.weight, (known[:, :, None] & known[:, None]).float().triu(1))
    assert got.p.isfinite().all()
    better, p = (values[:, :, None] > values[:, None]).float(), got.p
    torch.testing.assert_close((got.weight * p).sum(), (got.weight * (better + (1 - better - better.mT) / 2)).sum())


def test_votes_are_shared_as_bradley_and_terry_say() -> None:
    # Differences 1 and 2 at temperature 2: s(0.5) = 0.622459 and s(1) = 0.731059; 10,000 votes, four standard errors.
    values = torch.tensor([[2.0, 1.0, 0.0]])
    got = compare(values, temperature=2.0, votes=10_000, generator=generator())
    for i, j, p in ((0, 1, 0.622459), (1, 2, 0.622459), (0, 2, 0.731059)):
        assert got.p[0, i, j].item() == pytest.approx(p, abs=4 * (p * (1 - p) / 10_000) ** 0.5)


def test_one_vote_is_one_answer_and_the_generator_alone_decides() -> None:
    values = torch.randn(20, 4, generator=generator())
    one, same, other = (compare(values, temperature=1.0, generator=generator(seed)) for seed in (1, 1, 2))
    assert set(one.p.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(one.p, same.p)
    assert not torch.equal(one.p, other.p)
    four = compare(values, temperature=1.0, votes=4, generator=generator())
    assert set(four.p.unique().tolist()) == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_unknown_values_are_not_voted_on() -> None:
    got = compare(torch.tensor([[1.0, NAN, 0.0]]), temperature=1.0, generator=generator())
    assert got.weight[0].nonzero().tolist() == [[0, 2]]
    assert got.p.isfinite().all()


def test_a_low_temperature_is_certain() -> None:
    values = torch.tensor([[3.0, 1.0, 2.0]])
    cold, frozen = compare(values, temperature=1e-3, votes=50, generator=generator()), compare(values)
    torch.testing.assert_close(cold.p * cold.weight, frozen.p * frozen.weight)


@pytest.mark.parametrize("settings", [{"votes": 0}, {"temperature": -1.0}, {"temperature": NAN}])
def test_comparisons_that_cannot_be_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="votes >= 1 and temperature >= 0"):
        compare(torch.zeros(1, 2), **settings, generator=generator())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs a generator"):
        compare(torch.zeros(1, 2), temperature=1.0)


def test_the_best_of_a_state_by_hand() -> None:
    values = torch.tensor([[1.0, 3.0, 2.0], [NAN, -1.0, NAN], [NAN, NAN, NAN]])
    assert best_of(values).weight.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert best_of(values, top=2).weight.tolist() == [[0, 1, 1], [0, 1, 0], [0, 0, 0]]
    assert best_of(values).y.tolist() == [[1.0] * 3] * 3


@given(VALUES, st.integers(1, 5))
def test_no_item_that_is_left_is_better_than_a_chosen_one(rows: list[list[int | None]], top: int) -> None:
    values = table(rows)
    top = min(top, values.shape[1])
    chosen = best_of(values, top=top).weight > 0
    known = values.isfinite()
    assert torch.equal(chosen.sum(1), known.sum(1).clamp(max=top))
    assert not (chosen & ~known).any()
    worst = torch.where(chosen, values, math.inf).amin(1)
    best_left = torch.where(known & ~chosen, values, -math.inf).amax(1)
    assert (worst >= best_left).all()


def test_the_best_of_all_states_leaves_hard_ones_out() -> None:
    values = torch.tensor([[5.0, 4.0, 3.0, NAN], [2.0, 1.0, 0.0, 0.5]])
    # A quarter of eight is two, both from the easy state; an eighth is one.
    assert best_overall(values, share=0.25).weight.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert best_overall(values).weight.sum() == 1
    assert best_overall(values, share=1e-3).weight.sum() == 1
    # All of them, but what is not known.
    assert torch.equal(best_overall(values, share=1.0).weight, values.isfinite().float())


@pytest.mark.parametrize("top", [0, 4])
def test_a_count_that_is_not_there_is_refused(top: int) -> None:
    with pytest.raises(ConfigError, match=f"between 1 and the 3 items of a state, got {top}"):
        best_of(torch.zeros(2, 3), top=top)


@pytest.mark.parametrize("share", [0.0, 1.1, NAN])
def test_a_share_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"share must be in \(0, 1\]"):
        best_overall(torch.zeros(2, 3), share=share)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_curation_chooses_in_proportion(temperature: float) -> None:
    row = torch.tensor([0.0, math.log(2), NAN, math.log(5)])
    got = curate(row.expand(20_000, -1), generator=generator(), temperature=temperature)
    assert (got.weight.sum(1) == 1).all()
    # exp(value / temperature) is 1 : 2 : 5, or 1 : 4 : 25; four binomial standard errors.
    odds = torch.tensor([1.0, 2.0, 0.0, 5.0]) ** (1 / temperature)
    share = odds / odds.sum()
    assert ((got.weight.mean(0) - share).abs() <= 4 * (share * (1 - share) / 20_000).sqrt()).all()


def test_curation_chooses_nothing_where_nothing_is_known() -> None:
    got = curate(torch.tensor([[NAN, NAN], [NAN, 1.0]]), generator=generator())
    assert got.weight.tolist() == [[0, 0], [0, 1]]


def test_the_generator_alone_decides_what_is_curated() -> None:
    values = torch.zeros(50, 4)
    one, same, other = (curate(values, generator=generator(seed)).weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_advantages_weigh_by_hand() -> None:
    # Mean 1 of the known: advantages 1 and -1, at temperature 0.5 e^2 = 7.389056 and e^-2 = 0.135335.
    got = weigh(torch.tensor([[2.0, NAN, 0.0]]), temperature=0.5)
    assert got.weight[0].tolist() == pytest.approx([7.389056, 0, 0.135335], abs=1e-5)
    assert got.y.tolist() == [[1, 1, 1]]
    assert weigh(torch.tensor([[2.0, NAN, 0.0]]), temperature=0.5, limit=3.0).weight.max() == 3
    # exp(1000) is no number, its limit is.
    assert weigh(torch.tensor([[2000.0, 0.0]])).weight[0].tolist() == [20, 0]
    assert weigh(torch.tensor([[NAN, NAN]])).weight.tolist() == [[0, 0]]


@given(VALUES, st.floats(-100, 100))
def test_advantages_ignore_the_level_of_a_state(rows: list[list[int | None]], shift: float) -> None:
    values = table(rows)
    torch.testing.assert_close(weigh(values).weight, weigh(values + shift).weight, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("make", [partial(curate, generator=generator()), weigh])
@pytest.mark.parametrize("temperature", [0.0, -1.0, NAN])
def test_temperatures_that_cannot_be_are_refused(make, temperature: float) -> None:
    with pytest.raises(ConfigError, match="positive"):
        make(torch.zeros(1, 2), temperature=temperature)


def test_a_limit_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"temperature and limit must be positive, got 1\.0 and 0"):
        weigh(torch.zeros(1, 2), limit=0)


def test_the_median_splits_a_state() -> None:
    values = torch.tensor([[1.0, 3.0, 2.0, NAN], [4.0, 1.0, 3.0, 2.0], [2.0, NAN, NAN, 1.0], [NAN] * 4])
    got = succeed(values)
    # Of an odd number the middle is left out, of an even number none, of two one is a success and one a failure.
    assert got.weight.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert (got.y * got.weight).tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_threshold_is_the_same_for_all_states() -> None:
    got = succeed(torch.tensor([[1.0, 3.0], [2.0, NAN]]), threshold=2.0)
    assert got.y[0].tolist() == [0, 1]
    assert got.weight.tolist() == [[1, 1], [0, 0]]


@given(VALUES)
def test_the_median_is_fair_where_no_values_are_equal(rows: list[list[int | None]]) -> None:
    values = table(rows) + torch.arange(len(rows[0])) * 0.1
    got = succeed(values)
    assert torch.equal((got.y * got.weight).sum(1), ((1 - got.y) * got.weight).sum(1))
    assert got.y.isfinite().all()


def test_balancing_by_hand() -> None:
    # Three successes and one failure: 4 / (2 * 3) and 4 / (2 * 1); the unknown item stays out.
    y = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    weight = torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 2.0, 1.0, 0.0]])
    got = balanced(SuccessTarget(y, weight))
    assert got.weight[0].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2, 0])
    assert torch.equal(got.weight[1], weight[1])
    assert torch.equal(got.y, y)


@given(VALUES)
def test_balancing_gives_both_classes_half_and_changes_no_total(rows: list[list[int | None]]) -> None:
    before = succeed(table(rows), threshold=0.5)
    after = balanced(before)
    torch.testing.assert_close(after.weight.sum(1), before.weight.sum(1))
    good, bad = (after.weight * before.y).sum(1), (after.weight * (1 - before.y)).sum(1)
    mixed = ((before.weight * before.y).sum(1) > 0) & ((before.weight * (1 - before.y)).sum(1) > 0)
    torch.testing.assert_close(good[mixed], bad[mixed])


def test_differences_are_believed_as_log_odds() -> None:
    # A difference of log 3 is 3 : 1, one of log 9 is 9 : 1; what is not known gets no weight.
    got = believe(torch.tensor([[math.log(9), 0.0, math.log(3)], [NAN, 0.0, 0.0]]))
    assert got.p[0, 0].tolist() == pytest.approx([0.5, 0.9, 0.75])
    assert got.p[0, 1, 2].item() == pytest.approx(0.25)
    assert got.weight.tolist() == [[[0, 1, 1], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 1], [0, 0, 0]]]
    assert got.p[1, 0].tolist() == [0.5, 0.5, 0.5]


def test_curation_without_a_generator_is_the_same_every_time() -> None:
    values = torch.zeros(50, 4)
    assert torch.equal(curate(values).weight, curate(values).weight)
    assert 1 < curate(values).weight.sum(0).min() < curate(values).weight.sum(0).max() < 50
