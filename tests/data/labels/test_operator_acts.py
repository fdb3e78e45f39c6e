"""Events of a deployment as records and lines."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.labels.operator_acts import DeploymentEvent, read_events
from robopref.errors import DataError

PACKED = {"dtype": "uint8", "shape": [3], "base64": "AAAA"}
PICTURE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def event(kind: Any = "accept", **changed: Any) -> DeploymentEvent:
    rng = np.random.default_rng(0)
    fields: dict[str, Any] = {
        "time": 1.5, "episode": 2, "step": 3, "candidates": rng.uniform(-1, 1, (3, 2, 4)).astype(np.float32),
        "executed": 1, "points": rng.normal(size=(5, 3)).astype(np.float32), "proprio": np.zeros(2, np.float32),
    }  # fmt: skip
    return DeploymentEvent(kind, **{**fields, **changed})


def test_an_event_comes_back_from_json() -> None:
    for given in (
        event("correct", corrected=np.ones((2, 4), np.float32), shown=(1, 2)),
        event(points=None, proprio=None),
        event(points=None, others={"image": PICTURE, "state": np.ones(3, np.float32)}),
        event(order=(1, 2, 0), chances=(0.5, 0.3, 0.2), seconds=0.0, scene="cups"),
        event("passed"),
    ):
        back = DeploymentEvent.from_json(json.loads(json.dumps(given.to_json())))
        assert back.id == given.id
        for field in dataclasses.fields(given):
            if field.name == "others":
                assert back.others.keys() == given.others.keys()
                for name, part in given.others.items():
                    np.testing.assert_array_equal(back.others[name], part, strict=True)
                continue
            np.testing.assert_array_equal(getattr(back, field.name), getattr(given, field.name))


def test_events_of_before_orders_were_recorded_keep_their_ids() -> None:
    stored = event().to_json()
    assert not {"order", "chances", "seconds", "scene"} & stored.keys()
    assert event().id == "b41b9f4ab0990e0d"
    assert event(seconds=0.0).to_json()["seconds"] == 0.0
    assert DeploymentEvent.from_json({**stored, "order": None, "chances": None, "scene": None}).id == event().id


def test_an_event_is_known_by_what_happened() -> None:
    assert event().id == event().id == event(points=np.ones((5, 3), np.float32)).id
    others = [event("undo"), event(time=2.0), event(episode=0), event(step=0), event(executed=0), event(shown=(0,)),
              event(operator="ann"), event(candidates=np.zeros((3, 2, 4), np.float32))]  # fmt: skip
    assert len({event().id, *(other.id for other in others)}) == 9


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"kind": "applaud"}, "one of accept"), ({"kind": "correct"}, "needs 'corrected'"), ({"executed": 3}, "of 3"),
     ({"shown": [0, 0]}, "shown"), ({"shown": [0.5]}, "whole numbers"), ({"corrected": [[1.0]]}, "corrected"),
     ({"time": 10**400}, "64 bits"), ({"episode": 2**63}, "64 bits"), ({"candidates": [[[10**400]]]}, "numbers"),
     ({"candidates": [[[1e200]]]}, "finite"), ({"executed": None}, "no 'executed'"), ({"operator": "\ud800"}, "UTF-8"),
     ({"time": None}, "event"), ({"time": float("nan")}, "time"), ({"step": -1}, "step"), ({"step": True}, "step"),
     ({"points": [[1.0, 2.0]], "proprio": [0.0]}, "x, y and z"), ({"points": [[1.0, 2.0, 3.0]]}, "both"),
     ({"candidates": [[[float("inf")]]]}, "finite"),
     ({"candidates": [[1.0]]}, "3 dimensions"), ({"candidates": [["a"]]}, "numbers"),
     ({"colour": 1}, "unknown 'colour'"),
     ({"order": [1, 1]}, "'order' must name"), ({"order": [3]}, "'order' must name"), ({"order": [True]}, "whole"),
     ({"order": "01"}, "list of whole"), ({"order": [10**400]}, "64 bits"), ({"chances": [0.5]}, "one for each of 0"),
     ({"order": [0, 1], "chances": [0.5]}, "one for each of 2"), ({"order": [0], "chances": ["1"]}, "list of numbers"),
     ({"order": [0, 1], "chances": [0.5, 0.0]}, "above 0"), ({"order": [0, 1], "chances": [0.6, 0.5]}, "add up"),
     ({"order": [0], "chances": [float("nan")]}, "finite"), ({"order": [0], "chances": [10**400]}, "64 bits"),
     ({"order": [0], "chances": [True]}, "list of numbers"), ({"seconds": -1.0}, "'seconds' must"),
     ({"seconds": float("inf")}, "finite"), ({"seconds": "1"}, "'seconds' must"), ({"scene": 1}, "'scene' must"),
     ({"scene": "x" * 201}, "at most 200"), ({"scene": "\ud800"}, "UTF-8"),
     ({"operator": ""}, "operator"), ({"others": [1]}, "an object of parts"),
     ({"others": {"image": 1}}, "'image' must"), ({"others": {"../x": PACKED}}, "a part called"),
     ({"others": {"candidates": PACKED}}, "a part called 'candidates'"),
     ({"others": {"image": {**PACKED, "shape": [10**30]}}}, "has 3 bytes"),
     ({"others": {"image": {**PACKED, "base64": "?"}}}, "its 'base64' is none"),
     ({"others": {"image": {**PACKED, "dtype": "object"}}}, "'dtype' uint8 or float32")],
)  # fmt: skip
def test_what_is_no_event_is_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    stored = event(points=None, proprio=None).to_json() | changed
    path = tmp_path / "events.jsonl"
    path.write_text(f"\n{json.dumps(event().to_json())}\n{json.dumps(stored)}\n")
    with pytest.raises(DataError, match=rf"events\.jsonl:3: .*{said}"):
        list(read_events(path))


def test_lines_that_are_no_json_are_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for line in ("{", "[]"):
        path.write_text(line)
        with pytest.raises(DataError, match=r"events\.jsonl:1: expected an event"):
            list(read_events(path))
    with pytest.raises(DataError, match="cannot read"):
        list(read_events(tmp_path / "none"))
