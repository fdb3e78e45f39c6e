"""A world model that sees clouds foresees, by the actions, what its encoder will make of later ones."""

import numpy as np
import pytest
import torch

from robopref.learning.sequence_memory import SequenceMemory
from robopref.learning.world_learning import WorldLearner, WorldLearning
from robopref.nets.latent_world import LatentWorld

SHAPES = {"points": (12, 3), "proprio": (1,)}


def moved(rng: np.random.Generator, steps: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A blob that actions move; nothing but its cloud says where it is."""
    actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
    places = np.cumsum(np.concatenate([rng.uniform(-1, 1, (1, 2)), 0.5 * actions]), axis=0)
    blob = np.repeat(np.random.default_rng(1).normal(0, 0.1, (1, 12, 3)), steps + 1, axis=0)
    blob[..., :2] += places[:, None]
    return {"points": blob.astype(np.float32), "proprio": np.zeros((steps + 1, 1), np.float32)}, actions


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_it_foresees_by_actions_what_comes(seed: int) -> None:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    memory, aside = (SequenceMemory(SHAPES, 2, torch.device("cpu"), discount=0.9) for _ in range(2))
    for kept, count in ((memory, 200), (aside, 40)):
        for _ in range(count):
            seen, actions = moved(rng, 8)
            kept.add(seen, actions, np.zeros(8, np.float32), over=False)
    world = LatentWorld(SHAPES, 2, latent=16, width=32, actors=2, critics=2)
    world.encoder.parts.fit({name: memory.all_seen(name) for name in SHAPES})
    learner = WorldLearner(world, WorldLearning(batch_size=32, horizon=2, learning_rate=3e-3), discount=0.9)

    def share(*, others: bool = False) -> float:
        """Squared error of what is foreseen in three steps, over that of leaving everything as it is.

        Args:
            others: Foresee by actions of other sequences.
        """
        batch = aside.draw(80, 3, 0.0)
        with torch.no_grad():
            begun, came = (world.encoder(batch.observations.map(lambda part, t=t: part[t])) for t in (0, 3))
            foreseen = begun
            for action in batch.actions:
                foreseen = world.advance(foreseen, action.roll(1, 0) if others else action)
        whole = batch.weight[-1] > 0
        return float((foreseen - came)[whole].square().mean() / (begun - came)[whole].square().mean())

    assert share() == pytest.approx(1, abs=1e-4)  # a world begins as one that stands still
    for _ in range(80):
        learner.update(memory.draw(32, 2, 0.0), shown=None)
    assert share() < 0.75
    assert share(others=True) > 1.1
