"""A run on settings so small that nothing is learnt, for the tests of commands."""

from pathlib import Path

import pytest

from robopref.__main__ import main

ROOT = Path(__file__).parent.parent.parent
TINY = [
    "workers=0", "device=cpu", "collect.steps=6", "train.fit.steps=3", "train.batch_size=4", "policy.width=8",
    "policy.denoiser.hidden=16", "policy.points=12", "policy.nodes=12", "train.points=12", "label.states=3",
    "label.candidates=3", "rewards.explicit.fit.steps=2", "rewards.explicit.scorer.width=8",
    "rewards.implicit.fit.steps=2", "label.warm_up=1", "evaluate.starts=2", "evaluate.candidates=3",
    "evaluate.warm_up=1", "evaluate.episodes=1", "evaluate.steps=1",
    # An untrained policy may miss the rope with all its candidates, and then there is nothing to prefer.
    "label.demonstrated=true",
]  # fmt: skip


def fails(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that is to fail with one line, and return that."""
    status = main(list(words))
    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err
