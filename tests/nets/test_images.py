import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.images import ImageEncoder


def pictures(rows=5, side=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, rows, side, side, 3), generator=generator, dtype=torch.uint8)


def test_each_copy_sees_its_own_pictures():
    torch.manual_seed(0)
    encoder, views = ImageEncoder(2, channels=(4, 8), side=16), pictures()
    features = encoder(views)
    assert features.shape == (2, 5, encoder.size)
    assert encoder.size == 4 * 8
    swapped = encoder(torch.stack([views[0], views[0]]))
    torch.testing.assert_close(swapped[0], features[0])
    assert not torch.allclose(swapped[1], features[1])


def test_colours_are_normalised_by_what_was_fitted():
    encoder = ImageEncoder(1, channels=(4,), side=8)
    views = torch.zeros(3, 8, 8, 3, dtype=torch.uint8)
    views[..., 0], views[1:, ..., 1] = 255, 51
    encoder.fit(views)
    # Red is 1 everywhere; green is 0 in a third of the pixels and 0.2 in the others: 0.4 / 3.
    torch.testing.assert_close(encoder.mean, torch.tensor([1.0, 0.4 / 3, 0.0]))
    assert encoder.std[0] == encoder.std[2] == pytest.approx(1e-3)
    assert "std" in encoder.state_dict()


def test_larger_pictures_are_brought_to_size():
    encoder = ImageEncoder(2, channels=(4,), side=8)
    small = pictures(side=8)
    large = small.repeat_interleave(3, 2).repeat_interleave(3, 3)
    torch.testing.assert_close(encoder(large), encoder(small), rtol=1e-4, atol=1e-5)


def test_nothing_left_of_a_picture_is_refused():
    with pytest.raises(ConfigError, match="pictures of 8 pixels"):
        ImageEncoder(1, channels=(4, 4, 4), side=4)
