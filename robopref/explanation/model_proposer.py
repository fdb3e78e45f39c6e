"""A language model that proposes hypotheses about pairs that what is accepted does not explain.

After "Language models surface the unwritten code" (arXiv 2505.18942): the model is asked in both orders of the items
and says how sure it is; what it proposes in both counts more. Its replies are not trusted: a line that the grammar of
features does not read is refused, and nothing of a reply is run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.explanation.feature_table import evaluate
from robopref.explanation.grammar import Feature, directed, parse_feature
from robopref.explanation.measures import MEASURES, SUMMARIES, vectors
from robopref.explanation.offered import BOOKKEEPING
from robopref.explanation.proposals import ExamplePair, GrammarProposer, OpenQuestion, Proposal, Proposals
from robopref.labelers.cached_judge import cached_judge
from robopref.labelers.judge import Judge, NoReplyError, NotServedError, Part, UnreadableReplyError, Usage, read_answer
from robopref.labelers.patience import Patience
from robopref.labelers.request_budget import Guess, RequestLimits
from robopref.labelers.showing import Showing

_LINE, _SHOWN, _CHANNELS = 220, 80, 12
_WORDS, _LETTERS = 30, 300  # of people that are shown, and letters of each
_NUMBER = re.compile(r"[01](?:\.\d{1,6})?")
_GUESS = Usage(3000, 1000)
_SURE = 0.999
SCHEMA = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string", "description": "What the preferred items have in common, in a few sentences."},
        "hypotheses": {"type": "string", "description": "One hypothesis a line, in the grammar that was given."},
    },
    "required": ["reasoning", "hypotheses"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class ModelProposer:
    """Asks a model for hypotheses.

    Attributes:
        judge: The model.
        name: Recorded with what it proposes.
        rounds: How often it is asked, each time about pairs that are not explained yet.
        examples: Pairs that it is shown.
        most: Hypotheses of a reply that are read; what follows is refused.
        repairs: How often it is asked again after a reply that cannot be read.
        grammar: Whether what the grammar offers by itself is tested as well.
        showing: How items are shown.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        cache: File of the replies; None keeps them in the run folder.
    """

    judge: Judge
    name: str = "model"
    rounds: int = 2
    examples: int = 4
    most: int = 20
    repairs: int = 1
    grammar: bool = False
    showing: Showing = field(default_factory=Showing)
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    cache: str | None = None

    def __post_init__(self) -> None:
        if min(self.rounds, self.examples, self.most) < 1 or self.repairs < 0:
            raise ConfigError(
                "proposer.rounds, examples and most must be at least 1 and repairs 0, got "
                f"{self.rounds}, {self.examples}, {self.most} and {self.repairs}"
            )

    def propose(self, question: OpenQuestion) -> Proposals:
        """Ask about the examples in both orders of their items, see `robopref.explanation.proposals.Proposer.propose`.

        Raises:
            NotServedError: The model cannot be asked at all.
            BudgetSpentError: The budget is.
        """
        said: list[dict[str, tuple[Feature, float]]] = []
        refused: dict[str, str] = {}
        with cached_judge(self, Path(self.cache or question.folder / "replies.sqlite"), Guess(_GUESS)) as judge:
            for swapped in (False, True):
                try:
                    lines = self._lines(judge, self._parts(question, swapped=swapped))
                except NotServedError:
                    raise
                except (NoReplyError, UnreadableReplyError) as error:
                    refused[f"a whole reply of {self.name}"] = str(error)
                    lines = []
                said.append(self._read(lines, question, refused))
        own = GrammarProposer().propose(question).proposed if self.grammar and not question.accepted else ()
        return Proposals((*_agreed(said), *own), tuple(refused.items()))

    def _lines(self, judge: Judge, parts: Sequence[Part]) -> list[str]:
        problem = ""
        for attempt in range(1 + self.repairs):
            again = (
                [f"Your last reply could not be read: {problem}. Reply with the JSON object alone."] if attempt else []
            )
            reply = judge.ask([*parts, *again], SCHEMA)
            try:
                return str(read_answer("" if reply.cut else reply.text, SCHEMA)["hypotheses"]).splitlines()
            except UnreadableReplyError as error:
                problem = "it was cut off" if reply.cut else str(error)
        raise UnreadableReplyError(problem)

    def _read(
        self, lines: Sequence[str], question: OpenQuestion, refused: dict[str, str]
    ) -> dict[str, tuple[Feature, float]]:
        """Signed confidence of every feature that can be read and told of the items."""
        found: dict[str, tuple[Feature, float]] = {}
        told = [line.strip() for line in lines if line.strip()]
        for line in told[self.most :]:
            refused[line[:_SHOWN]] = f"more than {self.most} hypotheses"
        for line in told[: self.most]:
            try:
                feature, confidence = _hypothesis(line, question)
                evaluate(feature, question.arrays)
            except (ConfigError, DataError) as error:
                refused[line[:_SHOWN]] = str(error)
            else:
                found.setdefault(feature.name, (feature, confidence))
        return found

    def _parts(self, question: OpenQuestion, *, swapped: bool) -> list[Part]:
        parts: list[Part] = [_introduction(question)]
        for number, example in enumerate(question.examples, 1):
            parts.append(f"Pair {number}. The {'second' if swapped else 'first'} item was preferred.")
            items = [example.preferred, example.other]
            for place, arrays in zip(("first", "second"), items[::-1] if swapped else items, strict=True):
                parts.append(f"Pair {number}, {place} item, in numbers:\n{_numbers(arrays)}")
            parts += _pictures(example, self.showing, swapped=swapped)
        return [*parts, *_in_their_words(question), _wanted(self.most)]


def _hypothesis(line: str, question: OpenQuestion) -> tuple[Feature, float]:
    """A feature and the signed confidence of a line such as ``less mean(speed(action)) 0.7``.

    Raises:
        ConfigError: The line is none.
    """
    if len(line) > _LINE:
        raise ConfigError(f"a hypothesis has at most {_LINE} letters")
    direction, rest = directed(line.lstrip("-*• ").strip("`"))
    written, _, number = rest.rpartition(" ")
    if not direction or not _NUMBER.fullmatch(number) or float(number) > 1:
        raise ConfigError("expected more or less, a feature, and a confidence between 0 and 1")
    return parse_feature(written, question.arrays, question.named), direction * float(number)


def _agreed(said: Sequence[dict[str, tuple[Feature, float]]]) -> list[Proposal]:
    """What several replies say together: the mean of signed confidences, with zero where nothing was said."""
    found: list[Proposal] = []
    for name in dict.fromkeys(name for reply in said for name in reply):
        signed = [reply[name][1] if name in reply else 0.0 for reply in said]
        feature = next(reply[name][0] for reply in said if name in reply)
        mean = sum(signed) / len(said)
        prior = min(max(abs(mean), 1 - _SURE), _SURE)
        found.append(Proposal(feature, prior, 0 if min(signed) < 0 < max(signed) else int(np.sign(mean))))
    return found


def _introduction(question: OpenQuestion) -> str:
    arrays = [f"{name} {tuple(array.shape)}" for name, array in question.arrays.items()]
    named = [f"{name} = {getattr(series, 'series', series)}" for name, series in question.named.items()]
    known = [f"Known already, and not enough: {', '.join(question.accepted)}."] if question.accepted else []
    return "\n".join([
        "People compared behaviours of a robot in pairs and said which is better.",
        *([f"They were told: {question.task}"] if question.task else []),
        "Find out what they go by, also what nobody told them to. Each behaviour is known by arrays, one row a step:",
        ", ".join(arrays), *(["Names for some of it: " + ", ".join(named)] if named else []), *known,
    ])  # fmt: skip


def _in_their_words(question: OpenQuestion) -> list[Part]:
    """The latest of what people wrote; it is told, and no reply to it is trusted more than any other."""
    if not question.written:
        return []
    told = "\n".join(f"- {words[:_LETTERS]}" for words in question.written[-_WORDS:])
    return [
        "Some of them wrote with their answers what they looked at; left and right are as they were shown the items, "
        f"and what they say they go by need not be what they do:\n---\n{told}\n---"
    ]


def _wanted(most: int) -> str:
    measures = ", ".join(
        f"{name}({'x, y' if one.arguments == 2 else 'x'}) {one.said}" for name, one in MEASURES.items()
    )
    return (
        f"State at most {most} checkable hypotheses, one a line: `more` or `less`, a feature, and how sure you are, "
        "from 0 to 1, such as `less mean(speed(action)) 0.7`. A feature is a summary of a series. "
        f"Summaries: {', '.join(SUMMARIES)}. A series is an array of one number a step, a channel such as state[2], "
        f"or a measure of arrays, channels such as state[0:3], or measures: {measures}. "
        "Two features stand alone: duration() and shown_first(). Nothing else can be read: no arithmetic, no words."
    )


def _numbers(arrays: Mapping[str, NDArray[Any]]) -> str:
    lines: list[str] = []
    for name, array in arrays.items():
        if name in BOOKKEEPING or array.dtype.kind not in "biuf" or not array.size:
            continue
        flat = vectors(array)
        if flat.shape[1] <= _CHANNELS:
            lines.append(f"{name}: first {_short(flat[0])}, last {_short(flat[-1])}, mean {_short(flat.mean(0))}")
    return "\n".join(lines) or "nothing that is short enough"


def _short(row: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in row) + "]"


def _pictures(example: ExamplePair, showing: Showing, *, swapped: bool) -> list[Part]:
    if len(example.frames) != 2:
        return []
    frames = [list(one) for one in example.frames]
    return showing.parts(frames[::-1] if swapped else frames)
