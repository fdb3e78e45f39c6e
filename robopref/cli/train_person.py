"""`robopref train person` and `robopref offline person`: what somebody wants, of a handful of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from omegaconf import DictConfig
from torch import nn

from robopref.cli.answered import load_training
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.persons import shares_of
from robopref.cli.reward_settings import folders_of, operator_of
from robopref.cli.segment_rewards import answered_segments, is_trained, member_folder, new_segment_member, recorded
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import new_member, trained_names
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import LABELER
from robopref.data.labels.segment_pairs import recorded_comparisons
from robopref.data.labels.target_operators import operated
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.items import Comparisons, context_code
from robopref.learning.fit import FitConfig
from robopref.learning.new_person import fit_person
from robopref.learning.preference import Batches
from robopref.learning.reward_members import load_member, save_member
from robopref.rewards.mixture import MixtureReward

_NONE = "there is no trained reward that knows persons in {folder}; train one with: {command} reward=mixture"


def run(context: Context) -> None:
    """Fit the weights of the person that ``person`` names in every reward of candidates that knows persons."""
    name = _named(context)
    members = {
        str(reward): {
            context.folder / "rewards" / folder / "weights.pt": _making(context, config, member)
            for member, folder in folders_of(str(reward), config).items()
        }
        for reward, config in context.config.rewards.items()
        if reward in trained_names(context)
    }
    found = _mixtures(members)
    if not found:
        raise DataError(_NONE.format(folder=context.folder, command=f"robopref train reward run={context.folder}"))
    learnt = load_training(context, (LABELER,))
    if name not in learnt.labelers:
        raise unknown_name("person among those who answered", name, learnt.labelers)
    for reward, mixtures in found.items():
        _fit(context, reward, mixtures, name, learnt.comparisons)


def run_offline(context: Context) -> None:
    """The same for rewards of recorded segments."""
    name, store = _named(context), recorded(context)
    members = {
        str(reward): {
            member_folder(context, folder) / "weights.pt": _of_segments(context, store, str(reward), member)
            for member, folder in folders_of(str(reward), config).items()
        }
        for reward, config in context.config.rewards.items()
        if is_trained(context, str(reward))
    }
    found = _mixtures(members)
    if not found:
        raise DataError(_NONE.format(folder=context.folder, command=f"robopref offline reward run={context.folder}"))
    answers = answered_segments(context, {store.path.stem})
    if name not in answers.labeler.tolist():
        raise unknown_name("person among those who answered", name, set(map(str, answers.labeler)))
    for reward, mixtures in found.items():
        keys = next(iter(mixtures.values())).keys
        _fit(context, reward, mixtures, name, recorded_comparisons(answers, store, keys=keys, context=(LABELER,)))


def _named(context: Context) -> str:
    shares = shares_of(context.config)
    if shares is None or len(shares) != 1:
        raise ConfigError("say whose wishes to learn: person=<name>, one who has answered some questions")
    return next(iter(shares))


def _making(context: Context, config: DictConfig, member: int) -> Callable[[], nn.Module]:
    return lambda: new_member(context, config, member)


def _of_segments(context: Context, store: EpisodeStore, name: str, member: int) -> Callable[[], nn.Module]:
    return lambda: new_segment_member(context, store, name, member)


def _mixtures(
    members: Mapping[str, Mapping[Path, Callable[[], nn.Module]]],
) -> dict[str, dict[Path, MixtureReward]]:
    found: dict[str, dict[Path, MixtureReward]] = {}
    for reward, makers in members.items():
        loaded = {path: load_member(path, make) for path, make in makers.items()}
        mixtures = {path: one for path, one in loaded.items() if isinstance(one, MixtureReward)}
        if mixtures:
            found[reward] = mixtures
    return found


def _fit(context: Context, reward: str, mixtures: Mapping[Path, MixtureReward], name: str, data: Comparisons) -> None:
    config = context.config.rewards[reward]
    how, objective = config.new_person, build(config.objective)
    fit = FitConfig(int(how.steps), float(how.learning_rate), weight_decay=float(how.weight_decay), ema=0.0)
    rows = (data.items.context[LABELER] == context_code(name)).nonzero()[:, 0]
    mine, rows_told = operated(data[rows], operator_of(config)), list[tuple[str, ...]]()
    batches = Batches(size=int(how.batch_size), points=int(config.points))
    for path, mixture in mixtures.items():
        weights = fit_person(mixture.to(context.device), name, mine, objective, fit, seed=context.seed, batches=batches)
        save_member(path, mixture)
        rows_told.append((path.parent.name, *(f"{one:.2f}" for one in weights.tolist())))
    count = max(len(row) for row in rows_told)
    print_table(
        context.console, f"What {name} wants, from {len(mine)} questions",
        [("reward", *(f"prototype {k}" for k in range(1, count))), *rows_told],
    )  # fmt: skip
