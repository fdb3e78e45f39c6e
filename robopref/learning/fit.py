"""Fitting one module to one loss: AdamW, warm-up and cosine decay or a constant rate, and an average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robopref.errors import ConfigError, MismatchError
from robopref.files import write_json
from robopref.learning.loop import Resumable, TrainingProgress, fingerprint, require_finite, train
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.origin import FIRST, TrainingOrigin, parts_of, settings_of
from robopref.learning.phases import Phases
from robopref.scores import Loss
from robopref.seeding import STEPS, in_block

CONSTANT, COSINE = "constant", "cosine"
SCHEDULES = (COSINE, CONSTANT)
RECORD = "training.json"  # what made the weights
PHASE = "phase"  # in the curves, of those after the first
# Of a module for one step, given a source of randomness and the share of the steps that are done.
LossFunction = Callable[[nn.Module, torch.Generator, float], Loss]


@dataclass(frozen=True)
class FitConfig:
    """How to train.

    Attributes:
        steps: Gradient steps.
        learning_rate: Peak learning rate.
        weight_decay: AdamW weight decay.
        warmup: Share of the steps for linear warm-up of ``cosine``; decay to zero follows.
        clip_norm: Largest gradient norm.
        ema: Largest decay of the moving average of the weights; 0 keeps the last weights instead.
        log_every: Steps between records of the metrics.
        save_every: Steps between checkpoints.
        precision: ``float32``, or ``bfloat16`` for mixed precision.
        schedule: Of the learning rate: ``cosine`` ends at zero with the steps; ``constant`` ends nowhere, so that a run
            with more steps is the same run, only longer.
        warmup_steps: Steps of linear warm-up of ``constant``.

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
    # Not shown, as states are told from others by what a config shows, and those of before know neither.
    schedule: str = field(default="cosine", repr=False)
    warmup_steps: int = field(default=100, repr=False)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.log_every < 1 or self.save_every < 1:
            raise ConfigError(f"steps, log_every and save_every must be at least 1, got {self}")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision must be float32 or bfloat16, got {self.precision!r}")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule must be {' or '.join(SCHEDULES)}, got {self.schedule!r}")
        if self.warmup_steps < 1:
            raise ConfigError(f"warmup_steps must be at least 1, got {self.warmup_steps}")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema must be in [0, 1), got {self.ema}")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.warmup <= 1:
            raise ConfigError(f"warmup is a share of the steps and must be in [0, 1], got {self.warmup}")
        if not self.weight_decay >= 0:
            raise ConfigError(f"weight_decay must not be negative, got {self.weight_decay}")

    def rate(self, step: int, begun: int = 0) -> float:
        """Factor of the learning rate at a step.

        Args:
            step: Counted from 0.
            begun: Step at which the cosine began; it ends with the steps.
        """
        if self.schedule == CONSTANT:
            return min(1.0, (step + 1) / self.warmup_steps)
        step, steps = step - begun, self.steps - begun
        warmup = max(1, round(self.warmup * steps))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


