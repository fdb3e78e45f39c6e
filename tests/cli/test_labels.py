import contextlib
from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.cli.remembered import write
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Feedback, Item, Preference, Query
from tests.cli.tiny import fails
from tests.postgres import postgres_server


def labelled(folder):
    folder.mkdir()
    query = Query("q", "pair", (Item("rope", 0, 1), Item("rope", 1, 2)))
    with FeedbackStore(folder / "labels.sqlite") as database:
        database.add_queries([query])
        database.add_all([Feedback("q", Preference(p), name) for name, p in [("ann", 1), ("bob", 0)]])
    return folder


def test_quality_prints_a_table_and_writes_a_page(tmp_path, capsys):
    folder = labelled(tmp_path / "mine")
    assert main(["labels", "quality", f"run={folder}"]) == 0
    out = capsys.readouterr().out
    assert "ann" in out
    assert "ask again: q" in out
    assert (folder / "labels.html").exists()
    assert {path.name for path in folder.iterdir()} >= {"labels.json", "labels.sqlite"}
    assert not (folder / "overrides.yaml").exists()


def test_quality_without_labels_is_explained(tmp_path, capsys):
    assert main(["labels", "quality", f"run={tmp_path}"]) == 1
    assert "no such label database" in capsys.readouterr().err


def test_help_lists_the_settings(capsys):
    assert main(["labels", "quality", "--help"]) == 0
    assert "floor:" in capsys.readouterr().out


def test_an_unknown_command_on_labels_says_which_exist(capsys):
    assert main(["labels", "qualty"]) == 2
    assert "labels quality" in capsys.readouterr().err


def test_labels_go_out_and_come_back(tmp_path, capsys):
    folder = labelled(tmp_path / "mine")
    for name in ("jsonl", "parquet"):
        path = tmp_path / f"labels.{name}"
        assert main(["labels", "export", f"run={folder}", f"path={path}", f"format={name}"]) == 0
        assert main(["labels", "import", f"run={tmp_path / name}", f"path={path}", f"format={name}"]) == 0
        assert "added 1 queries and 2 answers" in capsys.readouterr().out


def test_a_missing_path_is_asked_for(tmp_path, capsys):
    folder = labelled(tmp_path / "mine")
    assert main(["labels", "export", f"run={folder}"]) == 1
    assert "path=<path>" in capsys.readouterr().err


def test_what_a_format_cannot_hold_is_one_line(tmp_path, capsys):
    folder = labelled(tmp_path / "mine")
    with FeedbackStore(folder / "labels.sqlite") as database:
        database.add(Feedback("q", Preference(0.5), "cyd"))
    words = ["labels", "export", f"run={folder}", f"path={tmp_path / 'tasks.json'}", "format=label-studio"]
    assert main(words) == 1
    assert "cannot hold a tie" in capsys.readouterr().err


def test_questions_go_out_alone_to_be_answered_elsewhere(tmp_path, capsys):
    folder = labelled(tmp_path / "mine")
    for name in ("jsonl", "parquet", "label-studio"):
        path = tmp_path / f"questions.{name}"
        assert main(["labels", "export", f"run={folder}", f"path={path}", f"format={name}", "answers=false"]) == 0
        assert "of 1 queries and 0 answers" in capsys.readouterr().out
        assert main(["labels", "import", f"run={tmp_path / name}", f"path={path}", f"format={name}"]) == 0
        assert "added 1 queries and 0 answers" in capsys.readouterr().out


def test_a_file_without_labels_is_refused_and_leaves_nothing(tmp_path, capsys):
    path, run = tmp_path / "empty.jsonl", tmp_path / "run"
    path.write_text("")
    said = fails(capsys, "labels", "import", f"run={run}", f"path={path}")
    assert f"{path} holds neither a question nor an answer; expected labels, format=jsonl" in said
    assert not (run / "labels.sqlite").exists()


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_labels_of_a_run_are_found_where_the_run_keeps_them(server, tmp_path, capsys):
    with contextlib.ExitStack() as stack:
        elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
        url = elsewhere if server == "sqlite" else stack.enter_context(postgres_server())
        source, run = labelled(tmp_path / "source"), tmp_path / "run"
        write(run, ["labeler=human", f"labeler.database={url}"])
        path = tmp_path / "labels.jsonl"
        assert main(["labels", "export", f"run={source}", f"path={path}"]) == 0
        assert main(["labels", "import", f"run={run}", f"path={path}"]) == 0
        assert not (run / "labels.sqlite").exists()
        for words in (["quality"], ["export", f"path={tmp_path / 'again.jsonl'}"]):
            assert main(["labels", *words, f"run={run}"]) == 0, capsys.readouterr().err
        assert (tmp_path / "again.jsonl").read_text() == path.read_text()
        assert main(["labels", "quality", f"run={run}", f"database={source / 'labels.sqlite'}"]) == 0
        with FeedbackStore(url) as store:
            assert len(store.feedback()) == 2


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two pairs of segments that a person, an attention check, and what learns from them answered."""
    queries = [Query(f"q{first}", "pair", (Item("d", first, first + 2), Item("d", 9, 11))) for first in (0, 2)]
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        database.add_queries(queries)
        database.add_all([
            *(Feedback(query.id, Preference(1.0), "ann", seconds=2.0) for query in queries),
            Feedback("q0", Preference(0.0), "attention-check"), Feedback("q2", Preference(0.0), "self:implicit"),
        ])  # fmt: skip
    return tmp_path


@pytest.mark.parametrize("kind", ["preference-transformer", "uni-rlhf"])
def test_a_format_that_does_not_say_whose_an_answer_is_gets_those_that_count(
    mixed: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    assert main(["labels", "export", f"run={mixed}", f"path={mixed / 'out'}", f"format={kind}"]) == 0
    assert f"left out: 2 answers that do not count, as {kind} does not say whose" in capsys.readouterr().out
    back = mixed / "back"
    assert main(["labels", "import", f"run={back}", f"path={mixed / 'out'}", f"format={kind}"]) == 0
    with FeedbackStore(back / "labels.sqlite", create=False) as database:
        assert [given.answer for given in database.feedback()] == [Preference(1.0)] * 2


def test_a_format_that_says_whose_an_answer_is_gets_all_but_those_that_are_not_asked_for(
    mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["labels", "export", f"run={mixed}", f"path={mixed / 'out.jsonl'}"]
    assert main(words) == 0
    assert "of 2 queries and 4 answers\n" in capsys.readouterr().out
    assert main([*words, "labelers=[self:implicit]"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "left out: 3 answers of others"
    assert "nobody called 'bob' answered" in fails(capsys, *words, "labelers=[bob]")


def test_labelers_of_several_kinds_are_not_mixed_in_a_file(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FeedbackStore(mixed / "labels.sqlite") as database:
        database.add(Feedback("q0", Preference(0.0), "vlm", labeler_version="0123abcd"))
    words = ["labels", "export", f"run={mixed}", f"path={mixed / 'out'}", "format=uni-rlhf"]
    assert "say whose count: labelers=[ann,vlm], or some of these" in fails(capsys, *words)
    assert not (mixed / "out").exists()
    assert main([*words, "labelers=[ann]"]) == 0
    assert "left out: 3 answers of others" in capsys.readouterr().out
