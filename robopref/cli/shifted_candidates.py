"""Where scores stop being right: the part of `robopref evaluate` with candidates and starts from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.errors import ConfigError
from robopref.evaluation.candidate_shift import (
    ELSEWHERE,
    Shift,
    another_end,
    candidate_shifts,
    shift_report,
    starts_elsewhere,
)
from robopref.files import write_json
from robopref.policies.abilities import history_of
from robopref.protocols import CandidateScorer, ChunkPolicy


def require_elsewhere(context: Context) -> None:
    """Refuse `evaluate.elsewhere` that the task does not know, before anything long.

    Raises:
        ConfigError: It is not options of the task, or makes another one.
    """
    if (options := _options(context)) is not None:
        another_end(build(context.config.env), options).close()


def write_shifts(
    context: Context, policy: ChunkPolicy, scorers: Mapping[str, CandidateScorer], own: Shift, scores: Mapping[str, Any]
) -> None:
    """Ask scorers about candidates, and starts, from elsewhere; writes ``evaluation/shifts.json``.

    Args:
        context: The run.
        policy: Its policy.
        scorers: By name.
        own: Starts, the policy's candidates and their outcomes; the first half is taken.
        scores: What each scorer said of these, by name.
    """
    half = slice(0, max(1, len(own.moments) // 2))
    subset = Shift(own.moments[half], own.chunks[half], own.gained[half])
    with context.stage("Candidates from elsewhere", "states") as bar:
        shifts = candidate_shifts(context.pool, *subset, seed=context.seed, progress=bar)
    if (options := _options(context)) is not None:
        with context.stage("Starts from elsewhere", "states") as bar:
            other = another_end(build(context.config.env), options)
            shifts[ELSEWHERE] = starts_elsewhere(
                context.pool, other, policy, count=len(subset.moments),
                warm_up=int(context.config.evaluate.warm_up), seed=context.seed, device=context.device, progress=bar,
            )  # fmt: skip
    report = shift_report(
        scorers, shifts, context.device, context.pool.task.goal.difference, history_of(policy),
        {name: scores[name][half] for name in scorers},
    )  # fmt: skip
    write_json(context.folder / "evaluation" / "shifts.json", report)


def _options(context: Context) -> dict[str, Any] | None:
    said = context.config.evaluate.elsewhere
    options: Any = OmegaConf.to_container(said, resolve=True) if OmegaConf.is_config(said) else said
    if options is not None and not (isinstance(options, dict) and options):
        raise ConfigError(
            f"evaluate.elsewhere must be options of the task, such as {{target: u}}, or null, got {options!r}"
        )
    return options
