"""Acts of operators, imported and corrected, against the counts as they are and against explicit labels.

The world is `benchmarks.worlds.traced_rollouts`. What operators did is written as a file of events and goes the way of
``robopref labels import format=events`` and ``train reward``: imported with the correction and without, 4,000 pairs
drawn at random, the same network and steps for all. Accuracy is on fresh pairs that nobody was shown; agreement with
the cue is the share of them in which the reward prefers what would be shown more often: a half is unbiased.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.traced_rollouts import FEATURES, TracedRollouts, draw_features, trace, true_reward
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import add_labels, read_labels
from robopref.data.labels.comparisons import candidate_comparisons
from robopref.data.labels.counted import counted
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.data.labels.trace_loss import TraceLoss
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.nets.feature_trunk import FeatureTrunk
from robopref.nets.parts_encoder import PartsEncoder
from robopref.objectives.pairwise import bradley_terry
from robopref.records import Observation
from robopref.rewards.explicit import ExplicitReward
from robopref.scores import PairTarget

PAIRS, HELD_OUT, NAME = 4000, 10_000, "deployed"
WAYS: dict[str, TraceCorrection | None] = {"corrected": TraceCorrection(), "naive": None}


def measure(seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for signal in (True, False):
        world = trace(seed, signal=signal)
        for way, correction in WAYS.items():
            data = imported(world, correction, seed)
            found[f"{way}{'' if signal else ', no signal'}"] = judged(data, seed)
            if way == "corrected" and signal:
                found["explicit"] = judged(explicit(data, world), seed)
        if signal:
            found["loss"] = vars(TraceLoss.of(world.events, TraceCorrection()))
    return found


def imported(world: TracedRollouts, correction: TraceCorrection | None, seed: int) -> Comparisons:
    """4,000 pairs of what a file of events says."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / f"{NAME}.jsonl"
        path.write_text("".join(json.dumps(event.to_json()) + "\n" for event in world.events))
        with FeedbackStore(folder / "labels.sqlite") as database:
            add_labels(database, folder, read_labels(path, "events", Naming()), "events", correction)
            answers = counted(database.answers(lambda source: source == f"{NAME}-rated"), {}, name)
        store = open_candidates(folder / f"{NAME}-rated.zarr")
        found = candidate_comparisons(answers, store, None, keys=("state",))
    rng = np.random.default_rng(seed)
    return found[torch.as_tensor(rng.permutation(len(found))[:PAIRS])]


def explicit(data: Comparisons, world: TracedRollouts) -> Comparisons:
    """The same pairs, and who is right about all of them."""
    value = torch.as_tensor(true_reward(data.items.part("action")[:, :, 0, 0].numpy()))
    p = (value[:, :, None] > value[:, None]).float()
    return Comparisons(data.items, PairTarget(p, torch.ones_like(p).triu(1)))


def judged(data: Comparisons, seed: int) -> dict[str, Any]:
    """Accuracy of a reward that learns from pairs, and how often it goes with the cue."""
    torch.manual_seed(seed)
    encoder = PartsEncoder({"state": (1,)}, width=8)
    trunk = FeatureTrunk((1, FEATURES), encoder.size, outputs=1, hidden=64, depth=0)
    reward = ExplicitReward(encoder, trunk, horizon=1, observes=("state",))
    config = FitConfig(600, weight_decay=0.05, ema=0.99)
    train_reward(reward, data, bradley_terry, config, seed=seed, batches=Batches(size=64))
    rng = np.random.default_rng(1000 + seed)
    chunks = draw_features(2 * HELD_OUT, rng).reshape(HELD_OUT, 2, 1, FEATURES)
    seen = Observation(state=torch.as_tensor(rng.random((HELD_OUT, 1)), dtype=torch.float32))
    with torch.no_grad():
        scores = reward.score(seen, torch.as_tensor(chunks)).value.numpy()
    prefers, value, cue = scores[:, 0] > scores[:, 1], true_reward(chunks[:, :, 0]), chunks[:, :, 0, 0]
    return {
        "accuracy": float(np.mean(prefers == (value[:, 0] > value[:, 1]))),
        "cue": float(np.mean(prefers == (cue[:, 0] > cue[:, 1]))),
        "pairs": len(data),
    }


def records(found: list[dict[str, Any]]) -> list[Record]:
    ways = [name for name in found[0] if name != "loss"]
    accuracy = {way: np.array([one[way]["accuracy"] for one in found]) for way in ways}
    cue = {way: np.array([one[way]["cue"] for one in found]) for way in ways}
    share = (accuracy["corrected"] - 0.5) / (accuracy["explicit"] - 0.5)
    null = accuracy["corrected, no signal"]
    # The cue says nothing of the reward, so agreement that is far from a half on either side is a bias.
    lean = 0.5 + np.abs(cue["corrected"] - 0.5)
    return [
        *(across_seeds(f"{way}: accuracy on fresh pairs", accuracy[way]) for way in ways),
        across_seeds("corrected minus naive", accuracy["corrected"] - accuracy["naive"], ">= 0.03"),
        across_seeds("corrected: share of the explicit labels' gain over chance", share, ">= 0.85"),
        across_seeds("corrected: agreement with the exposure cue, or its opposite", lean, "<= 0.55"),
        *(across_seeds(f"{way}: agreement with the exposure cue", cue[way]) for way in ways),
        across_seeds("corrected, no signal: distance of the mean accuracy from a half",
                     [abs(float(null.mean()) - 0.5)] * len(null), "<= 0.02"),
        across_seeds("corrected, no signal: largest distance of a seed from a half",
                     [float(np.abs(null - 0.5).max())] * len(null)),
        across_seeds("pairs that counts without a correction turn around", [one["loss"]["turned"] for one in found]),
    ]  # fmt: skip
