"""Vectors, normalised by what was recorded."""

import torch

from robopref.nets.vector_part import VectorPart


def test_vectors_are_normalised_by_mean_and_spread_and_constants_are_shifted() -> None:
    part = VectorPart(3, width=4)
    part.network = torch.nn.Identity()
    part.fit(torch.tensor([[1.0, 7.0, 1000.0], [5.0, 7.0, 1000.00006]]))
    # Mean 3 and deviation 2; 7 twice; and what differs by rounding alone.
    got = part(torch.tensor([[7.0, 8.0, 1000.0]]))
    torch.testing.assert_close(got, torch.tensor([[2.0, 1.0, 0.0]]), atol=1e-4, rtol=0)


def test_statistics_are_saved_with_the_weights() -> None:
    part, other = VectorPart(3, width=4), VectorPart(3, width=4)
    part.fit(torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 3 + 1)
    other.load_state_dict(part.state_dict())
    vectors = torch.ones(2, 3)
    assert torch.equal(other(vectors), part(vectors))
    assert other(vectors).shape == (2, 4)
