"""Runs a training step as one CUDA graph: on a GPU, launching small kernels one by one costs more than they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_WARM_UP = 3


class Captured:
    """A function of a batch that is captured once and then replayed; on a CPU, the function itself.

    The first calls run as they are, for optimisers to lay out their state; they are steps like any other. After that
    the function must do the same at every call: no reading back, no new shapes.

    Args:
        function: From a named tuple of tensors (or None) to named tensors.
    """

    def __init__(self, function: Callable[[Any], dict[str, Tensor]]) -> None:
        self.function, self.calls = function, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: Any = None
        self._outputs: dict[str, Tensor] = {}

    def __call__(self, batch: Any) -> dict[str, Tensor]:
        """Apply the function.

        Args:
            batch: Of the same shapes at every call.

        Returns:
            Its result; on a GPU overwritten by the next call.
        """
        if not batch[0].is_cuda:
            return self.function(batch)
        self.calls += 1
        if self.calls <= _WARM_UP:
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                result = self.function(batch)
            torch.cuda.current_stream().wait_stream(stream)
            return result
        if self._graph is None:
            self._inputs = type(batch)(*(None if value is None else value.clone() for value in batch))
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):  # records without running
                self._outputs = self.function(self._inputs)
        for held, given in zip(self._inputs, batch, strict=True):
            if held is not None:
                held.copy_(given)
        self._graph.replay()
        return self._outputs
