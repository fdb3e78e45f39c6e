"""Rounds of questions to a simulated person about a task of which a part is masked, and what they bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.querying.asking_policy import AskingPolicy, question_scores
from robopref.querying.masked_tasks import MaskedTask, SimulatedPerson
from robopref.querying.question_value import QuestionValue
from robopref.records import QueryKind
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.rewards.weight_belief import WeightBelief

Values = NDArray[np.float64]
Choose = Callable[[QuestionValue, Sequence[TypedQuestion], np.random.Generator], int]
_MOST = 3.0  # nats that one answer may bring or take


@dataclass(frozen=True)
class Inquest:
    """How a round goes.

    Attributes:
        model: How people answer.
        seconds: That an answer takes, by kind.
        questions: Of a round.
        draws: Of the belief.
        possible: Gives the questions that may be asked.
        moves: Of each draw after an answer.
    """

    model: AnswerModel
    seconds: Mapping[QueryKind, float]
    questions: int
    draws: int
    possible: Callable[[np.random.Generator], Sequence[TypedQuestion]]
    moves: int = 2


@dataclass(frozen=True)
class AskedRound:
    """What came of a round of Q questions.

    Attributes:
        asked: The questions.
        gained: (Q,) nats about what is masked that each answer brought; none for what was told or asked before.
        seconds: (Q,) that the answers took.
        belief: After the last one.
    """

    asked: tuple[TypedQuestion, ...]
    gained: Values
    seconds: Values
    belief: WeightBelief

    def hits(self, task: MaskedTask) -> tuple[int, int]:
        """How many questions about features were about masked ones, and how many there were."""
        names = self.belief.prior.features.names
        about = [names[one.feature] for one in self.asked if one.feature is not None]
        return sum(name in task.masked for name in about), len(about)


def ask_round(task: MaskedTask, how: Inquest, choose: Choose, rng: np.random.Generator) -> AskedRound:
    """Ask some questions, one after the other.

    Args:
        task: Whose person answers.
        how: It goes.
        choose: Index of the question to ask, given what is known and those that may be asked.
        rng: Source of randomness.
    """
    person, belief = SimulatedPerson(task.truth, how.model), begun_belief(task, how.model, how.draws, rng)
    about = set[tuple[QueryKind, int]]()
    asked, gained, before = list[TypedQuestion](), list[float](), masked_density(belief, task)
    for _ in range(how.questions):
        value = QuestionValue(belief, task.brief, how.seconds, frozenset(about))
        questions = how.possible(rng)
        question = questions[choose(value, questions, rng)]
        belief = belief.told([person.answer(question, rng)], rng, moves=how.moves)
        now = masked_density(belief, task)
        gained.append(float(np.clip(now - before, -_MOST, _MOST)) if value.novelty(question) else 0.0)
        asked.append(question)
        if question.feature is not None:
            about.add((question.kind, question.feature))
        before = now
    seconds = np.array([how.seconds[one.kind] for one in asked])
    return AskedRound(tuple(asked), np.array(gained), seconds, belief)


def at_random(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
    """Any question."""
    del value
    return int(rng.integers(len(questions)))


def by_value(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
    """The question of the largest value: the rule."""
    return int(value.of(questions, rng).argmax())


def by_policy(policy: AskingPolicy) -> Choose:
    """The question that a trained policy likes best, of those that are new."""

    def choose(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
        novel = np.array([value.novelty(one) for one in questions])
        return int((question_scores(policy, value, questions, rng) * novel).argmax())

    return choose


def begun_belief(task: MaskedTask, model: AnswerModel, draws: int, rng: np.random.Generator) -> WeightBelief:
    """What is believed of a task by its brief alone."""
    features = task.truth.features
    belief = WeightBelief.before(task.brief.prior(features), model, draws=draws, rng=rng)
    return belief.told(task.brief.answers(features), rng)


def masked_density(belief: WeightBelief, task: MaskedTask) -> float:
    """Log-density of what is masked of the truth, by the mean and the spread of each weight and limit that is believed.

    As the truth is a draw from what is believed, what an answer adds to it is, on average, the information that it
    brings (a proper score).
    """
    features, rewards, truth = belief.prior.features, belief.rewards, task.truth
    total = 0.0
    for name in sorted(task.masked):
        place = features.place(name)
        total += _log_density(rewards.weights[:, place], float(truth.weights[0, place]), float(belief.prior.std[place]))
        if features.sides[place] is not None:
            total += _log_density(rewards.limits[:, place], float(truth.limits[0, place]), 1.0)
    return total


def training_features(count: int) -> NamedFeatures:
    """Features of drawn tasks, every second of which has a limit, now on one side, now on the other."""
    sides = [None if place % 2 == 0 else ("low", "high")[place // 2 % 2] for place in range(count)]
    names = tuple(f"feature {place}" for place in range(count))
    return NamedFeatures(names, np.zeros(count), np.ones(count), tuple(sides))  # type: ignore[arg-type]


def possible_questions(features: NamedFeatures, pairs: int) -> Callable[[np.random.Generator], list[TypedQuestion]]:
    """Every question about a feature, and some pairs of items anywhere on the scales, drawn anew each time."""
    about = np.zeros((0, len(features)))
    found = [TypedQuestion("feature", about, place) for place in range(len(features))]
    found += [TypedQuestion("threshold", about, place) for place in features.limited]

    def draw(rng: np.random.Generator) -> list[TypedQuestion]:
        items = rng.uniform(size=(pairs, 2, len(features)))
        return [*found, *(TypedQuestion("pair", pair) for pair in items)]

    return draw


def _log_density(drawn: Values, truth: float, unit: float) -> float:
    spread = max(float(drawn.std()), 0.02 * unit)
    return -0.5 * ((truth - float(drawn.mean())) / spread) ** 2 - float(np.log(spread))
