"""Every key point, on a rollout that does what it asks for and on one that does not, by hand."""

import numpy as np
import pytest

from robopref.checklists.checklist import checklist_of, load_checklist, mean_share, score, shares, verdicts
from robopref.checklists.key_point import KeyPoint, Requirement, Slot
from robopref.checklists.trace import Trace
from robopref.checklists.vocabulary import Vocabulary, family_of, shipped_vocabulary, vocabulary_with
from robopref.errors import ConfigError, DataError

V = shipped_vocabulary()


def trace(**changed) -> Trace:
    """The cup is fetched at (0, 0), carried to the shelf at (1, 0), 0.1 m a step of 0.5 s, and the tool goes home."""
    x = np.array([0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0])
    count = len(x)
    held = np.array([0.0, *[1.0] * (count - 3), 0.0, 0.0])
    rest = np.zeros(count)
    facts = {
        "time": 0.5 * np.arange(count), "at tool": np.stack([x, rest, rest + 0.2], 1),
        "at cup": np.stack([x, rest, np.where(held > 0, 0.12, 0.1)], 1), "held cup": held, "tilt cup": rest + 0.1,
        "turn cup": rest + np.pi / 2, "force": 3 * held, "hand": rest + 1, "hit": rest, "grip cup handle": held,
        "grip cup rim": rest, "at shelf": np.tile([1.05, 0.0, 0.0], (count, 1)),
        "at lamp": np.tile([1.3, 0.0, 0.0], (count, 1)), "at laptop": np.tile([0.5, 0.25, 0.0], (count, 1)),
        "at person": np.tile([0.5, 0.4, 0.0], (count, 1)), "at bolt 1": np.tile([0.0, 1.0, 0.0], (count, 1)),
        "at bolt 2": np.stack([rest, 1 + 0.5 * (np.arange(count) > 6), rest], 1),
    }  # fmt: skip
    return Trace(
        {name: np.asarray(value, dtype=float) for name, value in (facts | changed).items() if value is not None}
    )


# What holds of the rollout, what does not, and, of the latter, facts with which it does not hold either where given.
CASES = [
    ("object", {"object": "bolt"}, {"object": "cup"}),  # the cup is moved by 1 m, bolt 2 by 0.5 m
    ("count", {"things": "bolts", "number": 1}, {"things": "bolts", "number": 2}),
    ("region", {"object": "cup", "region": "shelf"}, {"object": "cup", "region": "laptop"}),  # 0.05 m of 0.1
    (
        "tolerance",
        {"object": "cup", "region": "shelf", "distance": 5},
        {"object": "cup", "region": "shelf", "distance": 4},
    ),
    (
        "relation",
        {"object": "cup", "side": "left", "thing": "lamp"},
        {"object": "cup", "side": "right", "thing": "lamp"},
    ),
    ("upright", {"object": "cup"}, None),
    ("pose", {"object": "cup", "angle": 90}, {"object": "cup", "angle": 60}),
    ("height", {"object": "cup", "height": 12}, {"object": "cup", "height": 11}),
    ("order", {"object": "cup", "thing": "bolt 2"}, {"object": "bolt 2", "thing": "cup"}),
    ("via", {"thing": "shelf"}, {"thing": "laptop"}),  # 0.05 and 0.25 m
    ("avoid", {"thing": "laptop", "distance": 25}, {"thing": "laptop", "distance": 26}),
    ("person", {"distance": 40}, {"distance": 41}),
    ("collision", {}, None),
    ("leave", {"thing": "bolt 1"}, {"thing": "bolt 2"}),
    ("speed", {"speed": 20}, {"speed": 19}),  # 0.1 m in 0.5 s
    ("smooth", {}, None),  # 0.2 m/s more within 0.5 s: 0.4 m/s^2
    ("duration", {"seconds": 6.5}, {"seconds": 6.4}),
    ("force", {"force": 3}, {"force": 2.9}),
    ("grip", {"object": "cup", "part": "handle"}, {"object": "cup", "part": "rim"}),
    ("hand", {"hand": "right"}, {"hand": "left"}),
    ("release", {"object": "cup"}, None),  # let go 0.02 m over where it rests
    ("stop", {"object": "cup"}, {"object": "bolt 2"}),  # 0.5 m of way after bolt 2 was moved
    ("reset", None, {}),
]


@pytest.mark.parametrize(("key", "holds", "fails"), CASES)
def test_a_key_point_is_checked(key, holds, fails) -> None:
    if key == "object":  # nothing but the cup is moved where bolt 2 stays, and with it something else is
        still = trace(**{"at bolt 2": np.tile([0.0, 1.0, 0.0], (14, 1))})
        assert V[key].satisfied(still, {"object": "cup"}) is True
    else:
        assert holds is None or V[key].satisfied(trace(), holds) is True
    assert fails is None or V[key].satisfied(trace(), fails) is False


