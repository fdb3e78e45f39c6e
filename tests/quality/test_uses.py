"""What a dataset can be used for, and what to type where it lacks something."""

from robopref.cli.words import parsed, taken_literally
from robopref.quality.uses import uses

ENDS = {"reward": (), "terminated": ()}


def test_what_is_there_decides_what_can_be_done() -> None:
    shapes = {"action": (4,), "points": (8, 6), "proprio": (7,), "image": (9, 9, 3), **ENDS}
    told = dict(uses({"geometry": {}}, shapes))
    assert told["train policy"].startswith("policy=diffusion")
    assert told["label, by people or a model"] == "look at image, points"
    assert told["offline"] == "observation=[image,points,proprio]"
    assert told["geometry"] == "said by the data"
    del shapes["points"]
    assert dict(uses({"geometry": {}}, shapes))["train policy"] == "policy=observed, of image, proprio"


def test_what_is_lacking_is_said_with_the_words_that_add_it() -> None:
    told = dict(uses({"observations": ["joints"]}, {"action": (7,), "joints": (7,)}))
    assert told["train policy"] == "policy=observed, of joints"
    assert "label.truth=<array>" in told["label, by a scripted teacher"]
    assert "read.fill=[reward,terminated]" in told["offline"]
    assert "nothing to look at" in told["label, by people or a model"]
    assert "read.names.action=<array>" in dict(uses({}, {"act": (7,)}))["train policy"]
    assert "read.names.state=<array>" in dict(uses({}, {"action": (7,), "obs": (7,)}))["train policy"]


def test_a_line_of_geometry_can_be_pasted() -> None:
    line = dict(uses({}, {"action": (7,), "proprio": (7,)}))["geometry"]
    word = line.partition("'")[2].removesuffix("'").replace("<of an action of 1>", "0.05")
    (literal,) = taken_literally([word.replace("<of the workspace>", "0.5")])
    assert parsed(literal).value() == {"moves": [0, 1, 2], "metres": 0.05, "tool": [0, 1, 2], "radius": 0.5}
    assert "'" not in dict(uses({}, {"action": (2,)}))["geometry"]
