"""What to ask: pairs by information, and several kinds of questions by information per second, about masked tasks.

Forty simulated people a seed. First pairs alone: a linear reward of eight features, of which four are in the brief with
an error; answers with Bradley-Terry noise; out of 150 pairs a query, until the median cosine of the mean weights
and the true ones reaches 0.90. Entropy alone asks where the answer is most uncertain.

Then all kinds: five questions about tasks with limits, out of all questions about features and thresholds and twelve
pairs. What is learnt chooses among 64 items in ten states; passive are five questions at random of the same. Without
novelty, questions are worth their information about all of the reward, whatever the brief says. The trained asker
learns for each seed anew, on other tasks.

What is measured of a seed is kept in ``runs/bench-fewer-labels``, so that a row that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.records import Record, across_seeds, keep
from robopref.learning.asker_training import AskingConfig, train_asker
from robopref.learning.asking_rounds import (
    AskedRound,
    Choose,
    Inquest,
    ask_round,
    at_random,
    by_policy,
    by_value,
    possible_questions,
    training_features,
)
from robopref.querying.briefs import Brief
from robopref.querying.masked_tasks import MaskedTask, SimulatedPerson, drawn_task, mask_task
from robopref.querying.question_seconds import PRIOR_SECONDS
from robopref.querying.question_value import QuestionValue, pair_chances
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import LinearRewards, NamedFeatures
from robopref.rewards.weight_belief import WeightBelief

Values = NDArray[np.float64]
KEPT = Path("runs/bench-fewer-labels/questions")
USERS, FEATURES, MASKED = 40, 8, 4
NOISE, DOUBT, PAIRS, DRAWS, MOST, COSINE = 3.0, 0.15, 150, 256, 40, 0.9  # of pairs alone
QUESTIONS, MIXED_PAIRS, STATES, ITEMS = 5, 12, 10, 64  # of all kinds
TRAINED = AskingConfig(steps=25, tasks=2, group=6, features=FEATURES, draws=48)


def measure(seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in PAIR_CHOICES:
        found |= keep(KEPT / f"pairs-{name.replace(' ', '-')}-{seed}.json", partial(pairs_alone, seed, name))
    return found | keep(KEPT / f"kinds-{seed}.json", partial(all_kinds, seed))


def pairs_alone(seed: int, name: str) -> dict[str, Any]:
    """Queries until the median cosine is reached, and the cosine after five."""
    rngs = [np.random.default_rng([seed, user]) for user in range(USERS)]
    people = [Person(rng) for rng in rngs]
    medians: list[float] = []
    while len(medians) < MOST and (not medians or medians[-1] < COSINE or len(medians) < QUESTIONS):
        medians.append(float(np.median([person.ask(PAIR_CHOICES[name]) for person in people])))
    reached = next((count + 1 for count, cosine in enumerate(medians) if cosine >= COSINE), MOST)
    return {f"{name}: queries": reached, f"{name}: cosine": medians[QUESTIONS - 1]}


class Person:
    """Somebody with a linear reward of unit length, of which half is told."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        features = NamedFeatures.standard([f"feature {place}" for place in range(FEATURES)])
        weights = rng.standard_normal((1, FEATURES))
        truth = LinearRewards(features, weights / np.linalg.norm(weights), np.zeros((1, FEATURES)))
        self.task = mask_task(truth, features.names[MASKED:], doubt=DOUBT, seed=int(rng.integers(2**31)))
        self.person = SimulatedPerson(truth, AnswerModel(rationality=NOISE))
        prior = self.task.brief.prior(features, scale=FEATURES**-0.5, doubt=DOUBT)
        self.belief = WeightBelief.before(prior, self.person.model, draws=DRAWS, rng=rng)

    def ask(self, choose: Choose) -> float:
        """Ask one pair; the cosine after its answer."""
        questions = [TypedQuestion("pair", items) for items in self.rng.standard_normal((PAIRS, 2, FEATURES))]
        value = QuestionValue(self.belief, self.task.brief, PRIOR_SECONDS)
        question = questions[choose(value, questions, self.rng)]
        self.belief = self.belief.told([self.person.answer(question, self.rng)], self.rng, moves=2)
        found, truth = self.belief.mean.weights[0], self.task.truth.weights[0]
        return float(found @ truth / np.linalg.norm(found) / np.linalg.norm(truth))


