"""`robopref labels`: what is in a label database, and how good it is."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from robopref.cli.remembered import recall
from robopref.cli.tables import console, print_table
from robopref.cli.trust import check_settings, check_words
from robopref.cli.words import key_of, parsed
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.label_exchange import add_labels, export_labels, read_labels
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.data.labels.trace_loss import TraceLoss
from robopref.errors import ConfigError, DataError
from robopref.folder_lock import locked
from robopref.learning.kept_pairs import FILE as KEPT
from robopref.learning.kept_pairs import KeptPairs
from robopref.learning.stored_persons import stored_persons
from robopref.quality.doubted import KeptShares
from robopref.quality.label_quality import given_only
from robopref.quality.person_nearness import person_places
from robopref.quality.written_words import written_words
from robopref.reports.label_report import agreement_rows, answer_rows, trust_rows, write_quality, written_rows
from robopref.reports.person_section import place_rows
from robopref.reports.reason_section import reason_rows


def show_quality(config: DictConfig) -> None:
    """Print how good the labels are, and write ``labels.html`` and ``labels.json`` into the run folder."""
    with FeedbackStore(database_of(config), create=False) as database:
        queries, every = database.queries(), database.feedback()
    feedback = given_only(every)
    folder = Path(config.run)
    quality, doubted, reasons = write_quality(
        folder,
        queries,
        feedback,
        known=str(config.known),
        floor=float(config.floor),
        kept=_kept(folder),
        persons=(persons := {name: person_places(found) for name, found in stored_persons(folder).items() if found}),
    )
    print_table(console, "Answers", answer_rows(quality))
    print_table(console, "Trust", trust_rows(quality))
    if reasons:
        print_table(console, "Reasons", reason_rows(reasons))
    if quality.agreement:
        print_table(console, "Agreement", agreement_rows(quality))
    if written := written_words(feedback):
        print_table(console, f"What people wrote, {min(len(written), 5)} of {len(written)}", written_rows(written[:5]))
    for one in quality.again[:5]:
        console.print(
            f"ask again: {one.query} ({one.answers} answers differ)", highlight=False, markup=False, soft_wrap=True
        )
    for one in doubted[:5]:
        console.print(
            f"doubted: {one.query} by {', '.join(one.labelers)} ({one.left_out} of {one.pairs} pairs left out by the "
            f"review of {', '.join(one.rewards)})",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    for name, places in persons.items():
        print_table(console, f"Who stands near whom: {name}", place_rows(places))
    if own := len(every) - len(feedback):
        console.print(f"left out: {own} answers that trained rewards gave", highlight=False, soft_wrap=True)
    console.print(f"report: {folder / 'labels.html'}", highlight=False, markup=False, soft_wrap=True)


def _kept(folder: Path) -> dict[str, KeptShares]:
    """What filters left of each pair, of the rewards of a run that were trained with some."""
    found = dict[str, KeptShares]()
    for path in sorted(folder.glob(f"rewards/*/{KEPT}")) + sorted(folder.glob(f"reward/*/{KEPT}")):
        kept = KeptPairs.load(path.parent)
        if kept is not None:
            found[path.parent.name] = kept.shares()
    return found


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
