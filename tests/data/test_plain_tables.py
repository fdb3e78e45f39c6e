"""Label databases of others hold tables that keep what is put into them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t AFTER INSERT ON feedback BEGIN DELETE FROM feedback; END",
        "CREATE TABLE t (x UNIQUE ON CONFLICT REPLACE)",
    ],
)
def test_a_database_that_would_lose_labels_is_refused_and_left_alone(tmp_path: Path, change: str) -> None:
    path = tmp_path / "labels.sqlite"
    with FeedbackStore(path):
        pass
    with closing(sqlite3.connect(path)) as file:
        file.execute(change)
    with pytest.raises(DataError, match=r"may (change|replace)"):
        FeedbackStore(path)


def test_a_view_in_the_place_of_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with closing(sqlite3.connect(path)) as file:
        file.execute(
            "CREATE VIEW Feedback AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
        )
    with pytest.raises(DataError, match="drop it with sqlite3"):
        FeedbackStore(path)


def test_what_analysis_of_a_database_leaves_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "labels.sqlite"
    with FeedbackStore(path):
        pass
    with closing(sqlite3.connect(path)) as file:
        file.execute("ANALYZE")
        file.execute("CREATE VIEW mine AS SELECT labeler, count(*) FROM feedback GROUP BY labeler")
    with FeedbackStore(path) as store:
        assert store.feedback() == []
