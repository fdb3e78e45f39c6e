"""Archives of `torch.export`, read so that nothing in them can run.

torch unpickles sample inputs, and whatever else an archive says is a pickle; it evaluates the expressions of sizes and
guards, imports what its trees name, and writes the names of a graph into the source of a function. So an archive is
put together anew here, from weights as plain bytes and from a graph of which every word is known: names, numbers, and
operators on tensors. torch sees that one only.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.fx.passes.fake_tensor_prop import FakeTensorProp
from torch.utils._pytree import tree_leaves

from robopref.errors import DataError
from robopref.files import require_file

_WEIGHTS, _CONSTANTS = "data/weights/", "data/constants/"
_CONFIGS = {f"{_WEIGHTS}model_weights_config.json": _WEIGHTS, f"{_CONSTANTS}model_constants_config.json": _CONSTANTS}
_GRAPH, _SAMPLES = "models/model.json", "data/sample_inputs/model.pt"
_MARKS = ("archive_format", "archive_version", "byteorder", ".data/version", ".data/serialization_id")
_MEMBER = re.compile(rf"{_WEIGHTS}weight_\d+|{_CONSTANTS}tensor_\d+")
_NAME = re.compile(r"[A-Za-z0-9_.]*")
_VERSION = re.compile(r"[A-Za-z0-9_.+]*")
_MARK_BYTES = 1024
LARGEST = 1 << 28  # numbers in one tensor of a graph, 1 GiB; a policy's are far below

_VALUES = {
    "as_bool", "as_bools", "as_device", "as_float", "as_floats", "as_int", "as_ints", "as_layout", "as_memory_format",
    "as_none", "as_optional_tensors", "as_scalar_type", "as_string", "as_tensor", "as_tensors",
}  # fmt: skip
_KEYS = _VALUES | {
    "arg", "aten", "buffer", "buffer_name", "custom_obj_values", "device", "dtype", "forward_arg_names", "fqn", "graph",
    "graph_module", "in_spec", "index", "input_specs", "inputs", "is_param", "is_single_tensor_return", "kind",
    "layout", "major", "metadata", "minor", "module_call_graph", "name", "nodes", "opset_version", "out_spec",
    "output_specs", "outputs", "parameter", "parameter_name", "path_name", "persistent", "requires_grad",
    "schema_version", "signature", "sizes", "storage_offset", "strides", "sym_bool_values", "sym_float_values",
    "sym_int_values", "target", "tensor_constant", "tensor_constant_name", "tensor_meta", "tensor_values",
    "torch_version", "treespec_namedtuple_fields", "type", "use_pickle", "user_input", "user_output", "verifiers",
    "range_constraints", "guards_code", "is_hop_single_tensor_return",
}  # fmt: skip
# What would be evaluated, imported or unpickled, and is empty in a graph of fixed sizes.
_EMPTY = {
    "custom_obj_values", "guards_code", "range_constraints", "sym_bool_values", "sym_float_values", "sym_int_values",
    "treespec_namedtuple_fields", "use_pickle",
}  # fmt: skip
_NAMED = {"tensor_values", "config"}  # whose keys are names of the graph
_TREES = {("builtins.tuple", "null"), ("builtins.list", "null"), ("builtins.dict", "[]"), (None, None)}
# Operators besides those that torch calls core; none takes a path or a storage.
_OPERATORS = {
    "_cdist_backward.default", "_euclidean_dist.default", "_log_softmax_backward_data.default",
    "_native_batch_norm_legit_functional.default", "_scaled_dot_product_flash_attention_for_cpu.default",
    "_scaled_dot_product_flash_attention_for_cpu_backward.default", "_softmax_backward_data.default",
    "_unsafe_view.default", "addcmul.default", "arange.default", "chunk.default", "clamp_max.default",
    "clamp_min.default", "detach.default", "einsum.default", "elu_backward.default", "eye.default",
    "gelu_backward.default", "hardtanh_backward.default", "index_put_.default", "leaky_relu_backward.default",
    "lift_fresh_copy.default", "linalg_vector_norm.default", "linear.default", "linspace.default", "log_softmax.int",
    "logsumexp.default", "matmul.default", "maximum.out", "median.default", "median.dim", "minimum.out", "mish.default",
    "mish_backward.default", "native_dropout_backward.default", "new_full.default", "new_ones.default",
    "new_zeros.default", "norm.ScalarOpt_dim", "ones.default", "ones_like.default", "pixel_shuffle.default",
    "roll.default", "rsub.Scalar", "rsub.Tensor", "select_backward.default", "sigmoid_backward.default", "silu.default",
    "silu_backward.default", "slice_backward.default", "softmax.int", "softplus.default", "softplus_backward.default",
    "split.Tensor", "square.default", "squeeze_.dim", "stack.default", "std.correction", "sum.default", "t.default",
    "take_along_dim.default", "tanh_backward.default", "threshold_backward.default", "transpose.int",
    "transpose_.default", "tril.default", "triu.default", "unbind.int", "unsafe_split.Tensor",
    "upsample_bilinear2d.default", "upsample_nearest2d.default", "where.ScalarSelf", "zeros.default",
    "zeros_like.default",
}  # fmt: skip


def load(path: Path) -> torch.nn.Module:
    """The graph of an archive, as a module.

    Args:
        path: A ``.pt2`` file.

    Returns:
        The module.

    Raises:
        DataError: Something in it is not admitted, or a tensor on the way would be larger than `LARGEST`.
    """
    program = torch.export.load(checked(path))
    module = program.module()
    shapes = FakeTensorMode(allow_non_fake_inputs=True)
    with shapes:
        given = _inputs(program)
    _Bounded(path, module, shapes).propagate_dont_convert_inputs(*given)
    return module


class _Bounded(FakeTensorProp):
    """Goes through a graph with tensors that have a shape but no memory, and refuses large ones."""

    def __init__(self, path: Path, module: Any, shapes: FakeTensorMode) -> None:
        super().__init__(module, shapes)
        self._path = path

    def run_node(self, n: torch.fx.Node) -> Any:
        """One step of the graph."""
        found = super().run_node(n)
        for part in tree_leaves(found):
            if isinstance(part, torch.Tensor) and part.numel() > LARGEST:
                raise _refused(self._path, f"it makes a tensor of shape {tuple(part.shape)}")
        return found


def _inputs(program: ExportedProgram) -> list[torch.Tensor]:
    """Stand-ins of what the graph is called with."""
    names = set(program.graph_signature.user_inputs)
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    return [torch.empty(value.shape, dtype=value.dtype) for value in values]


def checked(path: Path) -> io.BytesIO:
    """An archive that holds what one at a path does, as far as it is admitted.

    Args:
        path: A ``.pt2`` file.

    Returns:
        What may be given to `torch.export.load`.

    Raises:
        DataError: A member, name, operator or value is not admitted, or claims more than the file has.
        zipfile.BadZipFile: It is no archive.
    """
    members = _members(path)
    sizes = {name: len(content) for name, content in members.items()}
    try:
        graph = json.loads(members[_GRAPH])
        configs = {name: json.loads(members[name]) for name in _CONFIGS}
        clean = {**members, _GRAPH: _encoded(_clean(path, graph)), _SAMPLES: b""}
        for name, config in configs.items():
            clean[name] = _encoded({"config": _clean_config(path, config["config"], _CONFIGS[name], sizes)})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _refused(path, f"it lacks what an export has ({type(error).__name__}: {error})") from error
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, content in clean.items():
            archive.writestr(f"graph/{name}", content)
    made.seek(0)
    return made


def _members(path: Path) -> dict[str, bytes]:
    """The files of an archive by their names within its one folder."""
    found: dict[str, bytes] = {}
    require_file(path)
    room = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            _, _, name = info.filename.partition("/")
            if name in found or not (name in (*_CONFIGS, *_MARKS, _GRAPH, _SAMPLES) or _MEMBER.fullmatch(name)):
                raise _refused(path, f"it has a member {info.filename[:80]!r}")
            room -= info.file_size
            if info.compress_type != zipfile.ZIP_STORED or room < 0:
                raise _refused(path, f"its member {name} claims more than the file has")
            if name == _SAMPLES and info.file_size:
                raise _refused(path, "it has sample inputs, which are pickles")
            if name in _MARKS and info.file_size > _MARK_BYTES:
                raise _refused(path, f"its member {name} has {info.file_size} bytes")
            found[name] = archive.read(info)
    if missing := sorted({_GRAPH, *_CONFIGS} - set(found)):
        raise _refused(path, f"it has no {missing[0]}")
    return found


def _clean(path: Path, value: Any, key: str = "") -> Any:
    """A value of the graph without notes about its origin; everything in it is admitted."""
    if isinstance(value, dict):
        return {str(name): _entry(path, key, str(name), held) for name, held in value.items() if held or name in _KEYS}
    if isinstance(value, list):
        return [_clean(path, held, key) for held in value]
    if isinstance(value, str):
        if key in ("in_spec", "out_spec"):
            _check_tree(path, json.loads(value)[1])
        elif key == "target":
            _check_operator(path, value)
        elif not (_VERSION if key == "torch_version" else _NAME).fullmatch(value):
            raise _refused(path, f"its {key} is {value[:80]!r}")
    return value


def _entry(path: Path, within: str, name: str, held: Any) -> Any:
    if name == "metadata":
        return {}
    if name in _EMPTY and held:
        raise _refused(path, f"its {name} is not empty")
    if not (_NAME.fullmatch(name) if within in _NAMED else name in _KEYS):
        raise _refused(path, f"it has {name[:80]!r}")
    if name == "device" and held != {"type": "cpu", "index": None}:
        raise _refused(path, "it has tensors that are not on the processor")
    return _clean(path, held, name)


def _clean_config(path: Path, config: dict[str, Any], folder: str, sizes: dict[str, int]) -> dict[str, Any]:
    """Where weights lie, each within a member of the archive."""
    found: dict[str, Any] = _clean(path, config, "config")
    for name, entry in found.items():
        room = sizes.get(f"{folder}{entry['path_name']}")
        shape = [size["as_int"] for size in entry["tensor_meta"]["sizes"]]
        if entry["use_pickle"] is not False or room is None or not _MEMBER.fullmatch(f"{folder}{entry['path_name']}"):
            raise _refused(path, f"{name} is not plain numbers of the archive")
        if not all(type(size) is int and size >= 0 for size in shape) or prod(shape) > room:
            raise _refused(path, f"{name} claims a shape of {shape}, the file has {room} bytes of it")
    return found


def _check_tree(path: Path, tree: Any) -> None:
    if (tree["type"], tree["context"]) not in _TREES:
        raise _refused(path, f"its arguments are of type {str(tree['type'])[:80]!r}")
    for child in tree["children_spec"]:
        _check_tree(path, child)


def _check_operator(path: Path, target: str) -> None:
    name = target.removeprefix("torch.ops.aten.")
    if name == target and target != "_operator.getitem":
        raise _refused(path, f"it calls {target[:80]!r}")
    packet, _, overload = name.partition(".")
    if target == "_operator.getitem" or name in _OPERATORS:
        return
    found = getattr(getattr(torch.ops.aten, packet, None), overload, None) if _NAME.fullmatch(name) else None
    if torch.Tag.core not in getattr(found, "tags", ()):
        raise _refused(path, f"it calls {target[:80]!r}")


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} is not an export that can be trusted: {why}; export again")
