"""The simulated model errs exactly as often as it is told, and its labels are as good as that."""

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.labelers.judge import Part, Reply, Schema
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.records import Preference
from tests.labelers.asking import GreyPictures, grey_pairs

PAIRS = 2500


def brightness(frames) -> float:
    return float(frames[-1].mean())


class InProcess:
    """The server without HTTP, for statistics over thousands of pairs."""

    name, prices = "simulated", None

    def __init__(self, judge: PixelJudge) -> None:
        self.server = JudgeServer(judge)

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        content = [part for part in parts if not isinstance(part, str)]
        return Reply(self.server.answer("", content, structured=True))


def square(share: float) -> np.ndarray:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[: round(16 * share)] = 255
    return picture


def test_the_accuracy_of_labels_is_that_of_the_simulator() -> None:
    pictures, queries = grey_pairs(PAIRS)
    error = 0.2
    judge = PixelJudge(brightness, error=error)
    labeler = VlmLabeler(InProcess(judge), pictures, manner=Manner("one_stage"))
    right = 0
    for query in queries:
        truth = Preference(float(query.items[0].start > query.items[1].start))
        answer = labeler.label(query).answer
        assert answer in (Preference(0.0), Preference(1.0))  # it errs alike in both orders
        right += answer == truth
    # The standard deviation of the share is 0.4 / sqrt(2450) = 0.8 %.
    assert right / len(queries) == pytest.approx(1 - error, abs=0.02)


def test_errors_belong_to_a_pair_whatever_its_order() -> None:
    judge = PixelJudge(brightness, error=0.5)
    pairs = [([square(a / 16)], [square(b / 16)]) for a in range(16) for b in range(a)]
    erring = [judge.errs(one, two) for one, two in pairs]
    assert erring == [judge.errs(two, one) for one, two in pairs]
    assert 0 < sum(erring) < len(erring)
    assert erring != [PixelJudge(brightness, error=0.5, seed=1).errs(one, two) for one, two in pairs]
    opposite = {"first": "second", "second": "first"}
    assert all(judge.decide(one, two) == opposite[judge.decide(two, one)] for one, two in pairs)


def test_what_is_equal_ties_without_errors() -> None:
    judge = PixelJudge(brightness, error=1.0, equal=10.0)
    grey = GreyPictures([100, 105, 120])
    frames = [[np.full((4, 4, 3), value, np.uint8)] for value in grey.brightness]
    assert judge.decide(frames[0], frames[1]) == "tie"
    assert judge.decide(frames[0], frames[2]) == "first"


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="faults"):
        JudgeServer(PixelJudge(brightness), {"503": 0.1})
