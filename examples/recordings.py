"""Recordings of any robot and format -> a policy that sees what was observed -> a file, and back."""

import sys
from pathlib import Path

import torch

import robopref as rp


def main(file: Path, folder: Path, *, steps: int = 1500) -> torch.Tensor:
    """Clone a file of robomimic, LeRobot, DP3, npz, ...; gives a chunk (H, A) of actions for its first observation."""
    rp.write_dataset(folder / "recordings.zarr", rp.open_dataset(file))
    store = rp.EpisodeStore.open(folder / "recordings.zarr")
    policy = rp.ObservedPolicy.for_store(store, horizon=8)
    rp.clone_policy(policy, store, rp.FitConfig(steps), seed=0)
    torch.save(policy.state_dict(), folder / "policy.pt")

    # Elsewhere, the shapes of what is observed are enough: no recordings are needed to act.
    seen = {name: torch.as_tensor(store.array(name, 0, 1)) for name in policy.observes}
    shapes = {name: tuple(part.shape[1:]) for name, part in seen.items()}
    loaded = rp.ObservedPolicy(rp.PolicySpec(shapes, actions=policy.shape[1]), horizon=8)
    loaded.load_state_dict(torch.load(folder / "policy.pt", weights_only=True))
    return loaded.sample(rp.Observation.of(seen), 1, generator=torch.Generator().manual_seed(0))[0, 0]


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path("runs/recordings")))
