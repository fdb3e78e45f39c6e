"""Evaluation report: one file that needs nothing else, numbers worked out by hand, and inputs that are not there."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.evaluation import stored_arrays
from robopref.evaluation.summary import signed, span
from robopref.records import ActionGeometry
from robopref.reports.run_report import format_table, run_summary, write_report

# Two starts with three candidates, the first of which is the policy's own sample; improvements in metres.
OUTCOMES = np.array([[0.00, 0.03, 0.06], [0.02, 0.05, -0.01]])
IMPLICIT = np.array([[1.0, 2.0, 3.0], [1.0, 0.0, -1.0]])  # picks 0.06 and 0.02
EXPLICIT = np.array([[3.0, 2.0, 1.0], [0.0, 5.0, 1.0]])  # picks 0.00 and 0.05

Tags = list[tuple[str, dict[str, str | None]]]


def write_decisions(folder: Path, **changes: object) -> None:
    rng = np.random.default_rng(0)
    stored: dict[str, object] = {
        "points": rng.normal(0, 0.1, (2, 50, 3)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (2, 3, 1, 4)).astype(np.float32),
        "outcomes": OUTCOMES,
        "start_distance": np.array([0.2, 0.1]),
        "own": np.array([0, 0]),
        "scores_implicit": IMPLICIT,
        "scores_explicit": EXPLICIT,
        "tuned_outcomes": np.array([0.01, 0.03]),
    }
    stored |= changes
    (folder / "evaluation").mkdir(exist_ok=True)
    kept = {name: value for name, value in stored.items() if value is not None}
    np.savez(folder / "evaluation/decisions.npz", **kept)


def write_geometry(folder: Path) -> None:
    matrix = np.zeros((2, 3, 4), np.float32)
    matrix[0, :2, :2] = matrix[1, :2, 2:] = 0.4 * np.eye(2)
    one = np.eye(3, dtype=np.float32)[None], np.eye(4, dtype=np.float32)[None]
    geometry = ActionGeometry(matrix, np.zeros((2, 3), np.float32), *one, 0.4, ("pick", "place"))
    (folder / "evaluation/geometry.json").write_text(json.dumps(geometry.to_dict()))


def write_run(folder: Path) -> None:
    write_decisions(folder)
    evaluation = folder / "evaluation"
    policy = np.array([[0.20, 0.10, 0.08], [0.10, 0.02, 0.02]])
    selected = np.array([[0.20, 0.02, 0.02], [0.10, 0.05, 0.01]])
    np.savez(evaluation / "episodes.npz", policy=policy, implicit=selected, success_distance=0.03)
    shift = {"accuracy": 0.75, "ece": 0.1, "pairs": 1200}
    shifts = {"implicit": {"wider noise": shift}, "explicit": {"uniform actions": {"accuracy": None, "pairs": 7}}}
    (evaluation / "shifts.json").write_text(json.dumps(shifts))
    times = {"own": 4.0, "explicit": 12.34, "implicit": 250.0}
    learnt = {"explicit": {"answers": 1100, "carried_out": 0}, "implicit": {"answers": 1100, "carried_out": 0}}
    (evaluation / "needs.json").write_text(json.dumps({"learnt": learnt, "milliseconds": times}))
    write_geometry(folder)
    for name in ("policy", "selected"):
        (evaluation / f"{name}.mp4").write_bytes(b"not really a video")
    lines = [{"step": step, "loss": 2.0**-step, "held_out_accuracy": 0.5 + step / 20} for step in range(9)]
    for trained in ("policy", "rewards/implicit"):
        (folder / trained).mkdir(parents=True)
        (folder / trained / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "timing.json").write_text(json.dumps({"stages": {"collect": 61.0, "label": 4.0}, "wall_seconds": 3700.0}))
    info = {"seed": 7, "command": ["robopref", "demo"], "versions": {"numpy": "2.1"}}
    (folder / "info.json").write_text(json.dumps(info))


def parsed(path: Path) -> tuple[Tags, str]:
    """Tags with their attributes, and the text that is shown."""
    tags: Tags = []
    text: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            text.append(data)

    Reader().feed(path.read_text())
    return tags, re.sub(r"\s+", " ", " ".join(text))


def interval(found: dict[str, float]) -> list[float]:
    return pytest.approx([found["mean"], found["low"], found["high"]])


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with everything in it and its report; not to be changed."""
    folder = tmp_path_factory.mktemp("run")
    write_run(folder)
    assert write_report(folder) == folder / "report.html"
    return folder


