"""Judges that give reasons, as tables: how consistent and right they are, and what they said last."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from robopref.evaluation.intervals import Interval
from robopref.quality.reason_quality import ReasonedAnswer, ReasonQuality
from robopref.reports.template import paragraph, section, table

_READING = (
    "“Same swapped” is the share of pairs, asked in both orders, of which both replies find the same item better: by "
    "the verdict, and by the scores of a dimension. “Right” compares with the known answers, and their scores where "
    "these have reasons, of pairs that both call different."
)
_SAID = (
    "The latest answers. Scores are means over the replies, of the first item and the second; words are of the first "
    "reply, and speak of items as that showed them."
)


def reason_rows(found: Sequence[ReasonQuality]) -> list[list[str]]:
    """How judges do by verdict and dimension, as text.

    Args:
        found: What was found.

    Returns:
        Rows, the header first.
    """
    rows = [["judge", "by", "pairs", "same swapped", "right"]]
    rows += [
        [one.labeler, one.dimension, str(one.pairs), _percent(one.consistent), _percent(one.right)] for one in found
    ]
    return rows


def reason_section(found: Sequence[ReasonQuality], answers: Sequence[ReasonedAnswer]) -> Markup:
    """A section of a page on judges.

    Args:
        found: How they do; nothing makes no section.
        answers: What they said.
    """
    if not found:
        return Markup()
    parts = [table(reason_rows(found)), paragraph(_READING)]
    if answers:
        said = [["query", "judge", "answer", "scores", "findings"]]
        for one in answers:
            scores = ", ".join(
                f"{name} {' : '.join(f'{score:g}' for score in each)}" for name, each in one.scores.items()
            )
            said.append([one.query, one.labeler, one.answer, scores, one.said])
        parts += [paragraph(_SAID), table(said)]
    return section("Reasons", *parts)


def _percent(share: Interval | None) -> str:
    return "–" if share is None else f"{100 * share.mean:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"
