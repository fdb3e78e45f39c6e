from benchmarks.people_rows import explain, explain_people


def test_a_seed_finds_what_was_planted_and_makes_every_claim() -> None:
    found = explain.measure(0)
    assert found["recall"] == found["recall by model"] == 1
    assert found["false"] == 0
    assert found["alarm"] == found["nothing"] == 1
    claims = explain.records([found, found])
    assert {record.holds for record in claims} <= {True, None}
    assert len({record.claim for record in claims}) == len(claims) > 10


def test_people_are_skipped_with_a_line_where_no_folder_is_named(monkeypatch, capsys) -> None:
    monkeypatch.delenv("HUMAN_PREFERENCES", raising=False)
    assert explain_people.measure(0) == {}
    assert "HUMAN_PREFERENCES=<folder" in capsys.readouterr().out
    assert explain_people.records([{}]) == []
