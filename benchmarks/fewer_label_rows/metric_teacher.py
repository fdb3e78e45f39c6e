"""A metric tunes a policy on FeatureReach: more of its way is to be traceable to a vetted library.

A cup is carried low in three of ten demonstrations, as in the library, and high in the others, everybody at a pace of
their own. A diffusion policy of states is cloned from these. Candidates of it are paired by `DemoCoverage` as
``labeler=metric`` does, and Diffusion-DPO tunes the policy on the pairs: as shipped, between motions that are about as
long; without that control; with less coverage as the better; and with clearance of the laptop as a guard. What the
policies do by themselves is compared in whole episodes from the same starts.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.carrying_styles import TASK, clearance
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.comparisons import candidate_comparisons
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.asking import ask
from robopref.labelers.coverage import DemoCoverage, StepFeatures
from robopref.labelers.metric import Control, MetricGuard, path_length
from robopref.labelers.metric_settings import MetricSettings
from robopref.labelers.subject import Subject
from robopref.learning.candidate_files import CandidateDraw, store_candidates
from robopref.learning.clone import clone_policy
from robopref.learning.collect import collect_demonstrations
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.nets.denoiser import NoiseDenoiser
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.draws import StratifiedDraw
from robopref.policies.observed import ObservedPolicy
from robopref.querying.candidate_queries import candidate_queries
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.dynamics import observe
from robopref.robots.sim import SimPool, SimTask, TaskSpec

SEEDS = 3
LIBRARY, DEMONSTRATED, STATES, CANDIDATES, EPISODES = 1200, 3000, 150, 16, 40
RADIUS, GAP, TOLERANCE, WORSE = 0.03, 0.2, 0.1, 0.005
CLONE, TUNE = FitConfig(1500, 1e-3), FitConfig(300, 3e-4, weight_decay=0.0, ema=0.99)
BETA = 3.0
ALIKE = {"path_length": Control(path_length, TOLERANCE)}
WAYS: dict[str, dict[str, Any]] = {
    "controlled": {"controls": ALIKE},
    "uncontrolled": {},
    "negated": {"controls": ALIKE, "better": "less"},
    "guarded": {"controls": ALIKE, "guards": {"clearance": MetricGuard(clearance, WORSE)}},
}


def measure(seed: int) -> dict[str, Any]:
    """Of every policy, what its episodes cover, last, clear and achieve."""
    with tempfile.TemporaryDirectory() as name, SimPool(TASK) as pool:
        folder = Path(name)
        trusted = SimPool(TaskSpec(TASK.id, TASK.options, TASK.max_steps, "trusted"))
        library = collect_demonstrations(trusted, folder / "library.zarr", steps=LIBRARY, seed=seed + 500)
        trusted.close()
        demonstrations = collect_demonstrations(pool, folder / "demos.zarr", steps=DEMONSTRATED, seed=seed)
        policy = ObservedPolicy.for_store(
            demonstrations, seed=seed, observation=["state"], horizon=8, train_steps=50, sample_steps=8,
            denoiser=partial(NoiseDenoiser, hidden=96, depth=1),
        )  # fmt: skip
        clone_policy(policy, demonstrations, CLONE, seed=seed).eval()
        store = store_candidates(
            folder / "candidates.zarr", policy, pool, CandidateDraw(STATES, CANDIDATES, 25, seed=seed)
        )
        covered = coverage_by(library)
        found = {"cloned": acted(policy, pool.task, covered, seed)}
        for way, settings in WAYS.items():
            tuned = tuned_by(policy, store, folder / way, library, settings, seed)
            found[way] = acted(tuned, pool.task, covered, seed)
            print(seed, way, {k: round(v, 3) for k, v in found[way].items()}, flush=True)
    return found


def coverage_by(library: EpisodeStore) -> DemoCoverage:
    """How much of a motion lies near a demonstrated place of the cup."""
    return DemoCoverage(library.array("proprio")[:, :3], RADIUS, StepFeatures(["path"]))


def tuned_by(
    policy: ObservedPolicy,
    store: EpisodeStore,
    folder: Path,
    library: EpisodeStore,
    settings: dict[str, Any],
    seed: int,
) -> ObservedPolicy:
    """The policy, tuned on pairs of its candidates that a metric prefers."""
    pool = candidate_queries("candidates", STATES, CANDIDATES, kind="pair")
    subject = Subject("candidates", store, pool, folder=folder)
    teacher = MetricSettings(metric=coverage_by(library), gap=GAP, most=4, features=["path"], **settings)
    folder.mkdir()
    ask(teacher, subject, folder / "labels.sqlite")
    with FeedbackStore(folder / "labels.sqlite") as database:
        answers = database.answers("candidates".__eq__)
    data = candidate_comparisons(answers, open_candidates(store.path), None, keys=("state",))
    torch.manual_seed(seed)
    reward = ImplicitReward(copy.deepcopy(policy), StratifiedDraw(8, upper=50), beta=BETA, cost="error")
    train_reward(
        reward, data, bradley_terry, TUNE, seed=seed, batches=Batches(16, draws=StratifiedDraw(4, upper=50))
    )  # fmt: skip
    return reward.policy.eval()  # type: ignore[return-value]


def acted(policy: ObservedPolicy, task: SimTask, covered: Callable[..., float], seed: int) -> dict[str, float]:
    """Means over episodes of a policy's own samples: coverage, success, steps, and least distance to the laptop, m."""
    moments = [task.reset(1_000_000 + 1000 * seed + k) for k in range(EPISODES)]
    laptops = [moment.observation["state"][10:12] for moment in moments]
    ways: list[list[Any]] = [[] for _ in moments]
    solved, generator = np.zeros(EPISODES, bool), torch.Generator().manual_seed(seed)
    live = list(range(EPISODES))
    while live:
        with torch.no_grad():
            seen = observe([moments[k] for k in live], torch.device("cpu"))
            chunks = policy.sample(seen, 1, generator=generator)[:, 0].numpy()
        for k, chunk in zip(live, chunks, strict=True):
            task.rewind(moments[k].snapshot, k)
            for action in chunk[: task.spec.max_steps - len(ways[k])]:
                moments[k] = task.step(action)
                ways[k].append(moments[k].observation["proprio"][:3])
                if moments[k].terminated:
                    solved[k] = True
                    break
        live = [k for k in live if not solved[k] and len(ways[k]) < task.spec.max_steps]
    paths = [np.array(way)[:, None] for way in ways]
    return {
        "coverage": float(np.mean([covered({"path": path}) for path in paths])),
        "success": float(solved.mean()),
        "steps": float(np.mean([len(path) for path in paths])),
        "clearance": float(np.mean([
            np.linalg.norm(path[:, 0, :2] - laptop, axis=1).min() for path, laptop in zip(paths, laptops, strict=True)
        ])),
    }  # fmt: skip


