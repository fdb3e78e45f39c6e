"""What the settings of one reward say of how it is trained; those that a YAML leaves out are as everywhere."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.building import build, settings
from robopref.cli.made_with import settings_of
from robopref.data.labels.self_made import AnswerSource
from robopref.errors import ConfigError, PolicyError
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, require_takes, target_of
from robopref.learning.reward_members import RewardFit, member_names
from robopref.protocols import LiveFilter
from robopref.scores import PairTarget, SuccessTarget

FORMER = "segment"  # the one that a run of before had, in the folder that holds all of them


@contextlib.contextmanager
def naming_reward(name: str) -> Generator[None]:
    """Let errors about settings say which reward they are of.

    Args:
        name: Of the reward.

    Raises:
        PolicyError: As it is.
        ConfigError: The same, named.
    """
    try:
        yield
    except PolicyError:
        raise
    except ConfigError as error:
        said = f"rewards.{name}"
        raise ConfigError(str(error) if str(error).startswith(said) else f"{said}: {error}") from error


def folders_of(name: str, config: DictConfig) -> dict[int, str]:
    """What the folder of each member of a reward is called.

    Args:
        name: Of the reward.
        config: Its settings.
    """
    return member_names(name, int(config.get("members", 1)))


def operator_of(config: DictConfig) -> Any:
    """What makes a target of preferences; None if they are learnt from as they are.

    Args:
        config: Settings of a reward.
    """
    return None if config.get("operator") is None else build(config.operator)


def answer_source(config: DictConfig) -> AnswerSource:
    """Whose answers a reward learns from.

    Args:
        config: Its settings.

    Raises:
        ConfigError: It learns from self-made answers, and is to hold some of them out, which would watch nothing.
    """
    said: AnswerSource = config.get("learn_from", "given")
    if said != "given" and config.get("held_out"):
        raise ConfigError(
            f"held_out holds out answers that are learnt from, and with learn_from={said} given ones watch; set "
            "held_out=0"
        )
    return said


def labelers_of(config: DictConfig) -> tuple[str, ...]:
    """Names of those whose answers a reward learns from; none for all that filters leave.

    Args:
        config: Its settings.

    Raises:
        ConfigError: It learns from self-made answers, whose labeler is the reward that gave them.
    """
    names = tuple(str(name) for name in config.get("labelers") or ())
    if names and config.get("learn_from", "given") != "given":
        raise ConfigError("labelers names those who gave answers; with learn_from=self_made rewards did, leave it null")
    return names


def require_objective(name: str, config: DictConfig) -> None:
    """Require that the objective of a reward takes what its operator leaves of preferences.

    Args:
        name: Of the reward.
        config: Its settings.

    Raises:
        ConfigError: It does not.
    """
    with naming_reward(name):
        require_takes(build(config.objective), PairTarget if operator_of(config) is None else SuccessTarget)


def learns_from_ratings(config: DictConfig) -> bool:
    """Whether a reward learns from ratings: its objective takes what items are worth, and no operator makes that.

    Args:
        config: Settings of a reward.
    """
    return operator_of(config) is None and target_of(build(config.objective)) is SuccessTarget


def fit_of(config: DictConfig, filters: Sequence[LiveFilter], made_with: Mapping[str, str]) -> RewardFit:
    """How a reward is trained.

    Args:
        config: Settings of a reward.
        filters: Weigh its questions while it is trained.
        made_with: Settings by name, which weights need not show.

    Raises:
        ConfigError: A part cannot be built.
    """
    draws = None if config.get("train_draws") is None else build(config.train_draws)
    sizes = {key: int(config[name]) for key, name in (("size", "batch_size"), ("points", "points")) if name in config}
    cuts = tuple(int(length) for length in config.get("cuts") or ())
    batches = Batches(**sizes, draws=draws, cuts=cuts, filters=tuple(filters))
    fit = FitConfig(**settings(config.fit))
    return RewardFit(build(config.objective), fit, batches, config.get("held_out"), made_with)


def made_with(name: str, config: DictConfig) -> dict[str, str]:
    """What a reward is trained with that neither its weights nor the numbers of its labels say.

    Args:
        name: Of the reward.
        config: Its settings.
    """
    made = settings_of(f"rewards.{name}", OmegaConf.masked_copy(config, ["scorer", "operator"]))
    # With draws of its own, training does not depend on those that candidates are ranked by.
    ranked_by = f"rewards.{name}.scorer.draws."
    own = config.get("train_draws") is not None
    return {key: value for key, value in made.items() if not (own and key.startswith(ranked_by))}
