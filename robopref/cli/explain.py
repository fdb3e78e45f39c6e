"""`robopref explain`: what answers, or a trained reward, go by, as hypotheses that were tested."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.explained_pairs import answered_pairs, judged_pairs, written_with
from robopref.cli.named_errors import named_after
from robopref.cli.persons import require_personal, shares_of, told
from robopref.cli.quantities import named_quantities
from robopref.cli.reward_worth import RewardWorth
from robopref.cli.segment_rewards import load_segment_reward
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import load_members, together
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.explanation.explainer import Inference
from robopref.explanation.feature_table import require_fitting
from robopref.explanation.hypothesis_search import Asked, Explained, search
from robopref.explanation.proposals import Frames, Proposer
from robopref.explanation.rubric import listed_terms
from robopref.labelers.arrays import arrays_of
from robopref.protocols import lacking
from robopref.records import Item
from robopref.reports.explanation_report import (
    finding_rows,
    percent,
    rubric_rows,
    with_direction,
    write_explanation,
)
from robopref.rewards.ensemble import symmetric
from robopref.rewards.worth import step_worth


def run(context: Context) -> None:
    """Explain the answers, or a reward, of a run; writes ``explanation.html`` and ``explanation.json``."""
    config = context.config.explain
    with named_after("proposer", "labeler."):
        proposer: Any = build(context.config.proposer)
    if missing := lacking(proposer, Proposer):
        raise ConfigError(f"proposer: {type(proposer).__name__} has no {', '.join(missing)}")
    inference = Inference(
        float(config.level), str(config.correction), float(config.held_out), int(config.most), context.seed  # type: ignore[arg-type]
    )  # fmt: skip
    reward = None if config.reward is None else str(config.reward)
    if reward is not None and reward not in context.config.rewards:
        raise unknown_name("explain.reward", reward, map(str, context.config.rewards))
    if reward is None and context.memory.gives("person"):
        raise ConfigError(
            f"person={told(shares_of(context.config))} says for whom a reward scores: explain.reward=<name>; for "
            "answers of some alone: filter.by_labeler.names=[<name>]"
        )
    answers, dataset = (
        answered_pairs(context) if reward is None else judged_pairs(context, reward, partial(_worth, context, reward))
    )
    asked = _asked(context, answers, dataset, shown=reward is None)
    with named_after("proposer", "labeler."), context.stage("Measure what was compared", "items") as bar:
        explained = search(asked, proposer, inference, bar)
    path = write_explanation(
        context.folder, explained, asked, inference, reward=reward, pairs=int(config.examples)
    )  # fmt: skip
    _print(context, explained, path)


def _worth(context: Context, name: str, dataset: EpisodeStore) -> Callable[[Item], float]:
    """What a reward makes of an item; of a segment the mean of its steps."""
    if "learner" in context.config:  # of robopref offline, whose rewards know no policy
        reward, _ = load_segment_reward(context, dataset, name)
        with context.stage("Judge the steps", "steps") as bar:
            steps = step_worth(reward, dataset, progress=bar)
        return lambda item: float(steps[item.start : item.stop].mean())
    members = load_members(context, [name])[name]
    whole = together(members)
    require_personal(context.config, name, whole, typed=context.memory.gives("person"))
    judged = RewardWorth(context, symmetric(whole, context.policy().geometry).eval())

    return lambda item: float(judged.of(dataset, item).mean())


def _asked(context: Context, answers: Answers, dataset: EpisodeStore, *, shown: bool) -> Asked:
    config, lookup = context.config.explain, arrays_of(dataset)
    example = Asked(answers, lookup).example
    named = named_quantities(config.quantities, dataset, example)
    with named_after("explain.rubric"):
        rubric = listed_terms([str(one) for one in config.rubric], list(example), named)
    require_fitting([feature for _, feature in rubric], example, "explain.rubric")
    presentation = tuple(str(one) for one in config.presentation)
    for one in presentation:
        if one not in example:
            raise unknown_name("explain.presentation", one, example)
    told = {str(one) for one in answers.instruction.tolist()} - {""}
    instruction = told.pop() if len(told) == 1 else str(context.config.task or "")
    return Asked(
        answers,
        lookup,
        named,
        tuple(rubric),
        instruction,
        presentation,
        _frames(dataset),
        context.folder,
        shown,
        written_with(context) if shown else {},
    )


def _frames(dataset: EpisodeStore) -> Callable[[Item], Frames] | None:
    from robopref.labelers.people.item_pictures import pictures_of  # what draws is loaded for who looks

    try:
        return pictures_of(dataset).frames  # type: ignore[return-value]
    except DataError:
        return None


def _print(context: Context, explained: Explained, path: Path) -> None:
    explanation, say = explained.explanation, context.console
    confirmed = explanation.of("confirmed")
    if confirmed:
        print_table(say, f"{len(confirmed)} of {explanation.tested} hypotheses are confirmed", finding_rows(confirmed))
    lines = [] if confirmed else [f"none of {explanation.tested} hypotheses is confirmed"]
    accuracy = explanation.accuracy
    if not np.isnan(accuracy.explained):
        lines.append(
            f"{accuracy.explained:.0%} of held-out answers are predicted by them, {accuracy.single:.0%} by "
            f"{accuracy.single_feature} alone"
        )
    lines += [
        f"alarm: they go by how items were shown: {one.said}, "
        f"{percent(with_direction(one.alarm, one.direction))} of all decided answers"
        for one in explanation.alarms
    ]
    lines += [
        f"they differ in {one.feature}: {', '.join(who.name for who in one.followers)}" for one in explained.differences
    ]
    lines += [f"refused: {what}: {why}" for what, why in explained.refused[:5]]
    for line in lines:
        say.print(line, highlight=False, markup=False, soft_wrap=True)
    if explained.rubric.terms:
        print_table(say, "Beside the rubric", rubric_rows(explained.rubric))
    say.print(f"report: {path}", highlight=False, markup=False, soft_wrap=True)
