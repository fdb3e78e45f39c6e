"""What every command does with its settings before its own work."""

import pytest
import torch

from robopref.cli.configuration import compose_alone, memory
from robopref.cli.context import Context
from robopref.cli.label_asking import _tell_other_kinds
from robopref.cli.label_subject import Subject
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.querying.candidates import candidate_queries


def begun(words: list[str]) -> Context:
    config = compose_alone("config", words)
    return Context(config, memory(config, words))


def test_threads_of_torch_can_be_set_and_are_left_alone_otherwise(tmp_path) -> None:
    before = torch.get_num_threads()
    try:
        for words, expected in (([], before), (["threads=3"], 3)):
            context = begun([f"run={tmp_path / str(expected)}", *words])
            context.finish()
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_questions_of_another_kind_do_not_come_together_unnoticed(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    context = begun([f"run={tmp_path}"])
    dataset = EpisodeStore.create(tmp_path / "candidates.zarr", {})
    pools = {kind: candidate_queries("candidates", 2, 3, kind=kind) for kind in ("pair", "ranking")}
    with FeedbackStore(str(tmp_path / "labels.sqlite")) as store:
        store.add_queries(pools["pair"])
        _tell_other_kinds(context, store, Subject("candidates", dataset, pools["pair"], lambda: lambda _: []))
        assert "other kinds" not in capsys.readouterr().out
        _tell_other_kinds(context, store, Subject("candidates", dataset, pools["ranking"], lambda: lambda _: []))
    assert "of kind pair; these are of kind ranking" in capsys.readouterr().out.replace("\n", " ")
    context.finish()
