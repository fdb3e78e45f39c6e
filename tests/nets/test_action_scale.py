"""Between recorded actions and [-1, 1]."""

import pytest
import torch

from robopref.errors import DataError
from robopref.nets.action_scale import ActionScale, SameScale

# From 2 to 10, from -3 to -1, and always 5.
RECORDED = torch.tensor([[2.0, -3.0, 5.0], [10.0, -1.0, 5.0], [4.0, -2.0, 5.0]])


def fitted() -> ActionScale:
    scale = ActionScale(3)
    scale.fit(RECORDED)
    return scale


def test_recorded_actions_go_from_minus_one_to_one() -> None:
    # Middles 6, -2 and 5, halves 4, 1 and 0: (2 - 6) / 4 = -1, (4 - 6) / 4 = -0.5.
    expected = torch.tensor([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-0.5, 0.0, 0.0]])
    torch.testing.assert_close(fitted().inside(RECORDED), expected)


def test_the_inverse_gives_back_what_was_recorded() -> None:
    scale = fitted()
    torch.testing.assert_close(scale.outside(scale.inside(RECORDED)), RECORDED)


def test_what_lies_beyond_the_records_stays_beyond() -> None:
    # (14 - 6) / 4 = 2; a constant that is another counts in its own unit: 7 - 5.
    assert fitted().inside(torch.tensor([14.0, -4.0, 7.0])).tolist() == [2.0, -2.0, 2.0]


def test_what_never_moved_never_moves() -> None:
    assert fitted().outside(torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -0.3]]))[:, 2].tolist() == [5.0, 5.0]


def test_without_records_nothing_is_changed() -> None:
    actions = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)) * 4 - 2
    for scale in (ActionScale(3), SameScale()):
        assert torch.equal(scale.inside(actions), actions)
        assert torch.equal(scale.outside(actions), actions)


def test_the_range_is_saved_with_the_weights() -> None:
    other = ActionScale(3)
    other.load_state_dict(fitted().state_dict())
    assert torch.equal(other.inside(RECORDED), fitted().inside(RECORDED))


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (torch.zeros(4, 2), r"must be \(S, 3\), got \(4, 2\)"),
        (torch.zeros(0, 3), r"must be \(S, 3\), got \(0, 3\)"),
        (torch.tensor([[0.0, torch.nan, 0.0]]), "not all finite"),
    ],
)
def test_records_that_cannot_be_are_refused(actions: torch.Tensor, said: str) -> None:
    with pytest.raises(DataError, match=said):
        ActionScale(3).fit(actions)
