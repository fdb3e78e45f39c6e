"""From 200 simulated deployment episodes to better selection, and to a policy: planar push, chunks of eight actions.

A planner offers eight candidates by a score that nobody cares for, in an order that is drawn; simulated operators
answer (`benchmarks.worlds.simulated_operators`). What they did is imported with the correction and without, an explicit
reward is trained on what ``train reward`` would learn from, and chooses among 16 candidates on 100 held-out starts. The
corrected reward then labels fresh candidates, on which the policy is tuned, and its own samples are judged in episodes
by two metrics that no label holds: the distance that is left, and the decisions until the puck is at the goal.
"""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.simulated_operators import Sideways, deploy
from robopref.cli import collect
from robopref.cli.answered import load_preferences
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.train import train_policy
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import add_labels, read_labels
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import read_events
from robopref.data.labels.target_operators import believe
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.data.labels.trace_loss import TraceLoss
from robopref.decisions import as_scorer
from robopref.evaluation.compare import EpisodePace, compare_episodes, own_sample, score_candidates
from robopref.items import Comparisons
from robopref.learning.collect import draw_candidates, draw_states, try_candidates
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.ranking.plackett_luce import PlackettLuce
from robopref.rewards.derived import tuned_policy
from robopref.robots.dynamics import observe
from robopref.runtime.budget import FixedBudget
from robopref.runtime.planner import Planner
from robopref.scores import PairTarget

SEEDS = 3
EPISODES, STARTS, DECISIONS, CANDIDATES = 200, 40, 3, 8
WAYS: dict[str, TraceCorrection | None] = {"corrected": TraceCorrection(), "naive": None}
WORDS = [
    "env=planar_push", "+env.options.state=true", "+env.options.points=false", "policy=observed",
    "policy.observation=[state]", "collect.steps=800", "train.fit.steps=800",
    "workers=0", "device=cpu",
    "label.about=candidates", "use=explicit", "objective@rewards.explicit.objective=bradley_terry",
    "objective@rewards.implicit.objective=bradley_terry", "rewards.explicit.fit.steps=300",
    "rewards.implicit.fit.steps=500",
]  # fmt: skip


