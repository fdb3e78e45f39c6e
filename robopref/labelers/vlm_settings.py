"""Settings of ``labeler=vlm``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, ClassVar

from robopref.errors import ConfigError
from robopref.labeler_kinds import Kind
from robopref.labelers.feature_replies import schema_of
from robopref.labelers.judge import Judge, Part, Picture, Schema, Usage
from robopref.labelers.patience import Patience
from robopref.labelers.request_budget import RequestLimits
from robopref.labelers.showing import Showing
from robopref.labelers.vlm import Manner, VlmLabeler, WayOfAsking, feature_parts
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

if TYPE_CHECKING:
    from robopref.labelers.model import ModelLabeler
    from robopref.labelers.subject import Subject

_WRITTEN = 250  # tokens of a description or an answer, a guess
_LETTERS = 4  # of a token, of English text
_PIXELS = 750  # of a token, by Anthropic's rule of thumb; others count tiles, some more, some less
# The most that any provider counts: so many for a picture, and for each square of so many pixels begun.
_PICTURE, _SQUARE, _SIDE = 3000, 6000, 512
_MOST_WRITTEN = 1024


@dataclass(frozen=True)
class VlmSettings:
    """How a vision-language model is asked.

    Called with a subject, it makes a labeler that looks at the subject's items.

    Attributes:
        judge: The model.
        name: Recorded as the labeler; answers of another name stay beside.
        manner: How it is asked.
        showing: How items are shown.
        patience: What happens when it is busy.
        budget: How much may be spent on all replies in the cache together.
        workers: Questions at a time.
        errors: Questions in a row that may fail before asking stops.
        cache: File of the replies; None keeps them in the run folder.
    """

    kind: ClassVar[Kind] = "model"  # of labeler, as stored answers tell it

    judge: Judge
    name: str = "vlm"
    manner: WayOfAsking = field(default_factory=Manner)
    showing: Showing = field(default_factory=Showing)
    patience: Patience = field(default_factory=Patience)
    budget: RequestLimits = field(default_factory=RequestLimits)
    workers: int = 4
    errors: int = 8
    cache: str | None = None

    kinds: ClassVar[tuple[QueryKind, ...]] = VlmLabeler.kinds

    def __post_init__(self) -> None:
        require_asking(self.name, self.workers, self.errors)

    def __call__(self, subject: Subject) -> ModelLabeler:
        """Make a labeler.

        Raises:
            DataError: There is nothing to see of the items.
        """
        from robopref.labelers.model import ModelLabeler

        return ModelLabeler(self, subject)

    def asking(self, judge: Judge, pictures: Pictures, task: str, seed: int) -> VlmLabeler:
        """What puts questions to a judge, about items that have pictures, by a task."""
        del seed  # both orders are asked, or the given one
        return VlmLabeler(judge, pictures, task=task, manner=self.manner, showing=self.showing, name=self.name)

    def estimate(self, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
        """See `estimate`."""
        return estimate(self, query, frames, task)


def require_asking(name: str, workers: int, errors: int, repairs: int = 0) -> None:
    """Require what everybody who asks a model has to be told.

    Args:
        name: Recorded with the answers.
        workers: Questions at a time.
        errors: Failures in a row that stop the asking.
        repairs: Questions after a reply that cannot be read.

    Raises:
        ConfigError: One is out of range.
    """
    if not name:
        raise ConfigError("labeler.name must not be empty")
    if workers < 1 or errors < 1:
        raise ConfigError(f"labeler.workers and errors must be positive, got {workers} and {errors}")
    if repairs < 0:
        raise ConfigError(f"labeler.repairs must not be negative, got {repairs}")


@dataclass(frozen=True)
class Estimate:
    """What asking will take, roughly.

    Attributes:
        requests: If none fails and every reply can be read.
        usage: Tokens of all of them.
        one: Tokens of the larger request of a question.
        most: Tokens that this request may take at most, as dear as they come.
    """

    requests: int
    usage: Usage
    one: Usage
    most: Usage


def estimate(settings: VlmSettings, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
    """Guess what asking will take, from the size of texts and pictures.

    Servers count the tokens of pictures in different ways, so this can be wrong by a factor of several.

    Args:
        settings: How it is asked.
        query: A question.
        frames: Pictures of each of its items.
        task: What to judge by.

    Returns:
        The guess.
    """
    showing, manner = settings.showing, settings.manner
    if query.feature is not None:
        parts = feature_parts(query.kind, query.feature, task, showing, frames)
        schema, conclude, requests = schema_of(query.kind, query.feature), None, manner.samples
    else:
        prompt = manner.prompt(query.kind)
        parts = [*showing.parts(frames), prompt.look, task]
        schema, conclude, requests = prompt.schema, prompt.conclude, manner.requests(query.kind)
    looking, most = request_usage(settings.judge, parts, schema, _WRITTEN)
    if conclude is None:
        return Estimate(requests, _times(looking, requests), looking, most)
    concluding = Usage((len(conclude) + len(task)) // _LETTERS + _WRITTEN, _WRITTEN)
    total = Usage(*(a + b for a, b in zip(dataclasses.astuple(looking), dataclasses.astuple(concluding), strict=True)))
    return Estimate(requests, _times(total, requests // 2), looking, most)


def request_usage(judge: Judge, asked: Sequence[Part], schema: Schema, written: int) -> tuple[Usage, Usage]:
    """What one request takes, roughly and at most.

    Args:
        judge: Who is asked.
        asked: Texts and pictures.
        schema: Of the reply.
        written: Tokens of the reply, a guess.
    """
    texts = "".join(part for part in asked if isinstance(part, str))
    shapes = [part.shape for part in asked if not isinstance(part, str)]
    pixels = sum(height * width for height, width, _ in shapes)
    squares = sum(ceil(height / _SIDE) * ceil(width / _SIDE) for height, width, _ in shapes)
    read = len((texts + json.dumps(schema)).encode()) + _PICTURE * len(shapes) + _SQUARE * squares
    longest = int(getattr(judge, "max_tokens", _MOST_WRITTEN))
    return Usage(len(texts) // _LETTERS + pixels // _PIXELS, written), Usage(read, longest)


def _times(usage: Usage, number: int) -> Usage:
    return Usage(usage.input_tokens * number, usage.output_tokens * number)