class Watch(Resumable, Protocol):
    """Looks at a module while it is trained."""

    @property
    def every(self) -> int:
        """Steps between looks; the last step is looked at in any case."""
        ...

    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        """Look at the module after so many steps, perhaps the last, and at its averaged weights; whether to stop."""
        ...

    def notes(self) -> Mapping[str, float]:
        """What the latest look found, for the curves."""
        ...

    def weights(self) -> dict[str, Any]:
        """The weights to end with; empty for the averaged ones of the end."""
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
    its folder ends with the same weights as one that was not. A run that ended goes on if more steps are asked for:
    with a constant learning rate it ends with the weights of one that was never stopped; with a cosine, the steps that
    are added are a phase with a cosine of its own, from the optimiser's state and the average of the end.

    Args:
        module: What to train; parameters that need no gradient stay.
        loss: Loss of the module for one step; all its randomness comes from the generator that it is given, and what
            changes in the course of training follows the share of the steps that are done, in [0, 1).
        config: How to train.
        seed: Seed of the step generators.
        origin: What the loss is made from, data and settings; a state of another origin, or of a module that began
            with other weights, is not continued.
        folder: Where ``state.pt`` (for resuming), ``metrics.jsonl``, ``training.json`` (what made the weights) and
            TensorBoard logs go; None keeps nothing.
        progress: Called with every step and its latest metrics.
        watch: Looks at the module from time to time, and says when to stop.

    Returns:
        The module.

    Raises:
        TrainingError: A loss term or a gradient is not finite.
        MismatchError: The folder holds the state of a different module, seed or origin, or of a cosine that has not
            come to the end that it was begun with.
        DataError: The folder cannot be read or written.
    """
    trainee = _Averaged(module, loss, config, seed, watch)
    told: str | Callable[[Path], str] = origin
    if folder:
        told = trainee.origin_of(origin)
    train(
        trainee, config, seed=seed, origin=told, folder=folder, progress=progress, stop=lambda _: trainee.over,
        notes=lambda: trainee.noted,
    )  # fmt: skip
    if folder:
        phases = trainee.phases.told(config.schedule, trainee.done)
        write_json(folder / RECORD, {"steps": trainee.done, "phases": phases})
    if watch is not None and (chosen := watch.weights()):
        module.load_state_dict(chosen)
    elif config.ema > 0:
        module.load_state_dict(trainee.average.module.state_dict())
    return module.eval()


class _Averaged:
    """A module with its optimiser and the average of its weights."""

    def __init__(
        self, module: nn.Module, loss: LossFunction, config: FitConfig, seed: int, watch: Watch | None
    ) -> None:
        self.module, self.loss, self.config, self.seed = module.train(), loss, config, seed
        self.watch, self.over, self.noted = watch, False, dict[str, float]()
        self._regular: dict[str, Any] = {}
        self.done, self.phases = 0, Phases((config.steps,))
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
            group["lr"] = config.learning_rate * config.rate(step, self.phases.begun)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            got = self.loss(self.module, generator, step / config.steps)
        self.optimizer.zero_grad(set_to_none=True)
        got.total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, config.clip_norm)
        # Reading a value back stalls a GPU, so there it happens only when a record is due.
        if due or self.device.type == "cpu":
            require_finite({**got.terms, "total": got.total.detach(), "gradient norm": norm}, step)
        self.optimizer.step()
        self.average.update_parameters(self.module)
        self.done = step + 1
        self._look()
        return got.terms if self.phases.count == 1 else {**got.terms, PHASE: torch.tensor(float(self.phases.count))}

    def state(self) -> dict[str, Any]:
        watched = {} if self.watch is None else {**self._watched(), "regular": self._regular}
        return {
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "phases": list(self.phases.ends),
            **watched,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        restore_optimizer(self.optimizer, state["optimizer"])
        done = int(state["step"])
        phases = Phases.of_state(state, self.config.steps) if self.config.schedule == COSINE else self.phases
        if self.watch is not None:
            same = self.config.schedule == CONSTANT and done < self.config.steps
            watched = (state.get("regular") if same else None) or state
            self.watch.restore(watched.get("watch", {}))
            self.over = bool(watched.get("over", False))
        self.done, self.phases = done, phases

    def origin_of(self, origin: str) -> Callable[[Path], str]:
        """What the state of a run is told from others by, however long it is; of weights as they are now.

        Args:
            origin: What the loss is made from.
        """
        config, begun = self.config, parts_of(origin)
        # Copied, because those of the module change before it is known how its run began.
        weights = [deepcopy(value) for value in self.module.state_dict().values()]
        first = fingerprint(weights)
        known = list[TrainingOrigin]()

        def told(path: Path) -> str:
            if known:
                return known[0]
            end = self.phases.ends[-1]
            if config.schedule == COSINE and end != config.steps:
                raise MismatchError(self._unfinished(path, end))
            settings: dict[str, object] = settings_of(config)
            if config.schedule == CONSTANT:
                compared = [CONSTANT, config.warmup_steps, replace(config, steps=1, warmup=0.0)]
                unlike = ("steps", "warmup")
            else:
                # A run that was never told of phases is compared by the steps that it was begun with.
                settings["steps"] = self.phases.ends[0]
                compared, unlike = [replace(config, steps=self.phases.ends[0])], ("warmup_steps",)
            parts = {name: value for name, value in settings.items() if name not in unlike}
            text = fingerprint([*compared, str(origin), *weights])
            known.append(TrainingOrigin(text, {**parts, **begun, FIRST: first}))
            weights.clear()
            return known[0]

        return told

    def _unfinished(self, path: Path, end: int) -> str:
        asked = f"(steps was {end}, is {self.config.steps})"
        if self.over:
            return (
                f"{path} was stopped at step {self.done} by what was held out {asked}; leave the steps as they "
                f"were, or remove {path.parent} to train again"
            )
        return (
            f"{path} is at step {self.done} of {end} {asked}; a cosine has to end before more steps can follow: go on "
            f"with steps={end}, or choose another run folder"
        )

    def _look(self) -> None:
        """Have the module looked at, if it is time to."""
        self.noted = {}
        if self.watch is None:
            return
        last, regular = self.done == self.config.steps, self.done % self.watch.every == 0
        # A look that only the end asked for is none of a run that goes on as if there had been no end.
        self._regular = self._watched() if last and not regular else {}
        if regular or last:
            self.over = self.watch.look(self.done, self.average.module, last=last)
            self.noted = dict(self.watch.notes())

    def _watched(self) -> dict[str, Any]:
        return {} if self.watch is None else {"watch": self.watch.state(), "over": self.over}

    def _average(self, averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        decay = min(self.config.ema, (1 + int(count)) / (10 + int(count)))
        return averaged.lerp(current, 1 - decay)
