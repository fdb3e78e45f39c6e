"""`robopref improve`: rounds in which a policy learns from what a reward makes of its own candidates."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from robopref.cli import label
from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_alone
from robopref.cli.context import Context
from robopref.cli.first_weights import begun
from robopref.cli.label_features import asked_kinds
from robopref.cli.learnt_network import load_network
from robopref.cli.reward_margins import takes_margins
from robopref.cli.reward_settings import answer_source, operator_of, require_objective
from robopref.cli.reward_training import RewardTraining, train_members
from robopref.cli.round_candidates import RoundCandidates, judge_of, require_same_candidates
from robopref.cli.round_folders import (
    DISTILLED,
    begin_round,
    finish_round,
    keep_settings_of_rounds,
    round_context,
    rounds_of,
)
from robopref.cli.round_measures import RoundMeasures
from robopref.cli.round_own import preferring, require_own, watched_share
from robopref.cli.round_sharpening import sharpened
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import new_member, together
from robopref.data.episodes.time_gaps import stretch_ends
from robopref.data.episodes.training_cache import ReplayCache, cache_folder
from robopref.data.labels.target_operators import operated
from robopref.errors import ConfigError, PolicyError
from robopref.evaluation.choice_needs import LearntFrom, keep_learnt
from robopref.evaluation.compare import EpisodePace, compare_episodes, own_sample
from robopref.evaluation.round_record import RoundGuards, RoundRecord, best_round, load_rounds, write_rounds
from robopref.items import Comparisons
from robopref.labelers.learnt import RewardLabeler
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.chunk_batches import ChunkBatches
from robopref.learning.fit import FitConfig
from robopref.learning.real_share import with_demonstrations
from robopref.learning.rounds import improve
from robopref.policies.abilities import is_denoising, observed_by, require_one_observation
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.protocols import LiveFilter
from robopref.records import COMPARED_KINDS
from robopref.reports.rounds_section import brief_rows
from robopref.rewards.ensemble import symmetric
from robopref.rewards.implicit import ImplicitReward
from robopref.robots.sim import film
from robopref.scores import SuccessTarget
from robopref.video import write_video


def run(context: Context) -> None:
    """Improve the policy of a run, round by round; goes on where it stopped.

    Raises:
        ConfigError: A setting does not fit the run.
        DataError: No reward that could judge is trained.
        MismatchError: There are rounds of other settings, or other candidates were explored.
    """
    tuning, policy = tuning_of(context), context.policy()
    if not is_denoising(policy) or not isinstance(policy, ChunkDiffusion):
        chosen = context.memory.word("policy") or type(policy).__name__
        raise PolicyError(f"rounds tune a diffusion policy, and this run has {chosen}")
    require_one_observation(policy)
    judge = judge_of(context)
    require_same_candidates(context)
    if context.config.improve.own and int(context.config.improve.answers):
        raise ConfigError("improve.own=true asks nobody in rounds; leave improve.answers=0")
    answers = int(context.config.improve.answers)
    if answers and isinstance(build(context.config.labeler), RewardLabeler):
        raise ConfigError(
            f"improve.answers={answers} teaches the judge, which learns nothing from labeler=reward; choose another "
            "labeler, or improve.answers=0"
        )
    distilled: Any = context.config.rewards.get(DISTILLED) or {}
    if context.config.improve.distil and distilled.get("begin_with") is not None:
        load_network(context)  # or there is none, which is said before the first round
    if answers and not COMPARED_KINDS.intersection(kinds := asked_kinds(context)):
        raise ConfigError(
            f"improve.answers={answers} teaches the judge, which learns nothing from label.kind={kinds[0]}; ask "
            "another kind, or set improve.answers=0"
        )
    rounds = Rounds(context, tuning, judge, policy)
    made = rounds.run()
    best = best_round(made)
    title = f"Rounds of {context.folder} by {context.config.improve.method}"
    print_table(context.console, title, brief_rows(made, context.pool.task.goal))
    if made[-1].stopped:
        context.console.print(f"stopped after round {made[-1].round}: {made[-1].stopped}", soft_wrap=True)
    if best.round == 0:
        if context.config.improve.own:
            told = f"held-out answers find no round better than what {judge} learnt: use={judge} chooses by that"
        else:
            told = "the judge finds no round better than the policy that they began with"
        context.console.print(told, soft_wrap=True, highlight=False)
        return
    rounds.film(best.round)
    folder = rounds_of(context) / str(best.round)
    who = "held-out answers find" if context.config.improve.own else "the judge likes"
    context.console.print(
        f"{who} round {best.round} best: robopref evaluate run={folder}, or deploy it",
        soft_wrap=True, highlight=False,
    )  # fmt: skip


def tuning_of(context: Context) -> DictConfig:
    """How the policy learns in a round: the settings of ``rewards.implicit`` that ``improve.method`` chooses.

    Raises:
        ConfigError: There is no such method, it tunes no policy, or its objective does not fit.
    """
    name = str(context.config.improve.method)
    config: Any = compose_alone("config", [f"method={name}"]).rewards.implicit
    require_objective(f"implicit by improve.method={name}", config)
    imitates = config.get("operator") is not None and config.scorer.get("reference", "") is None
    given = context.config.improve["imitate" if imitates else "compare"]
    places = {"batch_size": "batch_size", "draws": "train_draws.count"}
    for key, value in given.items():
        if value is not None and (key != "draws" or config.train_draws is not None):
            OmegaConf.update(config, places.get(key, f"fit.{key}"), value)
    if answer_source(config) != "given":
        raise ConfigError(f"improve.method={name} learns from self-made answers by itself; choose another")
    if takes_margins(build(config.objective)):
        raise ConfigError(
            f"improve.method={name} needs margins of other rewards, and rounds have one judge; let that judge say the "
            "weighted sum, or tune with robopref train method=modpo"
        )
    return config


def live_filters_of(method: str) -> tuple[LiveFilter, ...]:
    """The filters by which a method weighs, or smooths, what it learns from in a round.

    Args:
        method: Its name.
    """
    config: Any = compose_alone("config", [f"method={method}"])
    made = [build(one) for one in config.filter.values() if one is not None]
    return tuple(one for one in made if isinstance(one, LiveFilter))


class Rounds:
    """The rounds of one run by one method.

    Args:
        context: Of the command.
        tuning: How the policy learns in a round.
        judge: Name of the reward that judges.
        policy: The policy of the run.
    """

    def __init__(self, context: Context, tuning: DictConfig, judge: str, policy: ChunkDiffusion) -> None:
        self.context, self.tuning, self.judge, self.folder = context, tuning, judge, rounds_of(context)
        torch.manual_seed(context.seed)
        try:
            made = build(tuning.scorer)(policy)
        except PolicyError as error:
            raise PolicyError(f"improve.method={context.config.improve.method}: {error}") from error
        if not isinstance(made, ImplicitReward):
            raise ConfigError(f"improve.method={context.config.improve.method} tunes no policy; choose another")
        self.reward = made
        self.candidates = RoundCandidates(context, judge, partial(label.run, more=False))
        self.own, self.trained_judge = bool(context.config.improve.own), self.candidates.judge
        if self.own:
            require_own(context, judge, self.trained_judge)
        keep_settings_of_rounds(context, judge, policy, self.folder)
        self.measures = RoundMeasures(context, self.folder, context.policy())  # type: ignore[arg-type]
        self.records: list[RoundRecord] = []
        self.kept = load_rounds(self.folder)
        self.begun = time.monotonic()
        self.real = 0.0
        self.distilled: dict[int, nn.Module] = {}  # of the latest round, which asks for it twice

    def run(self) -> list[RoundRecord]:
        """Go through all rounds; what is done already is read back."""
        config = self.context.config.improve
        self._measure(0, self.measures.first)
        fit = FitConfig(**settings(self.tuning.fit))
        draws = None if self.tuning.train_draws is None else build(self.tuning.train_draws)
        improve(
            self.reward, self._gather, build(self.tuning.objective), fit, rounds=int(config.rounds),
            seed=self.context.seed, batch_size=int(self.tuning.batch_size), points=int(self.tuning.points),
            draws=draws, filters=live_filters_of(str(config.method)),
            folder=self.folder / "training", stage=partial(self.context.stage, resumes=True),
            after=self._after,
        )  # fmt: skip
        return self.records

    def film(self, index: int) -> None:
        """Film an episode of the first policy and one of that of a round, from the same start."""
        made = round_context(self.context, index, self.judge)
        try:
            policies = {"0": self.measures.first, str(index): made.policy()}
        finally:
            finish_round(self.context, made)
        pace = EpisodePace(int(self.context.config.evaluate.steps))
        found = compare_episodes(
            self.context.pool, {name: own_sample(one) for name, one in policies.items()}, count=1, pace=pace,
            seed=self.context.seed, device=self.context.device,
        )  # fmt: skip
        with self.context.stage("Film an episode", "videos", resumes=True) as bar:
            films = self.context.pool.map(film, [(found[name].trails[0],) for name in policies])
            for done, (name, frames) in enumerate(zip(policies, films, strict=True), 1):
                write_video(self.folder / f"round-{name}.mp4", frames)
                bar(done, len(policies))

    def _gather(self, policy: ChunkDiffusion, generator: torch.Generator) -> Comparisons:
        """What the next round learns from."""
        self.begun = time.monotonic()
        if self.own and len(self.records) > 1:
            self.candidates.judge = preferring(self.trained_judge, policy)
        data = operated(self.candidates.gather(len(self.records) - 1), operator_of(self.tuning))
        share = float(self.context.config.improve.real)
        imitates = isinstance(data.target, SuccessTarget) and self.reward.reference is None
        if imitates and self._sharpens and data.items.weight.shape[1] == 1:
            index, operator = len(self.records), operator_of(self.tuning)
            states = partial(self.candidates.seen, index)
            data = sharpened(self.context, index, states, policy, self._distilled(index), operator)
        self.real = share if imitates else 0.0
        if not imitates or share == 0:
            return data
        seen, chunks = self._demonstrated()
        return with_demonstrations(data, seen, chunks, share, generator)

    @property
    def _sharpens(self) -> bool:
        """Whether the distilled reward says what is imitated, where that is one candidate of a state."""
        config = self.context.config.improve
        return bool(config.distil) and int(config.sharpen.states) > 0

    def _demonstrated(self) -> tuple[Any, torch.Tensor]:
        """What was observed before each demonstrated chunk, and the chunks."""
        store, policy = self.context.demonstrations, self.measures.first
        cache = ReplayCache.build(store, [*observed_by(policy), "action"], cache_folder(store, self.folder))
        batches = ChunkBatches(
            cache, policy.shape[0], torch.device("cpu"), keys=observed_by(policy), stretches=stretch_ends(store)
        )
        return batches.at(batches.steps)

    def _after(self, index: int, policy: ChunkDiffusion) -> str:
        """Keep the policy of a round, and measure it.

        Returns:
            Why no round is to follow; empty if one may.
        """
        path = self.folder / str(index) / "policy" / "weights.pt"
        if not path.exists():
            save_checkpoint(path, {"module": policy.state_dict()})
        begin_round(self.context, self.folder / str(index), index, self.judge)
        scorer = self._distilled(index) if self.context.config.improve.distil else None
        return self._measure(index, policy.eval(), scorer)

    def _distilled(self, index: int) -> nn.Module:
        """A reward of actions that learns from what the judge made of all candidates, for the run of a round."""
        if index in self.distilled:
            return self.distilled[index]
        begin_round(self.context, self.folder / str(index), index, self.judge)
        before, made = (round_context(self.context, one, self.judge) for one in (index - 1, index))
        judged, config = self.candidates.judged, made.config.rewards[DISTILLED]
        assert judged is not None, "candidates are judged before a reward learns from that"
        try:
            training = RewardTraining(made.folder / "rewards", self.context.seed * 100)
            # The policy of the round itself need not be there yet.
            found = train_members(
                made, DISTILLED, judged,
                lambda member: begun(self.context, config, new_member(before, config, member)), training,
            )  # fmt: skip
            keep_learnt(made.folder, {DISTILLED: LearntFrom(self.candidates.answers, self.candidates.carried_out)})
            members = [member for group in found.values() for member in group.members]
            self.distilled = {index: symmetric(together(members), self.measures.first.geometry).eval()}
            return self.distilled[index]
        finally:
            for one in (before, made):
                finish_round(self.context, one)

    def _measure(self, index: int, policy: ChunkDiffusion, scorer: nn.Module | None = None) -> str:
        found, first = self.measures.act(index, policy, scorer), self.measures.act(0, self.measures.first, None)
        gains, gathered = self.measures.gains(found, first), self.candidates
        record = RoundRecord(
            round=index, answers=gathered.answers, carried_out=gathered.carried_out,
            own=float(found.gained[:, 0].mean()), gain=gains[0] if index else None,
            best=gains[1] if len(gains) > 1 else None, judged=self.measures.judged(gathered.judge, found, first),
            entropy=self.measures.entropy(found), distance=self.measures.distance(policy, found) if index else 0.0,
            agreement=gathered.agreement if index else None, real=self.real, seconds=self._seconds(index),
            watched=self._watched(index, policy),
        )  # fmt: skip
        self.records.append(record)
        reason = self._guards().reason(self.records)
        self.records[-1] = replace(record, stopped=reason)
        # Rounds that were made before stay told of while those before them are read back, or fewer are asked for.
        later = takewhile(lambda one: self._is_there(one.round), self.kept[len(self.records) :])
        write_rounds(self.folder, [*self.records, *later])
        return reason

    def _watched(self, index: int, policy: ChunkDiffusion) -> float | None:
        if not self.own:
            return None
        own = preferring(self.trained_judge, policy) if index else self.trained_judge
        return watched_share(self.context, self.judge, own)

    def _is_there(self, index: int) -> bool:
        return (self.folder / str(index) / "policy" / "weights.pt").exists()

    def _seconds(self, index: int) -> float:
        """That a round took when it was made; what is read back takes none."""
        if index < len(self.kept):
            return self.kept[index].seconds
        return round(time.monotonic() - self.begun, 1)

    def _guards(self) -> RoundGuards:
        stop = self.context.config.improve.stop
        return RoundGuards(**{str(name): None if limit is None else float(limit) for name, limit in stop.items()})
