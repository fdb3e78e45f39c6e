"""Records a point robot until killed; says after every command how many were recorded."""

import sys
from pathlib import Path

from robopref.motion import Event, Plan, Reading, Step
from robopref.recording.episode_writer import EpisodeWriter
from robopref.recording.event_log import EventLog
from robopref.runtime.control_loop import ControlPace
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT


class Counter:
    def on_reset(self, reading: Reading) -> None: ...

    def on_plan(self, plan: Plan) -> None: ...

    def on_step(self, step: Step) -> None:
        sys.stdout.write(f"{step.number + 1}\n")
        sys.stdout.flush()

    def on_event(self, event: Event) -> None: ...

    def on_end(self, reading: Reading | None, cause: str) -> None: ...


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    bench = Bench(ControlPace(4, 0.1), limits=PATIENT, rate=100.0)
    bench.runtime.subscribers += [
        EpisodeWriter(folder / "episodes.zarr", {"task": "point"}), EventLog(folder / "events.jsonl"), Counter(),
    ]  # fmt: skip
    bench.run(seconds=1e6)
