"""A vision-language model in this process, from a folder; the only user of transformers."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from robopref.errors import ConfigError, DataError, DependencyError
from robopref.labelers.judge import Part, Prices, Reply, Schema, Usage, marks_thinking

_ENDS = 1 << 20  # bytes at the beginning and at the end of a file that tell models apart
_PROMPTED = "\n\nReply with one JSON object and nothing else. It has to follow this JSON schema:\n"


class LocalJudge:
    """A vision-language model of the transformers library, for robots without a network.

    It answers one question at a time; a server such as vLLM answers many at once, and is the better choice where it can
    be had. Nothing is ever downloaded, and no code of the model's folder is run.

    Args:
        path: Folder with weights, processor and chat template, as ``save_pretrained`` writes them.
        device: Where to run it.
        max_tokens: Of a reply.
        temperature: Of the sampling; 0 takes the likeliest token.

    Raises:
        ConfigError: A setting cannot work.
    """

    def __init__(
        self, path: str | None, *, device: str = "cpu", max_tokens: int = 512, temperature: float = 0.0
    ) -> None:
        if not path:
            raise ConfigError("no model is named; set labeler.judge.path=<folder of the model>")
        if max_tokens < 1 or temperature < 0:
            raise ConfigError(f"max_tokens must be positive, temperature not negative, got {max_tokens}, {temperature}")
        self.path, self.device = Path(path), torch.device(device)
        self.max_tokens, self.temperature = max_tokens, temperature
        self.prices: Prices | None = Prices(0.0, 0.0)
        self._turn = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None
        self._contents: str | None = None

    @property
    def name(self) -> str:
        """Name and contents of the folder, and the settings that change what the model says."""
        if self._contents is None:
            self._contents = _fingerprint(self.path)
        return f"local:{self.path.name} {self._contents} t={self.temperature:g} n={self.max_tokens}"

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """Let the model write a reply; see `robopref.labelers.judge.Judge`.

        Raises:
            DataError: The folder holds no such model.
            DependencyError: transformers is not installed.
        """
        with self._turn:
            processor, model = self._load()
            tail = [] if schema is None else [_PROMPTED + json.dumps(dict(schema))]
            content = [
                {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "image": part}
                for part in (*parts, *tail)
            ]
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True,
                return_tensors="pt",
            ).to(self.device)  # fmt: skip
            asked = inputs["input_ids"].shape[1]
            drawing = {"do_sample": True, "temperature": self.temperature} if self.temperature else {"do_sample": False}
            # `generate` takes no generator.
            gpus = [self.device] if self.device.type == "cuda" else []
            with torch.random.fork_rng(devices=gpus), torch.inference_mode():
                torch.manual_seed(sample)
                written = model.generate(**inputs, max_new_tokens=self.max_tokens, **drawing)[0, asked:]
            text = spoken(processor, written)
        return Reply(
            text, Usage(asked, len(written)), cut=len(written) >= self.max_tokens and not _ended(model, written)
        )

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModelForImageTextToText, AutoProcessor
            except ModuleNotFoundError as error:
                raise DependencyError(
                    "local models need the package transformers; install it with: pip install 'robopref[local]'"
                ) from error
            if not self.path.is_dir():
                raise DataError(
                    f"{self.path}: no such folder of a model, which judge.path= names; expected one that "
                    "save_pretrained of transformers wrote"
                )
            try:
                # The folder may be anybody's: code in it is not run, and nobody is asked whether it should be.
                options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
                processor = AutoProcessor.from_pretrained(self.path, **options)
                model: Any = AutoModelForImageTextToText.from_pretrained(self.path, **options)
            except (OSError, ValueError, ImportError) as error:
                cause = str(error).split("\n", maxsplit=1)[0]
                raise DataError(f"{self.path}: no vision-language model that transformers knows ({cause})") from error
            self._loaded = processor, model.to(self.device).eval()
        return self._loaded


def spoken(processor: Any, written: Any) -> str:
    """Text of a reply without special tokens but those that mark thinking, which tell drafts from the answer.

    Args:
        processor: Of the model.
        written: Numbers of the tokens (T,).
    """
    tokens = getattr(processor, "tokenizer", processor)
    text = str(processor.decode(written, skip_special_tokens=False))
    for token in tokens.all_special_tokens:
        if not marks_thinking(token):
            text = text.replace(token, "")
    return text


def _ended(model: Any, written: Any) -> bool:
    """Whether the last token is one that ends a reply."""
    ends = model.generation_config.eos_token_id
    return int(written[-1]) in (ends if isinstance(ends, list) else [ends])


def _fingerprint(folder: Path) -> str:
    """Eight digits from names, sizes, beginnings and ends of the files of a folder: other weights are another model."""
    digest = hashlib.sha256()
    try:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            size = path.stat().st_size
            with path.open("rb") as file:
                digest.update(f"{path.name} {size}:".encode() + file.read(_ENDS))
                file.seek(max(_ENDS, size - _ENDS))
                digest.update(file.read(_ENDS))
    except OSError as error:
        raise DataError(
            f"{folder}: cannot read ({error.strerror}); expected a folder that save_pretrained wrote"
        ) from error
    return digest.hexdigest()[:8]
