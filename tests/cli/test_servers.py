"""Servers that remembered settings may name, and those that have to be typed or trusted."""

from pathlib import Path

import pytest

from robopref.cli.configuration import compose_config
from robopref.cli.servers import leads_away
from tests.cli.test_trust import folder, refusal
from tests.cli.tiny import fails

JUDGE = ("labeler=vlm", "labeler.judge.base_url=http://models.example/v1")
KEYS = ("OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("key", "more"),
    [
        *((key, "labeler.judge.provider=google") for key in (*KEYS, "ANTHROPIC_CUSTOM_HEADERS")),
        ("OPENAI_API_KEY", "~labeler.judge.provider"),
    ],
)
def test_no_key_that_a_client_library_reads_goes_to_a_server_that_only_the_folder_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, more: str
) -> None:
    here = folder(tmp_path, *JUDGE, more)
    monkeypatch.setenv(key, " ")
    compose_config("config", [f"run={here}"])
    monkeypatch.setenv(key, "sk-0123456789")
    assert "models.example" in refusal(here)
    monkeypatch.setenv("ROBOPREF_TRUST", "models.example")
    compose_config("config", [f"run={here}"])


def test_a_host_is_trusted_by_its_whole_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    monkeypatch.setenv("ROBOPREF_TRUST", "my_lab,models")
    assert "models.example" in refusal(folder(tmp_path, *JUDGE))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://labels.example/db", "postgresql+psycopg://me@labels.example/db",
        "postgresql:///db?host=labels.example", "postgresql://localhost,labels.example/db",
        "postgresql://localhost/db?passfile=/home/me/.pgpass", "postgresql://localhost/db?service=x",
        "postgresql://localhost/host=labels.example", "mysql+pymysql://localhost/db?local_infile=1",
        "mssql+pyodbc:///?odbc_connect=DRIVER=/tmp/evil.so", "evil+evil:///x", "://x", "postgresql://[/db",
    ],
)  # fmt: skip
def test_a_database_elsewhere_or_of_another_kind_has_to_be_typed(tmp_path: Path, address: str) -> None:
    here = folder(tmp_path, "labeler=human", f"labeler.database='{address}'")
    assert f"labeler.database={address}" in refusal(here)
    compose_config("config", [f"run={here}", f"labeler.database={address}"])


@pytest.mark.parametrize(
    "address",
    [
        "labels.sqlite", "sqlite:///labels.db?timeout=20", "postgresql+psycopg://me@localhost:5433/db",
        "postgresql:///db", "postgresql:///db?host=/run/postgresql", "postgresql://me:secret@127.0.0.1/db?sslmode=disable",
    ],
)  # fmt: skip
def test_databases_of_this_machine_stay_remembered(address: str) -> None:
    assert not leads_away(address)


def test_labels_are_read_from_no_database_elsewhere_that_only_the_folder_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = folder(tmp_path / "run", "labeler=human", "labeler.database='evil+evil://labels.example/db'")
    message = fails(capsys, "labels", "quality", f"run={here}")
    assert "repeat database=evil+evil://labels.example/db" in message
    assert "labels.example" in fails(
        capsys, "labels", "quality", f"run={here}", "database=evil+evil://labels.example/db"
    )
    (here / "overrides.yaml").write_text("['labeler.database=${oc.env:HOME}']")
    assert "refers to" in fails(capsys, "labels", "quality", f"run={here}")
