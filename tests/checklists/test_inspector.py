"""A model that sees rollouts says yes or no, and anything else is no answer; the server is a simulated one."""

import json

import numpy as np
import pytest

from robopref.checklists.inspector import Inspector, ModelInspector, NoInspector
from robopref.errors import ConfigError
from robopref.labelers.patience import Patience
from robopref.labelers.served import ServedJudge
from robopref.protocols import lacking
from tests.scripted_server import ScriptedServer

RED = [np.full((16, 16, 3), (200, 20, 20), np.uint8)] * 3
BLUE = [np.full((16, 16, 3), (20, 20, 200), np.uint8)] * 3


def redness(text: str, pictures: list) -> str:
    """Yes if the last picture is more red than blue."""
    assert "Is the cup red?" in text
    said = "yes" if pictures[-1][..., 0].mean() > pictures[-1][..., 2].mean() else "no"
    return json.dumps({"reasoning": "measured", "answer": said})


def test_a_model_answers_by_pictures_and_is_asked_once(tmp_path) -> None:
    with ScriptedServer(redness) as server:
        inspector = ModelInspector(ServedJudge("simulated", base_url=server.url))
        assert lacking(inspector, Inspector) == lacking(NoInspector(), Inspector) == []
        assert inspector.inspect(RED, "Is the cup red?", "take the red cup", tmp_path) is True
        assert inspector.inspect(BLUE, "Is the cup red?", "take the red cup", tmp_path) is False
        assert inspector.inspect(RED, "Is the cup red?", "take the red cup", tmp_path) is True
        assert len(server.asked) == 2  # replies are kept
        assert "take the red cup" in server.asked[0]
    assert NoInspector().inspect(RED, "Is the cup red?", "", tmp_path) is None


@pytest.mark.parametrize(
    ("said", "times"),
    [
        (json.dumps({"reasoning": "dark", "answer": "cannot tell"}), 1), ("I see a cup.", 2),
        (json.dumps({"reasoning": "", "answer": "maybe"}), 2), ("{", 2),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_not_one(said, times, tmp_path) -> None:
    with ScriptedServer(lambda _, __: said) as server:
        inspector = ModelInspector(ServedJudge("simulated", base_url=server.url), patience=Patience(1, 0.0))
        assert inspector.inspect(RED, "Is the cup red?", "", tmp_path) is None
        assert len(server.asked) == times


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="repairs"):
        ModelInspector(ServedJudge("simulated"), repairs=-1)
