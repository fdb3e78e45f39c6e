"""Behaviour cloning: what a batch holds, and what a policy learns from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import DataError
from robopref.learning.checkpoint import load_checkpoint
from robopref.learning.chunk_batches import ChunkBatches
from robopref.learning.clone import clone_policy
from robopref.learning.fit import FitConfig
from robopref.learning.topk_checkpoints import CheckpointConfig, best_of, stored_checkpoints
from robopref.learning.validation import put_episodes_aside
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser, SampleDenoiser
from tests.geometry import PROPRIO, ropes, tiny_policy

CPU = torch.device("cpu")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def demonstrations(
    path: Path, *, action_size: int = 4, scale: float = 0.1, lengths: tuple[int, ...] = (2, 3)
) -> EpisodeStore:
    """Episodes in which reading and action are both the number of the step, actions `scale` times that."""
    store, first = EpisodeStore.create(path / "demos.zarr", {}), 0
    for length in lengths:
        number = np.arange(first, first + length, dtype=np.float32)[:, None]
        store.append(
            {
                "points": ropes(length, points=20, seed=first).points.numpy(),
                "proprio": np.repeat(number, PROPRIO, axis=1),
                "action": scale * np.repeat(number, action_size, axis=1),
            }
        )
        first += length
    return store


def test_chunks_that_run_past_their_episode_repeat_the_last_action(tmp_path: Path) -> None:
    # Episodes hold steps 0, 1 and 2, 3, 4; chunks have three actions.
    batches = ChunkBatches(ReplayCache.build(demonstrations(tmp_path)), 3, CPU)
    observation, chunks = batches(200, generator())
    assert chunks.shape == (200, 3, 4)
    got = {
        (round(row[0].item()), *(round(10 * x) for x in chunk[:, 0].tolist()))
        for row, chunk in zip(observation.proprio, chunks, strict=True)
    }
    assert got == {(0, 0, 1, 1), (1, 1, 1, 1), (2, 2, 3, 4), (3, 3, 4, 4), (4, 4, 4, 4)}


def test_points_belong_to_their_reading(tmp_path: Path) -> None:
    cache = ReplayCache.build(demonstrations(tmp_path))
    observation, _ = ChunkBatches(cache, 1, CPU)(50, generator())
    for points, proprio in zip(observation.points, observation.proprio, strict=True):
        np.testing.assert_array_equal(points.numpy(), cache["points"][int(proprio[0])])


def test_the_generator_alone_decides_a_batch(tmp_path: Path) -> None:
    batches = ChunkBatches(ReplayCache.build(demonstrations(tmp_path)), 2, CPU)
    (one, chunks), (same, same_chunks), (other, _) = (batches(20, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.points, same.points)
    assert torch.equal(chunks, same_chunks)
    assert not torch.equal(one.proprio, other.proprio)


def test_no_steps_are_refused() -> None:
    class Empty:
        def __len__(self) -> int:
            return 0

    with pytest.raises(DataError, match="no steps; collect demonstrations"):
        ChunkBatches(Empty(), 1, CPU)  # type: ignore[arg-type]


def test_actions_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="actions of size 6, the policy of size 4") as caught:
        clone_policy(tiny_policy(), demonstrations(tmp_path, action_size=6), FitConfig(steps=1), seed=0)
    assert "\n" not in str(caught.value)


def test_readings_are_normalised_by_all_demonstrations(tmp_path: Path) -> None:
    policy = tiny_policy()
    clone_policy(policy, demonstrations(tmp_path), FitConfig(steps=1), seed=0, batch_size=2, points=12)
    # Steps 0..4: mean 2, variance (4 + 1 + 0 + 1 + 4) / 5 = 2
    torch.testing.assert_close(policy.encoder.proprio_mean, torch.full((4,), 2.0))
    torch.testing.assert_close(policy.encoder.proprio_std, torch.full((4,), 2.0**0.5))


@pytest.mark.parametrize("kind", [NoiseDenoiser, SampleDenoiser, EnergyDenoiser])
def test_a_policy_learns_to_do_what_was_demonstrated(tmp_path: Path, kind: type[NoiseDenoiser]) -> None:
    # Every demonstrated action is zero, which mirroring leaves as it is.
    store, policy = demonstrations(tmp_path, scale=0.0), tiny_policy(kind, sample_steps=10)
    before = policy.sample(ropes(4), 8, generator=generator()).abs().mean()
    losses = list[float]()
    clone_policy(
        policy, store, FitConfig(steps=120, learning_rate=1e-2, log_every=1), seed=0, batch_size=16, points=12,
        progress=lambda _, metrics: losses.append(metrics["loss"]),
    )  # fmt: skip
    after = policy.sample(ropes(4), 8, generator=generator()).abs().mean()
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
    assert after < 0.5 * before
    assert not policy.training


def test_the_seed_decides_what_is_learnt(tmp_path: Path) -> None:
    store = demonstrations(tmp_path)

    def learnt(seed: int) -> torch.Tensor:
        policy = clone_policy(tiny_policy(), store, FitConfig(steps=3), seed=seed, batch_size=4, points=12)
        return torch.cat([p.detach().flatten() for p in policy.parameters()])

    assert torch.equal(learnt(0), learnt(0))
    assert not torch.equal(learnt(0), learnt(1))


def test_a_killed_run_ends_with_the_same_policy(tmp_path: Path) -> None:
    store, config = demonstrations(tmp_path), FitConfig(steps=6, save_every=2)

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    whole = clone_policy(tiny_policy(), store, config, seed=0, batch_size=4, points=12)
    with pytest.raises(KeyboardInterrupt):
        clone_policy(
            tiny_policy(), store, config, seed=0, batch_size=4, points=12, folder=tmp_path / "run", progress=stop
        )
    resumed = clone_policy(tiny_policy(), store, config, seed=0, batch_size=4, points=12, folder=tmp_path / "run")
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_held_out_episodes_are_not_trained_on_and_judge_the_averaged_weights(tmp_path: Path) -> None:
    store = demonstrations(tmp_path, lengths=(2, 3, 2, 3))
    config = FitConfig(steps=6, log_every=2, ema=0.5)
    folder, policy = tmp_path / "run", tiny_policy()
    clone_policy(
        policy, store, config, seed=0, batch_size=4, points=12, validation=0.25,
        checkpoints=CheckpointConfig(every=2, keep=1), folder=folder,
    )  # fmt: skip
    with pytest.raises(DataError, match=r"\(validation was 0\.25, is None, other first weights\)"):
        clone_policy(tiny_policy(), store, config, seed=0, batch_size=4, points=12, folder=folder)
    seen, aside = put_episodes_aside(store.episode_ends, 0.25, seed=0)
    # Readings are the numbers of the steps.
    torch.testing.assert_close(policy.encoder.proprio_mean[0], torch.tensor(seen.mean(), dtype=torch.float32))
    batches = ChunkBatches(ReplayCache.build(store), 1, CPU, steps=seen)
    assert not set(batches(200, generator())[0].proprio[:, 0].long().tolist()) & set(aside.tolist())
    rows = [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()]
    losses = {row["step"]: row["validation_loss"] for row in rows}
    assert list(losses) == [2, 4, 6]
    assert len(set(losses.values())) == 3
    best = best_of(losses)
    assert stored_checkpoints(folder) == {step: losses[step] for step in sorted({best, 6})}
    last = load_checkpoint(folder / "checkpoints" / "step-6.pt")["module"]
    assert all(torch.equal(value, last[name]) for name, value in policy.state_dict().items())


def test_a_killed_run_keeps_the_same_checkpoints(tmp_path: Path) -> None:
    store, config = demonstrations(tmp_path), FitConfig(steps=7, save_every=4)
    settings: dict[str, Any] = {
        "seed": 0, "batch_size": 4, "points": 12, "validation": 0.5, "checkpoints": CheckpointConfig(2, 2, "best")
    }  # fmt: skip

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 6:
            raise KeyboardInterrupt

    whole = clone_policy(tiny_policy(), store, config, folder=tmp_path / "whole", **settings)
    with pytest.raises(KeyboardInterrupt):
        clone_policy(tiny_policy(), store, config, folder=tmp_path / "run", progress=stop, **settings)
    resumed = clone_policy(tiny_policy(), store, config, folder=tmp_path / "run", **settings)
    assert stored_checkpoints(tmp_path / "run") == stored_checkpoints(tmp_path / "whole")
    best = load_checkpoint(
        tmp_path / "run" / "checkpoints" / f"step-{best_of(stored_checkpoints(tmp_path / 'run'))}.pt"
    )
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
        assert torch.equal(best["module"][name], value), name
