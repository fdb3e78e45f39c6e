"""Which points of clouds stand still."""

import torch

from robopref.nets.background import StillPoints, foreground

WALL = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.1], [1.0, 1.0, 0.5]])


def clouds(rows: int = 20) -> torch.Tensor:
    """A wall that each cloud has, and last a point that is somewhere else in each."""
    along = torch.linspace(0.1, 0.9, rows)
    moving = torch.stack([along, torch.full((rows,), 0.5), torch.full((rows,), 0.3)], dim=-1)
    return torch.cat([WALL.expand(rows, -1, -1), moving[:, None]], dim=1)


def test_points_that_most_clouds_have_are_background_and_those_that_move_or_are_new_are_not() -> None:
    background = StillPoints(0.2)
    background.fit(clouds())
    assert background(clouds()).tolist() == [[True, True, True, False]] * 20
    # Nearby, as a camera measures it again; in the box, but new; and outside the box, beside the wall.
    asked = torch.tensor([[[0.004, 0.004, 0.004], [0.5, 0.2, 0.2], [-0.004, 0.0, 0.0], [1.1, 1.0, 0.5]]])
    assert background(asked).tolist() == [[True, False, False, False]]


def test_the_share_says_how_many_clouds_make_a_background() -> None:
    # The second half of the clouds has no first point.
    seen = clouds()
    seen[10:, 0] = seen[10:, 3]
    for share, still in ((0.4, True), (0.6, False)):
        background = StillPoints(share)
        background.fit(seen)
        assert background(seen)[0].tolist() == [still, True, True, False]


def test_several_points_of_one_cloud_do_not_make_a_background() -> None:
    seen = torch.cat([clouds(), clouds()[:, 3:].expand(-1, 30, -1)], dim=1)
    background = StillPoints(0.2)
    background.fit(seen)
    assert not background(seen)[:, 3:].any()


def test_points_that_move_are_chosen_evenly_and_again_where_there_are_few() -> None:
    still = torch.tensor([[True, False, True, False, True, False], [False] * 6, [True] * 6])
    order = torch.arange(6).expand(3, -1) / 6
    assert foreground(still, order, 3).tolist() == [[1, 3, 5], [0, 2, 4], [0, 2, 4]]
    assert foreground(still[:1], order[:1], 6).tolist() == [[1, 1, 3, 3, 5, 5]]
    assert foreground(still[:1], order[:1].flip(1), 2).tolist() == [[5, 3]]
