"""`robopref labels quality`: how good the answers in a label database are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from robopref.cli.labels import database_of
from robopref.cli.tables import console, print_table
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.quality.doubted import KeptShares
from robopref.quality.label_quality import given_only
from robopref.quality.person_nearness import PersonPlace, person_places
from robopref.quality.written_words import written_words
from robopref.reports.label_report import agreement_rows, answer_rows, trust_rows, write_quality, written_rows
from robopref.reports.person_section import place_rows
from robopref.reports.reason_section import reason_rows

_REWARDS = ("rewards/*", "reward/*")


def show_quality(config: DictConfig) -> None:
    """Print how good the labels are, and write ``labels.html`` and ``labels.json`` into the run folder."""
    with FeedbackStore(database_of(config), create=False) as database:
        queries, every = database.queries(), database.feedback()
    feedback = given_only(every)
    folder = Path(config.run)
    kept, persons = _said_by_rewards(folder)
    quality, doubted, reasons = write_quality(
        folder,
        queries,
        feedback,
        known=str(config.known),
        floor=float(config.floor),
        kept=kept,
        persons=persons,
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


def _said_by_rewards(folder: Path) -> tuple[Mapping[str, KeptShares], dict[str, list[PersonPlace]]]:
    """What filters left of each pair, and where persons stand, of the rewards of a run that were trained with some."""
    trained = [path for pattern in _REWARDS for path in sorted(folder.glob(pattern))]
    if not trained:
        return {}, {}
    # What reads them takes seconds to import.
    from robopref.learning.kept_pairs import KeptPairs
    from robopref.learning.stored_persons import stored_persons

    kept = {path.name: found.shares() for path in trained if (found := KeptPairs.load(path)) is not None}
    return kept, {name: person_places(found) for name, found in stored_persons(folder).items() if found}
