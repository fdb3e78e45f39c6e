"""`robopref reasoned`: what a judge that reasons learns from, written for TRL, and a small judge of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from robopref.cli.building import settings
from robopref.cli.labels import database_of, given_path
from robopref.cli.tables import console
from robopref.data.containment import dataset_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError, unknown_name
from robopref.labelers.arrays import arrays_of
from robopref.labelers.people.item_pictures import pictures_of
from robopref.labelers.showing import Showing
from robopref.learning.chain_datasets import QuestionText, Row, cold_start_rows, hard_rows, sifted_rows, write_rows
from robopref.learning.judge_training import FOLDER, JudgeAnswers, JudgeTraining, save_judge, train_judge
from robopref.records import Feedback, Query

_TRAINER = "train a model on it with TRL's {trainer}, see docs/words.md"


def cold_start(config: DictConfig) -> None:
    """Write the chains of a judge, to be imitated."""
    queries, feedback = _asked(config, str(config.judge))
    rows = cold_start_rows(queries, feedback, _text(config, queries), judge=str(config.judge))
    _write(config, rows, "chains", "SFTTrainer")


def sift(config: DictConfig) -> None:
    """Write those chains of a judge that end in the verdict that is known to be right."""
    queries, feedback = _asked(config, str(config.judge), str(config.known))
    rows = sifted_rows(
        queries, feedback, _text(config, queries), judge=str(config.judge), known=str(config.known)
    )  # fmt: skip
    _write(config, rows, "right chains", "SFTTrainer")


def hard(config: DictConfig) -> None:
    """Write the questions that a judge got wrong, with what is right."""
    queries, feedback = _asked(config, str(config.judge), str(config.known))
    rows = hard_rows(queries, feedback, _text(config, queries), judge=str(config.judge), known=str(config.known))
    _write(config, rows, "questions", "GRPOTrainer and the functions of robopref.learning.chain_rewards")


def train(config: DictConfig) -> None:
    """Make a small judge of the run, and say how often it is right on pairs that it has not seen."""
    judge, known, folder = str(config.judge), str(config.known), Path(str(config.run))
    how, seed = JudgeTraining(**settings(config.training)), int(config.seed)
    queries, feedback = _asked(config, judge, known)
    store = _dataset(config, queries, "give data=<path> of one")
    about = [query for query in queries if query.source == store.path.stem] or queries
    answers, lookup = JudgeAnswers.of(about, feedback, judge=judge, known=known), arrays_of(store)
    keys = None if config.observes is None else [str(name) for name in config.observes]
    trained = train_judge(answers, lookup, how, seed=seed, keys=keys, tell=lambda stage: _say(f"stage: {stage}"))
    path = save_judge(folder / FOLDER, trained)
    _say(f"{path}: scores by {', '.join(answers.dimensions)}, from {', '.join(trained.keys)}")
    for stage, share in trained.right.items():
        _say(f"right on {trained.pairs} held-out pairs after {stage}: {share:.0%}")
    _say(f"robopref label run={folder} labeler=reasoned_local label.kind=pair answers by it")


def _asked(config: DictConfig, *labelers: str) -> tuple[list[Query], list[Feedback]]:
    """Questions and answers, among them some of each labeler."""
    with FeedbackStore(database_of(config), create=False) as database:
        queries, feedback = database.queries(), database.feedback()
    there = sorted({given.labeler for given in feedback})
    for name in labelers:
        if name not in there:
            raise unknown_name("labeler in the database", name, there)
    return queries, feedback


def _text(config: DictConfig, queries: Iterable[Query]) -> QuestionText:
    path = given_path(config)
    text = QuestionText({str(name): str(said) for name, said in config.dimensions.items()}, str(config.task or ""))
    if not config.pictures:
        return text
    store = _dataset(config, queries, "give data=<path> of one, or pictures=false")
    return replace(
        text, pictures=pictures_of(store, None, None), showing=Showing(**config.showing),
        folder=path.parent / f"{path.stem}_pictures",
    )  # fmt: skip


def _dataset(config: DictConfig, queries: Iterable[Query], hint: str) -> EpisodeStore:
    """What the pairs are about."""
    sources = sorted({query.source for query in queries if query.kind == "pair"})
    if config.data is None and len(sources) != 1:
        raise DataError(f"the questions are about {', '.join(sources) or 'no pairs'}; {hint}")
    store = dataset_of(Path(str(config.run)), sources[0]) if config.data is None else Path(str(config.data))
    if store is None or not store.exists():
        raise DataError(f"{store or sources[0]}: no such episode store; {hint}")
    return EpisodeStore.open(store)


def _write(config: DictConfig, rows: Iterable[Row], what: str, trainer: str) -> None:
    path = given_path(config)
    count = write_rows(path, rows)
    for line in (f"{path}: {count} {what}", _TRAINER.format(trainer=trainer)):
        _say(line)


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
