"""Graphs as ONNX files, for computers without torch; conversion takes about a minute a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from robopref.errors import DataError, DependencyError
from robopref.files import require_file
from robopref.policies.graph_archive import LARGEST
from robopref.robots.sdk import another_home

_ATEN: Any = torch.ops.aten
_DOMAINS = ("", "ai.onnx")


def write(path: Path, function: Callable[..., Any], example: tuple[Tensor, ...]) -> None:
    """Trace a function, and write it as an ONNX file.

    Args:
        path: Where to.
        function: Of tensors; may differentiate.
        example: Its arguments, whose shapes the graph is made for.

    Raises:
        DependencyError: onnx or onnxscript is not installed.
    """
    try:
        import onnxscript  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise _missing() from error
    _runtime()
    # torch's converter knows none of these, in which the derivative of an energy and distances of points come.
    names = (
        "silu_backward", "gelu_backward", "native_layer_norm_backward", "_softmax_backward_data", "threshold_backward",
        "tanh_backward", "sigmoid_backward", "select_backward", "slice_backward",
    )  # fmt: skip
    table: dict[Any, Any] = dict(get_decompositions([getattr(_ATEN, name) for name in names]))
    table |= {_ATEN._cdist_forward.default: _distances, _ATEN.median.dim: _median}
    program = torch.export.export(make_fx(function, decomposition_table=table)(*example), example)
    chatter = logging.getLogger("torch.onnx")
    level = chatter.level
    chatter.setLevel(logging.ERROR)
    try:
        torch.onnx.export(program, example, str(path), dynamo=True, external_data=False, verbose=False)
    finally:
        chatter.setLevel(level)


def load(path: Path) -> Callable[..., Any]:
    """A graph as a function of tensors on the processor: a tensor, or a tuple of them.

    Args:
        path: The file.

    Returns:
        The function.

    Raises:
        DataError: The file refers to other files, to operators that are not ONNX's own, or makes a huge tensor.
        DependencyError: onnx or onnxruntime is not installed.
    """
    runtime = _runtime()
    import onnx

    require_file(path)
    content = path.read_bytes()
    model: Any = onnx.load_model_from_string(content)
    _check(path, model)
    _check_sizes(path, onnx.shape_inference.infer_shapes(model, data_prop=True))
    # By its content, so that the runtime has no folder in which it could look for more.
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def run(*given: Tensor) -> Any:
        arrays = (part.contiguous().numpy() for part in given)
        found = [torch.from_numpy(part) for part in session.run(None, dict(zip(names, arrays, strict=True)))]
        return found[0] if len(found) == 1 else tuple(found)

    return run


def _runtime() -> Any:
    """onnxruntime, which would tell its maker of its use, and write into the home folder what it could not send."""
    try:
        with another_home():
            import onnx  # noqa: F401  # pyright: ignore[reportUnusedImport]
            import onnxruntime
    except ImportError as error:
        raise _missing() from error
    runtime: Any = onnxruntime
    runtime.disable_telemetry_events()
    return runtime


def _check(path: Path, message: Any) -> None:
    """See that all there is of a model is in the file, and of ONNX's own operators."""
    kind = message.DESCRIPTOR.name
    if kind == "TensorProto" and (message.external_data or message.data_location != message.DEFAULT):
        raise DataError(f"{path}: {message.name!r} is in another file; an export is one file, export again")
    if kind == "NodeProto" and message.domain not in _DOMAINS:
        raise DataError(f"{path}: operator {message.domain}.{message.op_type} is not one of ONNX; export again")
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if isinstance(value, Sequence) or hasattr(value, "add") else [value]:
                _check(path, part)


def _check_sizes(path: Path, model: Any) -> None:
    for value in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        shape = [int(part.dim_value) for part in value.type.tensor_type.shape.dim]
        if prod(shape) > LARGEST:
            raise DataError(f"{path} makes a tensor of shape {tuple(shape)}; export again")


def _distances(one: Tensor, other: Tensor, norm: float, mode: int | None = None) -> Tensor:
    return (one.unsqueeze(-2) - other.unsqueeze(-3)).abs().pow(norm).sum(-1).pow(1 / norm)


def _median(values: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, ...]:
    ordered = torch.sort(values, dim)
    middle = [part.narrow(dim, (values.shape[dim] - 1) // 2, 1) for part in ordered]
    return tuple(part if keepdim else part.squeeze(dim) for part in middle)


def _missing() -> DependencyError:
    return DependencyError("ONNX files need onnx, onnxscript and onnxruntime: pip install 'robopref[onnx]'")
