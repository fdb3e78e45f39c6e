"""What a run looks like in the terminal, and the keys that the operator has."""

from __future__ import annotations

import contextlib
import getpass
import math
import os
import select
import sys
import threading
import time
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from robopref.cli.tables import print_table
from robopref.motion import Event, Plan, Reading, Step
from robopref.recording.timing import Timing
from robopref.runtime.control_loop import Runtime
from robopref.runtime.operator import press
from robopref.runtime.recovery import Recovery
from robopref.safety.states import State
from robopref.views.run import STAGES

HELP = (
    "space stop   t take over   g give back   y accept   2-9 correct to the n-th best   s success   f failure   q quit"
)
_COLORS = {State.RUNNING: "green", State.ARMED: "yellow", State.HALTED: "red", State.DISARMED: "blue"}


class TerminalView:
    """A table that follows a run; a subscriber, and a context manager around a run.

    Args:
        console: Where to.
        runtime: What is run.
        timing: Of the same run.
    """

    def __init__(self, console: Console, runtime: Runtime, timing: Timing) -> None:
        self._runtime, self._timing = runtime, timing
        self._width = min(112, console.width)
        self._plan: Plan | None = None
        self._events: list[str] = []
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4, transient=True)

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._plan = None

    def on_plan(self, plan: Plan) -> None:
        """Show the newest plan."""
        self._plan = plan

    def on_step(self, step: Step) -> None:
        """Steps are counted by the runtime."""

    def on_event(self, event: Event) -> None:
        """Show the last few events."""
        self._events = [*self._events[-3:], f"{event.kind}: {event.cause}" if event.cause else event.kind]

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """The table goes; a line of the command remains."""

    def _table(self) -> Table:
        guard, tally, plan = self._runtime.guard, self._runtime.tally, self._plan
        color = _COLORS[guard.state]
        table = Table(title=f"{escape(guard.spec.name)}: [{color}]{guard.state.value}[/] {escape(guard.cause)}",
                      title_justify="left", caption=HELP, caption_justify="left", show_header=False,
                      min_width=self._width)  # fmt: skip
        table.add_row("commands", f"{tally.commands}   clamped {tally.clamped}   refused {tally.refused}")
        period = self._timing.quantile("period", 0.5)
        rate = "" if math.isnan(period) else f"{1 / period:.1f} Hz"
        table.add_row("rate", f"{rate}   missed {tally.missed} of {tally.ticks}   dropped plans {tally.dropped}")
        if plan is not None:
            table.add_row(
                "plan", f"candidate {plan.index} of {len(plan.candidates)} ({plan.refused} refused)   "
                + (
                    # What the reward likes is not said to those whose opinion is asked.
                    "drawn by score" if plan.order
                    else f"score {plan.scores[plan.index]:.3f}   margin {plan.margin:.3f}"
                ),
            )  # fmt: skip
        for stage in STAGES:
            median, p99 = (self._timing.quantile(stage, share) for share in (0.5, 0.99))
            if not math.isnan(median):
                table.add_row(stage, f"median {1000 * median:7.1f} ms   99 % {1000 * p99:7.1f} ms")
        for told in self._events:
            table.add_row("", escape(told))
        return table


def print_timing(console: Console, timing: Timing) -> None:
    """Print how long each stage took."""
    rows = [
        (stage, f"{1000 * found['median']:.1f}", f"{1000 * found['p99']:.1f}", str(found["n"]))
        for stage, found in timing.summary().items()
    ]
    if rows:
        print_table(console, "Time of each stage", [("stage", "median, ms", "99 %, ms", "n"), *rows])


def on_terminal(stream: TextIO | None) -> bool:
    """Whether single keys can be read from a stream."""
    try:
        return sys.platform != "win32" and stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


class Keys:
    """Reads single keys of a terminal in a thread, and hands them to a run; without a terminal it does nothing.

    Args:
        runtime: Is told what the operator did.
        stream: The terminal.
        recovery: Is told what is decided after a halt.
    """

    def __init__(self, runtime: Runtime, stream: TextIO, recovery: Recovery | None = None) -> None:
        self._runtime, self._stream, self._recovery = runtime, stream, recovery
        self._done, self._thread = threading.Event(), threading.Thread(target=self._listen, daemon=True)
        self._before: Any = None
        self._pressed: list[str] = []
        self.able = on_terminal(stream)

    def __enter__(self) -> Keys:
        if self.able:
            import termios
            import tty

            self._before = termios.tcgetattr(self._stream)
            tty.setcbreak(self._stream)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._before is not None:
            import termios

            self._thread.join(1.0)
            termios.tcsetattr(self._stream, termios.TCSADRAIN, self._before)

    def wait(self, wanted: str) -> str:
        """The first of some keys to be pressed from now on."""
        self._pressed.clear()
        while True:
            for key in self._pressed:
                if key in wanted:
                    return key
            time.sleep(0.05)

    def _listen(self) -> None:
        while not self._done.is_set():
            ready, _, _ = select.select([self._stream], [], [], 0.1)
            if not ready:
                continue
            with contextlib.suppress(OSError):
                for key in os.read(self._stream.fileno(), 64).decode(errors="replace"):
                    self.press(key)

    def press(self, key: str) -> None:
        """Do what a key stands for."""
        self._pressed.append(key)
        if self._recovery is None or not self._recovery.answer(key, getpass.getuser()):
            press(self._runtime, key)
