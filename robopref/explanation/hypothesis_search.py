"""From answered pairs to an explanation: hypotheses are proposed, accepted, proposed again, and confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.data.episodes.recorded_views import Lookup
from robopref.errors import DataError
from robopref.explanation.differing import Difference, differing
from robopref.explanation.explainer import Inference, accept, explain, standardised, unexplained
from robopref.explanation.feature_table import FeatureTable, feature_table
from robopref.explanation.findings import Explanation, Hypothesis
from robopref.explanation.grammar import SHOWN_FIRST, Feature, Series
from robopref.explanation.offered import is_presentation, offered_features
from robopref.explanation.proposals import ExamplePair, Frames, OpenQuestion, Proposal, Proposer
from robopref.explanation.rubric import RubricReport, RubricTerm, beside_rubric, spoken_terms
from robopref.protocols import Progress
from robopref.records import Item

_PRIOR = 0.05  # prior of what a rubric names, or might be a cue, and nobody proposed


@dataclass(frozen=True)
class Asked:
    """What is explained, and what is known of it.

    Attributes:
        answers: To pairs of items.
        lookup: Arrays of an item by name.
        named: Quantities that settings name.
        rubric: What those who answered were told to go by, with the feature of each term.
        instruction: The same as a sentence; what it speaks of is compared with the answers, too.
        presentation: Arrays that say how items were shown.
        frames: Pictures of an item; None if there is nothing to see.
        folder: Where files of the run are.
        shown: Whether items were shown to somebody, one before the other.
        written: What people wrote with their answers, by question and labeler.
    """

    answers: Answers
    lookup: Lookup
    named: Mapping[str, Series] = field(default_factory=dict[str, Series])
    rubric: tuple[tuple[RubricTerm, Feature], ...] = ()
    instruction: str = ""
    presentation: tuple[str, ...] = ()
    frames: Callable[[Item], Frames] | None = None
    folder: Path = Path()
    shown: bool = True
    written: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    @property
    def compared(self) -> list[Item]:
        """The items that answers compare."""
        return [self.answers.items[index] for index in np.unique(self.answers.item).tolist()]

    @property
    def example(self) -> Mapping[str, NDArray[Any]]:
        """Arrays of one of them."""
        return self.lookup(self.compared[0])

    @property
    def several(self) -> bool:
        """Whether any of them has several steps."""
        several = any(item.stop - item.start > 1 for item in self.compared)
        return several or any(len(array) > 1 for array in self.example.values())


@dataclass(frozen=True)
class Explained:
    """What came of it.

    Attributes:
        explanation: What answers go by.
        rubric: Beside what they were to go by.
        differences: What labelers differ in.
        table: The features of the hypotheses.
        answers: The answers with their items, in the order of the table's rows.
        refused: What was proposed and could not be read, with the reason.
    """

    explanation: Explanation
    rubric: RubricReport
    differences: tuple[Difference, ...]
    table: FeatureTable
    answers: Answers
    refused: tuple[tuple[str, str], ...]


def search(asked: Asked, proposer: Proposer, inference: Inference, progress: Progress | None = None) -> Explained:
    """Find what answers go by.

    Args:
        asked: The answers.
        proposer: Of hypotheses; those of the rubric, and of how items were shown, are tested in any case.
        inference: How they are tested.
        progress: Told how many items are measured of how many.

    Returns:
        What was found.

    Raises:
        DataError: There are too few answers.
        ConfigError: A feature that settings name is none.
    """
    answers = asked.answers[asked.answers.weight > 0]
    if not len(answers):
        raise DataError("no answer compares two items")
    question = OpenQuestion(
        asked.example, asked.named, asked.several, asked.instruction, folder=asked.folder
    )  # fmt: skip
    # Who goes by no answers says first what there is to test, so that what is no feature is said before any long work.
    first = None if proposer.examples else proposer.propose(question)
    known = {proposal.feature.name: proposal for proposal in _given(asked, question)}
    table = feature_table(answers, asked.lookup, [one.feature for one in known.values()], progress)
    out = inference.parted(table.answers)
    if proposer.examples:
        question = replace(question, written=_written(asked, answers[~out]))
    accepted, proposed, refused = list[int](), set[str](), dict[str, str]()
    for _ in range(proposer.rounds):
        seen = _examples(asked, answers, table, accepted, out, proposer.examples)
        found = first or proposer.propose(replace(question, accepted=_said(table, accepted), examples=seen))
        first = None
        refused |= dict(found.refused)
        new = {one.feature.name: one for one in found.proposed if one.feature.name not in proposed}
        if not asked.shown:
            new.pop(SHOWN_FIRST, None)
        fresh = [one.feature for name, one in new.items() if name not in known]
        known, proposed = known | new, proposed | new.keys()
        if fresh:
            table = table.joined(feature_table(answers, asked.lookup, fresh, progress))
        accepted = accept(standardised(table.answers, ~out)[~out], inference, accepted)
    wanted = {feature.name for _, feature in asked.rubric}
    hypotheses = [
        Hypothesis(
            one.name, known[one.name].prior, known[one.name].direction,
            is_presentation(one, asked.presentation) and one.name not in wanted, proposer.name,
        )
        for one in table.features
    ]  # fmt: skip
    groups = [names for names in (answers.kind, answers.instruction) if len(set(names.tolist())) > 1]
    explanation = explain(
        table.answers, hypotheses, inference, accepted=accepted, labelers=answers.labeler, groups=groups
    )
    terms = [*(term for term, _ in asked.rubric), *spoken_terms(asked.instruction, table.features)]
    confirmed = [place for place, one in enumerate(hypotheses) if one.feature in _confirmed(explanation)]
    return Explained(
        replace(explanation, left_out=table.left_out), beside_rubric(explanation, table, terms),
        tuple(differing(table.answers, answers.labeler, [one.name for one in table.features], confirmed, inference)),
        table, answers, tuple(refused.items()),
    )  # fmt: skip


def _given(asked: Asked, question: OpenQuestion) -> list[Proposal]:
    """What is tested whoever proposes: what the rubric names, and how items were shown."""
    cues = [
        one
        for one in offered_features(question.arrays, asked.named, several=asked.several)
        if is_presentation(one, asked.presentation) and (asked.shown or one.name != SHOWN_FIRST)
    ]
    return [Proposal(one, _PRIOR) for one in (*(feature for _, feature in asked.rubric), *cues)]


def _examples(
    asked: Asked, answers: Answers, table: FeatureTable, accepted: Sequence[int], out: NDArray[np.bool_], count: int
) -> tuple[ExamplePair, ...]:
    if not count:
        return ()
    rows = np.flatnonzero(~out)
    looked = standardised(table.answers, ~out)[rows]
    found: list[ExamplePair] = []
    for row in unexplained(looked, accepted, count):
        one, two = answers.item[rows[row]].tolist()
        better, worse = (one, two) if answers.p[rows[row]] > 0.5 else (two, one)
        pair = answers.items[better], answers.items[worse]
        frames = () if asked.frames is None else tuple(asked.frames(item) for item in pair)
        found.append(ExamplePair(asked.lookup(pair[0]), asked.lookup(pair[1]), frames))
    return tuple(found)


def _written(asked: Asked, answers: Answers) -> tuple[str, ...]:
    """What was written with these answers, no words twice, in the order in which they were given."""
    names = dict.fromkeys(
        (answers.queries[query], str(who)) for query, who in zip(answers.query.tolist(), answers.labeler, strict=True)
    )
    return tuple(dict.fromkeys(asked.written[name] for name in names if name in asked.written))


def _said(table: FeatureTable, accepted: Sequence[int]) -> tuple[str, ...]:
    return tuple(table.features[column].name for column in accepted)


def _confirmed(explanation: Explanation) -> set[str]:
    return {one.hypothesis.feature for one in explanation.of("confirmed")}