def records(found: list[dict[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""

    def change(way: str, what: str, target: str = "") -> Record:
        values = [seed[way][what] / seed["cloned"][what] - 1 for seed in found]
        return across_seeds(f"relative change of {what}, {way}", values, target)

    def apart(way: str, other: str, what: str, target: str, unit: str = "share") -> Record:
        values = [seed[way][what] - seed[other][what] for seed in found]
        return across_seeds(f"{what}, {way} less {other}", values, target, unit=unit)

    away = [abs(seed["controlled"]["steps"] / seed["cloned"]["steps"] - 1) for seed in found]
    drift = [abs(seed["uncontrolled"]["steps"] / seed["cloned"]["steps"] - 1) for seed in found]
    return [
        across_seeds("coverage, cloned", [seed["cloned"]["coverage"] for seed in found]),
        across_seeds("success, cloned", [seed["cloned"]["success"] for seed in found]),
        change("controlled", "coverage", ">= 0.55"),
        apart("controlled", "cloned", "success", ">= -0.02"),
        across_seeds("duration away from the cloned policy's, controlled", away, "<= 0.1"),
        across_seeds("duration away from the cloned policy's, uncontrolled", drift, ">= 0.1"),
        change("uncontrolled", "coverage"),
        change("negated", "coverage", "<= 0"),
        change("guarded", "coverage"),
        apart("controlled", "cloned", "clearance", "", "m"),
        apart("guarded", "cloned", "clearance", ">= -0.005", "m"),
    ]  # fmt: skip
