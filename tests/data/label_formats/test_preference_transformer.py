import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from robopref.data.label_formats import preference_transformer
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.errors import DataError
from robopref.records import Feedback, Preference
from tests.data.label_formats.records import answered_pairs, pair


@given(answered_pairs())
def test_what_is_written_is_read_again(labels):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hopper"
        preference_transformer.write(path, labels)
        found = preference_transformer.read(path, Naming())
    assert (found.queries, found.feedback) == (labels.queries, labels.feedback)


def test_files_are_named_as_the_released_ones(tmp_path):
    folder = tmp_path / "hopper-medium-replay-v2"
    folder.mkdir()
    for name, numbers in [("indices_num2", [3, 4]), ("indices_2_num2", [8, 9])]:
        (folder / name).write_bytes(pickle.dumps(np.array(numbers)))
    (folder / "label_human").write_bytes(pickle.dumps([-1, 0]))
    labels = preference_transformer.read(folder, Naming(length=100))
    assert labels.queries[0].items[0].source == "hopper-medium-replay-v2"
    assert [(item.start, item.stop) for item in labels.queries[1].items] == [(4, 104), (9, 109)]
    with pytest.raises(DataError, match="length=<steps>"):
        preference_transformer.read(folder, Naming())


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(DataError, match="label_human, got none"):
        preference_transformer.read(tmp_path / "missing", Naming())


def test_a_folder_with_files_is_not_written_to(tmp_path):
    (tmp_path / "mine").write_text("")
    labels = Labels([pair(0, 0, 50)], [Feedback("hopper/0", Preference(1), "ann")])
    with pytest.raises(DataError, match="not empty"):
        preference_transformer.write(tmp_path, labels)
