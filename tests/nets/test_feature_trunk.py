"""The trunk that chunks go through where a state is one vector."""

import torch

from robopref.nets.feature_trunk import Features, FeatureTrunk


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def trunk(condition: int = 3, depth: int = 1) -> FeatureTrunk:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return FeatureTrunk((2, 4), 5, outputs=6, condition=condition, hidden=16, depth=depth)


def test_every_chunk_gets_an_output_of_its_own() -> None:
    state, actions, condition = Features(drawn(3, 5)), drawn(3, 7, 2, 4), drawn(3, 7, 3)
    together = trunk()(state, actions, condition)
    assert together.shape == (3, 7, 6)
    alone = trunk()(Features(state.vector[1:2]), actions[1:2, 4:5], condition[1:2, 4:5])
    torch.testing.assert_close(alone[0, 0], together[1, 4])


def test_the_output_depends_on_state_chunk_and_condition() -> None:
    given = [drawn(1, 5), drawn(1, 1, 2, 4), drawn(1, 1, 3)]

    def output(vector: torch.Tensor, actions: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return trunk(depth=0)(Features(vector), actions, condition)

    base = output(*given)
    for index in range(3):
        changed = [part + (place == index) for place, part in enumerate(given)]
        assert (output(*changed) - base).abs().max() > 1e-3


def test_a_trunk_without_a_condition_takes_none() -> None:
    assert trunk(condition=0)(Features(drawn(2, 5)), drawn(2, 3, 2, 4)).shape == (2, 3, 6)


def test_features_know_how_many_states_they_are() -> None:
    assert Features(drawn(3, 5)).batch == 3
