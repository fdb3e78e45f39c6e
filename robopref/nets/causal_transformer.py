"""What came before a step, for rewards that depend on it (Preference Transformer, Kim et al. 2023)."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError


class CausalTransformer(nn.Module):
    """N transformers, in which a step sees those before it, and how much each step counts in its segment.

    The importance of a step is ``mean_i softmax_t(q_i k_t)`` over the steps of the segment (eq. 6 of the paper); unlike
    a step's own reward it also looks ahead, so it is used in training only, as there.

    Args:
        copies: Transformers N.
        inputs: Features of a step F.
        width: Size of the tokens W.
        heads: Heads of attention.
        layers: Layers of attention.
        length: Most steps that are looked at, the present one among them.
        weighted: Whether steps count by their importance; else all count alike.

    Raises:
        ConfigError: The width is not a multiple of the heads, or a number is not positive.
    """

    def __init__(
        self,
        copies: int,
        inputs: int,
        *,
        width: int = 64,
        heads: int = 4,
        layers: int = 1,
        length: int = 25,
        weighted: bool = True,
    ) -> None:
        super().__init__()
        if min(width, heads, layers, length) < 1 or width % heads:
            raise ConfigError(
                "a transformer needs positive sizes and a width that its heads share, got "
                f"width={width}, heads={heads}, layers={layers} and length={length}"
            )
        self.settings: dict[str, Any] = {
            "width": width, "heads": heads, "layers": layers, "length": length, "weighted": weighted,
        }  # fmt: skip
        self.width, self.length, self.weighted, self.inputs = width, length, weighted, inputs
        self.networks = nn.ModuleList(self._one(inputs, width, heads, layers) for _ in range(copies))

    def forward(self, features: Tensor) -> Tensor:
        """What is known at each step.

        Args:
            features: (N, B, T, F).

        Returns:
            (N, B, T, W).

        Raises:
            ConfigError: There are more steps than it was made for.
        """
        steps = features.shape[2]
        if steps > self.length:
            raise ConfigError(f"segments have {steps} steps, the transformer looks at {self.length}; raise its length")
        mask = nn.Transformer.generate_square_subsequent_mask(steps, device=features.device)
        tokens: list[Tensor] = []
        for network, given in zip(self._each, features, strict=True):
            places = cast(nn.Embedding, network["place"]).weight[:steps]
            tokens.append(network["trunk"](network["embed"](given) + places, mask=mask, is_causal=True))
        return torch.stack(tokens)

    def importance(self, tokens: Tensor, there: Tensor) -> Tensor:
        """How much each step counts.

        Args:
            tokens: (N, B, T, W).
            there: (N, B, T) which steps there are.

        Returns:
            (N, B, T), adding up to one over the steps that there are.
        """
        count = there.sum(-1, keepdim=True).clamp(min=1)
        if not self.weighted:
            return there / count
        shares: list[Tensor] = []
        for network, given, present in zip(self._each, tokens, there, strict=True):
            query, key = network["query"](given), network["key"](given)
            match = (query @ key.transpose(-1, -2)) / self.width**0.5
            share = match.masked_fill(~present[:, None, :], -1e9).softmax(-1)
            shares.append((share * present[:, :, None]).sum(-2))
        return torch.stack(shares) / count

    @property
    def _each(self) -> list[nn.ModuleDict]:
        return cast(list[nn.ModuleDict], list(self.networks))

    def _one(self, inputs: int, width: int, heads: int, layers: int) -> nn.ModuleDict:
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True)
        return nn.ModuleDict({
            "embed": nn.Linear(inputs, width),
            "place": nn.Embedding(self.length, width),
            "trunk": nn.TransformerEncoder(layer, layers, enable_nested_tensor=False),
            "query": nn.Linear(width, width),
            "key": nn.Linear(width, width),
        })  # fmt: skip
