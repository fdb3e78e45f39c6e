"""`robopref offline grades`: what a trained grader says of rollouts, and how near that is to what people say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import answers_of_run
from robopref.cli.segment_rewards import load_segment_reward, recorded
from robopref.cli.tables import print_table
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.rated_segments import known_grades, rating_answers, recorded_ratings
from robopref.data.labels.segment_pairs import looked_up
from robopref.decisions import as_reward
from robopref.errors import ConfigError, TrainingError, unknown_name
from robopref.evaluation.grade_metrics import GradeReport, grade_report
from robopref.files import write_json
from robopref.labelers.asking import label_database
from robopref.learning.held_out import item_scores
from robopref.querying.segment_queries import episode_queries
from robopref.records import Item

_BATCH = 64  # rollouts that are looked up at a time


def run(context: Context) -> None:
    """Grade every episode and all that was rated; writes ``grades.json``.

    Raises:
        ConfigError: The reward gives no grades, or no array says who acted.
        DataError: There are no episodes, or the reward is not trained.
        TrainingError: A grade is not finite.
    """
    store = recorded(context)
    _require_told(context, store)
    name = str(context.config.use)
    answers = _ratings(context, store)
    reward, told = load_segment_reward(context, store, name)
    queries = episode_queries(store.path.stem, store.episode_ends, count=max(1, len(store)))
    items = sorted((query.items[0] for query in queries), key=lambda item: item.start)
    graded = _graded(context, store, reward, items, "Grade")
    _require_scale(context, graded.shape[1])
    found: dict[str, Any] = {
        "reward": name, "weights": told, "data": str(store.path),
        "episodes": [
            {"start": item.start, "stop": item.stop, "grade": round(float(one @ np.arange(1, len(one) + 1)), 4),
             "probabilities": [round(float(share), 4) for share in one]}
            for item, one in zip(items, graded, strict=True)
        ],
    }  # fmt: skip
    grades = graded @ np.arange(1, graded.shape[1] + 1)
    context.console.print(
        f"{len(items)} episodes of {store.path}: grade {grades.mean():.2f} on average, from {grades.min():.2f} to "
        f"{grades.max():.2f}", highlight=False, soft_wrap=True,
    )  # fmt: skip
    if answers is None or not len(answers):
        context.say(f"{context.folder} holds no rating of these episodes that counts, to compare with grades")
    else:
        report = _report(context, store, reward, answers)
        found["ratings"] = report.to_dict()
        _print(context, report)
    path = context.folder / "grades.json"
    write_json(path, found)
    context.console.print(f"grades: {path}", highlight=False, soft_wrap=True)


def _graded(context: Context, store: EpisodeStore, reward: Any, items: Sequence[Item], stage: str) -> np.ndarray:
    """Probabilities of grades (N, L) of some rollouts."""
    keys = as_reward(reward).keys
    found: list[np.ndarray] = []
    with context.stage(stage, "rollouts") as bar:
        for start in range(0, len(items), _BATCH):
            some = items[start : start + _BATCH]
            rows = looked_up(
                [[item] for item in some], lambda item: steps_of(store, keys, item.start, item.stop), keys=keys
            )
            grades = item_scores(reward, rows.to(context.device)).grades
            if grades is None:
                raise ConfigError(
                    f"the reward {context.config.use} gives no grades; train one that does: robopref offline reward "
                    "reward=ordinal, on answers to label.kind=rating"
                )
            found.append(grades[:, 0].detach().exp().cpu().numpy())
            if not (finite := np.isfinite(found[-1]).all(-1)).all():
                raise TrainingError(
                    f"the grade of the rollout from step {some[int(finite.argmin())].start} of {store.path} is not "
                    f"finite; look at its numbers with: robopref data quality {store.path}, or train the reward again"
                )
            bar(start + len(some), len(items))
    return np.concatenate(found)


def _ratings(context: Context, store: EpisodeStore) -> Answers | None:
    """Ratings of the data in the database of the run that count; None if there is no database."""
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not ("://" in labels or Path(labels).exists()):
        return None
    with FeedbackStore(labels, create=False) as database:
        queries = [query for query in database.queries() if query.source == store.path.stem]
        answers = rating_answers(queries, database.feedback())
        where = database.database.where
    return answers_of_run(context, labeler, answers, where) if len(answers) else answers


def _report(context: Context, store: EpisodeStore, reward: Any, answers: Answers) -> GradeReport:
    data = recorded_ratings(answers, store, keys=())
    rated = [answers.items[int(index)] for index in data.called.index[:, 0]] if data.called else []
    graded = _graded(context, store, reward, rated, "Grade what was rated")
    known = known_grades(data, graded.shape[1])
    policies = context.config.grades.policies
    names = None if policies is None else [who_acted(store, str(policies), item) for item in rated]
    return grade_report(known, graded, policies=names, success=float(context.config.grades.success))


def who_acted(store: EpisodeStore, name: str, item: Item) -> str:
    """Who acted in a rollout, by an array of numbers that the data may have names for."""
    code, names = store.array(name, item.start, item.start + 1).item(), store.attrs.get("qualities")
    if name == "quality" and isinstance(names, list) and code in range(len(names)):
        return str(names[int(code)])
    return f"{code:g}"


def _require_told(context: Context, store: EpisodeStore) -> None:
    """Refuse an array that does not say who acted."""
    name = context.config.grades.policies
    if name is None:
        return
    if name not in store.keys:
        raise unknown_name(f"array of {store.path} in grades.policies", str(name), store.keys)
    if len(store) and store.array(str(name), 0, 1).size != 1:
        raise ConfigError(
            f"grades.policies={name}: one number a step says who acted, such as quality, got {name} of shape "
            f"{store.array(str(name), 0, 1).shape[1:]}"
        )


def _require_scale(context: Context, levels: int) -> None:
    """Refuse successes that are off the scale."""
    if float(context.config.grades.success) > levels:
        raise ConfigError(
            f"grades.success is a grade of 1 to {levels}, the scale of the reward {context.config.use}, got "
            f"{context.config.grades.success}"
        )


def _print(context: Context, report: GradeReport) -> None:
    def said(value: float, form: str = ".2f") -> str:
        return "-" if np.isnan(value) else f"{value:{form}}"

    print_table(context.console, f"Grades of {report.count} rated rollouts", [
        ("", "value"), ("exact", said(report.exact, ".0%")), ("at most one away", said(report.within_one, ".0%")),
        ("mean error, grades", said(report.error)), ("pairs ordered right", said(report.pair_accuracy, ".0%")),
        ("gap of successes and failures", f"{said(report.gap)} (known {said(report.known_gap)})"),
        *([("Kendall's tau of who acted", said(report.tau))] if report.win_rates else []),
    ])  # fmt: skip
    if report.win_rates:
        rows = [(name, said(known, ".0%"), said(given, ".0%")) for name, (known, given) in report.win_rates.items()]
        print_table(context.console, "Pairs won against the others", [("who acted", "known", "by grades"), *rows])
    levels = range(1, len(report.table) + 1)
    print_table(context.console, "Known grades by given ones", [
        ("known", *map(str, levels)), *((str(level), *map(str, report.table[level - 1])) for level in levels),
    ])  # fmt: skip
