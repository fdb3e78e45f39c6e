"""Episodes that are held out, and the loss on them."""

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.learning.validation import ValidationLoss, put_episodes_aside
from robopref.scores import Loss

ENDS = np.cumsum([2, 3, 1, 4, 2, 3, 1, 4, 2, 3])


def test_whole_episodes_are_put_aside() -> None:
    seen, aside = put_episodes_aside(ENDS, 0.2, seed=0)
    episode = np.repeat(np.arange(10), np.diff(ENDS, prepend=0))
    assert len(set(episode[aside])) == 2
    assert not set(episode[seen]) & set(episode[aside])
    assert sorted([*seen, *aside]) == list(range(25))


def test_the_seed_says_which() -> None:
    chosen = {tuple(put_episodes_aside(ENDS, 0.3, seed=seed)[1]) for seed in (0, 0, 1, 2, 3)}
    assert 2 <= len(chosen) <= 4


def test_none_are_put_aside_unless_asked_for() -> None:
    seen, aside = put_episodes_aside(ENDS, None, seed=0)
    assert seen.tolist() == list(range(25))
    assert len(aside) == 0


@pytest.mark.parametrize(("share", "episodes"), [(0.001, 1), (0.999, 9)])
def test_at_least_one_is_held_out_and_one_is_left(share: float, episodes: int) -> None:
    _, aside = put_episodes_aside(ENDS, share, seed=0)
    assert len(set(np.searchsorted(ENDS, aside, side="right"))) == episodes


@pytest.mark.parametrize(
    ("share", "ends", "message"),
    [
        (0.0, ENDS, r"in \(0, 1\), got 0.0"),
        (1.0, ENDS, r"in \(0, 1\), got 1.0"),
        (0.5, ENDS[:1], "nothing to train on"),
    ],
)
def test_shares_that_cannot_be_are_refused(share: float, ends: np.ndarray, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        put_episodes_aside(ends, share, seed=0)


def judge(count: int, seed: int = 0, sizes: list[int] | None = None) -> ValidationLoss:
    """A loss that is the step's number, and noise of which the mean is zero."""

    def loss(model: torch.nn.Module, step: torch.Tensor, _: torch.Tensor, generator: torch.Generator) -> Loss:
        if sizes is not None:
            sizes.append(len(step))
        total = (step + torch.randn(len(step), generator=generator)).mean()
        return Loss(total, {})

    return ValidationLoss(
        np.arange(count), lambda rows: (torch.tensor(rows, dtype=torch.float64), torch.zeros(len(rows))), loss,
        torch.device("cpu"), seed,
    )  # type: ignore[arg-type]  # fmt: skip


def test_the_loss_is_the_mean_of_all_steps_at_the_same_noise() -> None:
    sizes = list[int]()
    one = judge(5, sizes=sizes)
    module = torch.nn.Identity()
    # Steps 0 to 4, 103 times: mean 2, and the mean of 515 normal draws.
    assert one(module) == pytest.approx(2, abs=4 / 515**0.5)
    assert sizes == [256, 256, 3]
    assert one(module) == one(module) != judge(5, seed=1)(module)


def test_of_very_many_steps_the_same_are_looked_at() -> None:
    sizes = list[int]()
    one = judge(10_000, sizes=sizes)
    assert one(torch.nn.Identity()) == one(torch.nn.Identity())
    assert sum(sizes) == 2 * 4096
