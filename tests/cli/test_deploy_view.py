"""What the operator sees and presses."""

import io
import os

from rich.console import Console

from robopref.cli.deploy_view import Keys, TerminalView, print_timing
from robopref.motion import Event, Step
from robopref.recording.timing import Timing
from robopref.runtime.control_loop import ControlPace
from tests.runtime.parts import Bench, Witness
from tests.runtime.test_control_loop import PATIENT
from tests.waiting import PATIENCE


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_tells_state_rate_times_choice_and_cause() -> None:
    one, timing = Bench(ControlPace(4, 0.1), limits=PATIENT), Timing()
    console = Console(file=io.StringIO(), width=120)
    view = TerminalView(console, one.runtime, timing)
    one.runtime.subscribers += [timing, view]
    with view:
        one.run(commands=5)
    one.guard.halt("a [cause]")
    console.print(view._table())
    print_timing(console, timing)
    one.close()
    shown = text(console)
    for word in ("point: halted a [cause]", "commands", "Hz", "margin", "sample", "execute", "99 %", "space stop"):
        assert word in shown, word


def test_keys_of_a_terminal_reach_the_run_and_the_terminal_is_as_before() -> None:
    import termios

    one = Bench(ControlPace(4, 0.1), limits=PATIENT, real=True)
    master, slave = os.openpty()

    class Waited(list[str]):
        """Keys that count from when they are waited for, and are pressed then."""

        def clear(self) -> None:
            super().clear()
            os.write(master, b"xa")

    class Operator(Witness):
        """Asks for the third best while the first plan is carried out, and is content with it."""

        def on_step(self, step: Step) -> None:
            super().on_step(step)
            if len(self.steps) == 1:
                os.write(master, b"3")

        def on_event(self, event: Event) -> None:
            super().on_event(event)
            if event.kind == "correct":
                os.write(master, b"s")

    one.witness = Operator()
    one.runtime.subscribers = [one.witness]
    with os.fdopen(slave, "r") as terminal:
        before = termios.tcgetattr(terminal)
        with Keys(one.runtime, terminal) as keys:
            assert keys.able
            keys._pressed = Waited()
            assert keys.wait("aq") == "a"
            tally = one.run(seconds=PATIENCE)
        assert termios.tcgetattr(terminal) == before
    os.close(master)
    one.close()
    assert (tally.cause, tally.success) == ("success", True)
    (corrected,) = [event for event in one.witness.events if event.kind == "correct"]
    # The third best by its score.
    scores = [sorted(plan.scores, reverse=True)[2] for plan in one.witness.plans]
    chosen = [plan.scores[corrected.detail["candidate"]] for plan in one.witness.plans]
    assert any(a == b for a, b in zip(scores, chosen, strict=True))


def test_the_space_bar_stops_and_keys_do_nothing_at_rest() -> None:
    one = Bench(ControlPace(4, 0.1), limits=PATIENT, real=True)
    keys = Keys(one.runtime, io.StringIO())
    assert not keys.able
    with keys:
        keys.press(" ")
        assert one.robot.calls == []
        one.witness.on_step = lambda step: keys.press(" ")
        tally = one.run(seconds=PATIENCE)
        assert (tally.halted, tally.cause) == (True, "stopped by the operator")
    one.close()
