import contextlib

import pytest

from robopref.__main__ import main
from robopref.cli.remembered import write
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Feedback, Item, Preference, Query
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
