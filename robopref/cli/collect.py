"""`robopref collect`: record demonstrations of the task."""

from __future__ import annotations

from robopref.cli.context import Context
from robopref.learning.collect import collect_demonstrations


def run(context: Context) -> None:
    """Record demonstrations into ``demos.zarr`` of the run folder."""
    with context.stage("Collect demonstrations", "states", resumes=True) as bar:
        store = collect_demonstrations(
            context.pool,
            context.folder / "demos.zarr",
            steps=int(context.config.collect.steps),
            seed=context.seed,
            mixture=context.config.collect.mixture,
            progress=bar,
        )
    context.console.print(f"{store.steps} demonstrated states in {len(store)} episodes: {store.path}")
    for code, name in enumerate(store.attrs.get("qualities", ())):
        steps = store.array("quality") == code
        earned = f", mean reward {store.array('reward')[steps].mean():.3g}" if steps.any() else ""
        context.console.print(f"  {name}: {steps.sum()} states{earned}")
