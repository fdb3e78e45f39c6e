"""A page on what answers, or a reward, go by: findings, beside the rubric, with pairs that show them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from robopref.evaluation.intervals import Interval
from robopref.explanation.explainer import Inference
from robopref.explanation.findings import Explanation, Finding, Follower
from robopref.explanation.hypothesis_search import Asked, Explained
from robopref.explanation.rubric import RubricReport
from robopref.explanation.wording import in_words
from robopref.files import write_text
from robopref.reports.explanation_examples import examples
from robopref.reports.explanation_figures import odds
from robopref.reports.template import figure, folded, grid, header, page, paragraph, section, table, tiles, typeset

_TESTED = 25  # that were not found, on the page; all are in the file beside it
_FINDINGS = (
    "“Goes with it” is the share of the held-out decided answers to pairs that differ in it. The weight is the "
    "log-odds a standard deviation of the difference, beside the others, on the same answers. Brackets hold 95 % "
    "intervals. "
    "“Found” is the two-sided chance of the score test on the answers that were looked at, beside what was accepted "
    "before; “confirmed” the one-sided chance on the held-out ones, beside all others. Prior and posterior are chances "
    "that it matters, before and after the answers."
)
_ALARM = (
    "These say how items were shown, not what was done. Ask again with the sides, the cameras or the order balanced, "
    "or leave what they explain out of what is learnt; if one is wanted, name it in the rubric. Where nobody recorded "
    "which item was shown first, the order in which was asked stands for it."
)


def write_explanation(
    folder: Path, explained: Explained, asked: Asked, inference: Inference, *, reward: str | None = None, pairs: int = 3
) -> Path:
    """Write ``explanation.html`` and ``explanation.json`` into a folder, of a reward ``explanation_<reward>``.

    Args:
        folder: Of the run.
        explained: What was found.
        asked: What was explained.
        inference: How it was tested.
        reward: Name of the reward whose judgements were explained; None if answers were.
        pairs: Examples of each finding.

    Returns:
        Path of the page.

    Raises:
        DataError: The files cannot be written.
    """
    explanation, name = explained.explanation, "explanation" if reward is None else f"explanation_{reward}"
    judged = "answers" if reward is None else "judgements"
    subject = judged if reward is None else f"the reward {reward}"
    shown = [*explanation.of("confirmed"), *(one for one in explanation.alarms if one.status != "confirmed")]
    content = [
        header("robopref", f"What {subject} go{'es' if reward else ''} by", below=asked.instruction),
        _headline(explanation, judged),
        *_alarms(explanation, explained),
        _found(explanation, explained, inference),
        _rubric(explained.rubric),
        _people(explained),
        examples(shown, explained, asked, pairs),
        _others(explained),
    ]
    plain = {"subject": subject, "inference": asdict(inference), **explained_values(explained)}
    write_text(folder / f"{name}.json", json.dumps(plain, indent=1, allow_nan=False) + "\n")
    write_text(folder / f"{name}.html", page(f"robopref: what {subject} go by", content))
    return folder / f"{name}.html"


def explained_values(explained: Explained) -> dict[str, Any]:
    """What was found as plain values, as for JSON."""
    found = {
        "explanation": asdict(explained.explanation), "rubric": asdict(explained.rubric),
        "differences": [asdict(one) for one in explained.differences], "refused": [list(x) for x in explained.refused],
    }  # fmt: skip
    return _plain(found)


def finding_rows(found: Sequence[Finding]) -> list[list[str]]:
    """The table of findings as text.

    Args:
        found: Confirmed ones.

    Returns:
        Rows, the header first.
    """
    rows = [["preferred", "goes with it", "weight", "found", "confirmed", "prior", "posterior"]]
    for one in found:
        weight = "–" if one.weight is None else _interval(one.weight)
        late = "–" if one.held_out is None else _chance(one.held_out)
        rows.append([
            one.said, percent(with_direction(one.share, one.direction)), weight, _chance(one.chance), late,
            f"{one.hypothesis.prior:.2f}", f"{one.posterior:.2f}",
        ])  # fmt: skip
    return rows


def rubric_rows(report: RubricReport) -> list[list[str]]:
    """What became of each term of the rubric, as text.

    Args:
        report: Answers beside the rubric.

    Returns:
        Rows, the header first.
    """
    rows = [["told to go by", "what became of it", "nearest feature", "goes with it"]]
    for gap in report.terms:
        said = gap.status if not gap.instead else f"{gap.status} from {gap.instead}"
        nearest, share = "–", "–"
        if gap.finding is not None:
            nearest, share = _oriented(gap.finding)
        rows.append([gap.term.said, said, nearest, share])
    rows += [["nothing", "gone by all the same", one.said, percent(with_direction(one.share, one.direction))]
             for one in report.unnamed]  # fmt: skip
    return rows


def _oriented(finding: Finding) -> tuple[str, str]:
    """What was preferred and how often; of what was not confirmed as it looks alone."""
    direction, share = finding.direction, finding.share
    if finding.status != "confirmed" and share is not None:
        direction = 1 if share.mean >= 0.5 else -1
    said = f"{'more' if direction > 0 else 'less'} {finding.hypothesis.feature}"
    return said, percent(with_direction(share, direction))


def percent(share: Interval | None) -> str:
    """A share with its interval."""
    return "–" if share is None else f"{100 * share.mean:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"


def with_direction(share: Interval | None, direction: int) -> Interval | None:
    """Share of the answers that go with a finding, of that for the item with more of it."""
    if share is None or direction > 0:
        return share
    return Interval(1 - share.mean, 1 - share.high, 1 - share.low, share.n)


def _headline(explanation: Explanation, judged: str) -> Markup:
    accuracy = explanation.accuracy
    shown = [
        (f"{explanation.answers}", f"{judged} of pairs, {explanation.clusters} independent ones"),
        (f"{len(explanation.of('confirmed'))} of {explanation.tested}", "hypotheses confirmed"),
        (f"{len(explanation.alarms)}", "alarms of how items were shown"),
    ]
    if not math.isnan(accuracy.explained):
        single = "" if math.isnan(accuracy.single) else f"; {100 * accuracy.single:.0f} % by the best single feature"
        shown.append((f"{100 * accuracy.explained:.0f} %", f"of held-out {judged} predicted by them{single}"))
    return tiles(shown)


def _alarms(explanation: Explanation, explained: Explained) -> list[Markup]:
    if not explanation.alarms:
        return []
    words = _words(explained)
    told = [
        paragraph(
            f"`{one.said}` ({words[one.hypothesis.feature]}): {percent(with_direction(one.alarm, one.direction))} of "
            "all decided answers go with it", "alarm"
        )
        for one in explanation.alarms
    ]  # fmt: skip
    return [section("Alarms", *told, paragraph(_ALARM))]


def _found(explanation: Explanation, explained: Explained, inference: Inference) -> Markup:
    confirmed, words = explanation.of("confirmed"), _words(explained)
    how = "Bonferroni's correction" if inference.correction == "bonferroni" else "the rule of Benjamini and Hochberg"
    control = (
        f"{explanation.tested} hypotheses were tested on {explanation.answers - explanation.held_out} answers, and "
        f"what was accepted was tested again on {explanation.held_out} that were held out, both by {how} at "
        f"{inference.level:g}."
    )
    if not confirmed:
        return section("Findings", paragraph(f"Nothing was confirmed. {control}", "note"))
    meant = ". ".join(f"`{one.said}`: {words[one.hypothesis.feature]}" for one in confirmed)
    weights = [(one.said, one.weight) for one in confirmed if one.weight is not None]
    drawn = [grid([figure(*odds(weights))])] if weights else []
    return section(
        "Findings",
        paragraph(control),
        table(finding_rows(confirmed)),
        paragraph(f"{meant}."),
        paragraph(_FINDINGS),
        *drawn,
    )


def _rubric(report: RubricReport) -> Markup:
    title = "Beside the rubric"
    if not report.terms:
        return section(title, paragraph(
            "No rubric is known. Give what people were told with `explain.rubric=[less mean(jerk(action))]`; what is "
            "confirmed is all gone by without being named.", "note",
        ))  # fmt: skip
    told = " and ".join(
        f"{'none' if value is None else typeset(f'{value:.2f}')} of the {name}s"
        for name, value in (("prior", report.prior), ("posterior", report.posterior))
    )
    return section(
        title, table(rubric_rows(report)),
        paragraph(f"Correlation of hypotheses' chances with whether the rubric names them: {told}. What is followed "
                  "and not named, and what is named and not followed, is the gap."),
    )  # fmt: skip


def _people(explained: Explained) -> Markup:
    explanation = explained.explanation
    told = [one for one in explanation.findings if one.followers]
    parts: list[Markup] = []
    for title, which in (("Each person", "followers"), ("Each group", "groups")):
        names = sorted({one.name for finding in told for one in getattr(finding, which)})
        if len(names) < 2:
            continue
        rows = [[title, *(finding.said for finding in told)]]
        for name in names:
            shares = [_of(getattr(finding, which), name) for finding in told]
            cells = [percent(with_direction(one, f.direction)) for one, f in zip(shares, told, strict=True)]
            rows.append([name, *cells])
        parts += [table(rows)]
    for one in explained.differences:
        shares = ", ".join(f"{who.name} {percent(who.share)}" for who in one.followers)
        parts.append(paragraph(f"They differ in `{one.feature}`; share for more of it: {shares}.", "note"))
    if not parts:
        parts = [paragraph("All answers are of one person and one group, or of too few to compare.")]
    elif not explained.differences:
        parts.append(paragraph("No feature was confirmed in which people differ."))
    return section("Per person and group", *parts)


def _others(explained: Explained) -> Markup:
    explanation = explained.explanation
    missed = [*explanation.of("not confirmed"), *explanation.of("not found")]
    rows = [["hypothesis", "status", "score", "chance", "posterior"]]
    rows += [
        [one.said, one.status, f"{one.z:.1f}", _chance(one.chance), f"{one.posterior:.2f}"] for one in missed[:_TESTED]
    ]
    parts = [folded(f"{len(missed)} that were tested and not confirmed", table(rows))] if missed else []
    for title, lines in (
        (f"{len(explanation.left_out)} that could not be tested", explanation.left_out),
        (f"{len(explained.refused)} that were proposed and refused", explained.refused),
    ):
        if lines:
            parts.append(folded(title, table([["what", "why"], *map(list, lines)])))
    return section("What else was tested", *(parts or [paragraph("Nothing.")]))


def _words(explained: Explained) -> dict[str, str]:
    return {feature.name: in_words(feature) for feature in explained.table.features}


def _of(followers: Sequence[Follower], name: str) -> Interval | None:
    return next((one.share for one in followers if one.name == name), None)


def _interval(found: Interval) -> str:
    return f"{found.mean:.2f} ({found.low:.2f} to {found.high:.2f})"


def _chance(chance: float) -> str:
    return f"{chance:.2g}" if chance >= 1e-4 else "< 0.0001"


def _plain(value: Any) -> Any:
    """The same without what JSON has no word for: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        rows = sorted(value) if isinstance(value, frozenset | set) else value
        return [_plain(inner) for inner in rows]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