def test_summary_by_hand(reported: Path) -> None:
    summary = json.loads((reported / "summary.json").read_text())
    assert summary["wall_seconds"] == 3700
    assert (summary["n_starts"], summary["n_candidates"]) == (2, 3)
    # Gains over the own samples 0.00 and 0.02; two starts resample to both ends, so the interval spans the two gains.
    gain = summary["paired_gain"]
    assert interval(gain["implicit"]) == [0.03, 0.00, 0.06]  # 0.06 and 0.00
    assert interval(gain["explicit"]) == [0.015, 0.00, 0.03]  # 0.00 and 0.03
    assert interval(gain["oracle"]) == [0.045, 0.03, 0.06]  # 0.06 and 0.03
    assert interval(gain["tuned"]) == [0.01, 0.01, 0.01]  # 0.01 and 0.01
    assert interval(gain["random"]) == [0.015, 0.00, 0.03]  # means 0.03 and 0.02, so 0.03 and 0.00
    assert "own" not in gain
    # Means: random 0.025, best 0.055, implicit 0.04, explicit 0.025.
    assert summary["gap_closed"]["implicit"]["mean"] == pytest.approx(0.015 / 0.03)
    assert summary["gap_closed"]["explicit"]["mean"] == pytest.approx(0)
    assert interval(summary["gap_closed"]["oracle"]) == [1, 1, 1]
    # Implicit orders 3 of 3 pairs of the first start; of the second (0.02, 0.05, -0.01) it orders (0, 2) and (1, 2).
    assert summary["pair_accuracy"]["implicit"]["mean"] == pytest.approx(5 / 6)
    # Rank correlations 1 and, for ranks (3, 2, 1) against (2, 3, 1), 1 - 6 * 2 / (3 * 8) = 1/2.
    assert summary["rank_correlation"]["implicit"]["mean"] == pytest.approx(0.75)
    # The policy succeeds at one of two starts, selection at both, after one and two steps.
    assert summary["episodes"]["policy"]["success"]["mean"] == 0.5
    assert summary["episodes"]["policy"]["median_steps"] is None
    assert summary["episodes"]["implicit"]["median_steps"] == 1.5
    assert summary["episodes"]["implicit"]["final_distance"]["mean"] == pytest.approx(0.015)
    # Where the policy fails selection succeeds, at the other start both do; final distances are 0.05 and 0.015 m.
    matched = summary["matched"]["strategies"]["implicit"]
    assert [matched["success"][key] for key in ("both", "gained", "lost", "neither", "p")] == [1, 1, 0, 0, 1]
    assert matched["success"]["gain"]["mean"] == 0.5
    assert matched["success"]["smallest"] is None
    assert matched["final_distance"]["gain"]["mean"] == pytest.approx(0.035)
    assert summary["smallest_gain"]["implicit"] is None


def test_table(reported: Path) -> None:
    header, *rows = format_table(json.loads((reported / "summary.json").read_text()))
    assert header[0] == "strategy"
    assert {len(row) for row in rows} == {len(header)}
    assert [row[0] for row in rows] == [
        "policy's own sample",
        "random candidate",
        "preference-tuned policy's own sample",
        "selection by explicit",
        "selection by implicit",
        "best of 3 (oracle)",
    ]
    assert rows[0][1:3] == ["+1.0 (0.0 to +2.0)", "–"]
    assert rows[4][2] == "+3.0 (0.0 to +6.0)"
    assert rows[5][4] == "100"


