"""Noise draws: which levels, which noises, and with how much variance."""

from typing import Any

import pytest
import torch

from robopref.errors import ConfigError
from robopref.policies.draws import CleanDraw, ImportanceDraw, StratifiedDraw, UniformDraw

SHAPE = (2, 4)
DRAWS = [UniformDraw(6, 10, 40), StratifiedDraw(6, 10, 40), StratifiedDraw(5, 10, 40), CleanDraw((12, 35))]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: f"{type(draw).__name__}-{draw.count}")
def test_shapes_bounds_and_weights(draw: UniformDraw) -> None:
    got = draw(300, SHAPE, generator())
    assert got.timestep.shape == (300, draw.count)
    assert got.timestep.dtype == torch.int64
    assert got.noise.shape == (300, draw.count, *SHAPE)
    assert got.weight.shape == (draw.count,)
    assert got.weight.sum().item() == pytest.approx(1)
    assert got.timestep.min() >= 10
    assert got.timestep.max() < 40


@pytest.mark.parametrize("draw", DRAWS[:3], ids=lambda draw: f"{type(draw).__name__}-{draw.count}")
def test_the_generator_alone_decides(draw: UniformDraw) -> None:
    one, same, other = draw(5, SHAPE, generator(3)), draw(5, SHAPE, generator(3)), draw(5, SHAPE, generator(4))
    assert torch.equal(one.timestep, same.timestep)
    assert torch.equal(one.noise, same.noise)
    assert not torch.equal(one.timestep, other.timestep)
    assert not torch.equal(one.noise, other.noise)


@pytest.mark.parametrize("kind", [UniformDraw, StratifiedDraw])
def test_every_level_of_the_range_occurs(kind: type[UniformDraw]) -> None:
    assert set(kind(4, 3, 8)(500, (1, 1), generator()).timestep.unique().tolist()) == {3, 4, 5, 6, 7}


@pytest.mark.parametrize("kind", [UniformDraw, StratifiedDraw])
def test_noise_is_standard_normal(kind: type[UniformDraw]) -> None:
    noise = kind(4)(5000, (1, 2), generator()).noise
    # 40,000 numbers: standard errors 0.005 of the mean and about 0.005 of the variance, 0.007 with half the noises.
    assert noise.mean().abs() < 0.03
    assert noise.var().item() == pytest.approx(1, abs=0.05)


