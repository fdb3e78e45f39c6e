"""Clouds with columns beside positions."""

import torch

from robopref.nets.cloud_part import CloudPart


def clouds(rows: int = 3, points: int = 20, columns: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, points, columns, generator=torch.Generator().manual_seed(seed))


def part(columns: int = 6, points: int = 20, background: float | None = None) -> CloudPart:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CloudPart(columns, width=5, points=points, layers=(8, 16), background=background)


def test_positions_share_one_unit_and_other_columns_have_their_own() -> None:
    encoder = part(columns=4)
    # x is 0 or 6, y is 0 or 8, z is 2; the fourth column is 10 or 30.
    encoder.fit(torch.tensor([[[0.0, 0, 2, 10], [6, 8, 2, 30]]]))
    # Deviations 3, 4 and 0 together are 5.
    assert encoder.middle.tolist() == [3, 4, 2, 20]
    assert encoder.extent.tolist() == [5, 5, 5, 10]


def test_the_encoding_is_of_the_set_of_points_and_of_each_column() -> None:
    encoder, seen = part(), clouds()
    base = encoder(seen)
    assert base.shape == (3, 5)
    torch.testing.assert_close(encoder(seen.flip(1)), base)
    for column in range(6):
        changed = seen.clone()
        changed[..., column] += 0.5
        assert (encoder(changed) - base).abs().max() > 1e-4


def test_training_sees_points_at_random_and_later_ones_evenly() -> None:
    encoder, seen = part(points=5), clouds()
    one, other = (encoder.varied(seen, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert one.shape == (3, 5, 6)
    assert not torch.equal(one, other)
    for row in range(3):
        # Whole points, and none twice.
        kept = [seen[row].tolist().index(point) for point in one[row].tolist()]
        assert len(set(kept)) == 5
    torch.testing.assert_close(encoder(seen), encoder(seen[:, [0, 4, 9, 14, 19]]))
    few = clouds(points=4)
    assert encoder.varied(few, torch.Generator()) is few


def test_background_is_left_out_and_of_what_moves_everything_is_seen() -> None:
    # Sixteen points of each cloud are the same in all, and four are its own.
    seen = clouds(rows=30)
    seen[:, :16] = seen[0, :16]
    encoder, plain = part(points=5, background=0.3), part(points=5)
    encoder.fit(seen)
    plain.fit(seen)
    base = encoder(seen)
    torch.testing.assert_close(base, plain(seen[:, 16:]))
    without = seen.clone()
    without[:, 3:9] = seen[:, :6]
    torch.testing.assert_close(encoder(without), base)
    drawn = encoder.varied(seen, torch.Generator().manual_seed(0))
    assert drawn.shape == (30, 5, 6)
    torch.testing.assert_close(encoder(drawn), base)
    generator = torch.Generator().manual_seed(0)
    some = part(points=2, background=0.3)
    some.fit(seen)
    for one, whole in zip(some.varied(seen, generator), seen, strict=True):
        kept = [whole.tolist().index(point) for point in one.tolist()]
        assert len(set(kept)) == 2
        assert min(kept) >= 16
