"""Draw the pictures of tasks.md: each task at its start, and at the end of a good and of a bad episode."""

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v3 as imageio
import numpy as np

import envs  # noqa: F401  registers the tasks

SIDE = 240  # of each of the three pictures, pixels
SEED = 3


def main(folder: Path, names: list[str]) -> None:
    """Draw some tasks, or all of them, by the last part of their id."""
    folder.mkdir(parents=True, exist_ok=True)
    for spec in gym.registry.values():
        name = spec.id.removeprefix("robopref/").removesuffix("-v0")
        if spec.id.startswith("robopref/") and name != "Gym" and (not names or name in names):
            env: Any = gym.make(spec.id, points=False, disable_env_checker=True).unwrapped
            env.reset(seed=SEED)
            row = [env.picture("side", SIDE)]
            for quality in ("expert", "random"):
                env.reset(seed=SEED)
                rng = np.random.default_rng(SEED)
                for _ in range(spec.max_episode_steps or 1):
                    if env.step(env.demonstrate(rng, quality))[2]:
                        break
                row.append(env.picture("side", SIDE))
            env.close()
            path = folder / f"{name}.jpg"
            imageio.imwrite(path, np.concatenate(row, axis=1), quality=88)
            print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main(Path(__file__).parent / "pictures", sys.argv[1:])
