"""Fitting one module to one loss: AdamW, warm-up and cosine decay, and an average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robopref.errors import ConfigError
from robopref.learning.loop import Resumable, TrainingProgress, fingerprint, require_finite, train
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.origin import FIRST, TrainingOrigin, parts_of, settings_of
from robopref.scores import Loss
from robopref.seeding import STEPS, in_block

LossFunction = Callable[[nn.Module, torch.Generator], Loss]


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


class Watch(Resumable, Protocol):
    """Looks at a module while it is trained."""

    def look(self, step: int, *, last: bool) -> bool:
        """After so many steps, perhaps the last; whether to stop."""
        ...

    def weights(self) -> dict[str, Any]:
        """The weights to end with; empty for those of the end."""
        ...


def fit(
    module: nn.Module,
    loss: LossFunction,
    config: FitConfig,
    *,
    seed: int,
    origin: str = "",
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
    watch: Watch | None = None,
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
        watch: Looks at the module after every step, and says when to stop.

    Returns:
        The module.

    Raises:
        TrainingError: A loss term or a gradient is not finite.
        DataError: The folder holds the state of a different module, seed or origin.
    """
    trainee = _Averaged(module, loss, config, seed, watch)
    if folder:
        weights = list(module.state_dict().values())
        parts = {**settings_of(config), **parts_of(origin), FIRST: fingerprint(weights)}
        origin = TrainingOrigin(fingerprint([config, str(origin), *weights]), parts)
    train(trainee, config, seed=seed, origin=origin, folder=folder, progress=progress, stop=lambda _: trainee.over)
    if watch is not None and watch.weights():
        module.load_state_dict(watch.weights())
    elif config.ema > 0:
        module.load_state_dict(trainee.average.module.state_dict())
    return module.eval()


class _Averaged:
    """A module with its optimiser and the average of its weights."""

    def __init__(
        self, module: nn.Module, loss: LossFunction, config: FitConfig, seed: int, watch: Watch | None
    ) -> None:
        self.module, self.loss, self.config, self.seed = module.train(), loss, config, seed
        self.watch, self.over = watch, False
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.average = AveragedModel(module, avg_fn=self._average)

    def advance(self, step: int, *, due: bool) -> dict[str, Tensor]:
        config = self.config
        generator = torch.Generator(self.device).manual_seed(in_block(self.seed, step, STEPS, "fit"))
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * config.rate(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            got = self.loss(self.module, generator)
        self.optimizer.zero_grad(set_to_none=True)
        got.total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        # Reading a value back stalls a GPU, so there it happens only when a record is due.
        if due or self.device.type == "cpu":
            require_finite({**got.terms, "total": got.total.detach(), "gradient norm": norm}, step)
        self.optimizer.step()
        self.average.update_parameters(self.module)
        if self.watch is not None:
            self.over = self.watch.look(step + 1, last=step + 1 == config.steps)
        return got.terms

    def state(self) -> dict[str, Any]:
        watched = {} if self.watch is None else {"watch": self.watch.state(), "over": self.over}
        return {
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            **watched,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        restore_optimizer(self.optimizer, state["optimizer"])
        if self.watch is not None:
            self.watch.restore(state["watch"])
            self.over = bool(state["over"])

    def _average(self, averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        decay = min(self.config.ema, (1 + int(count)) / (10 + int(count)))
        return averaged.lerp(current, 1 - decay)
