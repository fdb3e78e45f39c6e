import pytest

from robopref.asked_features import FeatureRelevance, Threshold
from robopref.quality.reason_quality import told_answer
from robopref.quality.written_words import WrittenWords, written_words
from robopref.records import Abstain, Feedback, Preference, Ranking, Rating, SimilarityTriplet


def test_what_people_wrote_is_told_the_latest_first_in_one_line_without_models_reasons():
    feedback = [
        Feedback("a", Preference(1.0), "ann", order=(0, 1), rationale="the cup\nstays \x1b[2Jlow"),
        Feedback("b", Preference(0.0), "vlm", "m 0123abcd", rationale="I looked at the pictures"),
        Feedback("c", Abstain("skipped"), "ann", rationale="  "),
        Feedback("d", FeatureRelevance(-1), "bob", seconds=2.0, rationale="x" * 9000),
    ]
    assert written_words(feedback) == [
        WrittenWords("d", "bob", "less is better", "x" * 2000),
        WrittenWords("a", "ann", "first", "the cup stays [2Jlow"),
    ]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Preference(0.25), "second (0.25)"),
        (Ranking((1, 0, 2)), "ranks 2 1 3"),
        (SimilarityTriplet(2), "odd: 3"),
        (Rating(0.5), "0.5"),
        (Threshold(0.123456), "0.123"),
        (FeatureRelevance(0), "does not matter"),
    ],
)
def test_every_answer_has_words(answer, told):
    assert told_answer(Feedback("q", answer, "ann")) == told
