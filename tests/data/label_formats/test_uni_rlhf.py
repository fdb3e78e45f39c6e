import tempfile
from pathlib import Path

import pytest
from hypothesis import given

from robopref.data.label_formats import uni_rlhf
from robopref.data.label_formats.exchanged_labels import Naming
from robopref.data.label_formats.safe_pickle import dump_numbers
from robopref.errors import DataError
from tests.data.label_formats.records import answered_pairs


@given(answered_pairs())
def test_what_is_written_is_read_again(labels):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels"
        uni_rlhf.write(path, labels)
        found = uni_rlhf.read(path, Naming())
    assert (found.queries, found.feedback) == (labels.queries, labels.feedback)


def test_dataset_and_length_are_in_the_names_of_the_released_files(tmp_path):
    tail = "domain_mujoco_env_walker2d-medium-v2_num_2_len_200_1225aedc96d54076be2c8d2b1ce3d327.pkl"
    for name, numbers in [("indices_1", [3, 4]), ("indices_2", [8, 9]), ("human_label", [1, -1])]:
        dump_numbers(tmp_path / f"{name}_{tail}", numbers)
    labels = uni_rlhf.read(tmp_path, Naming())
    assert [given.answer.p for given in labels.feedback] == [0, 0.5]
    item = labels.queries[0].items[1]
    assert (item.source, item.start, item.stop) == ("walker2d-medium-v2", 8, 208)


def test_a_folder_without_the_files_is_refused(tmp_path):
    (tmp_path / "label.pkl").write_text("")
    with pytest.raises(DataError, match=r"got \['label.pkl'\]"):
        uni_rlhf.read(tmp_path, Naming())
