"""A page about the labels of a database: who answered how, who agrees with whom, and what to ask again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from markupsafe import Markup

from robopref.errors import DataError
from robopref.evaluation.intervals import Interval
from robopref.files import write_text
from robopref.quality.doubted import DoubtedQuestion, KeptShares, doubted_questions
from robopref.quality.judgements import gather_judgements
from robopref.quality.label_quality import Agreement, LabelQuality, given_only, label_quality
from robopref.quality.person_nearness import PersonPlace
from robopref.quality.reason_quality import ReasonQuality, reason_quality, reasoned_answers
from robopref.quality.written_words import WrittenWords, written_words
from robopref.records import Feedback, Query
from robopref.reports import label_figures
from robopref.reports.figures import Drawing
from robopref.reports.person_section import person_section
from robopref.reports.reason_section import reason_section
from robopref.reports.template import figure, grid, header, page, paragraph, section, table, tiles

_READING = (
    "Ties are among answered pairs, seconds the median, “too fast” answers in less than {floor:g} s. Brackets hold "
    "95 % intervals: exact binomial for shares, bootstrap over questions for alpha."
)
_TRUST = (
    "“Shown first” is the share of decided pairs of which the item shown first was preferred, 50 % without position "
    "bias. “Same again” and “same swapped” are pairs that were asked twice, in the same and in the other order. "
    "“Attention” is agreement with known answers. “Circles” are triples A > B > C > A among those of which all pairs "
    "were decided."
)
_DOUBTED = (
    "What rewards that were trained with filter=[peer_review] could not make sense of, the most doubted first: how "
    "many pairs of a question the other members left out more often than not, and the mean share that they kept. "
    "Most of these answers are wrong where many are; where few are, most are about items that are nearly equal."
)
_DOUBTED_ROWS = 40
_WRITTEN = "The latest {shown} of {count}. Words may speak of places, which are those at which the items were shown."
_WRITTEN_ROWS = 100
_AGREEMENT = (
    "Alpha and kappa are 1 for perfect agreement and 0 for agreement by chance. A ranking counts as its pairs; ties "
    "lie between the two preferences for the ordinal alpha."
)


def answer_rows(quality: LabelQuality) -> list[list[str]]:
    """What each labeler answered and how fast, as text.

    Args:
        quality: Of the labels.

    Returns:
        Rows, the header first.
    """
    rows = [["labeler", "answers", "ties", "no answer", "seconds", "too fast"]]
    for one in quality.labelers:
        seconds = "–" if one.seconds is None else f"{one.seconds:.1f}"
        rows += [[one.name, str(one.answers), *map(_percent, (one.ties, one.abstained)), seconds, _percent(one.fast)]]
    return rows


def trust_rows(quality: LabelQuality) -> list[list[str]]:
    """How far each labeler can be trusted, as text.

    Args:
        quality: Of the labels.

    Returns:
        Rows, the header first.
    """
    rows = [["labeler", "shown first", "same again", "same swapped", "attention", "circles"]]
    for one in quality.labelers:
        circles = f"{one.circles} of {one.triples}" if one.triples else "–"
        rows += [[one.name, *map(_percent, (one.first, one.repeated, one.swapped, one.attention)), circles]]
    return rows


def agreement_rows(quality: LabelQuality) -> list[list[str]]:
    """The table of agreement as text.

    Args:
        quality: Of the labels.

    Returns:
        Rows, the header first.
    """
    rows = [["questions", "answered by two or more", "Krippendorff's alpha", "Fleiss' kappa", "Cohen's kappa"]]
    for one in quality.agreement:
        alpha = "–" if one.alpha is None else f"{one.alpha.mean:.2f} ({one.alpha.low:.2f} to {one.alpha.high:.2f})"
        fleiss = "–" if one.fleiss is None else f"{one.fleiss:.2f}"
        rows.append([one.kind, str(one.questions), alpha, fleiss, _cohen(one)])
    return rows


def doubted_rows(doubted: Sequence[DoubtedQuestion]) -> list[list[str]]:
    """What rewards doubt, as text.

    Args:
        doubted: Questions.

    Returns:
        Rows, the header first.
    """
    rows = [["query", "answered by", "pairs left out", "kept", "rewards"]]
    for one in doubted:
        out = f"{one.left_out} of {one.pairs}"
        rows.append([one.query, ", ".join(one.labelers), out, f"{one.kept:.0%}", ", ".join(one.rewards)])
    return rows


def written_rows(written: Sequence[WrittenWords]) -> list[list[str]]:
    """What people wrote, as text.

    Args:
        written: The words.

    Returns:
        Rows, the header first.
    """
    return [
        ["query", "labeler", "answer", "wrote"],
        *([one.query, one.labeler, one.answer, one.said] for one in written),
    ]


def write_quality(
    folder: Path,
    queries: Sequence[Query],
    feedback: Sequence[Feedback],
    *,
    known: str = "",
    floor: float = 0.7,
    kept: Mapping[str, KeptShares] | None = None,
    persons: Mapping[str, Sequence[PersonPlace]] | None = None,
) -> tuple[LabelQuality, list[DoubtedQuestion], list[ReasonQuality]]:
    """Assess labels and write ``labels.html`` and ``labels.json`` into a folder.

    Args:
        folder: Beside the label database.
        queries: The questions.
        feedback: The answers, in the order in which they were given.
        known: Name of the labeler whose answers are known to be right.
        floor: Seconds that looking at items takes at least.
        kept: What filters left of each pair, by the name of the reward that was trained with them.
        persons: Where the persons stand that rewards know, by the name of the reward.

    Returns:
        The quality, the questions that rewards doubt, and how judges do that give reasons.

    Raises:
        DataError: There is no answer, one belongs to no question, or the files cannot be written.
    """
    feedback = given_only(feedback)
    if not feedback:
        raise DataError(f"there is no answer among the {len(queries)} questions; label some first")
    quality = label_quality(queries, feedback, known=known, floor=floor)
    doubted = doubted_questions(queries, feedback, kept or {})
    reasons = reason_quality(queries, feedback, known=known)
    written = written_words(feedback)
    content = [
        header("robopref", "Quality of labels"),
        _headline(quality),
        section("Answers", table(answer_rows(quality)), paragraph(_READING.format(floor=floor))),
        section("Trust", table(trust_rows(quality)), paragraph(_TRUST)),
        _drawings(queries, [given for given in feedback if given.labeler != known], quality, floor),
        reason_section(reasons, reasoned_answers(feedback)),
        _written(written),
        _agreed(quality),
        _again(quality),
        _doubted(doubted, reviewed=bool(kept)),
        *(person_section(name, places) for name, places in (persons or {}).items()),
    ]
    told = {
        **quality.to_dict(), "doubted": [asdict(one) for one in doubted],
        "reasons": [asdict(one) for one in reasons],
        "written": [asdict(one) for one in written],
        "persons": {name: [asdict(one) for one in places] for name, places in (persons or {}).items()},
    }  # fmt: skip
    write_text(folder / "labels.json", json.dumps(told, indent=2, allow_nan=False) + "\n")
    write_text(folder / "labels.html", page("robopref: quality of labels", content))
    return quality, doubted, reasons


def _headline(quality: LabelQuality) -> Markup:
    shown = [
        (str(sum(one.answers for one in quality.labelers)), f"answers to {quality.queries} questions"),
        (str(len(quality.labelers)), "labelers"),
    ]
    shown += [
        (f"{one.alpha.mean:.2f}", f"Krippendorff's alpha on {one.kind} questions ({one.level})")
        for one in quality.agreement
        if one.alpha is not None
    ]
    return tiles(shown)


def _drawings(queries: Sequence[Query], feedback: Sequence[Feedback], quality: LabelQuality, floor: float) -> Markup:
    drawn: list[Drawing] = []
    pairs = gather_judgements(queries, feedback, "pair")
    if pairs.labelers:
        rows: list[tuple[str, list[int]]] = []
        for i, name in enumerate(pairs.labelers):
            mine = pairs.of(i)
            # What no person was shown counts in the order in which it was asked.
            value = pairs.value[mine] * np.where(np.isnan(pairs.first[mine]), 1, pairs.first[mine])
            rows.append((name, [int((value == v).sum()) for v in (1, 0, -1)] + [int(np.isnan(value).sum())]))
        drawn.append(label_figures.answers(rows))
    for title, axis, field, expected in (
        ("Position bias", "item shown first preferred [%]", "first", 0.5),
        ("Consistency", "same answer when asked again [%]", "repeated", None),
        ("Consistency, swapped", "same answer with items swapped [%]", "swapped", None),
        ("Attention checks", "known answer given [%]", "attention", None),
    ):
        found = [(one.name, share) for one in quality.labelers if (share := getattr(one, field)) is not None]
        if found:
            drawn.append(label_figures.shares(title, axis, found, expected))
    timed = [
        (one.name, np.array([f.seconds for f in feedback if f.labeler == one.name and f.seconds is not None]))
        for one in quality.labelers
        if one.seconds is not None
    ]
    if timed:
        drawn.append(label_figures.times(timed, floor))
    return section("Drawings", grid(figure(title, svg) for title, svg in drawn)) if drawn else Markup()


def _agreed(quality: LabelQuality) -> Markup:
    if not quality.agreement:
        return section("Agreement", paragraph("No question was answered by two labelers.", "note"))
    return section("Agreement", table(agreement_rows(quality)), paragraph(_AGREEMENT))


def _again(quality: LabelQuality) -> Markup:
    if not quality.again:
        return section("Ask again", paragraph("No two answers to a question differ."))
    rows = [["query", "kind", "answers", "disagreement"]]
    rows += [[one.query, one.kind, str(one.answers), f"{one.disagreement:.2f}"] for one in quality.again]
    told = "Most disputed first: the share of pairs of answers that differ, divided by the number of answers."
    return section("Ask again", paragraph(told), table(rows))


def _written(written: Sequence[WrittenWords]) -> Markup:
    if not written:
        return Markup()
    shown = written[:_WRITTEN_ROWS]
    told = _WRITTEN.format(shown=len(shown), count=len(written))
    return section("What people wrote", paragraph(told), table(written_rows(shown)))


def _doubted(doubted: Sequence[DoubtedQuestion], *, reviewed: bool) -> Markup:
    if not reviewed:
        return Markup()
    if not doubted:
        return section("Doubted by rewards", paragraph("No pair was left out more often than not."))
    return section("Doubted by rewards", paragraph(_DOUBTED), table(doubted_rows(doubted[:_DOUBTED_ROWS])))


def _cohen(agreement: Agreement) -> str:
    if not agreement.cohen:
        return "–"
    if len(agreement.cohen) == 1:
        return f"{agreement.cohen[0][2]:.2f}"
    kappas = [kappa for _, _, kappa in agreement.cohen]
    return f"{np.mean(kappas):.2f} ({min(kappas):.2f} to {max(kappas):.2f} of {len(kappas)} pairs of labelers)"


def _percent(share: Interval | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share.mean:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"
