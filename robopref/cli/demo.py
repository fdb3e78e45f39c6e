"""`robopref demo`: the whole loop, from demonstrations to a report."""

from __future__ import annotations

from robopref.cli import collect, evaluate, label, report
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.info import write_info
from robopref.cli.label_asking import build_labeler
from robopref.cli.label_features import asked_kinds
from robopref.cli.train import require_carried, train_policy, train_rewards


def run(context: Context) -> None:
    """Run every stage in order; a stage that is done already is passed over quickly."""
    # What is wrong with these is said before any long work.
    built_filters(context)
    build_labeler(context, *asked_kinds(context))
    write_info(context)
    collect.run(context)
    require_carried(context)
    train_policy(context)
    label.run(context, more=False)
    for stage in (train_rewards, evaluate.evaluate, report.run):
        stage(context)
