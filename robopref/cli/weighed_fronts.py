"""Fronts of several objectives in `robopref evaluate`: what they are measured by, and what is written and printed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.cli.weighing import weighs
from robopref.errors import ConfigError, unknown_name
from robopref.evaluation.fronts import FRONTS, TUNED, fronts_of, save_fronts
from robopref.labelers.measured import reduced
from robopref.learning.collect import draw_candidates
from robopref.policies.abilities import history_of
from robopref.protocols import ChunkPolicy, Policy
from robopref.ranking.weighted import WeightedSum
from robopref.reports.fronts_section import front_rows
from robopref.robots.dynamics import observe
from robopref.robots.reported import measured, reported
from robopref.robots.sim import Moment

Values = NDArray[np.float64]


def measures_of(context: Context) -> dict[str, tuple[str, float]]:
    """By the name of a reward, the number of the task that its objective is measured by, and its sign."""
    said = context.config.evaluate.measures or {}
    return {str(name): (str(word).removeprefix("-"), -1.0 if str(word).startswith("-") else 1.0)
            for name, word in said.items()}  # fmt: skip


def require_measures(context: Context) -> None:
    """Demand measures of rewards that are weighed, before anything is loaded or simulated.

    Raises:
        ConfigError: They are of others, or of some of them only.
    """
    rule, given = weighs(context), measures_of(context)
    if not given:
        return
    if rule is None:
        if not context.memory.gives("evaluate.measures"):
            return  # remembered from when there were weights
        raise ConfigError("evaluate.measures are those of the rewards that ranker=weighted weighs; choose that")
    for name in given:
        if name not in rule.weights:
            raise unknown_name("reward in evaluate.measures", name, rule.weights)
    if missing := [name for name, weight in rule.weights.items() if weight > 0 and name not in given]:
        raise ConfigError(f"evaluate.measures lacks {missing[0]}, which is weighed; give one for each, or none at all")


def require_reported(context: Context) -> None:
    """Demand measures that the task reports.

    Raises:
        ConfigError: It does not report one.
    """
    known: Collection[str] = reported(context.pool.task) if measures_of(context) else ()
    for name, (measure, _) in measures_of(context).items():
        if measure not in known:
            raise unknown_name(f"evaluate.measures.{name}", measure, known)


def write_fronts(
    context: Context,
    policy: ChunkPolicy,
    weighed: WeightedSum,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    scores: Mapping[str, Values],
    tuned: Mapping[str, Policy],
) -> None:
    """Write and print what every way of choosing, and the policies, bring by each objective.

    Args:
        context: Of the command.
        policy: Of the candidates.
        weighed: The sum of rewards.
        moments: S held-out starts.
        chunks: (S, N, H, A) candidates; the first is the policy's own sample.
        scores: (S, N) of what chooses, by name.
        tuned: Preference-tuned policies, by the name of the reward that tuned each.
    """
    if len(weighed.rewards) < 2:
        return  # a front takes two objectives
    every, policies = chunks, {"policy": 0}
    for name, one in tuned.items():
        own = draw_candidates(one, moments, n=1, seed=context.seed + 2, device=context.device)
        every, policies[TUNED + name] = np.concatenate([every, own], axis=1), every.shape[1]
    said = _said(context, weighed, moments, every, history_of(policy))
    given = measures_of(context)
    objectives = said if not given else _measured(context, moments, every, {name: given[name] for name in said})
    fronts = fronts_of(
        objectives, scores, list(said.values()), measured=bool(given), candidates=chunks.shape[1], policies=policies
    )
    save_fronts(context.folder, fronts)
    print_table(context.console, "Several objectives at once", front_rows(fronts))
    context.console.print(f"fronts: {context.folder / FRONTS}", highlight=False)


@torch.no_grad()
def _said(
    context: Context, weighed: WeightedSum, moments: Sequence[Moment], chunks: NDArray[np.float32], history: int
) -> dict[str, Values]:
    """(S, N) what each reward says, on the scale of the sum."""
    found: dict[str, list[Values]] = {name: [] for name in weighed.rewards}
    for moment, row in zip(moments, chunks, strict=True):
        actions = torch.as_tensor(row[None], device=context.device)
        for name, value in weighed.each(observe([moment], context.device, history), actions).items():
            found[name].append(value[0].double().cpu().numpy())
    return {name: np.stack(rows) for name, rows in found.items()}


def _measured(
    context: Context,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    measures: Mapping[str, tuple[str, float]],
) -> dict[str, Values]:
    """(S, N) what the task reports of each, in the mean over the actions; by its name, more is better."""
    with context.stage("Measure the candidates", "starts") as bar:
        rows: list[dict[str, Values]] = []
        jobs = [(moment.snapshot, row) for moment, row in zip(moments, chunks, strict=True)]
        for row in context.pool.map(measured, jobs):
            rows.append(row)
            bar(len(rows), len(jobs))
    return {
        name: sign * np.stack([reduced(row[measure], "mean") for row in rows])
        for name, (measure, sign) in measures.items()
    }
