"""Stretches of a training, each with a learning rate that falls to zero."""

import pytest

from robopref.learning.phases import Phases


@pytest.mark.parametrize(
    ("state", "steps", "ends"),
    [
        ({"step": 20, "phases": [20]}, 30, (20, 30)),
        ({"step": 20, "phases": [20]}, 20, (20,)),
        ({"step": 12, "phases": [20]}, 30, (20,)),
        ({"step": 30, "phases": [20, 30]}, 31, (20, 30, 31)),
        ({"step": 25, "phases": [20, 30]}, 30, (20, 30)),
        # Of before there were phases.
        ({"step": 20, "parts": {"steps": "20"}}, 30, (20, 30)),
        ({"step": 20}, 30, (30,)),
    ],
)
def test_what_has_ended_is_followed_by_another(state: dict[str, object], steps: int, ends: tuple[int, ...]) -> None:
    assert Phases.of_state(state, steps).ends == ends


@pytest.mark.parametrize("ends", [[20, 20], [0], [-3, 4], [30, 20], ["x"], [[3]]])
def test_phases_that_cannot_be_are_refused(ends: list[object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Phases.of_state({"step": 20, "phases": ends}, 30)


def test_each_is_named_with_its_steps() -> None:
    phases = Phases((20, 30))
    assert (phases.begun, phases.count) == (20, 2)
    assert phases.told("cosine", 28) == {"phase 1": "cosine, steps 1 to 20", "phase 2": "cosine, steps 21 to 28"}
    assert Phases((20,)).begun == 0
