"""Which parts of a run folder a command writes, so that no other command writes them at the same time."""

from __future__ import annotations

from omegaconf import DictConfig

# `labels` is held while questions are made, and by everyone who answers but people, who may be many at a time.
_PARTS = {
    "collect": ("demonstrations",),
    "train": ("policy", "rewards"),
    "train policy": ("policy",),
    "label": ("labels",),
    "explore": ("exploration",),
    "train reward": ("rewards",),
    "train person": ("rewards",),
    "train similarity": ("similarity",),
    "train dynamics": ("dynamics",),
    "train asker": ("asker",),
    "train rewriter": ("rewriter",),
    "evaluate": ("evaluation",),
    "improve": ("rounds", "exploration", "labels"),
    "report": ("report",),
    "explain": ("explanation",),
    "deploy": ("deployment",),
    "export": ("export",),
    "demo": ("demonstrations", "policy", "labels", "rewards", "evaluation", "report"),
    "offline label": ("labels",),
    "offline reward": ("reward",),
    "offline person": ("reward",),
    "offline grades": ("grades",),
    "offline similarity": ("similarity",),
    "offline explain": ("explanation",),
    "online": ("agent", "labels", "reward"),
    "online collect": ("behaviour",),
}


def written_by(command: str, config: DictConfig) -> tuple[str, ...]:
    """The parts of its run folder that a command writes.

    Args:
        command: The command.
        config: Its settings.

    Returns:
        Names of the parts.
    """
    if command in ("offline", "offline train", "offline evaluate"):
        learner = f"{config.learner.name} policies"
        return {
            "offline": ("labels", "reward", learner, f"{config.learner.name} evaluation"),
            "offline train": (learner,),
            "offline evaluate": (f"{config.learner.name} evaluation",),
        }[command]
    return _PARTS.get(command, ())
