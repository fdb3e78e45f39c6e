"""Speed as ratios of medians of interleaved runs, so that a busy machine slows both sides alike.

The training-step ratio needs a checkout of YanjieZe/3D-Diffusion-Policy, whose `simple_dp3.py` is imported from it:
DP3=<checkout>/3D-Diffusion-Policy make bench-speed. Without it that record is left out.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.simple_dp3 import HORIZON as PEER_HORIZON
from benchmarks.peers.simple_dp3 import POINTS as PEER_POINTS
from benchmarks.peers.simple_dp3 import simple_dp3
from benchmarks.records import Record, write
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.learning.chunk_batches import ChunkBatches
from robopref.nets.denoiser import NoiseDenoiser
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import StratifiedDraw, UniformDraw
from robopref.records import ActionGeometry, Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.sim import SimTask, TaskSpec
from robopref.scores import NoiseDraw

ROUNDS = 15
PEER_BATCH = 64


def main() -> None:
    """Measure everything and write the result."""
    torch.manual_seed(0)
    geometry = SimTask(TaskSpec("envs:robopref/RopeShaping-v0")).geometry
    records = [candidates(geometry), ranking(geometry), *training(geometry)]
    for record in records:
        print(f"{record.value:6.3f} ({record.low:.3f} to {record.high:.3f}), target {record.target}: {record.claim}")
    print(f"result: {write('speed', records)}")


def candidates(geometry: ActionGeometry) -> Record:
    """Sixteen candidates against one, with the policy of the demo."""
    policy = DiffusionPolicy(geometry, 4).eval()
    state = _observation(1, 1024)

    def sample(n: int) -> None:
        policy.sample(state, n, generator=torch.Generator().manual_seed(0))

    claim = "time of 16 candidates from one observation over the time of one (energy denoiser, 96 nodes)"
    return _ratio(claim, partial(sample, 16), partial(sample, 1), 2.0)


def ranking(geometry: ActionGeometry) -> Record:
    """Ranking 64 candidates with 16 draws against its two denoiser calls alone."""
    policy = DiffusionPolicy(geometry, 4, denoiser=partial(NoiseDenoiser, hidden=128, depth=0)).eval()
    reward = ImplicitReward(policy, StratifiedDraw(16), cost="error").eval()
    state, actions = _observation(1, 1024), torch.rand(1, 64, 1, 4) * 2 - 1
    draw: NoiseDraw = reward.draws(1, policy.shape, torch.Generator().manual_seed(0))
    with torch.no_grad():
        encoded = [model.encoder(state) for model in (reward.reference, reward.policy)]
        noisy, timestep = policy.add_noise(actions, draw)

    @torch.no_grad()
    def score() -> None:
        reward.score(state, actions)

    @torch.no_grad()
    def calls() -> None:
        for model, encoding in zip((reward.reference, reward.policy), encoded, strict=True):
            model.denoiser(encoding, noisy, timestep)

    claim = "time of ranking 64 candidates with 16 draws over the time of its denoiser calls alone"
    return _ratio(claim, score, calls, 1.15)


def training(geometry: ActionGeometry) -> list[Record]:
    """A training step with a chunk horizon of 16 against SimpleDP3's, and the share of it that loads data."""
    policy = DiffusionPolicy(
        geometry, 4, horizon=PEER_HORIZON, points=PEER_POINTS, nodes=64,
        denoiser=partial(NoiseDenoiser, hidden=1024, depth=3),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, fused=True)
    generator, draw_noise = torch.Generator().manual_seed(0), UniformDraw(1)
    state, chunk = _observation(PEER_BATCH, PEER_POINTS), torch.rand(PEER_BATCH, 1, PEER_HORIZON, 4)

    def step() -> None:
        draw = draw_noise(PEER_BATCH, policy.shape, generator)
        loss = policy.denoising_error(policy.encoder(state), chunk, draw).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    parameters = sum(p.numel() for p in policy.parameters()) / 1e6
    setting = f"batch {PEER_BATCH}, {PEER_POINTS} points, horizon {PEER_HORIZON}, {parameters:.1f} M parameters"
    made = [_loading(step, setting)]
    if "DP3" in os.environ:
        peer, theirs = _peer(Path(os.environ["DP3"]))
        claim = f"time of a training step over SimpleDP3's ({theirs:.1f} M, two observation steps a sample) ({setting})"
        made.append(_ratio(claim, step, peer, 0.7))
    else:
        print("DP3 is not set to a checkout; the comparison with SimpleDP3 is left out")
    return made


