"""Behaviour cloning: what a batch holds, and what a policy learns from it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import DataError
from robopref.learning import clone
from robopref.learning.checkpoint import load_checkpoint
from robopref.learning.chunk_batches import ChunkBatches
from robopref.learning.clone import CloneBatches, WeighedSteps, clone_policy
from robopref.learning.fit import FitConfig
from robopref.learning.topk_checkpoints import CheckpointConfig, best_of, stored_checkpoints
from robopref.learning.validation import put_episodes_aside
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser, SampleDenoiser
from robopref.policies.observed import ObservedPolicy
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
    clone_policy(policy, demonstrations(tmp_path), FitConfig(steps=1), seed=0, batches=CloneBatches(2, points=12))
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
        policy, store, FitConfig(steps=120, learning_rate=1e-2, log_every=1), seed=0,
        batches=CloneBatches(16, points=12), progress=lambda _, metrics: losses.append(metrics["loss"]),
    )  # fmt: skip
    after = policy.sample(ropes(4), 8, generator=generator()).abs().mean()
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
    assert after < 0.5 * before
    assert not policy.training


def test_the_seed_decides_what_is_learnt(tmp_path: Path) -> None:
    store = demonstrations(tmp_path)

    def learnt(seed: int) -> torch.Tensor:
        policy = clone_policy(tiny_policy(), store, FitConfig(steps=3), seed=seed, batches=CloneBatches(4, points=12))
        return torch.cat([p.detach().flatten() for p in policy.parameters()])

    assert torch.equal(learnt(0), learnt(0))
    assert not torch.equal(learnt(0), learnt(1))


def test_a_killed_run_ends_with_the_same_policy(tmp_path: Path) -> None:
    store, config = demonstrations(tmp_path), FitConfig(steps=6, save_every=2)

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    whole = clone_policy(tiny_policy(), store, config, seed=0, batches=CloneBatches(4, points=12))
    with pytest.raises(KeyboardInterrupt):
        clone_policy(
            tiny_policy(),
            store,
            config,
            seed=0,
            batches=CloneBatches(4, points=12),
            folder=tmp_path / "run",
            progress=stop,
        )
    resumed = clone_policy(
        tiny_policy(), store, config, seed=0, batches=CloneBatches(4, points=12), folder=tmp_path / "run"
    )
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_held_out_episodes_are_not_trained_on_and_judge_the_averaged_weights(tmp_path: Path) -> None:
    store = demonstrations(tmp_path, lengths=(2, 3, 2, 3))
    config = FitConfig(steps=6, log_every=2, ema=0.5)
    folder, policy = tmp_path / "run", tiny_policy()
    clone_policy(
        policy, store, config, seed=0, batches=CloneBatches(4, points=12), validation=0.25,
        checkpoints=CheckpointConfig(every=2, keep=1), folder=folder,
    )  # fmt: skip
    with pytest.raises(DataError, match=r"\(validation was 0\.25, is None, other first weights\)"):
        clone_policy(tiny_policy(), store, config, seed=0, batches=CloneBatches(4, points=12), folder=folder)
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
        "seed": 0, "batches": CloneBatches(4, points=12), "validation": 0.5,
        "checkpoints": CheckpointConfig(2, 2, "best")
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


def drawn(batches: ChunkBatches, size: int = 4000, seed: int = 0) -> list[float]:
    """How often each of five steps is drawn."""
    numbers = batches(size, generator(seed))[0].proprio[:, 0].long()
    return (torch.bincount(numbers, minlength=5) / size).tolist()


def test_steps_are_drawn_in_proportion_to_their_chances(tmp_path: Path) -> None:
    cache = ReplayCache.build(demonstrations(tmp_path))
    chances = np.array([0.0, 1.0, 4.0, 5.0, 0.0])
    found = drawn(ChunkBatches(cache, 1, CPU, chances=chances))
    assert found == pytest.approx([0, 0.1, 0.4, 0.5, 0], abs=0.03)
    assert found[0] == found[4] == 0
    # Of those that are held out none is drawn, whatever its chance.
    assert drawn(ChunkBatches(cache, 1, CPU, chances=chances, steps=np.array([0, 1, 2]))) == pytest.approx(
        [0, 0.2, 0.8, 0, 0], abs=0.03
    )


def test_chances_are_those_among_the_steps_of_a_dataset_if_these_are_weighed(tmp_path: Path) -> None:
    store = demonstrations(tmp_path)
    store.attach("dataset", iter([np.array([0, 0, 1, 1, 1], np.uint8)]), {})
    cache = ReplayCache.build(EpisodeStore.open(store.path))
    batches = ChunkBatches(cache, 1, CPU, weights=[3, 1], chances=np.array([1.0, 3.0, 0.0, 2.0, 2.0]))
    # Three quarters in the ratio of 1 to 3, a quarter in halves.
    assert drawn(batches) == pytest.approx([0.1875, 0.5625, 0, 0.125, 0.125], abs=0.03)


def test_weights_for_a_single_dataset_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.weights is for several datasets"):
        clone_policy(tiny_policy(), demonstrations(tmp_path), FitConfig(1), seed=0, batches=CloneBatches(weights=[1.0]))


def test_data_that_nothing_can_be_written_beside_are_cached_with_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, policy = demonstrations(tmp_path), tmp_path / "run/policy"
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)  # whoever is root may write anywhere
    clone_policy(tiny_policy(), store, FitConfig(1), seed=0, folder=policy)
    assert [path.name for path in policy.glob("demos.zarr.cache/*/*.npy")]
    assert not (tmp_path / "demos.zarr.cache").exists()


def test_steps_that_are_weighed_alike_or_not_at_all_are_drawn_as_before(tmp_path: Path) -> None:
    batches = ChunkBatches(ReplayCache.build(demonstrations(tmp_path)), 1, CPU)
    # What torch.randint gives, which committed results rest on.
    expected = torch.randint(5, (6,), generator=generator(3)).tolist()
    assert batches(6, generator(3))[0].proprio[:, 0].long().tolist() == expected


@pytest.mark.parametrize("chances", [[0.0] * 5, [1.0, -1.0, 1.0, 1.0, 1.0], [np.nan] + [1.0] * 4])
def test_chances_that_are_none_are_refused(tmp_path: Path, chances: list[float]) -> None:
    with pytest.raises(DataError, match="finite, not negative and not all zero"):
        ChunkBatches(ReplayCache.build(demonstrations(tmp_path)), 1, CPU, chances=np.array(chances))


class AsRewarded:
    """Weighs a step by its reward."""

    def weights(self, reward: np.ndarray, ends: np.ndarray) -> np.ndarray:
        del ends
        return reward


def test_steps_without_weight_are_not_learnt_from(tmp_path: Path) -> None:
    seen, store, policy = list[float](), demonstrations(tmp_path, scale=0.1), tiny_policy()
    store.attach("reward_mine", iter([np.array([0, 1, 0, 0, 1], np.float32)]), {})
    loss = policy.loss

    def watched(observation: Any, chunks: torch.Tensor, *rest: Any, **more: Any) -> Any:
        seen.extend((10 * chunks[:, 0, 0].abs()).round().tolist())
        return loss(observation, chunks, *rest, **more)

    policy.loss = watched  # type: ignore[method-assign]
    clone_policy(
        policy, EpisodeStore.open(store.path), FitConfig(steps=1), seed=0,
        batches=CloneBatches(50, points=12, weighed=WeighedSteps("reward_mine", AsRewarded())),
    )  # fmt: skip
    assert set(seen) == {1, 4}


def test_a_reward_that_weighs_steps_is_there_and_leaves_some(tmp_path: Path) -> None:
    store = demonstrations(tmp_path)
    store.attach("zero", iter([np.zeros(5, np.float32)]), {})
    store = EpisodeStore.open(store.path)
    for name, told in {
        "reward": "has no reward, by which recipe= weighs steps",
        "proprio": "must be one number a step",
        "zero": "leaves no step to learn from",
    }.items():
        with pytest.raises(DataError, match=told):
            WeighedSteps(name, AsRewarded()).chances(store)


def test_neither_chunks_nor_what_was_seen_before_go_beyond_a_gap_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EpisodeStore.create(tmp_path / "arm.zarr", {})
    steps = np.arange(8, dtype=np.float32)[:, None]
    store.append({"proprio": steps, "action": steps / 10, "time": steps[:, 0] / 10 + (steps[:, 0] >= 5)})
    made: list[ChunkBatches] = []

    def watched(*given: Any, **more: Any) -> ChunkBatches:
        made.append(ChunkBatches(*given, **more))
        return made[-1]

    monkeypatch.setattr(clone, "ChunkBatches", watched)
    policy = ObservedPolicy.for_store(store, history=2, horizon=3)
    clone_policy(policy, store, FitConfig(1), seed=0, batches=CloneBatches(2))
    seen, chunks = made[0].at(np.array([3, 4, 5, 6]))
    assert (chunks[..., 0] * 10).round().tolist() == [[3, 4, 4], [4, 4, 4], [5, 6, 7], [6, 7, 7]]
    assert seen.proprio[..., 0].tolist() == [[2, 3], [3, 4], [5, 5], [5, 6]]
