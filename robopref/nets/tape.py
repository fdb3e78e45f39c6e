"""A perceptron's forward and backward pass by hand, in memory that is laid out once.

On a CPU, a training step of small networks can spend as long on asking the system for memory, and on pages that it
then touches for the first time, as on products. Here hidden layers and gradients keep their place from step to step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass
class _Buffers:
    """Memory for one shape of inputs."""

    hidden: list[Tensor]
    slopes: list[Tensor]  # of the loss with respect to hidden layers
    uses: int = 0


@dataclass
class Tape:
    """Applies a stack of perceptrons, and knows their gradients; the same as autograd's to rounding.

    The gradient of a forward pass has to be taken before the next one with inputs of the same shape; that is checked.
    """

    _buffers: dict[tuple[Any, ...], _Buffers] = field(default_factory=dict[tuple[Any, ...], _Buffers])
    gradients: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    _anchor: dict[torch.device, Tensor] = field(default_factory=dict[torch.device, Tensor])

    def __call__(self, inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
        """Apply the layers.

        Args:
            inputs: (N, B, in).
            weights: (N, in, out) of each layer.
            biases: (N, 1, out) of each layer.

        Returns:
            (N, B, out) of its own memory.
        """
        trains = torch.is_grad_enabled() and weights[0].requires_grad
        key = (trains, inputs.shape[:2], inputs.device)
        buffers = self._buffers.get(key)
        if buffers is None:
            sizes = [(*inputs.shape[:2], weight.shape[2]) for weight in weights[:-1]]
            hidden, slopes = ([inputs.new_empty(size) for size in sizes] for _ in range(2))
            buffers = self._buffers[key] = _Buffers(hidden, slopes if trains else [])
        buffers.uses += 1
        if not trains:
            return _forward(inputs, weights, biases, buffers)
        if inputs.device not in self._anchor:
            self._anchor[inputs.device] = torch.zeros((), device=inputs.device, requires_grad=True)
        anchor = self._anchor[inputs.device]
        return _Pass.apply(inputs, anchor, self, buffers, weights, biases)  # type: ignore[no-any-return]

    def keep(self, parameter: Tensor, index: int, left: Tensor, right: Tensor | None) -> None:
        """Give a parameter its gradient: a product, or a sum over rows; adds to one that it has."""
        if parameter.grad is None:
            buffer = self.gradients.get(index)
            if buffer is None:
                buffer = self.gradients[index] = torch.empty_like(parameter)
            if right is None:
                torch.sum(left, 1, keepdim=True, out=buffer)
            else:
                torch.bmm(left, right, out=buffer)
            parameter.grad = buffer
        else:
            parameter.grad.add_(left.sum(1, keepdim=True) if right is None else torch.bmm(left, right))


class _Pass(torch.autograd.Function):
    """Parameters are no inputs of it, as autograd would copy their gradients; the anchor stands for them."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, anchor: Tensor, tape: Tape, buffers: _Buffers, weights: Any, biases: Any
    ) -> Tensor:
        del anchor
        ctx.save_for_backward(inputs)
        ctx.tape, ctx.buffers, ctx.use, ctx.weights, ctx.biases = tape, buffers, buffers.uses, weights, biases
        return _forward(inputs, weights, biases, buffers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        buffers: _Buffers = ctx.buffers
        if ctx.use != buffers.uses:
            raise RuntimeError("a network with a tape was applied again before the gradient of its last pass was taken")
        (slope,) = grads
        layers = [*ctx.saved_tensors, *buffers.hidden]
        for layer in reversed(range(len(layers))):
            weight, bias = ctx.weights[layer], ctx.biases[layer]
            ctx.tape.keep(weight, 2 * layer, layers[layer].transpose(1, 2), slope)
            ctx.tape.keep(bias, 2 * layer + 1, slope, None)
            if layer > 0:
                below = buffers.slopes[layer - 1]
                torch.bmm(slope, weight.transpose(1, 2), out=below)
                slope = torch.ops.aten.threshold_backward.grad_input(below, layers[layer], 0, grad_input=below)
        if not ctx.needs_input_grad[0]:
            return (None,) * 6
        return torch.bmm(slope, ctx.weights[0].transpose(1, 2)), *(None,) * 5


@torch.no_grad()
def _forward(inputs: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], buffers: _Buffers) -> Tensor:
    hidden = inputs
    for weight, bias, out in zip(weights[:-1], biases[:-1], buffers.hidden, strict=True):
        hidden = torch.baddbmm(bias, hidden, weight, out=out).relu_()
    return torch.baddbmm(biases[-1], hidden, weights[-1])