def measure(seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        overrides = [*WORDS, f"run={folder}/run", f"seed={seed}"]
        context = Context(compose_config("config", overrides), memory(compose_config("config", overrides), overrides))
        try:
            begun = time.process_time()
            collect.run(context)
            train_policy(context)
            return {**_found(context), "seconds": time.process_time() - begun}
        finally:
            context.finish()


def _found(context: Context) -> dict[str, Any]:
    starts = draw_states(context.pool, "preferences", count=STARTS, seed=context.seed, warm_up=20)
    planner = Planner(
        context.policy(), Sideways(), budget=FixedBudget(CANDIDATES), seed=context.seed, order=PlackettLuce(1.0)
    )  # fmt: skip
    path = context.folder / "feedback.jsonl"
    deploy(planner, context.pool, starts, path, episodes=EPISODES, decisions=DECISIONS, seed=context.seed)
    held_out = draw_states(context.pool, "evaluation", count=100, seed=context.seed, warm_up=20)
    chunks = draw_candidates(context.policy(), held_out, n=16, seed=context.seed + 2, device=context.device)
    gained = try_candidates(context.pool, held_out, chunks)
    side = chunks[..., 0].sum(-1)
    found: dict[str, Any] = {"random": float(gained.mean()), "oracle": float(gained.max(1).mean())}
    found["loss"] = vars(TraceLoss.of(list(read_events(path)), TraceCorrection()))
    rewards: dict[str, nn.Module] = {}
    for way, correction in WAYS.items():
        with FeedbackStore(context.folder / "labels.sqlite") as database:
            add_labels(database, context.folder, read_labels(path, "events", Naming()), "events", correction)
        rewards[way] = _trained(context, "explicit", load_preferences(context))
        scores = score_candidates(as_scorer(rewards[way]), held_out, chunks, context.device)
        rows = np.arange(len(scores))
        best = scores.argmax(1)
        found[way] = {
            "gained": float(gained[rows, best].mean()),
            "sideways": float(
                np.mean([np.corrcoef(one, other)[0, 1] for one, other in zip(scores, side, strict=True)])
            ),
        }
    found["tuned"] = _tuned(context, rewards["corrected"])
    return found


def _trained(context: Context, name: str, data: Comparisons) -> nn.Module:
    """A reward of the run's settings."""
    config = context.config.rewards[name]
    torch.manual_seed(context.seed)
    reward = build(config.scorer)(context.policy())
    batches = Batches(size=int(config.batch_size), points=int(config.points))
    train_reward(
        reward, data, build(config.objective), FitConfig(**settings(config.fit)), seed=context.seed, batches=batches
    )  # fmt: skip
    return reward


def _tuned(context: Context, reward: nn.Module) -> dict[str, Any]:
    """Episodes by samples of the policy, and of one that is tuned on what a reward says of fresh candidates."""
    policy, count = context.policy(), 120
    moments = draw_states(context.pool, "exploration", count=count, seed=context.seed, warm_up=20)
    chunks = draw_candidates(policy, moments, n=CANDIDATES, seed=context.seed + 3, device=context.device)
    scores = torch.as_tensor(score_candidates(as_scorer(reward), moments, chunks, context.device))
    believed = believe(scores.float())
    target = PairTarget(believed.p, believed.weight)
    data = Comparisons.of_candidates(observe(moments, context.device), torch.as_tensor(chunks), target, policy.geometry)
    tuned = tuned_policy({"implicit": _trained(context, "implicit", data)})
    assert tuned is not None, "an implicit reward tunes a policy"
    found = compare_episodes(
        context.pool, {"policy": own_sample(policy), "tuned": own_sample(tuned)}, count=40, pace=EpisodePace(10),
        seed=context.seed, device=context.device,
    )  # fmt: skip
    goal = context.pool.task.goal
    left = {name: goal.best - rollouts.progress for name, rollouts in found.items()}
    return {
        name: {
            "distance": float(distance[:, -1].mean()),
            "decisions": float(_decisions(distance, goal.success).mean()),
        }
        for name, distance in left.items()
    }  # fmt: skip


def _decisions(distance: Any, success: float) -> Any:
    """Until success; one more than there were without it."""
    reached = distance < success
    return np.where(reached.any(1), reached.argmax(1), distance.shape[1])


def records(found: list[dict[str, Any]]) -> list[Record]:
    gap = [one["oracle"] - one["random"] for one in found]
    gain = {way: np.array([one[way]["gained"] - one["random"] for one in found]) for way in WAYS}
    metrics = {
        name: np.array([one["tuned"]["policy"][name] - one["tuned"]["tuned"][name] for one in found])
        for name in ("distance", "decisions")
    }
    counted = [one["loss"]["effective"] / one["loss"]["acts"] for one in found]
    return [
        *(across_seeds(f"{way}: gain of selection over a random candidate", gain[way], ">= 0", unit="m")
          for way in WAYS),
        *(across_seeds(f"{way}: share of the gap to the best of 16 that selection closes", gain[way] / gap)
          for way in WAYS),
        across_seeds("corrected minus naive: share of that gap", (gain["corrected"] - gain["naive"]) / gap, ">= 0"),
        *(across_seeds(f"{way}: correlation of the reward with the score that was deployed",
                       [one[way]["sideways"] for one in found], unit="correlation") for way in WAYS),
        across_seeds("effective sample of the acts, of all acts", counted),
        across_seeds("policy tuned on the corrected reward: distance that is left less", metrics["distance"], ">= 0",
                     unit="m"),
        across_seeds("policy tuned on the corrected reward: decisions to the goal fewer", metrics["decisions"], ">= 0",
                     unit="decisions"),
        across_seeds("processor time of a seed", [one["seconds"] for one in found], unit="s"),
    ]  # fmt: skip
