"""ONNX files from elsewhere: nothing outside the file is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from robopref.errors import DataError
from robopref.policies.onnx import load


def write(path: Path, nodes: list[Any], initializers: list[Any], outputs: tuple[str, ...] = ("y",)) -> Path:
    """A model of x, one number."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(nodes, "graph", [given], values, initializer=initializers)
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString())
    return path


def elsewhere(name: str, location: str) -> Any:
    tensor = numpy_helper.from_array(np.zeros(1, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def test_a_file_that_is_whole_is_read(tmp_path: Path) -> None:
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    run = load(write(tmp_path / "graph.onnx", [helper.make_node("Add", ["x", "one"], ["y"])], [one]))
    assert run(torch.tensor([2.0])).tolist() == [3.0]


@pytest.mark.parametrize("location", ["weights", "../secret", "/etc/hostname"])
def test_numbers_in_other_files_are_refused(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights").write_bytes(b"\0" * 4)
    path = write(tmp_path / "a.onnx", [helper.make_node("Add", ["x", "w"], ["y"])], [elsewhere("w", location)])
    with pytest.raises(DataError, match="'w' is in another file; an export is one file"):
        load(path)


def test_numbers_in_other_files_are_found_within_branches(tmp_path: Path) -> None:
    value = helper.make_node("Constant", [], ["z"], value=elsewhere("inner", "weights"))
    out = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])]
    branch = helper.make_graph([value], "branch", [], out)
    true = numpy_helper.from_array(np.array(True), "yes")
    choice = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(DataError, match="'inner' is in another file"):
        load(write(tmp_path / "a.onnx", [choice], [true]))


def test_operators_of_elsewhere_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft", ep_cache_context="../secret")
    with pytest.raises(DataError, match=r"com\.microsoft\.EPContext is not one of ONNX"):
        load(write(tmp_path / "a.onnx", [node], []))


def test_a_tensor_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "shape")
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["big"]), helper.make_node("ReduceSum", ["big"], ["y"])]
    with pytest.raises(DataError, match=r"makes a tensor of shape \(1048576, 1048576\)"):
        load(write(tmp_path / "a.onnx", nodes, [shape]))