def by_entropy(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
    """The pair whose answer is most uncertain, whatever it tells."""
    del rng
    mean = pair_chances(value.belief.model.rationality, questions, value.belief.rewards).mean(axis=1)
    return int(np.abs(mean[:, 0] - 0.5).argmin())


def without_novelty(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
    """The question that tells most of all of the reward, as if there were no brief to look at."""
    return by_value(QuestionValue(value.belief, Brief(), value.seconds), questions, rng)


PAIR_CHOICES: dict[str, Choose] = {"random": at_random, "entropy": by_entropy, "information": by_value}


def all_kinds(seed: int) -> dict[str, Any]:
    """What five questions bring, by who asks."""
    policy = train_asker(TRAINED, PRIOR_SECONDS, seed=1000 + seed)
    features = training_features(FEATURES)
    how = Inquest(AnswerModel(), PRIOR_SECONDS, QUESTIONS, DRAWS, possible_questions(features, MIXED_PAIRS))
    asking: dict[str, Choose] = {
        "passive": at_random, "information": by_value, "without novelty": without_novelty, "asker": by_policy(policy),
    }  # fmt: skip
    tasks = [drawn_task(features, np.random.default_rng([seed, 1, user])) for user in range(USERS)]
    found: dict[str, Any] = {}
    for name, choose in asking.items():
        rounds = [
            ask_round(task, how, choose, np.random.default_rng([seed, 2, user])) for user, task in enumerate(tasks)
        ]
        hits = np.sum([came.hits(task) for came, task in zip(rounds, tasks, strict=True)], axis=0)
        found[f"{name}: return"], found["best"] = _returns(seed, tasks, rounds)
        found[f"{name}: gained"] = float(np.mean([came.gained.sum() for came in rounds]))
        found[f"{name}: seconds"] = float(np.mean([came.seconds.sum() for came in rounds]))
        found[f"{name}: about features"] = float(hits[1] / QUESTIONS / USERS)
        found[f"{name}: hits"] = float(hits[0] / max(hits[1], 1))
    return found


def _returns(seed: int, tasks: Sequence[MaskedTask], rounds: Sequence[AskedRound]) -> tuple[float, float]:
    """Mean over people of what is chosen by what was learnt, and of the best, as log-odds over a random item."""
    chosen, best = list[float](), list[float]()
    for user, (task, came) in enumerate(zip(tasks, rounds, strict=True)):
        items = np.random.default_rng([seed, 3, user]).uniform(size=(STATES, ITEMS, FEATURES))
        worth, judged = task.truth.score(items)[0], came.belief.rewards.score(items).mean(axis=0)
        chosen.append(float((worth[np.arange(STATES), judged.argmax(1)] - worth.mean(1)).mean()))
        best.append(float((worth.max(1) - worth.mean(1)).mean()))
    return float(np.mean(chosen)), float(np.mean(best))


def records(found: list[dict[str, Any]]) -> list[Record]:
    def over(claim: str, values: Any, target: str = "", unit: str = "share") -> Record:
        return across_seeds(claim, [float(values(seed)) for seed in found], target, unit=unit)

    def gap(name: str) -> Any:
        return lambda one: (one[f"{name}: return"] - one["passive: return"]) / (one["best"] - one["passive: return"])

    made = [
        over("pairs by information to cosine .90, over pairs at random",
             lambda one: one["information: queries"] / one["random: queries"], "<= 0.5", "ratio"),
        over("pairs by information to cosine .90, over pairs by entropy alone",
             lambda one: one["information: queries"] / one["entropy: queries"], "<= 0.99", "ratio"),
    ]  # fmt: skip
    for name in PAIR_CHOICES:
        made += [
            over(f"pairs to cosine .90, {name}", lambda one, n=name: one[f"{n}: queries"], unit="queries"),
            over(f"median cosine after 5 pairs, {name}", lambda one, n=name: one[f"{n}: cosine"], unit="cosine"),
        ]
    for name in ("information", "asker"):
        made.append(over(f"{name}: share of the gap from five random questions to the best choice that five chosen "
                         "questions close", gap(name), ">= 0.18"))  # fmt: skip
        made.append(over(f"{name}: questions about features that are about masked ones",
                         lambda one, n=name: one[f"{n}: hits"], ">= 0.9"))  # fmt: skip
    made.append(over("asker less information, nats about what is masked after five questions",
                     lambda one: one["asker: gained"] - one["information: gained"], ">= 0", "nats"))  # fmt: skip
    made.append(over("asker less information, share of the gap closed",
                     lambda one: gap("asker")(one) - gap("information")(one)))  # fmt: skip
    made.append(over("without novelty: share of the gap closed", gap("without novelty")))
    made += [
        over(f"{name}: questions about features that are about masked ones", lambda one, n=name: one[f"{n}: hits"])
        for name in ("passive", "without novelty")
    ]
    for name in ("passive", "information", "without novelty", "asker"):
        made += [
            over(f"{name}: nats about what is masked after five questions", lambda one, n=name: one[f"{n}: gained"],
                 unit="nats"),
            over(f"{name}: seconds of a person's time for five questions", lambda one, n=name: one[f"{n}: seconds"],
                 unit="s"),
            over(f"{name}: share of the questions that are about features", lambda one, n=name:
                 one[f"{n}: about features"]),
        ]  # fmt: skip
    return made
