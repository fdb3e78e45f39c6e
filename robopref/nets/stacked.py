"""Several networks of one shape as one: every weight has a leading dimension of copies N, and a layer is one product.

Twin critics, the members of an ensemble and the seeds of an experiment then train at once.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.nets.tape import Tape

Module = TypeVar("Module", bound=nn.Module)


class StackedMLP(nn.Module):
    """N multilayer perceptrons with rectified hidden layers.

    Args:
        copies: Networks N.
        sizes: Numbers at the input, in each hidden layer and at the output.

    Raises:
        ConfigError: There is no copy or no layer.
    """

    def __init__(self, copies: int, sizes: Sequence[int]) -> None:
        super().__init__()
        if copies < 1 or len(sizes) < 2 or min(sizes) < 1:
            raise ConfigError(f"need one copy or more and two sizes or more, got copies={copies}, sizes={list(sizes)}")
        pairs = list(itertools.pairwise(sizes))
        self.weights = nn.ParameterList([nn.Parameter(_uniform(copies, *pair)) for pair in pairs])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(copies, 1, out)) for _, out in pairs])
        self.tape: Tape | None = None

    def forward(self, inputs: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Apply each copy to its own rows.

        Args:
            inputs: (N, B, in).
            masks: (N, B, hidden) factors of the hidden units, for dropout; empty for none.

        Returns:
            (N, B, out).
        """
        if self.tape is not None and not masks:
            return self.tape(inputs, list(self.weights), list(self.biases))
        hidden, last = inputs, len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = hidden.relu() * masks[layer] if masks else hidden.relu()
        return hidden


def use_tapes(module: nn.Module) -> None:
    """Let all stacked networks within a module reuse their memory, see `Tape`; copies made before do not."""
    for network in module.modules():
        if isinstance(network, StackedMLP):
            network.tape = Tape()


class StackedPointNet(nn.Module):
    """N point encoders: an MLP of each point, then the maximum over the cloud (Qi et al. 2017).

    It says less of a cloud than `robopref.nets.points.StateEncoder`, whose distances along an object cost more than the
    rest of a critic, and unlike that it can be stacked.

    Args:
        copies: Encoders N.
        widths: Sizes of the layers; the last one is the size of the encoding.
    """

    def __init__(self, copies: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.network = StackedMLP(copies, (3, *widths))

    def forward(self, points: Tensor) -> Tensor:
        """Encode (N, B, P, 3) clouds as (N, B, F)."""
        count, batch = points.shape[:2]
        return self.network(points.flatten(1, 2)).view(count, batch, points.shape[2], -1).amax(2)


def join(modules: Sequence[Module]) -> Module:
    """One module with the copies of several, in their order.

    Args:
        modules: Of one shape, all of whose parameters have a leading dimension of copies.

    Returns:
        A module whose parameters are theirs, end to end; buffers are those of the first.
    """
    joined = copy.deepcopy(modules[0])
    for name, parameter in joined.named_parameters():
        parameter.data = torch.cat([module.get_parameter(name).data for module in modules])
    return joined


def part(module: Module, index: int, count: int) -> Module:
    """Undo `join`.

    Args:
        module: What was joined.
        index: Which of the modules.
        count: How many there were.

    Returns:
        A copy of that module.
    """
    alone = copy.deepcopy(module)
    for network in alone.modules():
        if isinstance(network, StackedMLP):
            network.tape = None
    for parameter in alone.parameters():
        parameter.data = parameter.data.chunk(count)[index].clone()
    return alone


def _uniform(copies: int, inputs: int, outputs: int) -> Tensor:
    bound = 1 / math.sqrt(inputs)
    return torch.empty(copies, inputs, outputs).uniform_(-bound, bound)
