"""The one gradient loop: AdamW, warm-up and cosine decay, EMA, exact resume, and a stop at the first NaN."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.tensorboard import SummaryWriter

from robopref.errors import ConfigError, DataError, TrainingError
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.types import Loss

LossFunction = Callable[[nn.Module, torch.Generator], Loss]
Progress = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    Attributes:
        steps: Gradient steps.
        learning_rate: Peak learning rate.
        weight_decay: AdamW weight decay.
        warmup: Share of the steps for linear warm-up; cosine decay to zero follows.
        clip_norm: Largest gradient norm.
        ema: Largest decay of the moving average of the weights; 0 keeps the last weights instead.
        log_every: Steps between records of the metrics.
        save_every: Steps between checkpoints.
        precision: ``float32``, or ``bfloat16`` for mixed precision.

    Raises:
        ConfigError: A value is out of range.
    """

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup: float = 0.05
    clip_norm: float = 1.0
    ema: float = 0.999
    log_every: int = 25
    save_every: int = 250
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_every < 1 or self.save_every < 1:
            raise ConfigError(f"steps, log_every and save_every must be at least 1, got {self}")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision must be float32 or bfloat16, got {self.precision!r}")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema must be in [0, 1), got {self.ema}")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.warmup <= 1:
            raise ConfigError(f"warmup is a share of the steps and must be in [0, 1], got {self.warmup}")
        if not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay must not be negative, got {self.weight_decay}")

    def rate(self, step: int) -> float:
        """Factor of the learning rate at a step."""
        warmup = max(1, round(self.warmup * self.steps))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, self.steps - warmup)))


def fit(
    module: nn.Module,
    loss: LossFunction,
    config: FitConfig,
    *,
    seed: int,
    origin: str = "",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> nn.Module:
    """Train a module in place and leave it with its averaged weights, in eval mode.

    Every step draws from its own generator, seeded by `seed` and the step, so a run that was killed and resumed from
    its folder ends with the same weights as one that was not.

    Args:
        module: What to train; parameters that need no gradient stay.
        loss: Loss of the module for one step; all its randomness comes from the generator that it is given.
        config: How to train.
        seed: Seed of the step generators.
        origin: What the loss is made from, data and settings; a state of another origin, or of a module that began
            with other weights, is not continued.
        folder: Where ``state.pt`` (for resuming), ``metrics.jsonl`` and TensorBoard logs go; None keeps nothing.
        progress: Called with every step and its latest metrics.

    Returns:
        The module.

    Raises:
        TrainingError: A loss term or a gradient is not finite.
        DataError: The folder holds the state of a different module, seed or origin.
    """
    run = _Run(module, config, seed, origin, folder)
    try:
        for step in range(run.step, config.steps):
            metrics = run.advance(loss, step)
            if progress is not None:
                progress(step + 1, metrics)
    finally:
        run.close()
    if config.ema > 0:
        module.load_state_dict(run.average.module.state_dict())
    return module.eval()


class _Run:
    """Optimiser, average and logs of one call of `fit`."""

    def __init__(self, module: nn.Module, config: FitConfig, seed: int, origin: str, folder: Path | None) -> None:
        self.module, self.config, self.seed, self.folder = module.train(), config, seed, folder
        self.origin = fingerprint([config, origin, *module.state_dict().values()]) if folder else ""
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.average = AveragedModel(module, avg_fn=self._average)
        self.step, self.metrics = 0, dict[str, float]()
        self.writer = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._resume(folder)
            self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=self.step)

    def advance(self, loss: LossFunction, step: int) -> dict[str, float]:
        config = self.config
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * config.rate(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            got = loss(self.module, generator)
        self.optimizer.zero_grad(set_to_none=True)
        got.total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        due = (step + 1) % config.log_every == 0 or step + 1 == config.steps
        # Reading a value back stalls a GPU, so there it happens only when a record is due.
        if due or self.device.type == "cpu":
            _require_finite({**got.terms, "total": got.total.detach(), "gradient norm": norm}, step)
        self.optimizer.step()
        self.average.update_parameters(self.module)
        if due:
            self.metrics = {name: float(value) for name, value in got.terms.items()}
            self._record(step + 1)
        if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
            self._save(step + 1)
        return self.metrics

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()

    def _average(self, averaged: torch.Tensor, current: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        decay = min(self.config.ema, (1 + int(count)) / (10 + int(count)))
        return averaged.lerp(current, 1 - decay)

    def _record(self, step: int) -> None:
        if self.folder is None or self.writer is None:
            return
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **self.metrics}) + "\n")
        for name, value in self.metrics.items():
            self.writer.add_scalar(name, value, step)

    def _save(self, step: int) -> None:
        if self.folder is None:
            return
        state = {
            "step": step,
            "seed": self.seed,
            "origin": self.origin,
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        save_checkpoint(self.folder / "state.pt", state)

    def _resume(self, folder: Path) -> None:
        path, metrics = folder / "state.pt", folder / "metrics.jsonl"
        if not path.exists():
            metrics.unlink(missing_ok=True)
            return
        state: dict[str, Any] = load_checkpoint(path, self.device)
        try:
            self.module.load_state_dict(state["module"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise DataError(f"{path} does not fit this model ({reason}); choose another run folder") from error
        if state["seed"] != self.seed or state["step"] > self.config.steps:
            raise DataError(
                f"{path} is from seed {state['seed']} at step {state['step']}, asked for seed {self.seed} and "
                f"{self.config.steps} steps; choose another run folder"
            )
        if state.get("origin", "") != self.origin:
            raise DataError(
                f"{path} was trained on other data or with other settings; remove {folder} to train again, or choose "
                "another run folder"
            )
        self.step = int(state["step"])
        _keep_until(metrics, self.step)


def fingerprint(values: Iterable[object]) -> str:
    """What tensors and plain values hold, in a few characters that are the same in every process."""
    digest = hashlib.sha256()
    for value in values:
        tensor = isinstance(value, torch.Tensor)
        digest.update(value.detach().cpu().contiguous().numpy().tobytes() if tensor else repr(value).encode())
    return digest.hexdigest()


def _require_finite(terms: dict[str, torch.Tensor], step: int) -> None:
    for name, value in terms.items():
        # A batch of ties has no accuracy; everything else must be a number.
        if name != "accuracy" and not bool(torch.isfinite(value)):
            raise TrainingError(
                f"{name} became {float(value)} at step {step + 1}; lower the learning rate or look for bad values in "
                "the data"
            )


def _keep_until(metrics: Path, step: int) -> None:
    if not metrics.exists():
        return
    kept: list[str] = []
    for line in metrics.read_text().splitlines():
        # A killed run may have left half a line; what was saved lies before it.
        with contextlib.suppress(ValueError):
            if json.loads(line)["step"] <= step:
                kept.append(line)
    temporary = metrics.with_suffix(".tmp")
    temporary.write_text("".join(f"{line}\n" for line in kept))
    os.replace(temporary, metrics)
