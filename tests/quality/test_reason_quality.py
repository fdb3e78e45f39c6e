"""What is said of judges: right and consistent by verdict and dimension, counted by hand."""

from pathlib import Path

from robopref.labelers.vlm import ORDERS_DISAGREE
from robopref.quality.reason_quality import ReasonQuality, mean_scores, reason_quality, reasoned_answers
from robopref.reasons import Chain, DimensionFinding
from robopref.records import Abstain, Feedback, Item, Preference, Query
from robopref.reports.label_report import write_quality

ITEMS = tuple(Item("grey", k, k + 1) for k in range(4))
QUERIES = [Query(f"q{k}", "pair", (ITEMS[k], ITEMS[k + 1]), "Be bright.") for k in range(3)]


def chain(order: tuple[int, int], progress: tuple[float, float], contact: tuple[float, float], verdict: float) -> str:
    found = (DimensionFinding("progress", progress, "<b>seen</b>"), DimensionFinding("contact", contact))
    return Chain(order, found, verdict, 0.9).written()


def judged() -> list[Feedback]:
    """Right and consistent; right, but contact turns with the order; orders disagree."""
    return [
        Feedback("q0", Preference(1), "judge", "m 12345678", rationale="\n--\n".join(
            [chain((0, 1), (8, 2), (5, 4), 1), chain((1, 0), (6, 4), (7, 4), 1)])),
        Feedback("q1", Preference(0), "judge", "m 12345678", rationale="\n--\n".join(
            [chain((0, 1), (3, 4), (6, 4), 0), chain((1, 0), (3, 9), (1, 4), 0)])),
        Feedback("q2", Abstain(ORDERS_DISAGREE), "judge", "m 12345678", rationale="\n--\n".join(
            [chain((0, 1), (7, 2), (5, 5), 1), chain((1, 0), (2, 7), (5, 5), 0)])),
    ]  # fmt: skip


def known() -> list[Feedback]:
    """Of q0 with scores, of q1 without; q2 as a question of its own with the items swapped, with scores."""
    swapped = Query("swapped", "pair", QUERIES[2].items[::-1], "Be bright.")
    return [
        Feedback("q0", Preference(1), "gold", rationale=chain((0, 1), (9, 1), (2, 8), 1)),
        Feedback("q1", Preference(1), "gold"),
        Feedback(swapped.id, Preference(1), "gold", rationale=chain((0, 1), (8, 1), (5, 5), 1)),
    ]


def queries() -> list[Query]:
    return [*QUERIES, Query("swapped", "pair", QUERIES[2].items[::-1], "Be bright.")]


def told(one: ReasonQuality) -> tuple[object, ...]:
    shares = [None if some is None else (round(some.mean, 6), some.n) for some in (one.consistent, one.right)]
    return one.dimension, one.pairs, *shares


def test_verdicts_and_dimensions_are_counted_by_hand() -> None:
    found = reason_quality(queries(), [*judged(), *known()], known="gold")
    # q2 is (4.5, 4.5) in progress, equal, so it does not count as right or wrong; q1's gold says nothing of dimensions.
    assert [told(one) for one in found] == [
        ("verdict", 2, (round(2 / 3, 6), 3), (0.5, 2)),
        ("progress", 3, (round(2 / 3, 6), 3), (1.0, 1)),
        ("contact", 3, (round(2 / 3, 6), 3), (0.0, 1)),
    ]


def test_without_known_answers_there_is_consistency_alone() -> None:
    assert {one.right for one in reason_quality(queries(), judged())} == {None}


def test_judges_without_reasons_are_told_by_their_abstentions_and_people_are_left_out() -> None:
    given = [
        Feedback("q0", Preference(1), "vlm", "m 12345678"), Feedback("q1", Abstain(ORDERS_DISAGREE), "vlm", "m 123"),
        Feedback("q2", Abstain("cannot tell"), "vlm", "m 1234567"), Feedback("q0", Preference(1), "ann", order=(0, 1)),
    ]  # fmt: skip
    (found,) = reason_quality(queries(), given)
    assert (found.labeler, *told(found)) == ("vlm", "verdict", 1, (0.5, 2), None)


def test_answers_are_shown_with_mean_scores_and_words() -> None:
    latest, *_, first = reasoned_answers(judged())
    assert (latest.answer, first.answer) == ("none: orders disagree", "first")
    assert first.scores == {"progress": (7.0, 3.0), "contact": (6.0, 4.0)}
    assert first.said == "progress: <b>seen</b>"
    assert mean_scores([]) == {}
    assert len(reasoned_answers(judged(), most=2)) == 2


def test_the_report_shows_reasons_and_escapes_them(tmp_path: Path) -> None:
    _, _, reasons = write_quality(tmp_path, queries(), [*judged(), *known()], known="gold")
    text = (tmp_path / "labels.html").read_text()
    assert len(reasons) == 3
    assert "progress 7 : 3, contact 6 : 4" in text
    assert "&lt;b&gt;seen" in text
    assert "<b>seen" not in text
