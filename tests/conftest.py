"""Settings and fixtures that all tests share."""

import gc
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from robopref.processor import choose_renderer

if TYPE_CHECKING:
    from envs.rope import RopeShapingEnv

pytest_plugins = ["tests.home"]

# MuJoCo reads it once, when it is imported.
choose_renderer()
# What is started in the background may be told to pass over Ctrl-C, and what tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Every core has a test; libraries that start threads for all cores, in this or a started process, only slow them down.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def pytest_configure(config: pytest.Config) -> None:
    # Looking for cycles among what thousands of tests and large libraries are made of takes a tenth of the time.
    gc.set_threshold(50_000, 20, 20)
    if config.getoption("dist", "no") == "no":  # this process runs tests itself
        import torch

        torch.set_num_threads(1)
    # A busy machine is no failure, and a build is no place to look for new ones.
    settings.register_profile("robopref", deadline=None, derandomize="CI" in os.environ)
    settings.load_profile("robopref")


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are processors: a quarter of the time, tests wait for processes and robots."""
    return max(1, 3 * len(os.sched_getaffinity(0)) // 2) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_collection_finish() -> None:
    gc.freeze()  # what was imported and collected stays


@pytest.fixture(scope="session")
def rope_env() -> "Iterator[RopeShapingEnv]":
    """One rope for many tests: each resets it, and none keeps it."""
    from envs.rope import RopeShapingEnv
    from tests.starts import remember_starts

    env = RopeShapingEnv()
    remember_starts(env)
    yield env
    env.close()


@pytest.fixture(scope="module")
def simulated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No motion of the rope is simulated twice, for modules that are about other things."""
    from tests.motions import shared, simulated_once

    with simulated_once(shared(tmp_path_factory, "motions")):
        yield
