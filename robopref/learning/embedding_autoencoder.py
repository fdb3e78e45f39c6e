"""An embedding of a variational autoencoder, which learns from items alone, without anybody's answers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.items import Items
from robopref.learning.embedding_training import EmbeddingData, EmbeddingFit, FittedEmbedding
from robopref.learning.loop import fingerprint
from robopref.rewards.item_embedding import Embedding
from robopref.scores import Loss


def from_reconstruction(
    embedding: Embedding, data: EmbeddingData, how: EmbeddingFit, *, beta: float = 0.01, hidden: int = 128
) -> FittedEmbedding:
    """Let the embedding hold what is needed to make the numbers of a decision anew (Kingma and Welling 2014).

    Vectors and actions are reconstructed; clouds and pictures are seen and not reconstructed.

    Args:
        embedding: To be trained in place: the mean of the code; what tells how sure it is, is left behind.
        data: With items.
        how: To train.
        beta: Weight of the Kullback-Leibler divergence from a standard normal code, of a squared error per number.
        hidden: Width of the two layers of the decoder.

    Raises:
        ConfigError: A setting is not positive, or there is nothing to reconstruct.
    """
    if not (beta > 0 and hidden > 0):
        raise ConfigError(f"beta and hidden must be positive, got {beta} and {hidden}")
    device = next(embedding.parameters()).device
    items = data.items().to(device)
    embedding.standardise(items)
    there = items.weight > 0
    values = _values(items)[there]
    if not values.shape[1]:
        raise ConfigError("there is no vector to reconstruct; let the embedding observe one, such as proprio")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        model = _Autoencoder(embedding, values.shape[1], hidden).to(device)
    model.mean.copy_(values.mean(0))
    model.std.copy_(values.std(0).clamp(min=1e-3))

    def loss(trained: Any, generator: torch.Generator, done: float) -> Loss:
        del done
        return trained.loss(items[how.drawn(len(items), generator)], beta, generator)

    how.run(model, loss, fingerprint([*items.steps.values(), items.weight]))
    embedding.eval()
    return FittedEmbedding()


def _values(items: Items) -> Tensor:
    """The numbers of all vectors of each decision, (B, K, T, C)."""
    shape = items.weight.shape
    vectors = [
        part.flatten(3).float().expand(*shape, -1) if part.ndim > 3 else part[..., None].float().expand(*shape, 1)
        for name, part in items.steps.items()
        if name not in ("points", "image") and not (part.ndim == 6 and part.shape[-1] == 3)
    ]
    return torch.cat([items.weight.new_zeros(*shape, 0), *vectors], dim=-1)


class _Autoencoder(nn.Module):
    """An embedding as the mean of a code, how sure it is, and a decoder."""

    mean: Tensor
    std: Tensor

    def __init__(self, embedding: Embedding, channels: int, hidden: int) -> None:
        super().__init__()
        self.embedding, size = embedding, embedding.size
        self.log_variance = nn.Linear(size, size)
        self.decoder = nn.Sequential(
            nn.Linear(size, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, channels)
        )
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def loss(self, items: Items, beta: float, generator: torch.Generator) -> Loss:
        """Squared error per number, and beta times the divergence of the code."""
        there = items.weight > 0
        code = self.embedding.embed(items)[there]
        log_variance = self.log_variance(code).clamp(-10, 10)
        noise = torch.randn(code.shape, generator=generator, device=code.device)
        made = self.decoder(code + noise * (0.5 * log_variance).exp())
        error = (made - (_values(items)[there] - self.mean) / self.std).square().mean()
        divergence = 0.5 * (code.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()
        total = error + beta * divergence
        return Loss(total, {"loss": total.detach(), "error": error.detach(), "divergence": divergence.detach()})