def test_what_no_other_value_breaks_other_facts_break() -> None:
    count = 14
    assert V["upright"].satisfied(trace(**{"tilt cup": np.full(count, 0.4)}), {"object": "cup"}) is False
    hit = np.zeros(count)
    hit[3] = 1
    assert V["collision"].satisfied(trace(hit=hit), {}) is False
    assert V["smooth"].satisfied(trace(time=0.1 * np.arange(count)), {}) is False  # 1 m/s more within 0.1 s
    high = trace().facts["at cup"].copy()
    high[11, 2] = 0.121
    assert V["release"].satisfied(trace(**{"at cup": high}), {"object": "cup"}) is False
    back = trace().facts["at tool"].copy()
    back[-1] = back[0]
    assert V["reset"].satisfied(trace(**{"at tool": back}), {}) is True


def slow(**said) -> dict:
    """A family of one key point."""
    return {"module": said.pop("module", None), "points": {"slow": {"wordings": ["go"]} | said}}


def test_what_is_not_known_is_not_guessed() -> None:
    unknown = Trace({"fact": np.zeros(3)})
    assert [key for key, holds, fails in CASES if V[key].satisfied(unknown, holds or fails or {}) is not None] == []
    assert V["colour"].satisfied(trace(), {"object": "cup", "colour": "red"}) is None
    assert len(V.points) == 24
    assert {point.name for point in V.points.values()} == {key for key, _, _ in CASES} | {"colour"}


@pytest.mark.parametrize("point", V.points.values(), ids=lambda point: point.name)
def test_each_wording_is_read_as_what_it_says(point: KeyPoint) -> None:
    values = {
        name: {"object": "cup", "objects": "cups", "thing": "red lamp", "place": "shelf", "number": 2.5}.get(slot.kind)
        or slot.words[0]
        for name, slot in point.slots.items()
    }
    for wording in range(len(point.wordings)):
        assert V.read(point.said(values, wording).capitalize()).requirements == (Requirement(point.name, values),)
    assert "{" not in point.asked(values)


def test_an_instruction_is_read_clause_by_clause() -> None:
    read = V.read(
        "Please put the cup away; keep the cup upright, and move no faster than 12.5 cm/s. Use the left hand."
    )
    assert read.requirements == (
        Requirement("upright", {"object": "cup"}), Requirement("speed", {"speed": 12.5}),
        Requirement("hand", {"hand": "left"}),
    )  # fmt: skip
    assert read.rest == ("put the cup away",)
    for text in ("", "  ", "x" * 3000):
        with pytest.raises(ConfigError, match="letters"):
            V.read(text)


def test_what_contradicts_and_what_does_not() -> None:
    def one(text):
        return V.read(text).requirements[0]

    left, right = one("use the left hand"), one("use the right hand")
    assert V.contradict(left, right)
    assert not V.contradict(left, left)
    assert not V.contradict(
        one("move no faster than 5 cm/s"), one("move no faster than 9 cm/s")
    )  # the slower does both
    assert V.contradict(one("move smoothly"), one("move smoothly")) is False
    assert V.contradict(one("be done within 4 s"), one("move no faster than 5 cm/s"))
    assert V.contradict(one("put the cup on the shelf"), one("place the cup within 2 cm of the middle of the tray"))


def test_shares_are_those_of_rollouts_and_somebody_may_be_asked() -> None:
    listed = checklist_of(
        {"points": [
            "keep the cup upright", {"key": "colour", "object": "cup", "colour": "red"}, "press with no more than 1 N",
        ]}, V, "list",
    )  # fmt: skip
    traces = [trace(), trace(**{"tilt cup": np.full(14, 1.0)})]
    assert score(verdicts(V, listed.requirements, traces[0])) == 0.5  # of what is known
    found = shares(V, listed, traces)
    assert [one.share for one in found] == [0.5, None, 0.0]
    assert mean_share(found) == 0.25
    asked: list[tuple[int, str]] = []

    def ask(place, question):
        asked.append((place, question))
        return True if place else None

    found = shares(V, listed, traces, ask)
    assert [one.share for one in found] == [0.5, 1.0, 0.0]
    assert found[1].asked
    assert (found[1].done, found[1].known) == (1, 1)
    assert asked == [(0, "Is the cup that was moved red?"), (1, "Is the cup that was moved red?")]


def test_checklists_of_others_are_refused_by_a_line(tmp_path) -> None:
    path = tmp_path / "list.yaml"
    assert len(load_checklist("feature_reach", V)) == 6
    for text, said in [
        ("points: [{key: uprigt, object: cup}]", "upright"), ("points: [{key: upright}]", "needs object"),
        ("points: [{key: speed, speed: fast}]", "must be a number"), ("points: [{key: speed, speed: .nan}]", "number"),
        ("points: [{key: hand, hand: third}]", "left"), ("points: [{key: upright, objct: cup}]", "object"),
        ("points: [be nice]", "asks for no key point"), ("points: {}", "looks like"), ("[1, 2]", "looks like"),
        ("points: [{key: upright, object: cup}]\nnotes: x", "looks like"),
        ("points: !!python/object:os.x {}", "no YAML"),
        ("a: [", "no YAML"), ("points: [2020-99-99]", "no YAML"), (f"points: [0x{'f' * 9000}]", "too large"),
        ("points: [{key: speed, speed: [1]}]", "number"), ("points: [{key: speed, speed: null}]", "number"),
        ("points: [{key: hand, hand: [left]}]", "one of left, right"), ("points: [{key: upright, object: 1}]", "thing"),
        ("instruction: null\npoints: [move smoothly]", "sentence"),
        ("instruction: [go]\npoints: [move smoothly]", "sent"),
        ('instruction: "\\e[31mgo"\npoints: [move smoothly]', "sentence"),
    ]:  # fmt: skip
        path.write_text(text)
        with pytest.raises((ConfigError, DataError), match=said):
            load_checklist(path, V)
    with pytest.raises(ConfigError, match="feature_reach"):
        load_checklist("feature_rech", V)
    with pytest.raises(DataError, match="cannot read"):
        load_checklist(tmp_path / "none.yaml", V)


