"""An agent's actions are kept within what was demonstrated, in a real simulation."""

import numpy as np

from robopref.robots.maps import action_map
from robopref.robots.sim import SimTask, TaskSpec
from robopref.safety.filtered_actions import FilteredActions
from robopref.safety.violations import Bounds, ToolPath


def test_a_tool_that_is_driven_outwards_stays_in_the_box_and_slow() -> None:
    task = SimTask(TaskSpec("envs:robopref/PlanarPush-v0", {"points": False}, 60))
    start = task.reset(3).observation["proprio"][:3].astype(np.float64)
    bounds = Bounds(None, 0.02, 0.02, start - 0.08, start + 0.08)

    def driven(screen: FilteredActions | None) -> ToolPath:
        moment = task.reset(3)
        if screen is not None:
            screen.reset()
        places = [moment.observation["proprio"][:3]]
        for step in range(20):
            action = np.array([-1, -1 if step % 2 else 1], np.float32)
            if screen is not None:
                action = screen(moment.observation, action)
            moment = task.step(action)
            places.append(moment.observation["proprio"][:3])
        return ToolPath(np.stack(places).astype(np.float64))

    raw = driven(None)
    kept = driven(FilteredActions(bounds, action_map(task.geometry)))
    again = driven(FilteredActions(bounds, action_map(task.geometry)))
    assert bounds.violations(raw)["workspace"] >= 1
    assert bounds.violations(kept)["workspace"] == 0
    assert bounds.violations(kept)["speed"] < bounds.violations(raw)["speed"] / 4
    assert np.abs(kept.tool - start).max() > 0.02  # it still moves
    np.testing.assert_array_equal(kept.tool, again.tool)