def _loading(step: Callable[[], None], setting: str) -> Record:
    """Drawing a batch from the cache against the step it feeds."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = EpisodeStore.create(Path(folder) / "data.zarr", {})
        for _ in range(40):
            store.append({
                "points": rng.normal(size=(50, 1024, 3)).astype(np.float32),
                "proprio": rng.normal(size=(50, 4)).astype(np.float32),
                "action": rng.uniform(-1, 1, (50, 4)).astype(np.float32),
            })  # fmt: skip
        batches = ChunkBatches(ReplayCache.build(store), PEER_HORIZON, torch.device("cpu"))
        generator = torch.Generator().manual_seed(0)

        def load() -> None:
            batches(PEER_BATCH, generator)

        return _ratio(f"time of drawing a batch from the cache over a training step ({setting})", load, step, 0.05)


def peer_prediction(checkout: Path) -> Callable[[], None]:
    """A single prediction of SimpleDP3 with its released configuration."""
    policy = _peer_policy(checkout).eval()
    seen = {"point_cloud": torch.rand(1, 2, PEER_POINTS, 3), "agent_pos": torch.rand(1, 2, 4)}

    @torch.no_grad()
    def predict() -> None:
        policy.predict_action(seen)

    return predict


def _peer_policy(checkout: Path) -> Any:
    """SimpleDP3 with its released configuration, and a normalizer that was fitted to random numbers."""
    batch = _peer_batch()
    return simple_dp3(checkout, batch["obs"] | {"action": batch["action"]}, proprio=4, actions=4)


def _peer_batch() -> dict[str, Any]:
    cloud = torch.rand(PEER_BATCH, PEER_HORIZON, PEER_POINTS, 3)
    return {
        "obs": {"point_cloud": cloud, "agent_pos": torch.rand(PEER_BATCH, PEER_HORIZON, 4)},
        "action": torch.rand(PEER_BATCH, PEER_HORIZON, 4),
    }


def _peer(checkout: Path) -> tuple[Callable[[], None], float]:
    """A training step of SimpleDP3 with its released configuration."""
    policy, batch = _peer_policy(checkout), _peer_batch()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss, _ = policy.compute_loss(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step, sum(p.numel() for p in policy.parameters()) / 1e6


def _observation(batch: int, points: int) -> Observation:
    generator = torch.Generator().manual_seed(0)
    return Observation(torch.rand(batch, points, 3, generator=generator) * 0.4, torch.zeros(batch, 4))


def _ratio(claim: str, ours: Callable[[], None], theirs: Callable[[], None], target: float) -> Record:
    """Ratio of medians over interleaved rounds, with the range that a bootstrap of the rounds gives it."""
    times = np.empty((ROUNDS, 2))
    for _ in range(2):
        ours(), theirs()
    for row in times:
        for column, function in enumerate((ours, theirs)):
            begun = time.perf_counter()
            function()
            row[column] = time.perf_counter() - begun
    resampled = times[np.random.default_rng(0).integers(0, ROUNDS, (2000, ROUNDS))]
    ratios = np.median(resampled[..., 0], axis=1) / np.median(resampled[..., 1], axis=1)
    value = float(np.median(times[:, 0]) / np.median(times[:, 1]))
    low, high = (float(x) for x in np.quantile(ratios, [0.025, 0.975]))
    return Record(
        claim, round(value, 3), round(low, 3), round(high, 3), f"<= {target}", value <= target, "ratio", ROUNDS
    )


if __name__ == "__main__":
    main()
