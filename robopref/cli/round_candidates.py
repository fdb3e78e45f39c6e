"""What a policy learns from in a round: its own candidates, carried out, and what a reward makes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from robopref.answers import Answers
from robopref.cli.answered import load_training
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.principles import choose_principle
from robopref.cli.reward_judgement import LOGISTIC
from robopref.cli.reward_settings import folders_of
from robopref.cli.reward_training import RewardTraining, train_members
from robopref.cli.round_folders import DISTILLED, finish_round, round_context, rounds_of, take_judge
from robopref.cli.trained_rewards import new_member, together, trained_names
from robopref.data.episodes.candidate_store import EXPLORED, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.comparisons import candidate_comparisons, joined_candidates, of_one_size
from robopref.data.labels.counted import counted
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.self_made import asked_about, is_self_made
from robopref.data.labels.target_operators import believe, compare
from robopref.decisions import as_reward, outcome_parts
from robopref.errors import ConfigError, DataError, MismatchError, unknown_name
from robopref.evaluation.choice_needs import LearntFrom, keep_learnt, load_learnt
from robopref.items import Comparisons
from robopref.labelers.asking import label_database
from robopref.learning.candidate_files import EXPLORED_OUTCOMES, observed_outcomes
from robopref.learning.explore import Exploration, explore
from robopref.learning.reward_members import load_members as load_members_of
from robopref.objectives.pairwise import pair_agreement
from robopref.policies.abilities import observed_by
from robopref.records import Observation
from robopref.rewards.ensemble import symmetric
from robopref.rewards.worth import candidate_worth
from robopref.scores import PairTarget

_ASIDE = 4  # every so many-th answered state of a round is held out


@dataclass
class RoundCandidates:
    """Gathers what is learnt from, round by round.

    Args:
        context: Of the command.
        judge_name: Name of the trained reward that judges.
        ask: Has the questions of a run answered, as `robopref label` does.

    Attributes:
        judge: The judge as it is by now.
        judged: All candidates of all rounds so far, and what the judge makes of each pair.
        answers: Questions that were answered for the judge so far.
        carried_out: Actions that were executed to learn from so far.
        agreement: Of the judge with this round's held-out answers; None if nobody was asked.
    """

    context: Context
    judge_name: str
    ask: Callable[[Context], None]
    judge: nn.Module = field(init=False)
    judged: Comparisons | None = None
    answers: int = 0
    carried_out: int = 0
    agreement: float | None = None

    def __post_init__(self) -> None:
        learnt = load_learnt(self.context.folder).get(self.judge_name, LearntFrom())
        self.answers, self.carried_out = learnt.answers or 0, learnt.carried_out or 0
        self.judge = self._loaded(self.context.folder)

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of an observation that the judge looks at after an action; none if it judges actions."""
        return outcome_parts(self.judge)

    @property
    def _states(self) -> int:
        """That a round learns from; a run may have explored more."""
        return int(self.context.config.improve.states)

    def gather(self, index: int) -> Comparisons:
        """Have candidates of the policy after so many rounds carried out and judged, with those of before.

        Args:
            index: Rounds done.

        Returns:
            Candidates of states, and how probable the judge finds it that one is better than another.
        """
        made = round_context(self.context, index, self.judge_name)
        try:
            store = explored(made, self.context)
            self.carried_out += store.array("candidates", 0, 1).shape[1] * self._states
            following = rounds_of(self.context) / str(index + 1)
            if int(self.context.config.improve.answers):
                self._ask(made)
                self._learn(made, following, index)
            else:
                take_judge(made, following, self.judge_name)
        finally:
            finish_round(self.context, made)
        self.judged = joined_candidates([self._believed(one) for one in range(index + 1)])
        return self.judged

    def seen(self, rounds: int, others: int, generator: torch.Generator) -> Observation:
        """States in which nothing need be carried out to learn from them.

        Args:
            rounds: That were gathered.
            others: How many of those that carried-out candidates led to, of all rounds together, at most.
            generator: Says which.

        Returns:
            What the policy observes in all states in which candidates were carried out, and in the others, (S, ...).
        """
        before, after = list[Observation](), list[Observation]()
        for index in range(rounds):
            made = round_context(self.context, index, self.judge_name)
            try:
                store, parts = open_candidates(made.folder / f"{EXPLORED}.zarr"), observed_by(made.policy())
                count = min(self._states, store.steps)
                before.append(Observation.of({name: torch.as_tensor(store.array(name, 0, count)) for name in parts}))
                came = _after(made, store, parts)
                assert came is not None, "a policy observes something"
                after.append(came.map(lambda part, count=count: part[:count].flatten(0, 1)))
            finally:
                finish_round(self.context, made)
        reached = _joined(after)
        total = len(next(iter(reached.parts.values())))
        rows = torch.randperm(total, generator=generator, device=generator.device)[:others].cpu()
        return _joined([*before, reached.map(lambda part: part[rows])])

    def _ask(self, made: Context) -> None:
        """Have the labeler answer questions about what was explored."""
        asking = copy.copy(made)  # with the pool and the locks of the run
        asking.config = copy.deepcopy(made.config)
        for name in ("label", "labeler", "selector", "task", "principle"):  # as the command has them, in every round
            asking.config[name] = copy.deepcopy(self.context.config[name])
        asking.config.label.about = EXPLORED
        asking.config.label.budget = int(self.context.config.improve.answers)
        self.ask(asking)

    def _learn(self, made: Context, following: Path, index: int) -> None:
        """Train the judge on the answers of all rounds, but for the few that are held out."""
        self.answers = load_learnt(self.context.folder).get(self.judge_name, LearntFrom()).answers or 0
        parts, aside = [load_training(self.context, after=self.parts).comparisons], list[Comparisons]()
        for one in range(index + 1):
            # This round's folder is held by this very command already.
            asked = made if one == index else round_context(self.context, one, self.judge_name)
            try:
                learnt, held, count = self._answered(asked)
            finally:
                if asked is not made:
                    finish_round(self.context, asked)
            parts += [learnt]
            aside = [held]
            self.answers += count
        config = self.context.config.rewards[self.judge_name]
        training = RewardTraining(following / "rewards", self.context.seed * 100)
        train_members(
            made, self.judge_name, joined_candidates(parts), lambda member: new_member(made, config, member), training
        )
        keep_learnt(following, {self.judge_name: LearntFrom(self.answers, self.carried_out)})
        self.judge = self._loaded(following)
        self.agreement = self._agreement(aside[0])

    def _answered(self, made: Context) -> tuple[Comparisons, Comparisons, int]:
        """Given answers about the candidates of a round: to learn from, held out, and how many questions they are."""
        with FeedbackStore(label_database(made.folder, build(self.context.config.labeler))) as database:
            answers, where = database.answers(EXPLORED.__eq__), database.database.where
        given = answers[~is_self_made(answers)]
        given = counted(given, built_filters(made)[0], where) if len(given) else given
        if not given.weight.any():
            raise DataError(f"no answer in {where} compares what was explored; improve.answers=0 asks nobody")
        about = asked_about(given)
        held = set(sorted(set(about.tolist()))[_ASIDE - 1 :: _ASIDE])
        aside = np.array([one in held for one in about.tolist()], bool)
        count = len(np.unique(given.query[~aside]))
        return self._compared(made, given[~aside]), self._compared(made, given[aside]), count

    def _compared(self, made: Context, some: Answers) -> Comparisons:
        store, policy = open_candidates(made.folder / f"{EXPLORED}.zarr"), made.policy()
        return candidate_comparisons(
            some, store, policy.geometry, keys=observed_by(policy), after=_after(made, store, self.parts)
        )

    def _agreement(self, held: Comparisons) -> float | None:
        target = held.target
        if not isinstance(target, PairTarget) or not bool(((target.weight > 0) & (target.p != 0.5)).any()):
            return None
        with torch.no_grad():
            scores = as_reward(self.judge).score(held.items)
        return float(pair_agreement(scores, target))

    def _believed(self, index: int) -> Comparisons:
        """What the judge makes of the candidates of one round."""
        made = round_context(self.context, index, self.judge_name)
        try:
            store, policy = open_candidates(made.folder / f"{EXPLORED}.zarr"), made.policy()
            after = _after(made, store, self.parts)
            with self.context.stage("Judge the candidates", "states", resumes=True) as bar:
                worth = candidate_worth(self.judge, store, after, progress=bar)
            values = torch.as_tensor(worth[: self._states], dtype=torch.float32)
            objective = str(self.context.config.rewards[self.judge_name].objective.get("_target_", ""))
            target = believe(values) if objective.rpartition(".")[2] in LOGISTIC else compare(values)
            seen = Observation.of(
                {name: torch.as_tensor(store.array(name, 0, self._states)) for name in observed_by(policy)}
            )
            chunks = torch.as_tensor(np.asarray(store.array("candidates", 0, self._states), np.float32))
            return Comparisons.of_candidates(seen, chunks, target, policy.geometry)
        finally:
            finish_round(self.context, made)

    def _loaded(self, folder: Path) -> nn.Module:
        config = self.context.config.rewards[self.judge_name]
        members = load_members_of(
            folder / "rewards", list(folders_of(self.judge_name, config).values()),
            lambda member: new_member(self.context, config, member), f"robopref train reward run={folder}",
        )  # fmt: skip
        choose_principle(self.context.config, {self.judge_name: members}, lambda _: None)
        return symmetric(together(members), self.context.policy().geometry).eval()


