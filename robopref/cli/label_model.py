"""`robopref label labeler=vlm`: a vision-language model answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from robopref.cli.context import Context
from robopref.cli.tables import print_table
from robopref.data.feedback import FeedbackStore
from robopref.errors import DataError
from robopref.labelers.batch import Tally, label_all
from robopref.labelers.budget import Budget, Guess
from robopref.labelers.judge import Usage
from robopref.labelers.patience import PatientJudge
from robopref.labelers.reply_cache import ReplyCache
from robopref.labelers.vlm import VlmLabeler, check_kind
from robopref.labelers.vlm_settings import VlmSettings, estimate
from robopref.protocols import Pictures
from robopref.records import Query


def ask_model(
    context: Context,
    settings: VlmSettings,
    store: FeedbackStore,
    example: Query,
    pictures: Pictures,
    choose: Callable[[], Sequence[Query]],
) -> bool:
    """Put questions to a model until all are answered or the budget is spent; goes on where it stopped.

    Args:
        context: Of the run.
        settings: How to ask.
        store: Where questions and answers are.
        example: One of the questions, all of which are of one kind.
        pictures: Shows the items.
        choose: What to ask.

    Returns:
        Whether the model was there to the end.

    Raises:
        ConfigError: A model does not answer such questions.
        DataError: There are answers already that were asked in another way.
    """
    check_kind(example.kind)
    judge, path = settings.judge, Path(settings.cache or context.folder / "replies.sqlite")
    task = str(context.config.task or example.instruction)
    with ReplyCache(path) as cache:
        frames = [list(pictures.frames(item)) for item in example.items]
        guess = estimate(settings, example.kind, 1, settings.showing.parts(frames), task)
        budget = Budget(
            settings.budget, judge.prices, judge=judge.name, ledger=cache.ledger, guess=Guess(guess.one, guess.most)
        )
        before = budget.requests
        patient = PatientJudge(judge, cache, budget, settings.patience)
        labeler = VlmLabeler(
            patient, pictures, task=task, manner=settings.manner, showing=settings.showing, name=settings.name
        )
        versions = {given.labeler_version for given in store.feedback(labeler.name)} - {labeler.version}
        if versions:
            raise DataError(
                f"{store.database.where} holds answers of {labeler.name} to other words, pictures or settings, or of "
                "another model; set labeler.name=<another name> to ask again, or choose another run folder"
            )
        asked = choose()
        _announce(context, settings, asked, guess.requests, guess.usage)
        tally = _ask(context, settings, labeler, asked, store, patient)
        _sum_up(context, tally, patient, before)
    context.console.print(f"{len(store.feedback(labeler.name))} answers: {store.database.where}", soft_wrap=True)
    return not tally.failed


def _announce(context: Context, settings: VlmSettings, waiting: Sequence[Query], each: int, usage: Usage) -> None:
    """The cost estimate."""
    requests, prices = each * len(waiting), settings.judge.prices
    tokens = (usage.input_tokens + usage.output_tokens) * len(waiting)
    cost = "no price known" if prices is None else f"{prices.cost(usage) * len(waiting):.2f} USD"
    caps = [
        f"{cap:g} {unit}"
        for cap, unit in ((settings.budget.requests, "requests"), (settings.budget.usd, "USD"))
        if cap is not None
    ]
    context.console.print(
        f"{settings.judge.name}: {len(waiting)} questions, {requests} requests, roughly {tokens:,} tokens, {cost}; "
        f"budget: {' and '.join(caps) or 'none'}",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def _ask(
    context: Context,
    settings: VlmSettings,
    labeler: VlmLabeler,
    waiting: Sequence[Query],
    store: FeedbackStore,
    patient: PatientJudge,
) -> Tally:
    with context.stage("Ask the model", "queries", resumes=True) as bar:

        def show(tally: Tally) -> None:
            usd = patient.budget.usd
            bar(tally.done, len(waiting), "queries" if usd is None else f"{usd:.3f} USD")

        return label_all(labeler, waiting, store, workers=settings.workers, errors=settings.errors, done=show)


def _sum_up(context: Context, tally: Tally, patient: PatientJudge, before: int) -> None:
    totals, usd = patient.budget.totals, patient.budget.usd
    silent = f", {totals.silent} without a report of the server among them" if totals.silent else ""
    rows = [("what came of it", "number"), ("answers", str(tally.answers)), ("ties among them", str(tally.ties))]
    rows += [(f"no answer: {reason}", str(count)) for reason, count in tally.abstentions.most_common()]
    rows += [
        ("requests, now", str(totals.requests - before)),
        ("replies from the cache", str(patient.cached)),
        (f"requests that may be on a bill, in all{silent}", str(totals.billed)),
        ("tokens read and written, in all", f"{totals.used.input_tokens:,} and {totals.used.output_tokens:,}"),
        ("cost that was reported, in all", "no price known" if usd is None else f"{totals.reported:.4f} USD"),
        ("cost that may be on a bill, in all", "no price known" if usd is None else f"{usd:.4f} USD"),
    ]
    print_table(context.console, "What the model said", rows)
    if tally.stopped:
        context.console.print(f"stopped: {tally.stopped}; the same command goes on from here", soft_wrap=True)
