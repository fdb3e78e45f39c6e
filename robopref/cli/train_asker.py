"""`robopref train asker`: a small network that learns on masked tasks which questions bring new information."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from robopref.cli.building import settings
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.tables import print_table
from robopref.files import replacing
from robopref.learning.asker_training import AskingConfig, train_asker
from robopref.learning.asking_rounds import (
    Inquest,
    ask_round,
    at_random,
    by_policy,
    by_value,
    possible_questions,
    training_features,
)
from robopref.learning.checkpoint import save_checkpoint
from robopref.querying.asking_policy import AskingPolicy
from robopref.querying.masked_tasks import MaskedTask, drawn_task
from robopref.querying.question_reward import question_prompts
from robopref.querying.question_seconds import PRIOR_SECONDS
from robopref.rewards.answer_likelihood import AnswerModel
from robopref.seeding import derive

FOLDER = "asker"
_COMPARED, _PROMPTS = 24, 256  # tasks


def run(context: Context) -> None:
    """Train an asker on drawn tasks; goes on where it stopped. Writes ``asker/weights.pt`` and ``asker/prompts.jsonl``.

    Raises:
        ConfigError: A setting is out of range.
        MismatchError: The folder holds a training with other settings.
    """
    config, folder = AskingConfig(**settings(context.config.asker)), context.folder / FOLDER
    with context.stage("Train the asker", "steps", resumes=True) as bar:
        policy = train_asker(
            config, PRIOR_SECONDS, seed=context.seed, folder=folder, progress=lambda step, _: bar(step, config.steps)
        )
    save_checkpoint(folder / "weights.pt", {"module": policy.state_dict()})
    _write_prompts(context, config)
    _compare(context, config, policy)
    context.console.print(
        f"asker: {folder / 'weights.pt'}; it chooses with selector=asker", soft_wrap=True, highlight=False, markup=False
    )
    say_curves(context, folder)


def _tasks(context: Context, config: AskingConfig, purpose: str, count: int) -> Iterator[MaskedTask]:
    for index in range(count):
        rng = np.random.default_rng(derive(context.seed, purpose, index))
        yield drawn_task(training_features(config.features), rng, share=config.masked)


def _compare(context: Context, config: AskingConfig, policy: AskingPolicy) -> None:
    """Rounds of the asker beside those of the rule, and of questions at random, about other tasks."""
    features = training_features(config.features)
    possible = possible_questions(features, config.pairs)
    how = Inquest(AnswerModel(), PRIOR_SECONDS, config.questions, config.draws, possible)
    rows: list[tuple[str, ...]] = [
        ("who asks", "nats about what is masked", "seconds", "questions about masked features")
    ]
    for name, choose in (("asker", by_policy(policy)), ("information", by_value), ("random", at_random)):
        gained, seconds, hits = list[float](), list[float](), list[Sequence[int]]()
        for index, task in enumerate(_tasks(context, config, "asker compared", _COMPARED)):
            came = ask_round(task, how, choose, np.random.default_rng(derive(context.seed, "compared round", index)))
            gained.append(float(came.gained.sum()))
            seconds.append(float(came.seconds.sum()))
            hits.append(came.hits(task))
        hit, about = np.sum(hits, axis=0)
        share = f"{hit / about:.0%}" if about else "none asked"
        rows.append((name, f"{np.mean(gained):.2f}", f"{np.mean(seconds):.0f}", share))
    print_table(context.console, f"{config.questions} questions about each of {_COMPARED} other tasks", rows)


def _write_prompts(context: Context, config: AskingConfig) -> None:
    """A data set for language models that ask, see `robopref.querying.question_reward`."""
    told: list[tuple[str, Sequence[str], Sequence[str], Sequence[str]]] = []
    for task in _tasks(context, config, "asker prompts", _PROMPTS):
        features = task.truth.features
        known = "; ".join(
            f"{name}: {'more' if (one.effect or 0) > 0 else 'less'} is better"
            for name, one in task.brief.features.items()
        )
        masked = [f"feature {name}" for name in sorted(task.masked)]
        masked += [
            f"threshold {features.names[place]}" for place in features.limited if features.names[place] in task.masked
        ]
        told.append((known, features.names, masked, ()))
    with replacing(context.folder / FOLDER / "prompts.jsonl") as unfinished:
        unfinished.write_text("".join(f"{json.dumps(row)}\n" for row in question_prompts(told)), encoding="utf-8")