def explored(made: Context, context: Context) -> EpisodeStore:
    """Candidates of a run's policy, carried out; as many as the rounds ask for.

    Args:
        made: Of the run.
        context: Of the command.
    """
    config = context.config.improve
    exploration = Exploration(
        int(config.states), int(config.candidates), int(context.config.explore.warm_up), made.seed,
        int(made.config.explore.first), made.device,
    )  # fmt: skip
    return explore(
        made.folder / f"{EXPLORED}.zarr", made.folder / EXPLORED_OUTCOMES, made.policy(), made.pool, exploration,
        partial(context.stage, resumes=True),
    )  # fmt: skip


def require_same_candidates(context: Context) -> None:
    """Demand that what a run has explored already has as many candidates as rounds ask for.

    Raises:
        MismatchError: It has others.
        DataError: It is damaged.
    """
    path, wanted = context.folder / f"{EXPLORED}.zarr", int(context.config.improve.candidates)
    held = open_candidates(path).attrs.get("candidates", wanted) if path.exists() else wanted
    if held != wanted:
        raise MismatchError(
            f"{path} holds {held} candidates of each state, not improve.candidates={wanted}; give "
            f"improve.candidates={held}, or remove it and what came of it"
        )


def judge_of(context: Context) -> str:
    """The name of the reward that judges candidates.

    Raises:
        ConfigError: There is no such reward, there are several, or it is to learn from itself.
        DataError: It is not trained.
    """
    wanted, trained = context.config.improve.judge, trained_names(context)
    hint = f"run: robopref train reward run={context.folder}"
    if wanted is not None:
        if wanted not in context.config.rewards:
            raise unknown_name("improve.judge", str(wanted), [str(one) for one in context.config.rewards])
        if wanted not in trained:
            raise DataError(f"improve.judge={wanted} is not trained; {hint}")
        if wanted == DISTILLED and context.config.improve.distil:
            raise ConfigError(
                f"improve.judge={wanted} cannot judge, as rewards/{wanted} is what rounds train on the judgement; "
                "name another, or leave that out with improve.distil=false"
            )
        return str(wanted)
    found = [name for name in trained if outcome_parts(_untrained(context, name))]
    if not found:
        raise DataError(
            f"no trained reward in {context.folder} judges outcomes; {hint} reward=outcome, or name one that judges "
            f"actions with improve.judge={' or '.join(trained) or '<name>'}"
        )
    if len(found) > 1:
        raise ConfigError(f"several rewards judge outcomes; say which with improve.judge= one of {', '.join(found)}")
    return found[0]


def _joined(parts: Sequence[Observation]) -> Observation:
    """States of several datasets as one; what smaller clouds lack is made up by their points again."""
    found: dict[str, torch.Tensor] = {}
    for name in parts[0].parts:
        arrays: list[torch.Tensor] = [one.parts[name] for one in parts]
        if name == "points":
            arrays = of_one_size(arrays, dim=1)
        found[name] = torch.cat(arrays)
    return Observation.of(found)


def _untrained(context: Context, name: str) -> nn.Module:
    return new_member(context, context.config.rewards[name], 0)


def _after(made: Context, store: EpisodeStore, parts: Sequence[str]) -> Observation | None:
    return observed_outcomes(made.folder / EXPLORED_OUTCOMES, made.pool, store, parts) if parts else None
