"""A task of Meta-World under robopref's wrapper: whether branches are exact, and whether its own policy succeeds."""

import sys

import numpy as np
from exchange import dump

from robopref.robots.sim import SimTask, TaskSpec

path, name, policy = sys.argv[1:]
options = {
    "name": "metaworld:Meta-World/MT1", "env_name": name, "seed": 0, "points": False, "inaccuracy": 0.5,
    "expert": f"metaworld.policies:{policy}",
}  # fmt: skip
one, other = (SimTask(TaskSpec("envs:robopref/Gym-v0", options, 150)) for _ in range(2))
episodes, solved = [], 0
for seed in range(5):
    rng = np.random.default_rng(seed)
    one.reset(seed)
    for _ in range(int(rng.integers(0, 60))):
        one.step(one.demonstrate(rng, "medium"))
    start = one.env.snapshot()
    actions = [one.demonstrate(rng, "poor") for _ in range(20)]
    first = [one.step(action) for action in actions]
    other.reset(seed + 100)
    other.rewind(start, 0)
    again = [other.step(action) for action in actions]
    episodes.append({
        kind: np.stack([moment.observation["state"] for moment in moments]) for kind, moments in
        (("first", first), ("again", again))
    } | {
        f"{kind}_reward": np.array([moment.reward for moment in moments]) for kind, moments in
        (("first", first), ("again", again))
    })  # fmt: skip
    one.reset(seed)
    solved += any(one.step(one.demonstrate(rng, "expert")).success for _ in range(150))
dump(path, episodes, solved=solved, kept=one.env._state.names)