def test_each_stratum_is_hit_once() -> None:
    # 8 draws are 4 strata of 25 levels, each with two noises.
    timestep = StratifiedDraw(8, 0, 100)(200, SHAPE, generator()).timestep
    strata = (timestep // 25).sort(dim=1).values
    assert torch.equal(strata, torch.tensor([0, 0, 1, 1, 2, 2, 3, 3]).expand(200, -1))
    assert timestep[:, 0].unique().numel() > 20  # anywhere in its stratum


def test_noises_of_a_level_are_antithetic() -> None:
    got = StratifiedDraw(8)(50, SHAPE, generator())
    assert got.noise.sum(dim=1).abs().max() < 1e-5
    assert torch.equal(got.noise[:, :4], -got.noise[:, 4:])
    assert torch.equal(got.timestep[:, :4], got.timestep[:, 4:])


def test_an_odd_count_leaves_the_last_noise_alone() -> None:
    got = StratifiedDraw(5)(50, SHAPE, generator())
    assert torch.equal(got.noise[:, :2], -got.noise[:, 3:])
    torch.testing.assert_close(got.noise.sum(dim=1), got.noise[:, 2], atol=1e-6, rtol=1e-5)


def test_more_strata_than_levels_stay_in_range() -> None:
    timestep = StratifiedDraw(12, 4, 6)(100, SHAPE, generator()).timestep
    assert timestep.min() == 4
    assert timestep.max() == 5


@pytest.mark.parametrize("odd", [0.0, 1.0])
def test_strata_and_antithetic_noise_lower_the_variance(odd: float) -> None:
    # An estimate of the mean of (t / 100)^2 plus something odd in the noise.
    def variance(kind: type[UniformDraw]) -> float:
        draw = kind(8)(3000, (1, 1), generator())
        value = (draw.timestep / 100) ** 2 + odd * draw.noise[:, :, 0, 0]
        return (value * draw.weight).sum(dim=1).var().item()

    # Four strata leave about 2 / 16 of the variance between levels, as 8 draws have only 4 levels; noise cancels.
    assert variance(StratifiedDraw) < 0.25 * variance(UniformDraw)


def test_strata_do_not_bias() -> None:
    draw = StratifiedDraw(8)(5000, (1, 1), generator())
    # Mean of 0..99 is 49.5.
    assert draw.timestep.float().mean().item() == pytest.approx(49.5, abs=0.3)


def test_a_clean_draw_has_no_noise() -> None:
    got = CleanDraw((3, 1))(4, SHAPE, generator())
    assert got.noise.abs().max() == 0
    assert got.timestep.tolist() == [[3, 1]] * 4
    assert got.weight.tolist() == [0.5, 0.5]
    assert CleanDraw()(1, SHAPE, generator()).timestep.tolist() == [[2]]


@pytest.mark.parametrize("kind", [UniformDraw, StratifiedDraw])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "count >= 1"), ((-1,), "count >= 1"), ((4, 5, 5), "lower < upper"), ((4, -1, 5), "0 <= lower")],
)
def test_ranges_that_cannot_be_are_refused(kind: type[UniformDraw], arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(*arguments)


@pytest.mark.parametrize("levels", [(), (-1,), (3, -2)])
def test_clean_levels_that_cannot_be_are_refused(levels: Any) -> None:
    with pytest.raises(ConfigError, match="noise levels >= 0"):
        CleanDraw(levels)


def test_levels_are_drawn_as_they_matter_and_weighed_back() -> None:
    # Shares 1/8, 0, 3/8, 4/8 of four levels; a draw of 5 weighs 1 / (share * 4 * 5) = 0.4, -, 0.1333, 0.1.
    got = ImportanceDraw(5, [1, 0, 3, 4])(8000, SHAPE, generator())
    assert got.timestep.shape == got.weight.shape == (8000, 5)
    assert got.noise.shape == (8000, 5, *SHAPE)
    assert got.sampling == "independent"
    torch.testing.assert_close(got.weight, torch.tensor([0.4, torch.inf, 0.4 / 3, 0.1])[got.timestep])
    for level, share in enumerate((0.125, 0, 0.375, 0.5)):
        # 40,000 levels: four binomial standard errors.
        found = (got.timestep == level).float().mean().item()
        assert found == pytest.approx(share, abs=4 * (share * (1 - share) / 40_000) ** 0.5)


def test_even_importance_is_a_uniform_draw() -> None:
    got = ImportanceDraw(4, torch.full((50,), 7.0))(200, SHAPE, generator())
    torch.testing.assert_close(got.weight, torch.full((200, 4), 0.25))
    assert got.timestep.unique().numel() == 50


def test_importance_does_not_bias() -> None:
    importance = torch.linspace(1, 10, 100)
    got = ImportanceDraw(8, importance.tolist())(5000, (1, 1), generator())
    # The mean of (t / 100)^2 over 0..99 is 0.32835.
    mean = ((got.timestep / 100) ** 2 * got.weight).sum(1)
    assert mean.mean().item() == pytest.approx(0.32835, abs=4 * mean.std().item() / 5000**0.5)
    total = got.weight.sum(1)
    assert total.mean().item() == pytest.approx(1, abs=4 * total.std().item() / 5000**0.5)


def test_the_generator_alone_decides_levels_of_importance() -> None:
    draw = ImportanceDraw(6, range(1, 20))
    one, same, other = (draw(5, SHAPE, generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.timestep, same.timestep)
    assert torch.equal(one.noise, same.noise)
    assert not torch.equal(one.timestep, other.timestep)


@pytest.mark.parametrize("importance", [[], [0.0, 0.0], [1.0, -1.0], [1.0, torch.nan], [1.0, torch.inf]])
def test_an_importance_that_cannot_be_is_refused(importance: list[float]) -> None:
    with pytest.raises(ConfigError, match="importance must be numbers >= 0, one of them positive"):
        ImportanceDraw(4, importance)


def test_importance_needs_draws() -> None:
    with pytest.raises(ConfigError, match="count >= 1, got 0"):
        ImportanceDraw(0, [1.0])
