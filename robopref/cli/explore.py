"""`robopref explore`: carry out candidates of the policy without anybody who judges them."""

from __future__ import annotations

from functools import partial

from robopref.cli.context import Context
from robopref.data.episodes.candidate_store import EXPLORED
from robopref.learning.candidate_files import EXPLORED_OUTCOMES
from robopref.learning.explore import Exploration, explore


def run(context: Context) -> None:
    """Explore into ``explored.zarr`` of the run folder; goes on where it stopped, also if more states are asked for."""
    config, policy = context.config.explore, context.policy()
    exploration = Exploration(
        int(config.states), int(config.candidates), int(config.warm_up), context.seed, int(config.first), context.device
    )
    store = explore(
        context.folder / f"{EXPLORED}.zarr", context.folder / EXPLORED_OUTCOMES, policy, context.pool, exploration,
        partial(context.stage, resumes=True),
    )  # fmt: skip
    count = store.array("candidates", 0, 1).shape[1]
    context.console.print(
        f"{store.steps} states with {count} candidates each, carried out: {store.path}", highlight=False, markup=False,
        soft_wrap=True,
    )  # fmt: skip