def test_what_is_no_number_at_some_moment_is_not_known() -> None:
    force = np.array([1.0, np.nan] * 7)
    assert V["force"].satisfied(trace(force=force), {"force": 3}) is None
    for moments in ([{"force": 1.0}, {"force": [1.0, 2.0]}], [{"force": "much"}]):
        with pytest.raises(DataError, match="fact 'force' of a rollout must be numbers of one shape"):
            Trace.of(moments)


def test_a_checklist_that_repeats_itself_without_end_is_refused_at_once(tmp_path) -> None:
    path, nested = tmp_path / "list.yaml", "&a0 [x, x]"
    for level in range(1, 200):  # written out, it would be 2^200 words
        nested = f"&a{level} [{nested}, *a{level - 1}]"
    for text in (
        f"points: [{nested}]",
        f"instruction: {nested}\npoints: [move smoothly]",
        f"points: [{{key: hand, hand: {nested}}}]",
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=r"refers to itself|nested"):
            load_checklist(path, V)


def test_a_number_that_nothing_computes_with_is_none() -> None:
    for value in (10**400, -1, True, "3"):
        with pytest.raises(ConfigError, match="number of at least 0"):
            V["speed"].checked({"speed": value})
    with pytest.raises(ConfigError, match="unknown slot of key point slow 'n'; there is none"):
        KeyPoint("slow", "slow", ("{n}",), "")


def test_a_family_of_ones_own_is_one_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_measures.py").write_text("def x(:")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "family.yaml"
    path.write_text(
        "module: robopref.checklists.tempo\npoints:\n  slow: {means: slow, wordings: ['take at least {seconds} s'],"
        " question: 'Was it slow?', slots: {seconds: {kind: number}}, measure: seconds_taken, least: seconds}\n"
    )
    more = vocabulary_with([path])
    assert more["slow"].satisfied(trace(), {"seconds": 6.5}) is True
    assert more["slow"].satisfied(trace(), {"seconds": 6.6}) is False
    with pytest.raises(ConfigError, match="two key points"):
        vocabulary_with([path, path])
    for content, said in [
        ([], "family"), ({"points": {"slow": 3}}, "must say"),
        ({"points": {"Slow": {"wordings": ["x"]}}}, "small letters"),
        ({"points": {"slow": {"wordngs": []}}}, "wordings"), ({"points": {"slow": {}}}, "no wording"),
        ({"points": {"slow": {"wordings": ["{x}"]}}}, "slot"), ({"module": "robopref.checklists.tempo",
         "points": {"slow": {"wordings": ["x"], "measure": "none"}}}, "measure"),
        ({"points": {"slow": {"wordings": ["x"], "choices": [{}], "needed": {"a": 1}}}}, "choice"),
        (slow(slots={"1": "number"}), "small letters"),
        (slow(slots={"n": {"kind": "number", "scale": np.nan}}), "scale"),
        (slow(slots={"w": "word"}), "words"), (slow(slots=["n"]), "must be a group .*, got"),
        (slow(wordings="go"), "list of clauses"),
        (slow(wordings=["{n} and {n}"], slots={"n": "number"}), "each once"), (slow(wordings=["go {"]), "braces"),
        (slow(slots={"n": "number"}, choices=[{}]), "a choice says n"), (slow(about="cup"), "about"),
        (slow(slots={"n": "number"}, choices=[{"n": -1}]), "at least 0"), (slow(most=[1]), "a number or a slot"),
        (slow(measure="LONG", module="robopref.checklists.trace"), "no attribute|function"),
        (slow(measure="TOOL", module="robopref.checklists.trace", most=1), "no function"),
        (slow(measure="x", module="broken_measures", most=1), "SyntaxError"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            family_of(content, "file")
    with pytest.raises(ConfigError, match="most or least"):
        KeyPoint("slow", "slow", ("x",), "", {}, measure=lambda trace: 0.0)
    with pytest.raises(ConfigError, match=r"slot|apart"):
        Vocabulary([KeyPoint("slow", "slow", ("x",), "", {"n": Slot("number")}, apart=("quick",))])
    with pytest.raises(DataError, match="same moments"):
        Trace({"a": np.zeros(3), "b": np.zeros(2)})