def test_report_needs_nothing_else(reported: Path) -> None:
    path = reported / "report.html"
    content = path.read_text()
    assert not re.search(r"https?:|file:|@import|<script|xmlns", content)
    tags, text = parsed(path)
    for tag, attributes in tags:
        for name in ("src", "href", "srcset", "poster", "xlink:href", "data"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"url\((?!#)", content)
    assert [tag for tag, _ in tags].count("video") == 2
    assert "Not in this run folder" not in text
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))
    for phrase in (
        "wider noise", "75.0", "1 h 01 min", "1 min 01 s", "robopref demo", "more than 2", "50.0 → 100.0",
        "what 2 starts can show", "no difference (too few)",
    ):  # fmt: skip
        assert phrase in text
    assert sorted(file.name for file in reported.glob("*") if file.is_file()) == [
        "info.json",
        "report.html",
        "summary.json",
        "timing.json",
    ]


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with decisions only and its report; not to be changed."""
    folder = tmp_path_factory.mktemp("run")
    write_decisions(folder)
    write_report(folder)
    return folder


def test_same_input_same_report(decided: Path, tmp_path: Path) -> None:
    folder = tmp_path / decided.name  # which the title holds
    folder.mkdir()
    write_decisions(folder)
    assert write_report(folder).read_bytes() == (decided / "report.html").read_bytes()


def many(own: float, other: float) -> dict[str, object]:
    """Ten starts at which implicit picks `other` instead of `own`."""
    spread = np.linspace(-0.001, 0.001, 10)[:, None]
    return {
        "points": np.zeros((10, 5, 3), np.float32),
        "actions": np.zeros((10, 2, 1, 4), np.float32),
        "outcomes": np.array([[own, other]]) + spread * [1, -1],
        "start_distance": np.full(10, 0.2),
        "own": np.zeros(10, np.int64),
        "scores_implicit": np.tile([0.0, 1.0], (10, 1)),
        "scores_explicit": None,
        "tuned_outcomes": None,
    }


@pytest.mark.parametrize(
    ("own", "other", "wanted"),
    [
        (0.01, 0.04, "Yes: selection by the implicit score is better than the policy's own sample, by 3.0 cm"),
        (0.04, 0.01, "No: selection by the implicit score is worse than the policy's own sample, by 3.0 cm"),
        (0.02, 0.02, "Not shown:"),
    ],
)
def test_headline(tmp_path: Path, own: float, other: float, wanted: str) -> None:
    write_decisions(tmp_path, **many(own, other))
    assert run_summary(tmp_path)["headline"].startswith(wanted)


@pytest.mark.parametrize(("ranked", "leading"), [("mine", "mine"), ("another", "implicit"), (None, "implicit")])
def test_the_report_is_about_the_reward_that_ranks(tmp_path: Path, ranked: str | None, leading: str) -> None:
    write_decisions(tmp_path, **many(0.01, 0.04), scores_mine=np.tile([0.0, 1.0], (10, 1)))
    if ranked is not None:
        (tmp_path / "evaluation" / "ranked.json").write_text(json.dumps({"by": ranked}))
    write_geometry(tmp_path)
    _, text = parsed(write_report(tmp_path))
    assert f"Yes: selection by the {leading} score" in text
    assert f"from where {leading} selection lost most" in text
    assert f"own sample → {leading} selection" in text
    assert f"of pairs ordered rightly by {leading}" in text


def test_a_gain_that_so_many_starts_cannot_show_is_not_called_one(tmp_path: Path) -> None:
    # Ten gains of 3 cm on average, 3 cm more or less: the interval is clear of zero, as 3 / (3.16 / sqrt(10)) = 3.0 is
    # above 1.96, but the smallest is 3.16 * 2.802 / sqrt(10 - 1.92) = 3.1 cm. With 2 cm more or less it is 2.1 cm.
    swing, own = np.tile([-1.0, 1.0], 5), np.zeros(10)
    unsure = (
        "Not shown: selection by the implicit score makes no difference that 10 held-out starts can show "
        "(smallest: 3.1 cm, seen: 3.0 cm of distance better)"
    )
    for size, wanted in ((0.02, "Yes: "), (0.03, unsure)):
        write_decisions(tmp_path, **many(0, 0) | {"outcomes": np.stack([own, 0.03 + size * swing], 1)})
        summary = run_summary(tmp_path)
        assert summary["paired_gain"]["implicit"]["low"] > 0
        assert summary["headline"].startswith(wanted)


def test_tasks_whose_distance_does_not_tell_say_which_episodes_succeeded(tmp_path: Path) -> None:
    write_run(tmp_path)
    far = np.full((2, 3), 0.2)
    np.savez(tmp_path / "evaluation/episodes.npz", policy=far, implicit=far, success_distance=0.0)
    np.savez(tmp_path / "evaluation/solved.npz", policy=np.array([-1, 2]), implicit=np.array([1, 2]))
    _, text = parsed(write_report(tmp_path))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["episodes"]["implicit"]["success"]["mean"] == 1
    assert summary["episodes"]["implicit"]["median_steps"] == 1.5
    assert summary["matched"]["strategies"]["implicit"]["success"]["gained"] == 1
    assert "succeeds when the task says so" in text
    np.savez(tmp_path / "evaluation/solved.npz", policy=np.array([-1, 2]))
    with pytest.raises(DataError, match=r"solved\.npz must hold the strategies .*policy, implicit.*, got policy"):
        write_report(tmp_path)
    np.savez(tmp_path / "evaluation/solved.npz", policy=np.array([-1, 2]), implicit=np.array([1]))
    with pytest.raises(DataError, match=r"solved\.npz: implicit must be \(2\), got \(1\)"):
        write_report(tmp_path)


def test_few_starts_prove_nothing(decided: Path) -> None:
    _, text = parsed(decided / "report.html")
    assert "Too few starts to tell" in text
    assert "With only 2 starts" in text


def test_missing_inputs_are_named(decided: Path) -> None:
    _, text = parsed(decided / "report.html")
    for name in (
        "episodes.npz",
        "shifts.json",
        "needs.json",
        "geometry.json",
        "policy.mp4",
        "metrics.jsonl",
        "timing.json",
        "info",
    ):
        assert name in text
    assert text.count("Not in this run folder") == 9
    assert "robopref evaluate" in text
    assert json.loads((decided / "summary.json").read_text())["wall_seconds"] is None


@pytest.mark.parametrize("starts", [1, 2])
def test_a_single_candidate(tmp_path: Path, starts: int) -> None:
    write_decisions(
        tmp_path,
        points=np.zeros((starts, 4, 3), np.float32),
        actions=np.zeros((starts, 1, 1, 4), np.float32),
        outcomes=np.zeros((starts, 1)),
        start_distance=np.zeros(starts),
        own=np.zeros(starts, np.int64),
        scores_implicit=np.zeros((starts, 1)),
        scores_explicit=np.zeros((starts, 1)),
        tuned_outcomes=None,
    )
    write_report(tmp_path)
    summary = run_summary(tmp_path)
    assert summary["gap_closed"]["implicit"] is None
    assert summary["pair_accuracy"]["implicit"] is None
    assert format_table(summary)[3][3:] == ["–", "–", "–"]


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    write_run(tmp_path)
    hostile = '<img src=x onerror=alert(1)>"\'&$x^2$ style="fill: #1f2329" {0}'
    write_decisions(tmp_path, **{f"{kind}_{hostile.replace('/', '')}": EXPLICIT for kind in ("scores", "ahead")})
    (tmp_path / "evaluation" / "needs.json").write_text(json.dumps({"ahead": {hostile: {"keep": 2, "by": hostile}}}))
    (tmp_path / "evaluation" / "ranked.json").write_text(json.dumps({"by": hostile}))
    evaluation = tmp_path / "evaluation"
    np.savez(evaluation / "episodes.npz", **{hostile: np.full((2, 3), 0.1)}, success_distance=0.03)
    (evaluation / "shifts.json").write_text(json.dumps({hostile: {hostile: {"accuracy": 1, "ece": 0, "pairs": 1}}}))
    (tmp_path / "info.json").write_text(json.dumps({hostile: hostile, "nested": {hostile: [hostile]}}))
    (tmp_path / "timing.json").write_text(json.dumps({"stages": {hostile: 1.0}, "wall_seconds": "<b>"}))
    (tmp_path / "policy/metrics.jsonl").write_text(json.dumps({"step": 0, hostile: 1.0}) + "\n")
    path = write_report(tmp_path)
    tags, text = parsed(path)
    assert not {tag for tag, _ in tags} & {"img", "script"}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert "<img src=x onerror=alert(1)>" in text
    assert "<img" not in path.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outcomes": None}, "lacks outcomes; run `robopref evaluate` again"),
        ({"scores_implicit": None, "scores_explicit": None}, "holds no scores_<scorer>"),
        ({"scores_implicit": IMPLICIT[:, :2]}, r"scores_implicit must be \(2, 3\), got \(2, 2\)"),
        ({"scores_implicit": np.full((2, 3), np.nan)}, "scores_implicit must hold finite numbers"),
        ({"scores_oracle": IMPLICIT}, "a scorer may not be called oracle"),
        ({"own": np.array([0, 3])}, r"own must be within \[0, 2\], got 0 to 3"),
        ({"points": np.zeros((2, 5, 2))}, r"points must be \(2, any, 3\), got \(2, 5, 2\)"),
        ({"points": np.zeros((3, 0, 3))}, r"points must be \(2, 0, 3\), got \(3, 0, 3\)"),
        ({"outcomes": np.array([["a", "b", "c"]] * 2)}, "outcomes must hold finite numbers"),
        ({"ahead_mine": IMPLICIT}, "holds ahead_mine, but no scores_mine of what it looks ahead for"),
        ({"ahead_implicit": IMPLICIT[:1]}, r"ahead_implicit must be \(2, 3\), got \(1, 3\)"),
        ({"scores_look-ahead by mine": IMPLICIT}, "a scorer may not be called look-ahead by mine"),
        ({"tuned_outcomes": np.zeros(3)}, r"tuned_outcomes must be \(2\), got \(3\)"),
    ],
)
def test_decisions_that_do_not_fit(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    write_decisions(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_decisions_that_were_made_without_clouds_are_reported(tmp_path: Path) -> None:
    write_decisions(tmp_path, points=np.zeros((2, 0, 3), np.float32))
    write_report(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_decisions_are_required(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"decisions\.npz is missing; run `robopref evaluate`"):
        write_report(tmp_path)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "episodes.npz").touch()
    with pytest.raises(DataError, match="the policy was evaluated by itself, and a report is about choices by a rewa"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("evaluation/decisions.npz", b"junk", "not readable as an npz file"),
        ("evaluation/episodes.npz", b"PK\x03\x04junk", "not readable as an npz file"),
        ("evaluation/shifts.json", b"{", "shifts.json is damaged: it is not JSON"),
        ("evaluation/ranked.json", b'{"by": 1}', r"ranked\.json is damaged"),
        ("evaluation/needs.json", b'{"milliseconds": {"own": -1}}', "'own' cannot take -1 milliseconds"),
        ("evaluation/needs.json", b'{"learnt": {"mine": {"answers": -1}}}', "answers of 'mine' cannot be -1"),
        ("evaluation/needs.json", b'{"ahead": {"mine": {"keep": "<b>"}}}', "keep has to be a number"),
        (
            "evaluation/needs.json",
            b'{"ahead": {"mine": {"by": "me"}}}',
            "how many candidates look-ahead by 'mine' keeps",
        ),
        ("timing.json", b"[1]", "timing.json is damaged: expected an object, got a list"),
        ("evaluation/geometry.json", b'{"matrix": 1}', "does not describe an action geometry"),
        ("policy/metrics.jsonl", b'{"step": 1}\n{"st\n{"step": 3}\n', "line 2 is not JSON"),
        ("policy/metrics.jsonl", b'{"loss": 1}\n', "line 1 must be an object with a step"),
        ("policy/metrics.jsonl", b'{"step": 1e300, "loss": 1}\n', "line 1 must be an object with a step"),
    ],
)
def test_damaged_inputs(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write_run(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        write_report(tmp_path)


def test_arrays_that_would_fill_the_memory_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_decisions(tmp_path)
    held = np.load(tmp_path / "evaluation/decisions.npz")
    np.savez_compressed(tmp_path / "evaluation/decisions.npz", **{**held, "points": np.zeros((2, 5000, 3))})
    write_report(tmp_path)
    monkeypatch.setattr(stored_arrays, "_MOST_BYTES", 200_000)
    with pytest.raises(DataError, match=r"decisions\.npz is not readable .* more than 200000 bytes"):
        write_report(tmp_path)


def test_odd_values_do_no_harm(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "evaluation/shifts.json").write_text('{"implicit": {"a": 3, "b": {"accuracy": NaN}}, "explicit": null}')
    (tmp_path / "timing.json").write_text('{"stages": [1], "wall_seconds": NaN}')
    (tmp_path / "policy/metrics.jsonl").write_text(
        '{"step": 0, "loss": NaN, "note": "x"}\n{"step": 1, "loss": 0}\n'
        '{"step": 2, "loss": 1e308}\n{"step": 9, "lo'  # the last line is cut short
    )
    write_report(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["wall_seconds"] is None


def test_geometry_of_another_robot(tmp_path: Path) -> None:
    write_decisions(tmp_path, actions=np.zeros((2, 3, 8, 6), np.float32))
    write_geometry(tmp_path)
    _, text = parsed(write_report(tmp_path))
    assert "is for actions of 4 numbers, the candidates have 6" in text


def test_unwritable_folder_keeps_the_old_report(decided: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(decided, tmp_path, dirs_exist_ok=True)
    old = (tmp_path / "report.html").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(DataError, match=r"cannot write .*No space left on device"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == old
    assert not list(tmp_path.glob(".*.partial"))


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert span({"low": -0.001, "high": 0.2}, 100, 0, signs=False) == "0 to 20"
    assert signed(-0.01) == "0.0"


def test_pictures_from_above_mark_few_choices_and_fold_the_others(tmp_path: Path) -> None:
    scores = {f"scores_{name}": np.array([[0, 1, 2], [0, 2, 1]], np.float32) for name in ("explicit", "implicit", "x")}
    write_decisions(tmp_path, **scores)
    write_geometry(tmp_path)
    write_report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    section = page[page.index("What was chosen, from above") :]
    section = section[: section.index("</section>")]
    key, folded = section.split("<details>")
    assert ["chosen by implicit" in key, "chosen by explicit" in key, "chosen by x" in key] == [True, False, False]
    assert all(f">{name}<" in folded for name in ("explicit", "implicit", "x", "best candidate"))
