"""TD-MPC2's state agent (Hansen et al. 2024) in its own code, from a checkout of nicklashansen/tdmpc2."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf

# Its device is written into its code in many places, with what only such a device can do.
_ON_A_PROCESSOR = {
    b"cuda:0": b"cpu",
    b"capturable=True": b"capturable=False",
    b"torch.cuda.mem_get_info()": b"(2**33, 2**33)",
    b"WorldModel(cfg).to(self.device)": b"WorldModel(cfg)",  # newer tensordict keeps stand-ins that cannot be moved
}


class _OnAProcessor(SourceFileLoader):
    """Reads a module with its device replaced, and leaves no compiled file behind."""

    def get_data(self, path: str) -> bytes:
        """The source, changed."""
        source = super().get_data(path)
        for theirs, instead in _ON_A_PROCESSOR.items():
            source = source.replace(theirs, instead)
        return source

    def path_stats(self, path: str) -> Any:
        """Nothing, so that no compiled file is looked for."""
        raise OSError(path)


@contextmanager
def on_a_processor(folder: Path) -> Generator[None]:
    """Let modules be imported from a folder as if they had been written for a processor."""

    def finder(path: str) -> FileFinder:
        if not Path(path).is_relative_to(folder):
            raise ImportError(path)
        return FileFinder(path, (_OnAProcessor, [".py"]))

    sys.path_hooks.insert(0, finder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.path_hooks.remove(finder)


class TDMPC2:
    """Its agent and buffer, in the loop of its trainer without logging and evaluation.

    Args:
        checkout: The folder that holds `tdmpc2`.
        state: Numbers observed.
        actions: Action dim A.
        steps: That the buffer is made for.
        length: Of an episode.
        settings: Of its `config.yaml` that are given otherwise.
    """

    def __init__(
        self, checkout: Path, state: int, actions: int, *, steps: int, length: int, settings: dict[str, Any]
    ) -> None:
        folder = checkout / "tdmpc2"
        with on_a_processor(folder):
            agents, buffers = importlib.import_module("tdmpc2"), importlib.import_module("common.buffer")
            self._dict = importlib.import_module("tensordict").TensorDict
        known: Any = OmegaConf.load(folder / "config.yaml")
        known = {name: known[name] for name in known if not OmegaConf.is_missing(known, name)}
        known |= {"multitask": False, "obs_shape": {"state": (state,)}, "action_dim": actions, "steps": steps,
                  "episode_length": length, "task_dim": 0, **settings}  # fmt: skip
        known["bin_size"] = (known["vmax"] - known["vmin"]) / (known["num_bins"] - 1)
        self.agent, self.buffer = agents.TDMPC2(SimpleNamespace(**known)), buffers.Buffer(SimpleNamespace(**known))
        self._actions, self._steps = actions, list[Any]()

    def begin(self, seen: torch.Tensor) -> None:
        """An episode begins with what is seen (D,)."""
        self._steps = [self._step(seen, torch.full((self._actions,), torch.nan), torch.nan, torch.nan)]

    def act(self, seen: torch.Tensor) -> torch.Tensor:
        """What it does (A,)."""
        torch.compiler.cudagraph_mark_step_begin()
        return self.agent.act(seen, t0=len(self._steps) == 1)

    def remember(
        self, seen: torch.Tensor, action: torch.Tensor, reward: float, *, terminated: bool, over: bool
    ) -> None:
        """Take what came of an action, and the episode when it is over."""
        self._steps.append(self._step(seen, action, reward, float(terminated)))
        if over:
            self.buffer.add(torch.cat(self._steps))

    def learn(self) -> None:
        """One update."""
        self.agent.update(self.buffer)

    def _step(self, seen: torch.Tensor, action: torch.Tensor, reward: float, terminated: float) -> Any:
        values = {"obs": seen, "action": action, "reward": torch.tensor(reward), "terminated": torch.tensor(terminated)}
        return self._dict({name: value[None] for name, value in values.items()}, batch_size=(1,))
