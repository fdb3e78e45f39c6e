"""Pictures: where things are in them."""

import pytest
import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.nets.picture_part import PicturePart, SpatialSoftmax


def pictures(rows: int = 3, side: int = 16) -> Tensor:
    return torch.randint(
        0, 256, (rows, side, side, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )  # fmt: skip


def part(**settings: int) -> PicturePart:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PicturePart(width=5, channels=(4, 8), **{"side": 16, "shift": 2, **settings})


def test_spatial_softmax_by_hand() -> None:
    # Of four pixels two at the right have weight e^0 = 1, the one at the top left 3, the one at the bottom left 1.
    maps = torch.tensor([[[[3.0, 1.0], [1.0, 1.0]]]]).log()
    # x: (-3 + 1 - 1 + 1) / 6, y: (-3 - 1 + 1 + 1) / 6.
    torch.testing.assert_close(SpatialSoftmax(1)(maps), torch.tensor([[-2 / 6, -2 / 6]]))
    sharp = SpatialSoftmax(1)
    with torch.no_grad():
        sharp.log_sharpness.fill_(torch.tensor(2.0).log())
    # Weights are squared: 9, 1, 1, 1.
    torch.testing.assert_close(sharp(maps), torch.tensor([[-8 / 12, -8 / 12]]))


def test_the_greatest_value_is_found_where_it_is() -> None:
    maps = torch.zeros(1, 2, 5, 9)
    maps[0, 0, 4, 0], maps[0, 1, 2, 6] = 50, 50
    # The first is at the left and the bottom; the second in the middle, and 6 of 8 steps to the right.
    torch.testing.assert_close(SpatialSoftmax(2)(maps), torch.tensor([[-1.0, 0.5, 1.0, 0.0]]))


def test_colours_are_normalised_by_what_was_recorded() -> None:
    encoder = part()
    seen = torch.zeros(2, 16, 16, 3, dtype=torch.uint8)
    seen[..., 0], seen[1:, ..., 1] = 255, 51
    encoder.fit(seen)
    # Red is 1 everywhere; green is 0 or 0.2: mean and deviation 0.1.
    torch.testing.assert_close(encoder.mean, torch.tensor([1.0, 0.1, 0.0]))
    torch.testing.assert_close(encoder.std, torch.tensor([0.01, 0.1, 0.01]))


def test_pictures_of_any_size_are_brought_to_one() -> None:
    encoder, small = part(), pictures()
    large = small.repeat_interleave(3, 1).repeat_interleave(2, 2)
    assert encoder(small).shape == (3, 5)
    torch.testing.assert_close(encoder(large), encoder(small), rtol=1e-4, atol=1e-5)


def test_training_moves_pictures_and_repeats_their_edge() -> None:
    encoder, seen = part(shift=2), pictures(rows=200)
    moved = encoder.varied(seen, torch.Generator().manual_seed(0))
    assert moved.shape == seen.shape
    padded = nn.functional.pad(seen.permute(0, 3, 1, 2).float(), (2, 2, 2, 2), mode="replicate").permute(0, 2, 3, 1)
    found = set[tuple[int, int]]()
    for before, after in zip(padded, moved, strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(before[y : y + 16, x : x + 16], after)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 25
    assert torch.equal(part(shift=0).varied(seen, torch.Generator()), seen)


def multiply_adds(encoder: PicturePart, side: int) -> int:
    """Of convolutions and linear layers, for one picture."""
    count = 0

    def add(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal count
        if isinstance(module, nn.Conv2d | nn.Linear):
            count += output[0].numel() * module.weight[0].numel()

    for module in encoder.modules():
        module.register_forward_hook(add)
    encoder(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    return count


def test_a_picture_costs_at_most_ten_million_multiply_adds() -> None:
    # 48^2 3 9 16 + 24^2 16 9 32 + 12^2 32 9 64 + 12^2 64 9 32 of convolutions, and 64 64 of the projection.
    assert multiply_adds(PicturePart(width=64), 96) == 995_328 + 3 * 2_654_208 + 4096


def test_nothing_left_of_a_picture_is_refused() -> None:
    with pytest.raises(ConfigError, match="2 layers of channels need pictures of 8 pixels, got side=7"):
        part(side=7)
