"""Parts that run on a robot's or a labeler's small computer start without what takes seconds to load."""

import pkgutil
import subprocess
import sys

import pytest

import robopref.labelers.people
import robopref.recording
import robopref.robots
import robopref.safety

# Robots that are networks.
LEARNT = {f"robopref.robots.{name}" for name in ("dynamics", "latent_dynamics", "learnt_dynamics")}
COMMANDS = ("robopref.cli.data", "robopref.cli.labels")
PARTS = [
    module.name
    for part in (robopref.labelers.people, robopref.recording, robopref.safety, robopref.robots)
    for module in pkgutil.walk_packages(part.__path__, f"{part.__name__}.")
    if module.name not in LEARNT
]


def loaded(script: str) -> set[str]:
    """Top-level packages that a process has loaded at its end."""
    script += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_label_server_recorder_safety_filter_drivers_data_and_labels_start_without_torch() -> None:
    assert {"robopref.labelers.people.label_server", "robopref.recording.journal", "robopref.safety.filter"} <= {*PARTS}
    assert {"robopref.robots.universal_robots", "robopref.robots.rosbridge"} <= {*PARTS}
    script = "\n".join(f"import {name}" for name in [*PARTS, *COMMANDS])
    assert not loaded(script) & {"torch", "diffusers", "matplotlib", "mujoco", "open3d"}


@pytest.mark.slow
def test_the_quality_of_labels_is_told_without_torch() -> None:
    assert not loaded("import robopref.cli.label_quality") & {"torch", "diffusers", "mujoco", "open3d"}


def test_help_loads_nothing_that_only_commands_need() -> None:
    found = loaded("from robopref.__main__ import main\nmain(['--help'])")
    assert "robopref" in found
    assert not found & {"torch", "hydra", "omegaconf", "mujoco", "gymnasium", "numpy", "zarr", "rich"}
