"""`robopref labels`: files of labels, read into a label database and written from it."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from robopref.cli.remembered import recall
from robopref.cli.tables import console
from robopref.cli.trust import check_settings, check_words
from robopref.cli.words import key_of, parsed
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import add_labels, export_labels, read_labels
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.data.labels.trace_loss import TraceLoss
from robopref.errors import ConfigError, DataError
from robopref.folder_lock import locked


def import_file(config: DictConfig) -> None:
    """Add the labels of a file, or folder, of any format; segments that it holds go into the run folder."""
    path, folder = given_path(config), Path(config.run)
    naming = Naming(str(config.source), str(config.labeler), config.length)
    correction = TraceCorrection(**{name: value for name, value in config.traces.items() if name != "correct"})
    labels = read_labels(path, str(config.format), naming)  # before there is a database that stays empty
    if not (labels.queries or labels.feedback or labels.segments or labels.events):
        raise DataError(f"{path} holds neither a question nor an answer; expected labels, format={config.format}")
    # What the database has already is found by counting, which no other import may do meanwhile.
    with locked(folder, "imports", "labels import"), FeedbackStore(database_of(config)) as database:
        queries, answers = add_labels(
            database, folder, labels, str(config.format), correction if config.traces.correct else None
        )  # fmt: skip
    console.print(
        f"added {queries} queries and {answers} answers of {path}", highlight=False, markup=False, soft_wrap=True
    )
    for events in labels.events.values():
        for line in TraceLoss.of(events, correction).told(corrected=bool(config.traces.correct)):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def export_file(config: DictConfig) -> None:
    """Write the labels to a file, or folder, of any format."""
    path, folder = given_path(config), Path(config.run)
    with FeedbackStore(database_of(config), create=False) as database:
        found = export_labels(
            database, folder, path, str(config.format), answers=bool(config.answers),
            labelers=[str(name) for name in config.labelers],
        )  # fmt: skip
    console.print(
        f"{path}: of {found.queries} queries and {found.answers} answers", highlight=False, markup=False, soft_wrap=True
    )
    if found.left_out:
        why = (
            "of others" if config.labelers else f"that do not count, as {config.format} does not say whose an answer is"
        )
        console.print(f"left out: {found.left_out} answers {why}", highlight=False, markup=False, soft_wrap=True)


def database_of(config: DictConfig) -> str:
    """What is given, or where the run folder remembers that people's answers go."""
    if config.database is not None:
        return str(config.database)
    folder = Path(config.run)
    remembered = [word for word in recall(folder) if key_of(word) == "labeler.database"]
    check_words(remembered, folder)
    given = [parsed(word).value() for word in remembered]
    if not given or not given[-1]:
        return str(folder / "labels.sqlite")
    check_settings({"database": str(given[-1])}, [], [], folder)
    return str(given[-1])


def given_path(config: DictConfig) -> Path:
    """The file or folder that is given.

    Raises:
        ConfigError: None is.
    """
    if config.path is None:
        raise ConfigError("give the file, or folder, as path=<path>")
    return Path(config.path)
