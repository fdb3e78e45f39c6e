"""Settings of ``labeler=vlm``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import ClassVar

from robopref.labelers.asked_model import LookingModelSettings
from robopref.labelers.feature_replies import schema_of
from robopref.labelers.judge import Judge, Part, Picture, Schema, Usage
from robopref.labelers.vlm import Manner, VlmLabeler, WayOfAsking, feature_parts
from robopref.protocols import Pictures
from robopref.records import Query, QueryKind

_WRITTEN = 250  # tokens of a description or an answer, a guess
_LETTERS = 4  # of a token, of English text
_PIXELS = 750  # of a token, by Anthropic's rule of thumb; others count tiles, some more, some less
# The most that any provider counts: so many for a picture, and for each square of so many pixels begun.
_PICTURE, _SQUARE, _SIDE = 3000, 6000, 512
_MOST_WRITTEN = 1024


@dataclass(frozen=True)
class VlmSettings(LookingModelSettings):
    """How a vision-language model is asked.

    Attributes, beside those of `LookingModelSettings`:
        manner: How it is asked.
    """

    name: str = "vlm"
    manner: WayOfAsking = field(default_factory=Manner)

    kinds: ClassVar[tuple[QueryKind, ...]] = VlmLabeler.kinds

    def asking(self, judge: Judge, pictures: Pictures, task: str, seed: int) -> VlmLabeler:
        """What puts questions to a judge, about items that have pictures, by a task."""
        del seed  # both orders are asked, or the given one
        return VlmLabeler(judge, pictures, task=task, manner=self.manner, showing=self.showing, name=self.name)

    def estimate(self, query: Query, frames: Sequence[Sequence[Picture]], task: str) -> Estimate:
        """See `estimate`."""
        return estimate(self, query, frames, task)


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
